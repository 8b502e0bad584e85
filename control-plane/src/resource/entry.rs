//! What a server's entry says for people and registries, which filters know nothing of.

use chancery_engine::wire::Invalid;
use chancery_proto::admin::v1::{DataClass, Risk, Server, ServerPackage};

use super::invalid;
use crate::server_json;

/// The most labels, data sources or packages of one server.
const MAX_ITEMS: usize = 64;

/// The most bytes of one text; of a description, ten times as many.
const MAX_TEXT_BYTES: usize = 512;

/// The most bytes of an imported server.json.
const MAX_SERVER_JSON_BYTES: usize = 64 << 10;

/// Checks what is written; what was stored before it was asked for stays valid.
pub(super) fn check(server: &Server) -> Result<(), Invalid> {
    if server.owner.trim().is_empty() {
        let expected = "who answers for it, such as a team or an e-mail address";
        return Err(invalid("owner", "nothing", expected));
    }
    for (field, text, max_bytes) in [
        ("owner", &server.owner, MAX_TEXT_BYTES),
        ("display_name", &server.display_name, MAX_TEXT_BYTES),
        ("version", &server.version, MAX_TEXT_BYTES),
        ("description", &server.description, MAX_TEXT_BYTES * 10),
        ("server_json", &server.server_json, MAX_SERVER_JSON_BYTES),
    ] {
        bounded(field, text, max_bytes)?;
    }
    few("labels", server.labels.len())?;
    for (key, value) in &server.labels {
        if key.is_empty() {
            return Err(invalid("labels", "an empty key", "a key for each value"));
        }
        bounded("labels", key, MAX_TEXT_BYTES)?;
        bounded("labels", value, MAX_TEXT_BYTES)?;
    }
    few("data_sources", server.data_sources.len())?;
    for (at, source) in server.data_sources.iter().enumerate() {
        let field = format!("data_sources[{at}]");
        if source.trim().is_empty() {
            return Err(invalid(field, "nothing", "where data come from"));
        }
        bounded(&field, source, MAX_TEXT_BYTES)?;
    }
    known(
        "data_class",
        DataClass::try_from(server.data_class).is_ok(),
        server.data_class,
    )?;
    known("risk", Risk::try_from(server.risk).is_ok(), server.risk)?;
    check_registry_name(&server.registry_name)?;
    server_json::check(server).map_err(|error| {
        let found = format!("{} at `{}`", error.found, error.pointer);
        invalid("server_json", found, error.expected)
    })?;
    few("packages", server.packages.len())?;
    for (at, package) in server.packages.iter().enumerate() {
        check_package(package).map_err(|error| Invalid {
            field: format!("packages[{at}].{}", error.field),
            ..error
        })?;
    }
    Ok(())
}

fn few(field: &str, found: usize) -> Result<(), Invalid> {
    if found > MAX_ITEMS {
        return Err(invalid(
            field,
            found.to_string(),
            format!("at most {MAX_ITEMS}"),
        ));
    }
    Ok(())
}

fn bounded(field: &str, text: &str, max_bytes: usize) -> Result<(), Invalid> {
    if text.len() > max_bytes {
        let found = format!("{} bytes", text.len());
        return Err(invalid(field, found, format!("at most {max_bytes} bytes")));
    }
    Ok(())
}

fn known(field: &str, is_known: bool, number: i32) -> Result<(), Invalid> {
    if is_known {
        return Ok(());
    }
    Err(invalid(
        field,
        number.to_string(),
        "a value that is known here",
    ))
}

fn check_registry_name(name: &str) -> Result<(), Invalid> {
    if name.is_empty() || is_registry_name(name) {
        return Ok(());
    }
    let expected = "a reverse-DNS namespace, `/` and a name, such as `com.example/search`";
    Err(invalid("registry_name", format!("`{name}`"), expected))
}

/// A reverse-DNS namespace, `/`, and a name (server.json of the official registry, `name`).
pub(crate) fn is_registry_name(name: &str) -> bool {
    let fits = |part: &str, more: &[u8]| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || more.contains(&byte))
    };
    let is_name = name
        .split_once('/')
        .is_some_and(|(namespace, name)| fits(namespace, b".-") && fits(name, b"._-"));
    is_name && (3..=200).contains(&name.len())
}

fn check_package(package: &ServerPackage) -> Result<(), Invalid> {
    let ServerPackage {
        registry_type,
        identifier,
        version,
        digest,
    } = package;
    for (field, text) in [("registry_type", registry_type), ("identifier", identifier)] {
        if text.trim().is_empty() {
            return Err(invalid(field, "nothing", "which package it is"));
        }
    }
    for (field, text) in [
        ("registry_type", registry_type),
        ("identifier", identifier),
        ("version", version),
    ] {
        bounded(field, text, MAX_TEXT_BYTES)?;
    }
    let is_hex = |text: &str| {
        text.len() == 64
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    if digest.is_empty() || digest.strip_prefix("sha256:").is_some_and(is_hex) {
        return Ok(());
    }
    let expected = "`sha256:` and 64 hexadecimal digits in lower case";
    Err(invalid("digest", format!("`{digest}`"), expected))
}
