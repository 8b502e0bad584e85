//! What a server says that it is and offers, and the entry that this comes to.

use chancery_engine::{
    canonical::DefinitionKind,
    json::{Document, Kind, Value},
    limits::Limits,
    message::STATELESS_VERSION,
};
use chancery_proto::{admin::v1 as admin, policy::v1 as policy};
use url::Url;

use super::{DiscoveryError, MAX_ITEMS};
use crate::resource::name::id_of_words;

/// What a server says that it is and offers, over all pages.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Found {
    /// The version of the protocol that was agreed on.
    pub protocol_version: String,
    /// What it says that it is, as JSON text.
    pub server_info: Option<String>,
    /// What it tells models about itself, as the text of a JSON string.
    pub instructions: Option<String>,
    /// Everything that it lists, in the order of the lists.
    pub items: Vec<Item>,
    /// Which lists it says that it has.
    pub(super) declared: Vec<DefinitionKind>,
}

/// A definition that a server lists.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// In which list.
    pub kind: DefinitionKind,
    /// Its name, URI or URI template.
    pub name: String,
    /// All of it, as the text that was sent.
    pub definition: String,
}

/// Where a server says what it is since 2026-07-28.
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

impl Found {
    /// From the result of `initialize` or `server/discover`.
    pub(super) fn greeting(result: &str) -> Result<Self, DiscoveryError> {
        let document = parsed("initialize", result)?;
        let root = document.root();
        let in_meta = || root.get("_meta")?.get(SERVER_INFO);
        let info = root.get("serverInfo").or_else(in_meta);
        let version = root.get("protocolVersion").and_then(Value::as_str);
        let capabilities = root.get("capabilities");
        // Templates are optional where there are resources.
        let declared = [
            ("tools", DefinitionKind::Tool),
            ("prompts", DefinitionKind::Prompt),
            ("resources", DefinitionKind::Resource),
        ]
        .into_iter()
        .filter(|(key, _)| capabilities.is_some_and(|it| it.get(key).is_some()));
        let raw = |value: Value<'_>| value.raw().to_owned();
        let is_text = |value: &Value<'_>| value.kind() == Kind::String;
        Ok(Self {
            protocol_version: version.map_or_else(
                || STATELESS_VERSION.to_owned(),
                |it| super::conduit::words(&it),
            ),
            server_info: info.filter(|it| it.kind() == Kind::Object).map(raw),
            instructions: root.get("instructions").filter(is_text).map(raw),
            items: Vec::new(),
            declared: declared.map(|(_, kind)| kind).collect(),
        })
    }

    /// Adds a page of a list, and gives the cursor of the next one.
    pub(super) fn add_page(
        &mut self,
        kind: DefinitionKind,
        result: &str,
    ) -> Result<Option<String>, DiscoveryError> {
        let (method, list, key) = list_of(kind);
        let wrong = |why: String| DiscoveryError::Answer { method, why };
        let document = parsed(method, result)?;
        let root = document.root();
        let items = root.get(list).filter(|items| items.kind() == Kind::Array);
        let items = items.ok_or_else(|| wrong(format!("has no list `{list}`")))?;
        for (position, item) in items.items().enumerate() {
            let name = item.get(key).and_then(Value::as_str);
            let name = name.filter(|name| !name.is_empty());
            let name =
                name.ok_or_else(|| wrong(format!("has no `{key}` in {list}[{position}]")))?;
            if self.items.len() >= MAX_ITEMS {
                return Err(DiscoveryError::Items);
            }
            self.items.push(Item {
                kind,
                name: name.into_owned(),
                definition: item.raw().to_owned(),
            });
        }
        match root.get("nextCursor") {
            None => Ok(None),
            Some(cursor) if cursor.kind() == Kind::Null => Ok(None),
            Some(cursor) => match cursor.as_str() {
                Some(cursor) => Ok(Some(cursor.into_owned())),
                None => Err(wrong("has a `nextCursor` that is no string".to_owned())),
            },
        }
    }

