//! From a server.json to an entry, which is proposed: that somebody published it approves nothing.

use chancery_engine::{json::Document, limits::Limits};
use chancery_proto::{
    admin::v1::Server,
    policy::v1::{Endpoint, ServerState},
};
use serde_json::Value;
use url::Url;

use super::{STREAMABLE_HTTP, ServerJsonError, package, place::Place};
use crate::resource::{is_registry_name, name::id_of_words};

/// What a server.json comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The entry, for people to complete: who answers for it and which cluster carries its traffic, no
    /// publisher can say. Its name is an id alone.
    pub server: Server,
    /// What of the document came to nothing, and why.
    pub notes: Vec<String>,
}

/// What a name is.
const NAME: &str = "a reverse-DNS namespace, `/` and a name, such as `com.example/search`";

/// Reads a server.json, alone or in the envelope that the registry's API puts around it.
///
/// # Errors
/// Where it is none: the first value that is wrong.
pub fn import(text: &str) -> Result<Imported, ServerJsonError> {
    let whole = |found| ServerJsonError {
        pointer: String::new(),
        found,
        expected: "a server.json: one JSON object that every reader reads alike",
    };
    // A key that stands twice is two things to two readers.
    Document::parse(text.as_bytes(), text.len(), &Limits::DEFAULT)
        .map_err(|error| whole(format!("what {error}")))?;
    let value: Value = serde_json::from_str(text).map_err(|error| whole(error.to_string()))?;
    let root = Place::root(&value);
    root.object("a server.json: an object")?;
    let document = unwrapped(&root);
    document.object("a server: an object")?;
    let (named, registry_name) = document.required("name", NAME)?;
    if !is_registry_name(registry_name) {
        return Err(named.wrong(NAME));
    }
    let packages = document.items("packages", "a list of packages")?;
    let packages = packages.iter().map(package::read);
    let mut notes = Vec::new();
    let endpoints = endpoints(&document, &mut notes)?;
    let id = registry_name.rsplit('/').next().unwrap_or_default();
    let server = Server {
        name: id_of_words(id),
        display_name: document.optional("title", "a title: text")?.to_owned(),
        description: document
            .optional("description", "what it is for: text")?
            .to_owned(),
        version: version(&document)?.to_owned(),
        registry_name: registry_name.to_owned(),
        packages: packages.collect::<Result<_, _>>()?,
        endpoints,
        state: ServerState::Proposed.into(),
        server_json: value.to_string(),
        ..Server::default()
    };
    Ok(Imported { server, notes })
}

/// The server in what the registry's API answers.
pub(super) fn unwrapped<'v>(root: &Place<'v>) -> Place<'v> {
    let inner = root.get("server");
    match inner {
        Some(inner) if root.get("name").is_none() => inner,
        _ => root.clone(),
    }
}

fn version<'v>(document: &Place<'v>) -> Result<&'v str, ServerJsonError> {
    let expected = "the server's version: text";
    match (document.get("version"), document.get("version_detail")) {
        // 2025-07-09.
        (None, Some(detail)) => detail.optional("version", expected),
        _ => document.optional("version", expected),
    }
}

/// What Envoy can carry of the remotes.
fn endpoints(
    document: &Place<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<Endpoint>, ServerJsonError> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for remote in document.items("remotes", "a list of remotes")? {
        remote.object("a remote: an object")?;
        let expected = "`streamable-http` or `sse`";
        let (kind, word) = remote.required("type", expected)?;
        match word {
            // 2025-07-09 called it so.
            STREAMABLE_HTTP | "streamable" => {}
            "sse" => {
                notes.push(format!(
                    "`{}` is left out: the transport `sse` is not supported, only `{STREAMABLE_HTTP}`",
                    remote.pointer
                ));
                continue;
            }
            _ => return Err(kind.wrong(expected)),
        }
        let (place, url) = remote.required("url", "the URL of an MCP endpoint")?;
        if url.contains('{') {
            notes.push(format!(
                "`{}` is left out: it has variables, which nobody has filled in",
                place.pointer
            ));
            continue;
        }
        let endpoint = endpoint(&place, url)?;
        if !endpoints.contains(&endpoint) {
            endpoints.push(endpoint);
        }
    }
    Ok(endpoints)
}

fn endpoint(place: &Place<'_>, url: &str) -> Result<Endpoint, ServerJsonError> {
    let expected = "an `http` or `https` URL without user, query and fragment";
    let url = Url::parse(url).ok().filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    // What it is may hold a key: it is not said.
    let url = url.ok_or_else(|| place.found("another URL".to_owned(), expected))?;
    let host = url.host_str().unwrap_or_default();
    Ok(Endpoint {
        host: match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        },
        path: url.path().to_owned(),
        ..Endpoint::default()
    })
}
