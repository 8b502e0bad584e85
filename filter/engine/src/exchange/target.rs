//! What a call acts on, read from its body alone.

use super::Malformed;
use crate::{
    entry::Capability,
    glob::percent_encoded,
    json::Value,
    limits::Limits,
    message::{Call, Method},
    reason::Reason,
};

const NAME: &str = "`params.name` is not a name of 1 to 128 letters, digits, `.`, `_` or `-`";
const URI: &str = "`params.uri` is not a URI in normal form";
const REF: &str = "`params.ref` names not exactly one prompt or resource";

/// What a call acts on. `None`: the server as such, or what a handle of its stands for.
pub(super) fn capability_of(
    call: &Call<'_>,
    method: Method,
    limits: &Limits,
) -> Result<Option<Capability>, Malformed> {
    let text = |key| call.param(key).and_then(Value::as_str);
    let name = || {
        text("name")
            .filter(|name| is_name(name, limits))
            .map(Box::<str>::from)
            .ok_or_else(|| Malformed::new(Reason::InvalidMessage, NAME))
    };
    let uri = || {
        text("uri")
            .filter(|uri| is_normal_uri(uri, limits))
            .map(|uri| Box::<str>::from(percent_encoded(&uri)))
            .ok_or_else(|| Malformed::new(Reason::InvalidMessage, URI))
    };
    Ok(match method {
        Method::ToolsCall => Some(Capability::Tool(name()?)),
        Method::PromptsGet => Some(Capability::Prompt(name()?)),
        Method::ResourcesRead
        | Method::ResourcesSubscribe
        | Method::ResourcesUnsubscribe
        | Method::ResourceUpdated => Some(Capability::Resource(uri()?)),
        Method::Complete => Some(completed(call, limits)?),
        Method::Initialize
        | Method::Discover
        | Method::Ping
        | Method::ToolsList
        | Method::PromptsList
        | Method::ResourcesList
        | Method::TemplatesList
        | Method::SetLevel
        | Method::TasksGet
        | Method::TasksResult
        | Method::TasksCancel
        | Method::TasksList
        | Method::TasksUpdate
        | Method::Listen
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
        | Method::ElicitationComplete
        | Method::TaskStatus
        | Method::TaskChanged
        | Method::Listening => None,
    })
}

/// What a completion completes, which it must not leak. A reference has the key of its own type
/// alone: some readers go by the key.
fn completed(call: &Call<'_>, limits: &Limits) -> Result<Capability, Malformed> {
    let malformed = || Malformed::new(Reason::InvalidMessage, REF);
    let reference = call.param("ref").ok_or_else(malformed)?;
    let is = |kind| reference.get("type").is_some_and(|value| value.is(kind));
    let text = |value: Option<Value<'_>>| value.and_then(Value::as_str).map(Box::<str>::from);
    let capability = match (reference.get("name"), reference.get("uri")) {
        (name @ Some(_), None) if is("ref/prompt") => text(name)
            .filter(|name| is_name(name, limits))
            .map(Capability::Prompt),
        (None, uri @ Some(_)) if is("ref/resource") => text(uri)
            .filter(|uri| is_normal_uri(uri, limits))
            .map(|uri| Capability::Resource(percent_encoded(&uri).into())),
        _ => None,
    };
    capability.ok_or_else(malformed)
}

/// Names of tools and prompts (MCP, SEP-986).
pub(super) fn is_name(name: &str, limits: &Limits) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    !name.is_empty() && name.len() <= limits.max_name_bytes && name.bytes().all(allowed)
}

