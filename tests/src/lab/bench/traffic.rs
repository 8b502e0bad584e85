//! What is sent, and the server that answers it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use axum::{Router, body::Bytes, response::IntoResponse as _};
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
use serde_json::json;
use tokio::net::TcpListener;

use super::{super::LabError, target::Target};
use crate::bodies::Traffic;

const WORDS: &str = "the quick brown fox jumps over 13 lazy dogs; nothing here is secret. ";
const ALLOWED_TOOL: &str = "get_note";
/// The same, under a rule that redacts.
pub(super) const MASKED_TOOL: &str = "get_note_masked";
const REFUSED_TOOL: &str = "delete_note";

/// What a request asks the server to answer with: a kind's label.
const ANSWER: &str = "bench-answer";

/// The kinds of calls that are compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CallKind {
    Small,
    Middle,
    Large,
    Refused,
    CleanSmall,
    CleanMiddle,
    CleanLarge,
    DenseMiddle,
}

impl CallKind {
    pub(super) const ALL: [Self; 8] = [
        Self::Small,
        Self::Middle,
        Self::Large,
        Self::Refused,
        Self::CleanSmall,
        Self::CleanMiddle,
        Self::CleanLarge,
        Self::DenseMiddle,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Small => "300 B",
            Self::Middle => "4 KB",
            Self::Large => "64 KB",
            Self::Refused => "300 B, refused",
            Self::CleanSmall => "300 B, clean",
            Self::CleanMiddle => "4 KB, clean",
            Self::CleanLarge => "64 KB, clean",
            Self::DenseMiddle => "4 KB, dense",
        }
    }

    /// Whose ratio is among the figures: without redaction on words, with it on realistic bodies.
    pub(super) fn figure_target(self) -> Option<Target> {
        match self {
            Self::Small | Self::Middle | Self::Large => Some(Target::Chancery),
            Self::Refused => None,
            Self::CleanSmall | Self::CleanMiddle | Self::CleanLarge | Self::DenseMiddle => {
                Some(Target::ChanceryRedacting)
            }
        }
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
            Self::CleanSmall | Self::CleanMiddle | Self::CleanLarge | Self::DenseMiddle => {
                &[Target::Plain, Target::Chancery, Target::ChanceryRedacting]
            }
        }
    }

    fn request_bytes(self) -> usize {
        match self {
            Self::Small | Self::Refused | Self::CleanSmall => 300,
            Self::Middle | Self::CleanMiddle | Self::DenseMiddle => 4 << 10,
            Self::Large | Self::CleanLarge => 64 << 10,
        }
    }

    /// 200 B for a small request, else as much as was sent.
    fn answer_bytes(self) -> usize {
        match self.request_bytes() {
            300 => 200,
            bytes => bytes,
        }
    }

    /// What both messages are about. `None`: words, to the byte.
    fn traffic(self) -> Option<Traffic> {
        match self {
            Self::Small | Self::Middle | Self::Large | Self::Refused => None,
            // All that is clean at once has no room in it.
            Self::CleanSmall => Some(Traffic::Prose),
            Self::CleanMiddle | Self::CleanLarge => Some(Traffic::Clean),
            Self::DenseMiddle => Some(Traffic::Dense),
        }
    }

    fn request_body(self, tool: &str) -> String {
        let bytes = self.request_bytes();
        self.traffic().map_or_else(
            || padded(bytes, |filler| call(tool, filler)),
            |traffic| traffic.call(tool, bytes, 1),
        )
    }

    fn answer_body(self) -> String {
        let bytes = self.answer_bytes();
        self.traffic()
            .map_or_else(|| padded(bytes, answer), |traffic| traffic.answer(bytes, 2))
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
            request: request(kind, tool, token),
            status,
            marker,
        }
    }
}

fn request(kind: CallKind, tool: &str, token: &str) -> Bytes {
    let body = kind.request_body(tool);
    let head = format!(
        "POST /mcp HTTP/1.1\r\nhost: notes.test\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
         mcp-protocol-version: 2025-11-25\r\n{ANSWER}: {}\r\ncontent-length: {}\r\n\r\n",
        kind.label(),
        body.len(),
    );
    Bytes::from(head + &body)
}

fn call(tool: &str, filler: &str) -> String {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": { "name": tool, "arguments": { "id": "welcome", "text": filler } },
    })
    .to_string()
}

fn answer(filler: &str) -> String {
    json!({
        "jsonrpc": "2.0",
        "id": 1,
        "result": { "content": [{ "type": "text", "text": filler }], "isError": false },
    })
    .to_string()
}

/// A text of exactly so many bytes, if it has that many at all.
fn padded(bytes: usize, build: impl Fn(&str) -> String) -> String {
    let missing = bytes.saturating_sub(build("").len());
    build(&WORDS.chars().cycle().take(missing).collect::<String>())
}

/// Serves in a thread of its own: answers each kind of call as it is answered.
pub(super) async fn upstream() -> Result<SocketAddr, LabError> {
    let listener = TcpListener::bind("127.0.0.1:0").await?.into_std()?;
    let address = listener.local_addr()?;
    let answers: BTreeMap<&[u8], Bytes> = CallKind::ALL
        .into_iter()
        .map(|kind| (kind.label().as_bytes(), Bytes::from(kind.answer_body())))
        .collect();
    let answers = Arc::new(answers);
    // It takes the whole body, as a server does.
    let answer = async move |headers: HeaderMap, _: Bytes| {
        let kind = headers.get(ANSWER).map(HeaderValue::as_bytes);
        let answer = kind.and_then(|kind| answers.get(kind)).cloned();
        (
            [(CONTENT_TYPE, "application/json")],
            answer.unwrap_or_default(),
        )
            .into_response()
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
            for (body, bytes) in [
                (body, kind.request_bytes()),
                (&kind.answer_body(), kind.answer_bytes()),
            ] {
                // Realistic ones end with a sentence or a row.
                let least = kind.traffic().map_or(bytes, |_| bytes * 3 / 4);
                assert!(
                    (least..=bytes).contains(&body.len()),
                    "{kind:?}: {}",
                    body.len()
                );
            }
        }
    }
}
