//! From an entry to a server.json: what was imported, with what the entry says now laid over it.

use chancery_proto::{admin::v1::Server, policy::v1::Endpoint};
use serde_json::{Value, json};

use super::{
    SCHEMA, STREAMABLE_HTTP, ServerJson, ServerJsonError, import::unwrapped, package, place::Place,
    spelling,
};

/// The most characters of a title or description (schema 2025-12-11).
const MAX_CHARACTERS: usize = 100;

/// The version of what has none: the schema asks for one.
pub const NO_VERSION: &str = "0.0.0";

/// Writes a server.json of schema 2025-12-11. Its remotes are where the server is reached through
/// Envoy: not what was imported, which is what Envoy calls.
///
/// # Errors
/// Where it has no name in registries, or what was imported cannot be read.
pub fn export(server: &Server) -> Result<ServerJson, ServerJsonError> {
    if server.registry_name.is_empty() {
        return Err(ServerJsonError {
            pointer: "/name".to_owned(),
            found: "nothing".to_owned(),
            expected: "the server's name in registries: write it into `registryName` of its entry",
        });
    }
    let mut document = imported(server)?;
    let text = |document: &ServerJson, key: &str| {
        let text = document.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let first = |candidates: &[&str]| {
        let filled = candidates.iter().find(|text| !text.trim().is_empty());
        bounded(filled.copied().unwrap_or_default())
    };
    let (described, titled) = (text(&document, "description"), text(&document, "title"));
    let title = first(&[&server.display_name, &titled]);
    let description = first(&[
        &server.description,
        &described,
        &title,
        &server.registry_name,
    ]);
    let version = match (&*server.version, &*text(&document, "version")) {
        ("", "") => NO_VERSION.to_owned(),
        ("", imported) => imported.to_owned(),
        (version, _) => version.to_owned(),
    };
    let imported = document.get("packages").and_then(Value::as_array);
    let imported = imported.map(Vec::as_slice).unwrap_or_default();
    let packages = server.packages.iter();
    let packages = packages.map(|package| package::write(package, imported));
    let packages = packages.collect();
    let mut set = |key: &str, value: Value| drop(document.insert(key.to_owned(), value));
    set("$schema", SCHEMA.into());
    set("name", server.registry_name.as_str().into());
    if !title.is_empty() {
        set("title", title.into());
    }
    set("description", description.into());
    set("version", version.into());
    for (key, items) in [("packages", packages), ("remotes", remotes(server))] {
        if items.is_empty() {
            document.shift_remove(key);
        } else {
            document.insert(key.to_owned(), items.into());
        }
    }
    Ok(document)
}

/// Whether what a server was imported from can be read.
///
/// # Errors
/// What is wrong with it.
pub fn check(server: &Server) -> Result<(), ServerJsonError> {
    imported(server).map(drop)
}

/// Where a server is reached through Envoy. An endpoint of any host has no URL.
pub fn remotes(server: &Server) -> Vec<Value> {
    let mut remotes = Vec::new();
    for endpoint in &server.endpoints {
        let remote = governed_url(endpoint).map(|url| json!({"type": STREAMABLE_HTTP, "url": url}));
        let is_new = |remote: &Value| !remotes.contains(remote);
        if let Some(remote) = remote.filter(is_new) {
            remotes.push(remote);
        }
    }
    remotes
}

fn governed_url(endpoint: &Endpoint) -> Option<String> {
    let Endpoint {
        cluster: _,
        host,
        path,
        workspace: _,
        audiences: _,
        resource,
    } = endpoint;
    if !resource.is_empty() {
        return Some(resource.clone());
    }
    (!host.is_empty()).then(|| format!("https://{host}{path}"))
}

/// What was imported, out of its envelope, with the keys of today.
fn imported(server: &Server) -> Result<ServerJson, ServerJsonError> {
    if server.server_json.is_empty() {
        return Ok(ServerJson::new());
    }
    let value = serde_json::from_str(&server.server_json);
    let value: Value = value.map_err(|error| ServerJsonError {
        pointer: String::new(),
        found: format!("what is no JSON ({error})"),
        expected: "the server.json that the entry was imported from",
    })?;
    let document = unwrapped(&Place::root(&value));
    let object = document.object("the server.json that the entry was imported from")?;
    let mut document = spelling::modern_object(object.clone());
    let detail = document.get("version_detail").and_then(Value::as_object);
    // 2025-07-09: what else stands there stays.
    let version = detail.and_then(|detail| detail.get("version")).cloned();
    if let (Some(version), false) = (version, document.contains_key("version")) {
        document.insert("version".to_owned(), version);
        if let Some(Value::Object(detail)) = document.get_mut("version_detail") {
            detail.shift_remove("version");
            if detail.is_empty() {
                document.shift_remove("version_detail");
            }
        }
    }
    Ok(document)
}

/// As much of a text as the schema allows.
fn bounded(text: &str) -> String {
    if text.chars().count() <= MAX_CHARACTERS {
        return text.to_owned();
    }
    let kept = text.chars().take(MAX_CHARACTERS.saturating_sub(1));
    kept.chain(['…']).collect()
}
