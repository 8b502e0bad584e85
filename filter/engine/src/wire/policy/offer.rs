//! What workspaces may use.

use chancery_proto::policy::v1 as pb;

use super::{super::Invalid, ascii, globs, named};
use crate::offer::Offer;

impl TryFrom<pb::Offer> for Offer {
    type Error = Invalid;

    fn try_from(message: pb::Offer) -> Result<Self, Invalid> {
        let pb::Offer {
            name,
            servers,
            workspaces,
            tools,
            prompts,
            resources,
        } = message;
        let name = named(name, ["organizations", "offers"])?;
        for (field, globs) in [("servers", &servers), ("workspaces", &workspaces)] {
            if globs.is_empty() {
                return Err(Invalid::new(field, "none", "at least one id or glob"));
            }
        }
        Ok(Self {
            name,
            servers: globs("servers", servers)?,
            workspaces: globs("workspaces", workspaces)?,
            tools: globs("tools", tools)?,
            prompts: globs("prompts", prompts)?,
            resources: globs("resources", ascii(resources))?,
        })
    }
}
