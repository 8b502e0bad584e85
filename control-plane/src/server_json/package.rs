//! Packages: of an image, an entry keeps reference, tag and digest apart, and server.json does not.

use chancery_proto::admin::v1::ServerPackage;
use serde_json::{Value, json};

use super::{ServerJsonError, place::Place};

/// The registry type of images, whose identifier is the whole reference since 2025-12-11.
const OCI: &str = "oci";

/// What the registry type was called by which 2025-07-09 meant images.
const DOCKER: &str = "docker";

/// Reads one.
pub(super) fn read(place: &Place<'_>) -> Result<ServerPackage, ServerJsonError> {
    place.object("a package: an object")?;
    let expected = "where the package comes from, such as `npm`, `pypi` or `oci`";
    let (_, registry_type) = place.required("registryType", expected)?;
    let expected = "the package's name in its registry";
    // 2025-07-09 called it so.
    let is_old = place.get("identifier").is_none() && place.get("name").is_some();
    let key = if is_old { "name" } else { "identifier" };
    let (named, identifier) = place.required(key, expected)?;
    let version = place.optional("version", "the package's version: text")?;
    let expected = "64 hexadecimal digits";
    let hash = place.optional("fileSha256", expected)?;
    let digest = match place.get("fileSha256") {
        Some(_) if is_sha256(hash) => format!("sha256:{}", hash.to_ascii_lowercase()),
        Some(hash) => return Err(hash.wrong(expected)),
        None => String::new(),
    };
    let package = ServerPackage {
        registry_type: registry_type.to_owned(),
        identifier: identifier.to_owned(),
        version: version.to_owned(),
        digest,
    };
    if registry_type != OCI && registry_type != DOCKER {
        return Ok(package);
    }
    image(&named, package)
}

/// Takes an image's reference apart.
fn image(place: &Place<'_>, package: ServerPackage) -> Result<ServerPackage, ServerJsonError> {
    let (reference, digest) = match package.identifier.split_once('@') {
        None => (&*package.identifier, package.digest),
        Some((reference, digest)) => {
            let expected =
                "an image with `@sha256:` and 64 hexadecimal digits, or without a digest";
            let hash = digest.strip_prefix("sha256:");
            let hash = hash.filter(|hash| is_sha256(hash));
            let hash = hash.ok_or_else(|| place.wrong(expected))?;
            (reference, format!("sha256:{}", hash.to_ascii_lowercase()))
        }
    };
    // A colon before the last slash is a port's.
    let (identifier, version) = match reference.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (reference, &*package.version),
    };
    Ok(ServerPackage {
        registry_type: OCI.to_owned(),
        identifier: identifier.to_owned(),
        version: version.to_owned(),
        digest,
    })
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Writes one, over what was imported of it.
pub(super) fn write(package: &ServerPackage, imported: &[Value]) -> Value {
    let ServerPackage {
        registry_type,
        identifier,
        version,
        digest,
    } = package;
    let is_this = |read: &ServerPackage| {
        read.registry_type == *registry_type
            && read.identifier == *identifier
            && read.version == *version
    };
    let found = imported.iter().find_map(|value| {
        let read = read(&Place::root(value)).ok()?;
        is_this(&read).then_some((read, value))
    });
    // A package has a transport by the schema; one that an entry only names runs on this machine.
    let (mut written, read) = match found {
        Some((read, value)) => (value.clone(), Some(read)),
        None => (json!({"transport": {"type": "stdio"}}), None),
    };
    let Value::Object(object) = &mut written else {
        return written;
    };
    if read.as_ref() == Some(package) && object.contains_key("identifier") {
        return written;
    }
    // How 2025-07-09 called it.
    object.shift_remove("name");
    object.insert("registryType".to_owned(), registry_type.as_str().into());
    let hash = digest.strip_prefix("sha256:").unwrap_or_default();
    let identifier = if registry_type == OCI {
        object.shift_remove("version");
        object.shift_remove("fileSha256");
        let tag = if version.is_empty() { "" } else { ":" };
        let at = if hash.is_empty() { "" } else { "@" };
        format!("{identifier}{tag}{version}{at}{digest}")
    } else {
        if !version.is_empty() {
            object.insert("version".to_owned(), version.as_str().into());
        }
        match hash {
            "" => drop(object.shift_remove("fileSha256")),
            hash => drop(object.insert("fileSha256".to_owned(), hash.into())),
        }
        identifier.clone()
    };
    object.insert("identifier".to_owned(), identifier.into());
    written
}
