//! `kind: Block`.

use chancery_engine::id::Hex;
use chancery_proto::{
    admin::v1::{self as admin, block::Target},
    policy::v1::{BlockedCapability, BlockedKind},
};
use schemars::{JsonSchema, json_schema};
use serde::{Deserialize, Serialize};

use super::{
    ApiVersion, Metadata, Unreadable, document, parse_name, time::Moment, unknown, unless_default,
};
use crate::cli::name::{Kind, Name, Scope};

document! {
    /// What nobody may use, or who may use nothing, whatever the rules say.
    #[schemars(title = "Block")]
    BlockDocument of Block: BlockKind, Metadata, BlockSpec
}

/// What is blocked: a server, one tool, prompt or resource of it, a user, an agent, or a host.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = one_target)]
struct BlockSpec {
    /// Why.
    #[schemars(length(min = 1))]
    reason: String,
    /// Everything of a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    server: Option<ServerId>,
    /// One tool of a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tool: Option<Offered>,
    /// One prompt of a server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prompt: Option<Offered>,
    /// One resource of a server, by its URI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resource: Option<Offered>,
    /// A user, by id, everywhere in the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    user: Option<String>,
    /// An agent, by id, everywhere in the organization.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    agent: Option<String>,
    /// A host that nobody registered, in lower case; at every port where it says none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    host: Option<String>,
    /// When it ends; never where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Moment>,
    /// Of a quarantine, which the control plane makes: the pins of what was seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    sighted: Vec<PinText>,
}

/// Something that a server offers.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Offered {
    /// Which server.
    server: ServerId,
    /// Its exact name, or URI.
    #[schemars(length(min = 1))]
    name: String,
}

/// Names a server of the organization.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(
    inline,
    title = "the id of a server, or of a workspace and a server: `notes`, `sales/notes`",
    extend("pattern" = "^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
)]
struct ServerId(String);

/// SHA-256 in hexadecimal.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[schemars(
    inline,
    title = "SHA-256 in 64 hexadecimal digits",
    extend("pattern" = "^[0-9a-f]{64}$")
)]
struct PinText(String);

fn one_target(schema: &mut schemars::Schema) {
    let kinds = [
        "server", "tool", "prompt", "resource", "user", "agent", "host",
    ];
    let one_of: Vec<_> = kinds
        .iter()
        .map(|kind| json_schema!({"required": [kind]}).to_value())
        .collect();
    schema.insert("oneOf".to_owned(), one_of.into());
}

impl ServerId {
    fn name(&self, organization: &str, scope: &Scope) -> String {
        let (workspace, id) = match self.0.split_once('/') {
            Some((workspace, id)) => (workspace, id),
            None => (&*scope.workspace, &*self.0),
        };
        let name = Name {
            kind: Kind::Server,
            organization: organization.to_owned(),
            workspace: Some(workspace.to_owned()),
            id: id.to_owned(),
        };
        name.to_string()
    }

    fn parse(name: &str) -> Result<Self, Unreadable> {
        let Name { workspace, id, .. } = parse_name(name)?;
        let workspace = workspace.and_then(unless_default);
        Ok(Self(match workspace {
            Some(workspace) => format!("{}/{id}", workspace.0),
            None => id,
        }))
    }
}

impl Offered {
    fn into_message(self, kind: BlockedKind, organization: &str, scope: &Scope) -> Target {
        Target::Capability(BlockedCapability {
            server: self.server.name(organization, scope),
            kind: kind.into(),
            name: self.name,
        })
    }
}

impl BlockDocument {
    pub(super) fn to_message(&self, scope: &Scope) -> admin::Block {
        let BlockSpec {
            reason,
            server,
            tool,
            prompt,
            resource,
            user,
            agent,
            host,
            expires,
            sighted,
        } = self.spec.clone();
        let name = self.metadata.name(Kind::Block, scope);
        let organization = &*name.organization;
        let offered =
            |it: Option<Offered>, kind| it.map(|it| it.into_message(kind, organization, scope));
        let target = server
            .map(|server| Target::Server(server.name(organization, scope)))
            .or_else(|| offered(tool, BlockedKind::Tool))
            .or_else(|| offered(prompt, BlockedKind::Prompt))
            .or_else(|| offered(resource, BlockedKind::Resource))
            .or_else(|| user.map(Target::User))
            .or_else(|| agent.map(Target::Agent))
            .or_else(|| host.map(Target::Host));
        admin::Block {
            name: name.to_string(),
            reason,
            target,
            expire_time: expires.map(|time| time.0),
            sighted_pins: sighted.iter().map(|pin| bytes_of(&pin.0)).collect(),
            ..admin::Block::default()
        }
    }
}

/// The bytes that hexadecimal digits say.
fn bytes_of(digits: &str) -> Vec<u8> {
    let digits: Vec<_> = digits
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .collect();
    let pairs = digits.chunks_exact(2).map(|pair| match pair {
        [high, low] => u8::try_from(high * 16 + low).unwrap_or(0),
        _ => 0,
    });
    pairs.collect()
}

impl TryFrom<admin::Block> for BlockDocument {
    type Error = Unreadable;

    fn try_from(message: admin::Block) -> Result<Self, Unreadable> {
        let admin::Block {
            name,
            etag: _,
            create_time: _,
            update_time: _,
            reason,
            target,
            expire_time,
            sighted_pins,
        } = message;
        let sighted = sighted_pins.iter().map(|pin| PinText(Hex(pin).to_string()));
        let mut spec = BlockSpec {
            reason,
            server: None,
            tool: None,
            prompt: None,
            resource: None,
            user: None,
            agent: None,
            host: None,
            expires: expire_time.map(Moment),
            sighted: sighted.collect(),
        };
        match target {
            Some(Target::Server(server)) => spec.server = Some(ServerId::parse(&server)?),
            Some(Target::Capability(it)) => spec.offered(&name, it)?,
            Some(Target::User(id)) => spec.user = Some(id),
            Some(Target::Agent(id)) => spec.agent = Some(id),
            Some(Target::Host(host)) => spec.host = Some(host),
            None => {
                return Err(Unreadable {
                    name,
                    field: "target",
                    found: "of a newer kind".to_owned(),
                });
            }
        }
        Ok(Self {
            api_version: ApiVersion::V1,
            kind: BlockKind::Block,
            metadata: Metadata::parse(&name)?,
            spec,
        })
    }
}

impl BlockSpec {
    fn offered(&mut self, block: &str, it: BlockedCapability) -> Result<(), Unreadable> {
        let BlockedCapability { server, kind, name } = it;
        let offered = Some(Offered {
            server: ServerId::parse(&server)?,
            name,
        });
        match BlockedKind::try_from(kind) {
            Ok(BlockedKind::Tool) => self.tool = offered,
            Ok(BlockedKind::Prompt) => self.prompt = offered,
            Ok(BlockedKind::Resource) => self.resource = offered,
            Ok(BlockedKind::Unspecified) | Err(_) => {
                return Err(unknown(block, "capability.kind", kind));
            }
        }
        Ok(())
    }
}