/// Whether a URI is what every server makes of it. Many parse it as the WHATWG has it before they
/// look it up, which cuts white space and controls, resolves dot segments and folds case; many
/// then decode it (RFC 3986 section 6.2.2).
pub(super) fn is_normal_uri(uri: &str, limits: &Limits) -> bool {
    let is_clean = uri
        .chars()
        .all(|c| !c.is_control() && !c.is_whitespace() && c != '\\' && c != '\u{FEFF}');
    let Some((scheme, rest)) = uri.split_once(':') else {
        return false;
    };
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"+-.".contains(&b));
    if uri.len() > limits.max_uri_bytes || !is_clean || !is_scheme || escapes_needlessly(uri) {
        return false;
    }
    let hierarchy = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = match hierarchy.strip_prefix("//") {
        Some(after) => after.split_at(after.find('/').unwrap_or(after.len())),
        None => ("", hierarchy),
    };
    let decoded = path.replace("%2F", "/").replace("%5C", "/");
    is_normal_place(scheme, hierarchy, authority)
        && !decoded.split('/').any(|part| part == "." || part == "..")
        && !(scheme == "file" && decoded.contains("//"))
}

/// Whether something is percent-encoded that never needs to be, or with lower-case digits, so that
/// there is another spelling of the same URI.
fn escapes_needlessly(uri: &str) -> bool {
    let mut rest = uri;
    while let Some((_, after)) = rest.split_once('%') {
        let hex = after.get(..2).unwrap_or_default();
        let is_unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if let Ok(byte) = u8::from_str_radix(hex, 16)
            && (is_unreserved(byte)
                || byte.is_ascii_control()
                || hex.bytes().any(|digit| digit.is_ascii_lowercase()))
        {
            return true;
        }
        rest = after;
    }
    false
}

/// Only the schemes that the WHATWG calls special have their slashes, host and port normalised.
fn is_normal_place(scheme: &str, hierarchy: &str, authority: &str) -> bool {
    let default_port = match scheme {
        "file" => return hierarchy.starts_with("///"),
        "ftp" => "21",
        "http" | "ws" => "80",
        "https" | "wss" => "443",
        _ => return true,
    };
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    let is_host = |byte: u8| byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && byte != b'@';
    let is_port = |port: &str| {
        port != default_port
            && !port.is_empty()
            && !port.starts_with('0')
            && port.bytes().all(|byte| byte.is_ascii_digit())
    };
    hierarchy.starts_with("//")
        && !host.is_empty()
        && host.bytes().all(is_host)
        && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uri_must_be_its_own_normal_form() {
        for uri in [
            "note://public/welcome",
            "file:///public/a.txt",
            "file:///public/a%20b",
            "github://Owner/Repo",
            "github://owner%2Frepo/x",
            "urn:isbn:0451450523",
            "https://example.com:8443/a?b=../c#..",
            "note://public/données",
            "http://[::1]:8080/x",
            "file:///{path}",
            "db://x/...",
            "db://x/100%",
        ] {
            assert!(is_normal_uri(uri, &Limits::DEFAULT), "{uri}");
        }
        for uri in [
            "",
            "welcome",
            "note://public/../private/x",
            "note://public/%2E%2e/private/x",
            "note://public/..%2fprivate/x",
            "note://public/./x",
            "note://%70rivate/x",
            "note://public/x%00",
            "NOTE://public/x",
            " note://public/x",
            "note://pub\tlic/x",
            "note://public\\x",
            "note://public/a%c3%a9",
            "file:////private/x",
            "file://localhost/private/x",
            "file:/private/x",
            "file:private/x",
            "https:example.com/x",
            "https://@example.com/x",
            "https://example.com:/x",
            "https://example.com:0443/x",
            "https://exämple.com/x",
            "https://EXAMPLE.com/x",
            "https://example.com:443/x",
            "file:..",
        ] {
            assert!(!is_normal_uri(uri, &Limits::DEFAULT), "{uri}");
        }
        let max = Limits::DEFAULT.max_uri_bytes;
        let long = |bytes| format!("n:{}", "a".repeat(bytes - 2));
        assert!(is_normal_uri(&long(max), &Limits::DEFAULT));
        assert!(!is_normal_uri(&long(max + 1), &Limits::DEFAULT));
    }
}
