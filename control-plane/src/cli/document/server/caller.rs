//! Who may call a server, and what they learn.

use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::document::{Unreadable, unknown};

/// Whether a server may be called without a token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Authentication {
    #[default]
    Required,
    Optional,
}

/// What a caller learns of a capability that no rule could allow it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum OnDenied {
    #[default]
    Reveal,
    Hide,
}

impl Authentication {
    pub(super) fn to_message(self) -> policy::Authentication {
        match self {
            Self::Required => policy::Authentication::Required,
            Self::Optional => policy::Authentication::Optional,
        }
    }

    pub(super) fn try_from_message(message: &admin::Server) -> Result<Self, Unreadable> {
        match policy::Authentication::try_from(message.authentication) {
            Ok(policy::Authentication::Unspecified | policy::Authentication::Required) => {
                Ok(Self::Required)
            }
            Ok(policy::Authentication::Optional) => Ok(Self::Optional),
            Err(_) => Err(unknown(
                &message.name,
                "authentication",
                message.authentication,
            )),
        }
    }
}

impl OnDenied {
    pub(super) fn to_message(self) -> policy::OnDenied {
        match self {
            Self::Reveal => policy::OnDenied::Reveal,
            Self::Hide => policy::OnDenied::Hide,
        }
    }

    pub(super) fn try_from_message(message: &admin::Server) -> Result<Self, Unreadable> {
        match policy::OnDenied::try_from(message.on_denied) {
            Ok(policy::OnDenied::Unspecified | policy::OnDenied::Reveal) => Ok(Self::Reveal),
            Ok(policy::OnDenied::Hide) => Ok(Self::Hide),
            Err(_) => Err(unknown(&message.name, "onDenied", message.on_denied)),
        }
    }
}
