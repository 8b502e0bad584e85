//! The tables of `tests/hostile`, expanded: every class times its spellings.
//!
//! Texts are JSON with `'` for `"`, and these words:
//!
//! | word | stands for |
//! |---|---|
//! | `$M` `$K` `$OK` `$NO` | the method, the key that names, an allowed and a refused name, for each of the class's kinds |
//! | `$HEAD` `$META` | `"jsonrpc":"2.0","id":1` and the `_meta` of 2026-07-28 |
//! | `$ALLOWED` `$REFUSED` | a whole plain call |
//! | `$FOLD{word}` | one row for each look-alike of the word |
//! | `$REP{n}{text}` | the text n times |
//! | `$X{ff}` | a byte |
//! | `$Q` | `'` |
//! | `$CHUNKED` `$LEN` | in raw requests: the body in chunks, and its length |

use std::{fs, io, path::Path};

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    http2, panel,
    sent::{Sent, raw},
    spell::{Encoding, Kind, bytes, folds},
};

/// A row as it is sent.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its class, and which of its spellings it is.
    pub name: String,
    /// Its `traceparent`, by which the record and the server know it.
    pub trace: String,
    /// What is sent.
    pub wire: Wire,
    /// The body before it was framed.
    pub body: Vec<u8>,
    /// What its class expects.
    pub expect: Expect,
}

/// What is sent.
#[derive(Clone, Debug)]
pub enum Wire {
    /// These bytes.
    Http1(Vec<u8>),
    /// This request.
    Http2(http2::Request),
}

/// What a class expects of each of its rows.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Who refuses.
    pub by: Refuser,
    /// How many answers there are.
    pub answers: usize,
    /// How many of the requests in it are allowed, and so reach the server.
    pub allowed: usize,
    /// Headers that must not reach the server with them.
    pub stripped: Vec<String>,
    /// No reader sees a refused call in it: it is refused because readers differ on it at all.
    pub harmless: bool,
}

impl Default for Expect {
    fn default() -> Self {
        Self {
            by: Refuser::Filter,
            answers: 1,
            allowed: 0,
            stripped: Vec::new(),
            harmless: false,
        }
    }
}

/// Who refuses.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Refuser {
    /// The filter, with an entry in the record.
    Filter,
    /// Envoy, before the filter sees it.
    Envoy,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Class {
    #[serde(rename = "class")]
    name: String,
    #[serde(default = "tool")]
    kinds: Vec<Kind>,
    #[serde(default)]
    bodies: Vec<String>,
    #[serde(default = "plain")]
    encodings: Vec<Encoding>,
    /// Lines that replace (`name: value`), add (`+name: value`) or remove (`-name`) standard ones.
    #[serde(default)]
    heads: Vec<Vec<String>>,
    /// Whole HTTP/1.1 requests by their lines.
    #[serde(default)]
    raw: Vec<Vec<String>>,
    #[serde(default = "http1")]
    over: Vec<Protocol>,
    #[serde(default)]
    trailers: Vec<String>,
    #[serde(default)]
    expect: Expect,
}

fn tool() -> Vec<Kind> {
    vec![Kind::Tool]
}

fn plain() -> Vec<Encoding> {
    vec![Encoding::Utf8]
}

fn http1() -> Vec<Protocol> {
    vec![Protocol::Http1]
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// Reads a table.
///
/// # Errors
/// Where there is none or it is no table.
pub fn load<T: DeserializeOwned>(name: &str) -> io::Result<Vec<T>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hostile");
    let text = fs::read(folder.join(name))?;
    serde_json::from_slice(&text).map_err(|error| io::Error::other(format!("{name}: {error}")))
}

/// Every row of the tables of requests, for this token.
///
/// # Errors
/// Where a table cannot be read, or a row could not fail: it is hostile to no reader.
pub fn hostile(token: &str) -> io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for table in ["bodies.json", "heads.json", "raw.json"] {
        for class in load::<Class>(table)? {
            class.expand(token, &mut rows)?;
        }
    }
    let blunt = rows
        .iter()
        .filter(|row| !row.expect.harmless && !row.wire.is_hostile(&row.body));
    let blunt: Vec<_> = blunt.map(|row| &*row.name).collect();
    if blunt.is_empty() {
        Ok(rows)
    } else {
        let names = blunt.join("\n");
        Err(io::Error::other(format!(
            "no reader sees a refused call in these:\n{names}"
        )))
    }
}

impl Class {
    fn expand(mut self, token: &str, rows: &mut Vec<Row>) -> io::Result<()> {
        if self.bodies.is_empty() {
            self.bodies.push("$REFUSED".to_owned());
        }
        if self.heads.is_empty() && self.raw.is_empty() {
            self.heads.push(Vec::new());
        }
        for kind in &self.kinds {
            let texts = self.bodies.iter().map(|body| kind.apply(body));
            for text in texts.flat_map(|text| folds(&text)) {
                for encoding in &self.encodings {
                    let body = encoding.encode(bytes(&text))?;
                    for protocol in &self.over {
                        for head in &self.heads {
                            let detail = format!("{head:?} {}", shown(text.as_bytes()));
                            let sent = Sent { token, body: &body };
                            let wire =
                                |trace: &str| sent.wire(*protocol, head, &self.trailers, trace);
                            self.push(rows, &detail, &body, wire);
                        }
                    }
                    for lines in &self.raw {
                        let wire = |trace: &str| Wire::Http1(raw(lines, token, &body, trace));
                        self.push(rows, &shown(lines.join(" ␍ ").as_bytes()), &body, wire);
                    }
                }
            }
        }
        Ok(())
    }

    fn push(&self, rows: &mut Vec<Row>, detail: &str, body: &[u8], wire: impl Fn(&str) -> Wire) {
        let trace = trace(rows.len());
        let name = format!("{}: {detail}", self.name);
        rows.push(Row {
            name,
            wire: wire(&trace),
            trace,
            body: body.to_vec(),
            expect: self.expect.clone(),
        });
    }
}

/// The `traceparent` of a row.
pub fn trace(row: usize) -> String {
    format!("00-{:032x}-0000000000000001-01", row + 1)
}

/// The beginning of a text, in one line.
pub fn shown(bytes: &[u8]) -> String {
    const MAX_CHARS: usize = 200;
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .take(MAX_CHARS)
        .collect::<String>()
        .escape_debug()
        .to_string()
        .replace("\\\"", "'")
}

impl Wire {
    /// Whether some reader sees a refused call in it.
    fn is_hostile(&self, body: &[u8]) -> bool {
        let headers: Vec<(String, Vec<u8>)> = match self {
            Self::Http1(bytes) => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                let lines = text.lines().filter_map(|line| line.split_once(": "));
                lines
                    .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
                    .collect()
            }
            Self::Http2(request) => {
                let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
                request
                    .fields
                    .iter()
                    .map(|(key, value)| (name(key), value.clone()))
                    .collect()
            }
        };
        let headers = headers.iter().map(|(name, value)| (&**name, &**value));
        !panel::refused_calls(headers, body).is_empty()
    }
}
