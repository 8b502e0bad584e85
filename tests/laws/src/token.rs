//! Bearer tokens.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_engine::{
    limits::Limits,
    token::{Algorithm, read},
};
use serde_json::Value;

use crate::{
    drive::now,
    policy::{AUDIENCE, ISSUER, ORGANIZATION, policy},
};

/// [`now`] as a number that claims compare to.
const NOW_UNIX_MS: f64 = 1_800_000_000_000.0;

/// What is read from a token is what another reader finds in it, and nothing less is enough.
///
/// The first line is the header, the second the claims, the rest the signature; where there is but
/// one line, it is the token itself.
pub fn token(data: &[u8]) {
    let limits = Limits::DEFAULT;
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let encode = |part: Option<&[u8]>| URL_SAFE_NO_PAD.encode(part.unwrap_or_default());
    let token = if data.contains(&b'\n') {
        [lines.next(), lines.next(), lines.next()]
            .map(encode)
            .join(".")
    } else {
        String::from_utf8_lossy(data).into_owned()
    };
    let Ok(unverified) = read(&token, &policy(), ORGANIZATION, now(), &limits) else {
        return;
    };
    let parts: Vec<&str> = token.split('.').collect();
    let &[header, claims, signature] = parts.as_slice() else {
        assert_eq!(parts.len(), 3, "parts");
        return;
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    let json = |part: &str| serde_json::from_slice::<Value>(&decode(part));
    let check = unverified.check();
    assert_eq!(check.message, format!("{header}.{claims}").as_bytes());
    assert_eq!(check.signature, decode(signature));
    let (Ok(header), Ok(claims)) = (json(header), json(claims)) else {
        // A number too large for serde.
        return;
    };
    let claim = |name: &str| claims.get(name).unwrap_or(&Value::Null);
    let algorithm = match check.algorithm {
        Algorithm::Rs256 => "RS256",
        Algorithm::Es256 => "ES256",
        Algorithm::EdDsa => "EdDSA",
    };
    assert_eq!(header.get("alg"), Some(&Value::from(algorithm)));
    assert_eq!(header.get("crit"), None);
    assert_eq!(*claim("iss"), ISSUER);
    let is_ours = |audience: &Value| audience == AUDIENCE;
    let audiences = claim("aud").as_array();
    let among = audiences.is_some_and(|list| list.iter().any(is_ours));
    assert!(is_ours(claim("aud")) || among, "another audience");
    let seconds = |name: &str| claim(name).as_f64().unwrap_or_default().floor();
    assert!(seconds("exp") * 1_000.0 >= NOW_UNIX_MS, "expired");
    assert!(seconds("nbf") * 1_000.0 <= NOW_UNIX_MS, "not yet valid");
    let (_, verified) = unverified.into_verified();
    assert!(
        verified
            .audiences
            .iter()
            .any(|audience| **audience == *AUDIENCE)
            == (is_ours(claim("aud")) || among)
    );
    let principal = verified.principal;
    assert_eq!(principal.user.as_deref(), claim("sub").as_str());
    let groups: Vec<&str> = match claim("groups") {
        Value::String(group) => vec![group],
        Value::Array(groups) => groups.iter().filter_map(Value::as_str).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => Vec::new(),
    };
    let found: Vec<&str> = principal.groups.iter().map(|group| &**group).collect();
    assert_eq!(found, groups);
}
