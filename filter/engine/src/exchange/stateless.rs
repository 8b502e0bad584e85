//! What every request of 2026-07-28 must have, and which era a message belongs to.

use super::{HeaderClaims, Malformed, claims::Claim};
use crate::{
    json::{Kind, Value},
    message::{
        Body, CLIENT_CAPABILITIES_KEY, Call, Era, Message, Method, PROTOCOL_VERSION_KEY,
        STATELESS_VERSION, is_known_legacy,
    },
    reason::Reason,
};

/// The extension that brings tasks to the stateless era.
pub(super) const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";

const META: &str = "`_meta` lacks the protocol version or the client's capabilities";
const VERSION: &str = "mcp-protocol-version";

/// The era a message belongs to, once its head and body agree on it.
///
/// The body decides. A request of the stateless era says so in `_meta`, and its header repeats it;
/// a header alone makes a request incomplete, never legacy.
pub(super) fn era_of(message: &Message<'_>, claims: &HeaderClaims) -> Result<Era, Malformed> {
    let claimed = claims.protocol_version.text();
    let claims_stateless = claimed.is_some_and(|version| !is_known_legacy(version));
    match message.body {
        Body::Request { call, .. } => {
            let is_new = call
                .method
                .is_some_and(|method| !method.exists_in(Era::Legacy));
            if call.meta(PROTOCOL_VERSION_KEY).is_some() || claims_stateless || is_new {
                check_request(&call, claims).map(|()| Era::Stateless)
            } else {
                legacy(claims)
            }
        }
        Body::Notification(call) => match call.meta(PROTOCOL_VERSION_KEY) {
            Some(_) => check_version(&call, claims).map(|()| Era::Stateless),
            None if claimed == Some(STATELESS_VERSION) => Ok(Era::Stateless),
            None => legacy(claims),
        },
        // Only the legacy era has the client answer.
        Body::Response { .. } if claims_stateless => Err(Malformed::new(
            Reason::InvalidMessage,
            "a response in a request",
        )),
        Body::Response { .. } => legacy(claims),
    }
}

fn legacy(claims: &HeaderClaims) -> Result<Era, Malformed> {
    match &claims.protocol_version {
        Claim::Absent => Ok(Era::Legacy),
        Claim::Says(version) if is_known_legacy(version) => Ok(Era::Legacy),
        Claim::Says(version) => Err(Malformed::version(version)),
        Claim::Undecodable => Err(Malformed::new(Reason::HeaderMismatch, VERSION)),
    }
}

fn check_request(call: &Call<'_>, claims: &HeaderClaims) -> Result<(), Malformed> {
    let capabilities = call.meta(CLIENT_CAPABILITIES_KEY);
    let has_capabilities = capabilities.is_some_and(|value| value.kind() == Kind::Object);
    let version = call.meta(PROTOCOL_VERSION_KEY);
    if !has_capabilities || version.is_none_or(|version| version.kind() != Kind::String) {
        return Err(Malformed::new(Reason::InvalidParams, META));
    }
    check_version(call, claims)
}

fn check_version(call: &Call<'_>, claims: &HeaderClaims) -> Result<(), Malformed> {
    let version = call.meta(PROTOCOL_VERSION_KEY).and_then(Value::as_str);
    let Some(version) = version else {
        return Err(Malformed::new(Reason::InvalidParams, META));
    };
    if claims.protocol_version.text() != Some(&*version) {
        return Err(Malformed::new(Reason::HeaderMismatch, VERSION));
    }
    if *version == *STATELESS_VERSION {
        Ok(())
    } else {
        Err(Malformed::version(&version))
    }
}

/// What a method asks of a stateless client's capabilities.
pub(super) fn check_capability(call: &Call<'_>, method: Method) -> Result<(), Malformed> {
    if !method.is_about_a_task() {
        return Ok(());
    }
    let extensions = call
        .meta(CLIENT_CAPABILITIES_KEY)
        .and_then(|capabilities| capabilities.get("extensions"));
    match extensions.and_then(|extensions| extensions.get(TASKS_EXTENSION)) {
        Some(_) => Ok(()),
        None => Err(Malformed::extension(TASKS_EXTENSION)),
    }
}

/// What a server may ask a client before it answers: what the client says it can do.
pub(super) fn answerable(call: &Call<'_>) -> Vec<Method> {
    let capabilities = call.meta(CLIENT_CAPABILITIES_KEY);
    let declares = |name| capabilities.is_some_and(|value| value.get(name).is_some());
    [
        ("elicitation", Method::Elicit),
        ("roots", Method::RootsList),
        ("sampling", Method::Sample),
    ]
    .into_iter()
    .filter_map(|(name, method)| declares(name).then_some(method))
    .collect()
}
