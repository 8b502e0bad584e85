//! What is sent, and the server that answers it.

use std::net::SocketAddr;

use axum::{Router, body::Bytes, response::IntoResponse as _};
use http::header::CONTENT_TYPE;
use serde_json::json;
use tokio::net::TcpListener;

use super::{super::LabError, target::Target};

const WORDS: &str = "the quick brown fox jumps over 13 lazy dogs; nothing here is secret. ";
const ALLOWED_TOOL: &str = "get_note";
/// The same, under a rule that redacts.
pub(super) const MASKED_TOOL: &str = "get_note_masked";
const REFUSED_TOOL: &str = "delete_note";

/// The kinds of calls that are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CallKind {
    Small,
    Middle,
    Large,
    Refused,
}

impl CallKind {
    pub(super) const ALL: [Self; 4] = [Self::Small, Self::Middle, Self::Large, Self::Refused];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Small => "300 B",
            Self::Middle => "4 KB",
            Self::Large => "64 KB",
            Self::Refused => "300 B, refused",
        }
    }

    pub(super) fn is_allowed(self) -> bool {
        self != Self::Refused
    }

    /// What it is sent through. A refusal is one whether its rule redacts or not.
    pub(super) fn targets(self) -> &'static [Target] {
        match self {
            Self::Refused => &[Target::Plain, Target::Chancery, Target::Native],
            Self::Small | Self::Middle | Self::Large => &[
                Target::Plain,
                Target::Chancery,
                Target::ChanceryRedacting,
                Target::Native,
            ],
        }
    }

    fn request_bytes(self) -> usize {
        match self {
            Self::Small | Self::Refused => 300,
            Self::Middle => 4 << 10,
            Self::Large => 64 << 10,
        }
    }
}

/// A request, and how its answer is known to be the right one.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// The whole HTTP/1.1 request.
    pub(super) request: Bytes,
    /// The status of the right answer.
    pub(super) status: u16,
    /// What the right answer's body contains.
    pub(super) marker: &'static str,
}

impl Call {
    pub(super) fn new(kind: CallKind, target: Target, token: &str) -> Self {
        let tool = match (kind, target) {
            (CallKind::Refused, _) => REFUSED_TOOL,
            (_, Target::ChanceryRedacting) => MASKED_TOOL,
            _ => ALLOWED_TOOL,
        };
        let (status, marker) = match (kind, target) {
            (CallKind::Refused, Target::Native) => (403, "RBAC"),
            (CallKind::Refused, Target::Chancery | Target::ChanceryRedacting) => (200, "-31403"),
            _ => (200, "\"result\""),
        };
        Self {
            request: request(tool, kind.request_bytes(), token),
            status,
            marker,
        }
    }
}

fn request(tool: &str, bytes: usize, token: &str) -> Bytes {
    let body = padded(bytes, |filler| {
        json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": { "name": tool, "arguments": { "id": "welcome", "text": filler } },
        })
        .to_string()
    });
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: notes.test\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         mcp-protocol-version: 2025-11-25\r\ncontent-length: {}\r\n\r\n",
        body.len(),
    );
    Bytes::from(head + &body)
}

fn answer(bytes: usize) -> Bytes {
    Bytes::from(padded(bytes, |filler| {
        json!({
            "jsonrpc": "2.0",
            "id": 1,
            "result": { "content": [{ "type": "text", "text": filler }], "isError": false },
        })
        .to_string()
    }))
}

/// A text of exactly so many bytes, if it has that many at all.
fn padded(bytes: usize, build: impl Fn(&str) -> String) -> String {
    let missing = bytes.saturating_sub(build("").len());
    build(&WORDS.chars().cycle().take(missing).collect::<String>())
}

/// Serves in a thread of its own: answers 200 B to a small request, else as much as was sent.
pub(super) async fn upstream() -> Result<SocketAddr, LabError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?.into_std()?;
    let address = listener.local_addr()?;
    let (small, middle, large) = (answer(200), answer(4 << 10), answer(64 << 10));
    let answer = async move |body: Bytes| {
        let answer = match body.len() {
            0..=1_000 => small,
            1_001..=10_000 => middle,
            _ => large,
        };
        ([(CONTENT_TYPE, "application/json")], answer).into_response()
    };
    let router = Router::new().fallback(answer);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    // It ends with this program.
    drop(std::thread::spawn(move || {
        runtime.block_on(async {
            if let Ok(listener) = TcpListener::from_std(listener) {
                drop(axum::serve(listener, router).await);
            }
        });
    }));
    Ok(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_have_the_size_they_claim() {
        for kind in CallKind::ALL {
            let call = Call::new(kind, Target::Chancery, "token");
            let request = std::str::from_utf8(&call.request).unwrap();
            let (_, body) = request.split_once("\r\n\r\n").unwrap();
            assert_eq!(body.len(), kind.request_bytes());
        }
        assert_eq!(answer(200).len(), 200);
    }
}
