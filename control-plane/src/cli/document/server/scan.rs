//! How the control plane looks at a server.

use chancery_proto::admin::v1 as admin;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::document::{is_false, time::Length, unless_empty};

/// Where and how often the control plane looks at what a server offers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Scan {
    /// Its MCP endpoint, as the control plane reaches it; it is not looked at where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(title = "a URL", extend("pattern" = "^https?://"))]
    url: Option<String>,
    /// How often, up to a day; as the control plane's configuration says where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    interval: Option<Length>,
    /// It is looked at only when somebody asks for it.
    #[serde(default, skip_serializing_if = "is_false")]
    disabled: bool,
}

impl Scan {
    pub(super) fn into_message(self) -> admin::Scan {
        let Self {
            url,
            interval,
            disabled,
        } = self;
        admin::Scan {
            url: url.unwrap_or_default(),
            interval: interval.map(Length::into_message),
            disabled,
        }
    }
}

impl From<admin::Scan> for Scan {
    fn from(message: admin::Scan) -> Self {
        let admin::Scan {
            url,
            interval,
            disabled,
        } = message;
        Self {
            url: unless_empty(url),
            interval: interval.map(Length::from),
            disabled,
        }
    }
}
