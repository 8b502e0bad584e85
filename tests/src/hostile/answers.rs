//! What a server may answer: nothing that is refused may be shown, however it is spelled, and what is
//! legal must come through.

use std::io;

use chancery_proto::audit::v1::{Outcome, OutcomeStatus};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;

use super::{
    http1::Answer,
    panel,
    sent::Sent,
    spell::{Encoding, Kind, bytes},
    stage::{Recorded, Stage, StageError, heard, is_refusal},
    table::{self, shown},
};
use crate::mcp_server::{Part, Reply};

/// A row as it is asked and answered.
#[derive(Debug)]
pub struct Row {
    /// Its class, and which of its rows it is.
    pub name: String,
    /// Its `traceparent`.
    pub trace: String,
    request: Vec<u8>,
    reply: Reply,
    body: Vec<u8>,
    shows: &'static str,
    says: String,
    expect: Expect,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    #[serde(rename = "class")]
    name: String,
    #[serde(default = "tools")]
    asks: Vec<Ask>,
    /// Lines; `content-type: application/json` is there unless removed with `-content-type`.
    #[serde(default = "no_head")]
    heads: Vec<Vec<String>>,
    #[serde(default = "ok")]
    status: u16,
    #[serde(default = "list")]
    bodies: Vec<String>,
    #[serde(default = "plain")]
    encodings: Vec<Encoding>,
    /// Bytes in a chunk; 0 is all in one.
    #[serde(default = "whole")]
    chunks: Vec<usize>,
    expect: Expect,
    /// What the client must be told, besides.
    #[serde(default)]
    says: String,
}

fn tools() -> Vec<Ask> {
    vec![Ask::Tools]
}

fn no_head() -> Vec<Vec<String>> {
    vec![Vec::new()]
}

fn ok() -> u16 {
    200
}

fn list() -> Vec<String> {
    vec!["$RESULT".to_owned()]
}

fn plain() -> Vec<Encoding> {
    vec![Encoding::Utf8]
}

fn whole() -> Vec<usize> {
    vec![0]
}

/// What must come of an answer. A refused item is never seen by any reader.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Expect {
    /// The client gets its bytes, but for the ids of events, which are sealed to it.
    Same,
    /// The client sees what it may see of it.
    Pruned,
    /// The client gets a refusal instead, and the record says so.
    Refused,
    /// Whatever else.
    Hidden,
}

/// What the client asked.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Ask {
    Tools,
    Prompts,
    Resources,
    Templates,
    Call,
    Ping,
    Initialize,
    Notify,
    Get,
    Resume,
}

impl Ask {
    /// The request's body and what differs in its head.
    fn request(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Tools => ("{$HEAD,'method':'tools/list'}", &[]),
            Self::Prompts => ("{$HEAD,'method':'prompts/list'}", &[]),
            Self::Resources => ("{$HEAD,'method':'resources/list'}", &[]),
            Self::Templates => ("{$HEAD,'method':'resources/templates/list'}", &[]),
            Self::Call => ("$ALLOWED", &[]),
            Self::Ping => ("{$HEAD,'method':'ping'}", &[]),
            Self::Initialize => (
                "{$HEAD,'method':'initialize','params':{'protocolVersion':'2025-11-25','capabilities':{},'clientInfo':{'name':'x','version':'1'}}}",
                &[],
            ),
            Self::Notify => (
                "{'jsonrpc':'2.0','method':'notifications/initialized'}",
                &[],
            ),
            Self::Get => ("", &[":method: GET", "-content-length", "-content-type"]),
            Self::Resume => (
                "",
                &[
                    ":method: GET",
                    "-content-length",
                    "-content-type",
                    "last-event-id: 7",
                ],
            ),
        }
    }

    /// A list with an item that is shown and one that is not, and what is shown.
    fn list(self) -> (&'static str, &'static str) {
        match self {
            Self::Prompts => (
                "'prompts':[{'name':'summary'},{'name':'secret'}]",
                "summary",
            ),
            Self::Resources => (
                "'resources':[{'uri':'note://private/a','name':'b'},{'uri':'note://public/a','name':'a'}]",
                "note://public/a",
            ),
            Self::Templates => (
                "'resourceTemplates':[{'uriTemplate':'note://private/{id}','name':'b'},{'uriTemplate':'note://public/{id}','name':'a'}]",
                "note://public/{id}",
            ),
            Self::Tools
            | Self::Call
            | Self::Ping
            | Self::Initialize
            | Self::Notify
            | Self::Get
            | Self::Resume => (
                "'tools':[{'name':'delete_note','inputSchema':{'type':'object'}},{'name':'echo','inputSchema':{'type':'object'}}]",
                "echo",
            ),
        }
    }
}

