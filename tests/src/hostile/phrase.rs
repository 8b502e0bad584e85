//! What tests of exchanges say over and over: the plainest call, its answer, and who asks.

use http::{HeaderName, HeaderValue};

use super::{
    client::Client,
    spell,
    stage::{Stage, StageError},
};
use crate::mcp_server::Part;

/// The plainest allowed call, in the table's spelling.
pub const CALL: &str = "{'jsonrpc':'2.0','id':1,'method':'tools/call','params':{'name':'echo'}}";
/// The plainest answer to it.
pub const RESULT: &str = "{'jsonrpc':'2.0','id':1,'result':{'content':[]}}";
/// The media type of an event stream.
pub const EVENTS: &str = "text/event-stream";
/// The media type of a message.
pub const JSON: &str = "application/json";
/// The head of a GET that listens.
pub const GET: [&str; 3] = [":method: GET", "-content-length", "-content-type"];

/// A text of the table's spelling as its bytes.
pub fn text(text: &str) -> Vec<u8> {
    spell::bytes(text)
}

/// One event of a stream.
pub fn event(data: &str) -> Part {
    Part::Bytes(text(&format!("data: {data}\n\n")).into())
}

/// One header of an answer.
pub fn header(name: &'static str, value: &'static str) -> (HeaderName, HeaderValue) {
    (
        HeaderName::from_static(name),
        HeaderValue::from_static(value),
    )
}

/// Alice of the group `dev`, who may call `echo`.
///
/// # Errors
/// Where no token can be made.
pub fn alice(stage: &Stage) -> Result<Client<'_>, StageError> {
    Client::new(stage, "alice@example.test", &["dev"])
}
