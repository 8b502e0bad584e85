//! What nobody may use, and who may use nothing.

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    is_id, named,
    rule::time,
};
use crate::{
    block::{Block, Blocked, Cause},
    glob::percent_encoded,
    name::organization_of,
    rule::CapabilityKind,
    server::is_host,
};

/// The most bytes of what a block names.
const MAX_NAME_BYTES: usize = 4_096;

impl TryFrom<pb::Block> for Block {
    type Error = Invalid;

    fn try_from(message: pb::Block) -> Result<Self, Invalid> {
        let pb::Block {
            name,
            target,
            cause,
            expire_time,
        } = message;
        let name = named(name, ["organizations", "blocks"])?;
        let cause = match pb::BlockCause::try_from(cause) {
            Ok(pb::BlockCause::Administrator) => Cause::Administrator,
            Ok(pb::BlockCause::Drift) => Cause::Drift,
            Ok(pb::BlockCause::Unspecified) | Err(_) => {
                let expected = "`administrator` or `drift`";
                return Err(Invalid::new("cause", cause, expected));
            }
        };
        let target = target.ok_or_else(|| {
            let expected = "a server, something that one offers, a user, an agent or a host";
            Invalid::new("target", "nothing", expected)
        })?;
        let target = target_of(&name, target)?;
        Ok(Self {
            name,
            target,
            cause,
            expires: expire_time.map(time).transpose()?,
        })
    }
}

fn target_of(block: &str, target: pb::block::Target) -> Result<Blocked, Invalid> {
    use pb::block::Target;
    Ok(match target {
        Target::Server(server) => Blocked::Server(server_of(block, "server", server)?),
        Target::Capability(pb::BlockedCapability { server, kind, name }) => {
            let server = server_of(block, "capability.server", server)?;
            let kind = match pb::BlockedKind::try_from(kind) {
                Ok(pb::BlockedKind::Tool) => CapabilityKind::Tool,
                Ok(pb::BlockedKind::Prompt) => CapabilityKind::Prompt,
                Ok(pb::BlockedKind::Resource) => CapabilityKind::Resource,
                Ok(pb::BlockedKind::Unspecified) | Err(_) => {
                    let expected = "`tool`, `prompt` or `resource`";
                    return Err(Invalid::new("capability.kind", kind, expected));
                }
            };
            let name = some("capability.name", name)?;
            let name = match kind {
                CapabilityKind::Tool | CapabilityKind::Prompt => name,
                CapabilityKind::Resource => percent_encoded(&name).into(),
            };
            Blocked::Capability { server, kind, name }
        }
        Target::User(id) => Blocked::User(some("user", id)?),
        Target::Agent(id) => Blocked::Agent(some("agent", id)?),
        Target::Host(host) => Blocked::Host(host_of(host)?),
    })
}

/// A server of the block's own organization.
fn server_of(block: &str, field: &str, server: String) -> Result<Box<str>, Invalid> {
    let organization = organization_of(block);
    let inside = server
        .strip_prefix(organization)
        .and_then(|rest| rest.strip_prefix("/workspaces/")?.split_once("/servers/"));
    if inside.is_some_and(|(workspace, id)| is_id(workspace) && is_id(id)) {
        return Ok(server.into());
    }
    let expected = format!("`{organization}/workspaces/ID/servers/ID`");
    Err(Invalid::new(field, shown(&server), expected))
}

/// A host as nobody spells it in another way.
fn host_of(host: String) -> Result<Box<str>, Invalid> {
    let host = some("host", host)?;
    if is_host(&host) && !host.ends_with(['.', ':']) {
        return Ok(host);
    }
    let expected = "a host in lower case, without scheme and path, perhaps with a port";
    Err(Invalid::new("host", shown(&host), expected))
}

fn some(field: &str, text: String) -> Result<Box<str>, Invalid> {
    if text.is_empty() || text.len() > MAX_NAME_BYTES {
        let expected = format!("1 to {MAX_NAME_BYTES} bytes");
        return Err(Invalid::new(field, shown(&text), expected));
    }
    Ok(text.into())
}
