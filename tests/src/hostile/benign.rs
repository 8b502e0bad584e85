//! Legal oddities: what must reach the server byte for byte, and whose answer the client gets so too.

use std::io;

use serde::Deserialize;

use chancery_proto::audit::v1::{Decision, Verdict};
use http::StatusCode;

use super::{
    http1::{Answer, chunked},
    http2,
    sent::Sent,
    spell::{Kind, bytes},
    stage::{Recorded, Stage, StageError, heard},
    table::{self, shown},
};
use crate::mcp_server::{Part, ReceivedRequest, Reply};

/// A row as it is sent and answered.
#[derive(Debug)]
pub struct Row {
    /// Its class, and which of its rows it is.
    pub name: String,
    /// Its `traceparent`.
    pub trace: String,
    body: Vec<u8>,
    sending: Sending,
    reply: Vec<u8>,
    status: StatusCode,
}

#[derive(Debug)]
enum Sending {
    /// Piece by piece.
    Pieces(Vec<Vec<u8>>),
    /// The body after `100 Continue`.
    Continue { head: Vec<u8>, body: Vec<u8> },
    /// Over HTTP/2.
    Http2(http2::Request),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    #[serde(rename = "class")]
    name: String,
    rows: Vec<Source>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default = "whole")]
    framings: Vec<Framing>,
}

fn ok() -> u16 {
    200
}

fn whole() -> Vec<Framing> {
    vec![Framing::Whole]
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Source {
    Body(String),
    Spelled {
        #[serde(default)]
        head: Vec<String>,
        #[serde(default = "allowed")]
        body: String,
        #[serde(default = "one")]
        id: String,
    },
}

fn allowed() -> String {
    "$ALLOWED".to_owned()
}

fn one() -> String {
    "1".to_owned()
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Framing {
    Whole,
    #[serde(rename = "chunked-1")]
    Chunked1,
    #[serde(rename = "chunked-7")]
    Chunked7,
    #[serde(rename = "chunked-4096")]
    Chunked4096,
    Pieces,
    Continue,
    Http2,
}

impl Framing {
    fn sending(self, sent: Sent<'_>, head: &[String], trace: &str) -> Sending {
        let in_chunks = |size| {
            let changes = [
                head,
                &[
                    "-content-length".into(),
                    "+transfer-encoding: chunked".into(),
                ],
            ];
            let unframed = Sent { body: b"", ..sent };
            let mut wire = unframed.http1(&changes.concat(), trace);
            wire.extend(chunked(sent.body, size));
            Sending::Pieces(vec![wire])
        };
        let whole = || sent.http1(head, trace);
        match self {
            Self::Whole => Sending::Pieces(vec![whole()]),
            Self::Chunked1 => in_chunks(1),
            Self::Chunked7 => in_chunks(7),
            Self::Chunked4096 => in_chunks(4096),
            Self::Pieces => Sending::Pieces(whole().chunks(11).map(<[u8]>::to_vec).collect()),
            Self::Continue => {
                let changes = [head, &["+expect: 100-continue".into()]];
                let mut head = sent.http1(&changes.concat(), trace);
                let body = head.split_off(head.len().saturating_sub(sent.body.len()));
                Sending::Continue { head, body }
            }
            Self::Http2 => Sending::Http2(sent.http2(head, trace)),
        }
    }
}

/// Every row, for this token.
///
/// # Errors
/// Where the table cannot be read.
pub fn rows(token: &str) -> io::Result<Vec<Row>> {
    const FIRST_TRACE: usize = 1 << 20;
    let mut rows: Vec<Row> = Vec::new();
    for class in table::load::<Class>("benign.json")? {
        let status = StatusCode::from_u16(class.status).map_err(io::Error::other)?;
        for source in class.rows {
            let (head, body, id) = match source {
                Source::Body(body) => (Vec::new(), body, one()),
                Source::Spelled { head, body, id } => (head, body, id),
            };
            let body = bytes(&Kind::Tool.apply(&body));
            for framing in &class.framings {
                let trace = table::trace(FIRST_TRACE + rows.len());
                let sent = Sent { token, body: &body };
                let shown = shown(&body);
                rows.push(Row {
                    name: format!("{}: {framing:?} {head:?} {shown}", class.name),
                    sending: framing.sending(sent, &head, &trace),
                    trace,
                    reply: bytes(&format!(
                        "{{'jsonrpc':'2.0','id':{id},'result':{{'ok':[1E+2,9007199254740993,'\\u00e9é']}}}}"
                    )),
                    body: body.clone(),
                    status,
                });
            }
        }
    }
    Ok(rows)
}

impl Stage {
    /// Sends a row, which the server answers as it says.
    ///
    /// # Errors
    /// Where no answer comes in time.
    pub async fn send_benign(&self, row: &Row) -> Result<Answer, StageError> {
        let reply = Reply::ok("application/json", row.reply.clone()).with_status(row.status);
        self.server.set(if row.has_answer() {
            reply
        } else {
            reply.with_body(vec![Part::Bytes(Vec::new().into())])
        });
        let request = match &row.sending {
            Sending::Http2(request) => {
                return Ok(http2::send(self.envoy.address()?, request).await?);
            }
            Sending::Pieces(pieces) => pieces.clone(),
            Sending::Continue { head, .. } => vec![head.clone()],
        };
        let mut connection = self.connect().await?;
        for piece in request {
            connection.send(&piece).await;
        }
        if let Sending::Continue { body, .. } = &row.sending {
            let interim = connection.head().await?.unwrap_or_default();
            if interim.status != 100 {
                return Ok(interim);
            }
            connection.send(body).await;
        }
        Ok(connection.answer().await?.unwrap_or_default())
    }
}

impl Row {
    fn has_answer(&self) -> bool {
        self.status == StatusCode::OK
    }

    /// Everything about it that is not as it must be.
    pub fn check(
        &self,
        answer: &Answer,
        received: &[ReceivedRequest],
        recorded: &Recorded,
    ) -> Vec<String> {
        let mut faults = Vec::new();
        match received {
            [request] if request.body == self.body => {}
            [request] => faults.push(format!(
                "other bytes reached the server: {}",
                shown(&request.body)
            )),
            requests => faults.push(format!("{} requests reached the server", requests.len())),
        }
        let expected = if self.has_answer() { &*self.reply } else { b"" };
        if answer.status != self.status || answer.body != expected {
            faults.push(format!("the client got {}", heard(answer)));
        }
        let verdicts: Vec<_> = recorded.decisions.iter().map(Decision::verdict).collect();
        if verdicts != [Verdict::Allow] || recorded.outcomes.len() != 1 {
            let outcomes = recorded.outcomes.len();
            faults.push(format!(
                "the record has {verdicts:?} and {outcomes} outcomes"
            ));
        }
        faults
    }
}