/// Every row, for this token and an id of an event that its owner was shown.
///
/// # Errors
/// Where the table cannot be read.
pub fn rows(token: &str) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for class in table::load::<Class>("answers.json")? {
        for ask in &class.asks {
            for head in &class.heads {
                for body in &class.bodies {
                    for encoding in &class.encodings {
                        for size in &class.chunks {
                            let spelled = Spelled {
                                ask: *ask,
                                head,
                                body,
                                encoding: *encoding,
                                size: *size,
                            };
                            rows.push(class.row(&spelled, token, rows.len())?);
                        }
                    }
                }
            }
        }
    }
    Ok(rows)
}

struct Spelled<'c> {
    ask: Ask,
    head: &'c [String],
    body: &'c str,
    encoding: Encoding,
    size: usize,
}

impl Class {
    fn row(&self, spelled: &Spelled<'_>, token: &str, index: usize) -> io::Result<Row> {
        const FIRST_TRACE: usize = 1 << 24;
        let Spelled {
            ask,
            head,
            body,
            encoding,
            size,
        } = *spelled;
        let trace = table::trace(FIRST_TRACE + index);
        let (list, shows) = ask.list();
        let text = body
            .replace("$RESULT", "{'jsonrpc':'2.0','id':1,'result':{$LIST}}")
            .replace("$LIST", list);
        let body = encoding.encode(bytes(&text))?;
        let (request, changes) = ask.request();
        let request = bytes(&Kind::Tool.apply(request));
        let changes: Vec<String> = changes.iter().map(|change| String::from(*change)).collect();
        let status = StatusCode::from_u16(self.status).map_err(io::Error::other)?;
        Ok(Row {
            name: format!(
                "{}: {ask:?} {head:?} {encoding:?} {size} {}",
                self.name,
                shown(text.as_bytes())
            ),
            request: Sent {
                token,
                body: &request,
            }
            .http1(&changes, &trace),
            trace,
            reply: reply(status, head, &body, size)?,
            body,
            shows,
            says: self.says.clone(),
            expect: self.expect,
        })
    }
}

fn reply(status: StatusCode, head: &[String], body: &[u8], size: usize) -> io::Result<Reply> {
    let mut reply = Reply::ok("application/json", "").with_status(status);
    for line in head {
        if line == "-content-type" {
            reply.headers.clear();
            continue;
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.trim_start();
        let (name, adds) = name
            .strip_prefix('+')
            .map_or((name, false), |name| (name, true));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(io::Error::other)?;
        let value = HeaderValue::from_bytes(&bytes(value)).map_err(io::Error::other)?;
        if !adds {
            reply.headers.remove(&name);
        }
        reply = reply.with_header(name, value);
    }
    let size = if size == 0 { body.len().max(1) } else { size };
    let parts = body
        .chunks(size)
        .map(|chunk| Part::Bytes(chunk.to_vec().into()));
    let parts: Vec<_> = parts.collect();
    Ok(if parts.is_empty() {
        reply
    } else {
        reply.with_body(parts)
    })
}

impl Stage {
    /// Asks what a row asks, which the server answers as it says.
    ///
    /// # Errors
    /// Where no answer comes in time.
    pub async fn ask(&self, row: &Row) -> Result<Answer, StageError> {
        self.server.set(row.reply.clone());
        let mut connection = self.connect().await?;
        connection.send(&row.request).await;
        Ok(connection.answer().await?.unwrap_or_default())
    }
}

impl Row {
    /// Everything about it that is not as it must be.
    pub fn check(&self, answer: &Answer, recorded: &Recorded) -> Vec<String> {
        let mut faults = Vec::new();
        let seen = panel::refused_items(&answer.body);
        if !seen.is_empty() {
            faults.push(format!("{seen:?} WAS SHOWN in {}", heard(answer)));
        }
        let text = String::from_utf8_lossy(&answer.body);
        let ends_refused = |outcome: &Outcome| outcome.status() == OutcomeStatus::Refused;
        let is_refused = is_refusal(answer)
            || (recorded.outcomes.iter().all(ends_refused) && !text.contains("\"result\""));
        let shows = answer.status == self.reply.status.as_u16() && text.contains(self.shows);
        let holds = match self.expect {
            Expect::Same => answer.status == self.reply.status.as_u16() && answer.body == self.body,
            Expect::Pruned => shows,
            Expect::Refused => is_refused,
            Expect::Hidden => true,
        };
        if !holds {
            faults.push(format!(
                "not {:?}: the client got {}",
                self.expect,
                heard(answer)
            ));
        }
        if !text.contains(&self.says) {
            faults.push(format!(
                "the client is not told `{}`: {}",
                self.says,
                heard(answer)
            ));
        }
        if recorded.decisions.len() != 1 || recorded.outcomes.len() != 1 {
            let (decisions, outcomes) = (recorded.decisions.len(), recorded.outcomes.len());
            faults.push(format!(
                "the record has {decisions} decisions and {outcomes} outcomes"
            ));
        }
        let is_silent = |outcome: &Outcome| outcome.reason.is_empty();
        if self.expect == Expect::Refused && recorded.outcomes.iter().any(is_silent) {
            faults.push("the outcome gives no reason".to_owned());
        }
        faults
    }
}
