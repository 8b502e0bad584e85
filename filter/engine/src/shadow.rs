//! MCP to hosts that nobody registered, recognised in traffic that goes through untouched.
//!
//! Nothing is decided here, so cheap evidence is enough: a head makes a request a candidate, the
//! beginning of its body confirms it. Whoever wants to stay unseen can; whoever uses an MCP client is
//! seen.

mod noticed;
mod prefix;

use std::sync::Arc;

pub(crate) use self::noticed::Noticed;
use self::prefix::Shown;
use crate::{
    entry::{Entry, Event, ShadowEvent, ShadowKind, bounded},
    exchange::{RequestHead, is_json},
    id::Time,
    message::{Method, Sender},
    principal::Principal,
};

/// How much of a body is looked at, in bytes: methods stand at the beginning.
const MAX_PREFIX_BYTES: usize = 4 << 10;

/// Headers that only MCP has (MCP 2025-11-25 and 2026-07-28, transports).
const MCP_HEADERS: [&str; 3] = ["mcp-protocol-version", "mcp-session-id", "mcp-method"];

/// A request that goes through and may be MCP, while its body comes.
#[derive(Debug)]
pub struct Watch {
    event: ShadowEvent,
    begun: Time,
    /// Whether the head has a header that only MCP has.
    has_header: bool,
    /// Whether the head is proof enough.
    is_certain: bool,
    /// The method that the head names.
    claimed: Option<Method>,
    /// The beginning of the body, as far as it has come.
    prefix: Vec<u8>,
}

impl Watch {
    /// Looks at a head. `None`: it is not MCP, and nobody is asked who sent it.
    pub(crate) fn begin(
        head: &RequestHead<'_>,
        principal: impl FnOnce() -> Arc<Principal>,
        begun: Time,
    ) -> Option<Self> {
        let has = |name| head.headers.all(name).next().is_some();
        let is_tunnel = head.method == b"CONNECT";
        let has_header = MCP_HEADERS.into_iter().any(has);
        if !(is_tunnel || has_header || is_streamable_post(head)) {
            return None;
        }
        let claimed = head.headers.all("mcp-method").next();
        let claimed = claimed.and_then(|name| known(std::str::from_utf8(name).ok()?));
        Some(Self {
            event: event(head, is_tunnel, principal()),
            begun,
            has_header,
            is_certain: is_tunnel || (has("mcp-protocol-version") && has("mcp-session-id")),
            claimed,
            prefix: Vec::new(),
        })
    }

    /// How many more bytes of the body are worth looking at; of a tunnel none.
    pub fn wanted_bytes(&self) -> usize {
        match self.event.kind {
            ShadowKind::Mcp => MAX_PREFIX_BYTES.saturating_sub(self.prefix.len()),
            ShadowKind::Tunnel => 0,
        }
    }

    /// Looks at the bytes of the body that come next.
    pub fn look(&mut self, bytes: &[u8]) {
        let wanted = bytes.get(..self.wanted_bytes()).unwrap_or(bytes);
        self.prefix.extend_from_slice(wanted);
    }

    /// What is to be recorded, once the body is over or enough of it was seen. `None`: it is not MCP.
    pub fn finish(self) -> Option<Entry> {
        let shown = Shown::of(&self.prefix);
        let method = shown.method.and_then(known);
        let is_telling = match method {
            None => self.claimed.is_some() && shown.method.is_none(),
            // Language servers have the first of that name, and anybody the other.
            Some(Method::Initialize) => self.has_header || shown.has_version,
            Some(Method::Ping) => self.has_header,
            Some(_) => true,
        };
        let is_mcp = self.is_certain || (shown.is_rpc && is_telling);
        if !is_mcp {
            return None;
        }
        let event = ShadowEvent {
            method: method.or(self.claimed),
            ..self.event
        };
        Some(Entry {
            time: self.begun,
            decision_id: None,
            event: Event::Shadow(Box::new(event)),
        })
    }
}

fn event(head: &RequestHead<'_>, is_tunnel: bool, principal: Arc<Principal>) -> ShadowEvent {
    let text = |bytes| String::from_utf8_lossy(bytes);
    let path = text(head.path);
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let kept = |text: &str| Box::from(bounded(text));
    ShadowEvent {
        kind: if is_tunnel {
            ShadowKind::Tunnel
        } else {
            ShadowKind::Mcp
        },
        host: kept(&text(head.authority).to_ascii_lowercase()),
        path: kept(if is_tunnel { "" } else { path }),
        method: None,
        principal,
        workload: head.vouched.certificate.map(kept),
        source: head.source.map(kept),
        cluster: kept(head.cluster),
        count: 1,
    }
}

/// Whether it is a POST of JSON as clients of the Streamable HTTP transport must send it.
fn is_streamable_post(head: &RequestHead<'_>) -> bool {
    let accepts = |media_type: &str| {
        let mut accepted = head.headers.all("accept");
        accepted.any(|value| contains(value, media_type.as_bytes()))
    };
    head.method == b"POST"
        && head.headers.all("content-type").any(is_json)
        && accepts("application/json")
        && accepts("text/event-stream")
}

fn contains(value: &[u8], part: &[u8]) -> bool {
    let mut windows = value.windows(part.len());
    windows.any(|window| window.eq_ignore_ascii_case(part))
}

/// A method that clients send.
fn known(name: &str) -> Option<Method> {
    Method::parse(name).filter(|method| match method.sender() {
        Sender::Client | Sender::Both => true,
        Sender::Server => false,
    })
}

#[cfg(test)]
mod tests;
