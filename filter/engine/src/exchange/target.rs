//! What a call acts on, read from its body alone.

use crate::{
    entry::Capability,
    json::Value,
    message::{Call, Method},
    reason::Reason,
};

/// Why a message is malformed, and which part of it.
pub(super) type Malformed = (Reason, Option<&'static str>);

const NAME: &str = "`params.name` is not a name of 1 to 128 letters, digits, `.`, `_` or `-`";
const URI: &str = "`params.uri` is not a string";
const REF: &str = "`params.ref` names neither a prompt nor a resource";

/// What a call acts on. `None`: the server as such.
pub(super) fn capability_of(
    call: &Call<'_>,
    method: Method,
    max_name_bytes: usize,
) -> Result<Option<Capability>, Malformed> {
    let text = |key, what| {
        let value = call.param(key).and_then(Value::as_str);
        value
            .map(Box::<str>::from)
            .ok_or((Reason::InvalidMessage, Some(what)))
    };
    let name = |what| {
        let name = text("name", what)?;
        if is_name(&name, max_name_bytes) {
            Ok(name)
        } else {
            Err((Reason::InvalidMessage, Some(what)))
        }
    };
    Ok(match method {
        Method::ToolsCall => Some(Capability::Tool(name(NAME)?)),
        Method::PromptsGet => Some(Capability::Prompt(name(NAME)?)),
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => {
            Some(Capability::Resource(text("uri", URI)?))
        }
        Method::Complete => Some(completed(call)?),
        Method::Initialize
        | Method::Discover
        | Method::Ping
        | Method::ToolsList
        | Method::PromptsList
        | Method::ResourcesList
        | Method::TemplatesList
        | Method::SetLevel
        | Method::Initialized
        | Method::RootsChanged
        | Method::Cancelled
        | Method::Progress
        | Method::Sample
        | Method::Elicit
        | Method::RootsList
        | Method::Log
        | Method::ToolsChanged
        | Method::PromptsChanged
        | Method::ResourcesChanged
        | Method::ResourceUpdated
        | Method::ElicitationComplete => None,
    })
}

/// What a completion completes, which it must not leak.
fn completed(call: &Call<'_>) -> Result<Capability, Malformed> {
    let malformed = (Reason::InvalidMessage, Some(REF));
    let reference = call.param("ref").ok_or(malformed)?;
    let text = |key| {
        reference
            .get(key)
            .and_then(Value::as_str)
            .map(Box::from)
            .ok_or(malformed)
    };
    let kind = reference.get("type").ok_or(malformed)?;
    if kind.is("ref/prompt") {
        Ok(Capability::Prompt(text("name")?))
    } else if kind.is("ref/resource") {
        Ok(Capability::Resource(text("uri")?))
    } else {
        Err(malformed)
    }
}

/// Names of tools and prompts (MCP, SEP-986).
pub(super) fn is_name(name: &str, max_bytes: usize) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= max_bytes && name.bytes().all(allowed)
}