    /// The entry that it comes to, for people to complete: who answers for it and which cluster carries
    /// its traffic, no server can say. It is proposed: that it was found approves nothing.
    pub fn entry(&self, parent: &str, id: &str, url: &Url) -> admin::Server {
        let host = match url.port() {
            Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
            None => url.host_str().unwrap_or_default().to_owned(),
        };
        let id = if id.is_empty() {
            self.id()
        } else {
            id.to_owned()
        };
        let of = |kind| self.items.iter().filter(move |item| item.kind == kind);
        let listed = |kind| {
            let definitions = of(kind).map(|item| admin::Definition {
                name: item.name.clone(),
                definition: item.definition.clone(),
            });
            definitions.collect()
        };
        let tools = of(DefinitionKind::Tool).map(|item| admin::ToolDefinition {
            name: item.name.clone(),
            definition: item.definition.clone(),
        });
        let instructions = self.instructions.iter();
        let instructions = instructions.filter_map(|json| serde_json::from_str(json).ok());
        admin::Server {
            name: format!("{parent}/servers/{id}"),
            endpoints: vec![policy::Endpoint {
                host,
                path: url.path().to_owned(),
                ..policy::Endpoint::default()
            }],
            pinning: policy::Pinning::Enforce.into(),
            state: policy::ServerState::Proposed.into(),
            tools: tools.collect(),
            prompts: listed(DefinitionKind::Prompt),
            resources: listed(DefinitionKind::Resource),
            resource_templates: listed(DefinitionKind::Template),
            instructions: instructions.collect(),
            server_infos: self.server_info.iter().cloned().collect(),
            scan: Some(admin::Scan {
                url: url.to_string(),
                ..admin::Scan::default()
            }),
            ..admin::Server::default()
        }
    }

    /// An id made of what it says it is called.
    fn id(&self) -> String {
        let info = self.server_info.as_deref().unwrap_or("{}");
        let info: serde_json::Value = serde_json::from_str(info).unwrap_or_default();
        let name = info.get("name").and_then(serde_json::Value::as_str);
        id_of_words(name.unwrap_or_default())
    }
}

fn parsed<'r>(method: &'static str, result: &'r str) -> Result<Document<'r>, DiscoveryError> {
    let document = Document::parse(result.as_bytes(), result.len(), &Limits::DEFAULT);
    document.map_err(|error| DiscoveryError::Answer {
        method,
        why: format!("is no JSON that every reader reads alike: {error}"),
    })
}

/// How a list is asked for, where it stands in the answer, and what tells its items apart.
pub(super) fn list_of(kind: DefinitionKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        DefinitionKind::Tool => ("tools/list", "tools", "name"),
        DefinitionKind::Prompt => ("prompts/list", "prompts", "name"),
        DefinitionKind::Resource => ("resources/list", "resources", "uri"),
        DefinitionKind::Template => (
            "resources/templates/list",
            "resourceTemplates",
            "uriTemplate",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_of_what_a_server_says_it_is_called() {
        for (name, expected) in [
            (r#""Acme Notes/MCP 2""#, "acme-notes-mcp-2"),
            (r#""--\u202e--""#, "server"),
            ("7", "server"),
        ] {
            let greeting = format!(r#"{{"serverInfo":{{"name":{name}}}}}"#);
            let found = Found::greeting(&greeting).unwrap();
            let url = Url::parse("https://mcp.example.com:8443/mcp?key=secret").unwrap();
            let entry = found.entry("organizations/o/workspaces/w", "", &url);
            let whole = format!("organizations/o/workspaces/w/servers/{expected}");
            assert_eq!(entry.name, whole, "{name}");
            assert_eq!(entry.endpoints[0].host, "mcp.example.com:8443");
            assert_eq!(entry.endpoints[0].path, "/mcp");
        }
        let long = format!(r#"{{"serverInfo":{{"name":"{}-"}}}}"#, "a".repeat(62));
        assert_eq!(Found::greeting(&long).unwrap().id(), "a".repeat(62));
    }

    #[test]
    fn what_a_server_is_stands_elsewhere_since_2026_07_28() {
        let found = Found::greeting(
            r#"{"supportedVersions":["2026-07-28"],"capabilities":{"prompts":{}},
                "_meta":{"io.modelcontextprotocol/serverInfo":{"name":"n","version":"1"}}}"#,
        );
        let found = found.unwrap();
        let info = found.server_info.as_deref();
        assert_eq!(info, Some(r#"{"name":"n","version":"1"}"#));
        assert_eq!(found.protocol_version, "2026-07-28");
        assert_eq!(found.declared, [DefinitionKind::Prompt]);
    }
}
