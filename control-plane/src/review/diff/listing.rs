//! The definitions that a JSON value holds.

use std::{collections::BTreeSet, fmt};

use serde::Serialize;
use serde_json::{Map, Value};

use super::value::type_of;

/// What a definition is of.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CapabilityKind {
    /// The server itself: its instructions, capabilities and what it calls itself.
    Server,
    /// A tool.
    Tool,
    /// A prompt.
    Prompt,
    /// A resource.
    Resource,
    /// A resource template.
    ResourceTemplate,
}

impl CapabilityKind {
    /// Its stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::ResourceTemplate => "resource_template",
        }
    }

    /// The field that tells one of a kind from another.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Server => "",
            Self::Tool | Self::Prompt => "name",
            Self::Resource => "uri",
            Self::ResourceTemplate => "uriTemplate",
        }
    }
}

/// One definition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Capability<'v> {
    /// What it is of.
    pub kind: CapabilityKind,
    /// Its name, URI or URI template; empty for the server itself.
    pub name: &'v str,
    /// All of it.
    pub definition: &'v Value,
    /// False where nothing in it says whether it is a tool or a prompt.
    pub(super) is_certain: bool,
}

/// The definitions of a server, or some of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing<'v> {
    /// Each once.
    pub capabilities: Vec<Capability<'v>>,
    /// It has a cursor: the server has more.
    pub has_more: bool,
}

/// Why a value is no listing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}found {found}, expected {expected}", At(.pointer))]
pub struct InvalidListing {
    /// Where, as a JSON pointer; empty where it is about the whole.
    pub pointer: String,
    /// What stands there.
    pub found: String,
    /// What should.
    pub expected: String,
}

struct At<'p>(&'p str);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            "" => Ok(()),
            pointer => write!(f, "`{pointer}`: "),
        }
    }
}

/// The fields of results that hold lists.
pub(super) const LISTS: [(&str, CapabilityKind); 4] = [
    ("tools", CapabilityKind::Tool),
    ("prompts", CapabilityKind::Prompt),
    ("resources", CapabilityKind::Resource),
    ("resourceTemplates", CapabilityKind::ResourceTemplate),
];

/// The fields of results that say something of the server.
const OF_SERVERS: [&str; 3] = ["instructions", "serverInfo", "capabilities"];

impl<'v> Listing<'v> {
    /// Reads the result of `tools/list` or another list, of `initialize` or `server/discover`, several
    /// of them in one object, a JSON-RPC answer with such a result, an array of definitions, or one.
    ///
    /// # Errors
    /// The first thing that is none of it, and a capability that is listed twice: which of both counts
    /// depends on who reads it.
    pub fn read(value: &'v Value) -> Result<Self, InvalidListing> {
        let mut listing = Self::default();
        match value {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    listing.push(item, None, &format!("/{index}"))?;
                }
            }
            Value::Object(object) => listing.read_object(value, object)?,
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                let expected = "a list's result, an array of definitions, or one definition";
                return Err(invalid("", type_of(value), expected));
            }
        }
        listing.check_names()?;
        Ok(listing)
    }

    fn read_object(
        &mut self,
        value: &'v Value,
        object: &'v Map<String, Value>,
    ) -> Result<(), InvalidListing> {
        let has = |field: &str| object.contains_key(field);
        // A definition stays one whatever other fields it has: they must not hide it.
        if ["name", "uri", "uriTemplate", "inputSchema"]
            .into_iter()
            .any(has)
        {
            return self.push(value, None, "");
        }
        if has("jsonrpc") && has("error") {
            return Err(invalid(
                "/error",
                "a JSON-RPC error",
                "an answer with a result",
            ));
        }
        let (value, object, prefix) = match object.get("result") {
            Some(result @ Value::Object(inner)) => (result, inner, "/result"),
            Some(_) | None => (value, object, ""),
        };
        let mut is_result = false;
        if OF_SERVERS.iter().any(|field| object.contains_key(*field)) {
            is_result = true;
            self.capabilities.push(Capability {
                kind: CapabilityKind::Server,
                name: "",
                definition: value,
                is_certain: true,
            });
        }
        for (field, kind) in LISTS {
            let Some(list) = object.get(field) else {
                continue;
            };
            is_result = true;
            let pointer = format!("{prefix}/{field}");
            let Value::Array(items) = list else {
                return Err(invalid(&pointer, type_of(list), "a list of definitions"));
            };
            for (index, item) in items.iter().enumerate() {
                self.push(item, Some(kind), &format!("{pointer}/{index}"))?;
            }
        }
        self.has_more = object
            .get("nextCursor")
            .is_some_and(|cursor| !cursor.is_null());
        if is_result {
            return Ok(());
        }
        self.push(value, None, prefix)
    }

    fn push(
        &mut self,
        definition: &'v Value,
        kind: Option<CapabilityKind>,
        pointer: &str,
    ) -> Result<(), InvalidListing> {
        let Value::Object(object) = definition else {
            return Err(invalid(
                pointer,
                type_of(definition),
                "a definition, an object",
            ));
        };
        let (kind, is_certain) = kind.map_or_else(|| guess(object), |kind| (kind, true));
        let key = kind.key();
        let name = match object.get(key) {
            Some(Value::String(name)) => name,
            Some(other) => {
                return Err(invalid(
                    &format!("{pointer}/{key}"),
                    type_of(other),
                    "a text",
                ));
            }
            None => {
                let expected = format!("the `{key}` of a {}", kind.as_str());
                return Err(invalid(pointer, format!("no `{key}`"), expected));
            }
        };
        self.capabilities.push(Capability {
            kind,
            name,
            definition,
            is_certain,
        });
        Ok(())
    }

    fn check_names(&self) -> Result<(), InvalidListing> {
        let mut seen = BTreeSet::new();
        for capability in &self.capabilities {
            let Capability { kind, name, .. } = *capability;
            if !seen.insert((kind, name)) {
                let found = format!("{} `{name}` twice", kind.as_str());
                return Err(invalid(
                    "",
                    found,
                    "each once: which of both counts is anyone's guess",
                ));
            }
        }
        Ok(())
    }
}

/// What a definition is of, as it looks, and whether it could be nothing else.
fn guess(object: &Map<String, Value>) -> (CapabilityKind, bool) {
    let has = |field: &str| object.contains_key(field);
    if has("uriTemplate") {
        (CapabilityKind::ResourceTemplate, true)
    } else if has("uri") {
        (CapabilityKind::Resource, true)
    } else if has("arguments") && !has("inputSchema") {
        (CapabilityKind::Prompt, true)
    } else {
        let is_certain = ["inputSchema", "outputSchema", "annotations", "execution"];
        (CapabilityKind::Tool, is_certain.into_iter().any(has))
    }
}

fn invalid(pointer: &str, found: impl fmt::Display, expected: impl fmt::Display) -> InvalidListing {
    InvalidListing {
        pointer: pointer.to_owned(),
        found: found.to_string(),
        expected: expected.to_string(),
    }
}
