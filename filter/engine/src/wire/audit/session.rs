//! Which conversation a call belongs to.

use chancery_proto::audit::v1 as pb;

/// The conversation that a call belongs to, by the first of these that there is.
pub(super) fn of(
    session_id: Option<Box<str>>,
    conversation: Option<Box<str>>,
    trace_parent: Option<&str>,
) -> Option<pb::Session> {
    let of = |id: &str, source: pb::SessionSource| pb::Session {
        id: id.to_owned(),
        source: source.into(),
    };
    let session = session_id.map(|id| of(&id, pb::SessionSource::McpSession));
    let said = || conversation.map(|id| of(&id, pb::SessionSource::Meta));
    let trace = || trace_id(trace_parent?).map(|id| of(id, pb::SessionSource::Trace));
    session.or_else(said).or_else(trace)
}

/// The trace id in a `traceparent` (W3C Trace Context section 3.2); `None` where that is none.
fn trace_id(trace_parent: &str) -> Option<&str> {
    let id = trace_parent.split('-').nth(1)?;
    let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    (is_id && id.bytes().any(|byte| byte != b'0')).then_some(id)
}
