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

/// When calls of its tools go on, where no rule says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Audit {
    #[default]
    ByReview,
    Standard,
    WriteAhead,
}

impl Audit {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(super) fn is_by_review(&self) -> bool {
        *self == Self::ByReview
    }

    pub(super) fn to_message(self) -> admin::ServerAudit {
        match self {
            // What is left out stays left out.
            Self::ByReview => admin::ServerAudit::Unspecified,
            Self::Standard => admin::ServerAudit::Standard,
            Self::WriteAhead => admin::ServerAudit::WriteAhead,
        }
    }

    pub(super) fn parse(message: &admin::Server) -> Result<Self, Unreadable> {
        match admin::ServerAudit::try_from(message.audit) {
            Ok(admin::ServerAudit::Unspecified | admin::ServerAudit::ByReview) => {
                Ok(Self::ByReview)
            }
            Ok(admin::ServerAudit::Standard) => Ok(Self::Standard),
            Ok(admin::ServerAudit::WriteAhead) => Ok(Self::WriteAhead),
            Err(_) => Err(unknown(&message.name, "audit", message.audit)),
        }
    }
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
