//! JSON-RPC 2.0 messages of MCP, in every version from 2024-11-05 to 2026-07-28.

mod look_alike;
mod method;
mod version;

use std::borrow::Cow;

pub(crate) use look_alike::{forms, has_look_alike, is_ambiguous_input, is_ambiguous_item};
pub use method::{Method, Sender};
pub use version::{Era, STATELESS_VERSION, is_known_legacy};

use crate::{
    json::{Document, JsonError, Kind, Value},
    limits::Limits,
    reason::Reason,
};

/// The key of `_meta` that names the protocol version of a 2026-07-28 request.
pub const PROTOCOL_VERSION_KEY: &str = "io.modelcontextprotocol/protocolVersion";

/// The key of `_meta` that names what the client of a 2026-07-28 request can do.
pub const CLIENT_CAPABILITIES_KEY: &str = "io.modelcontextprotocol/clientCapabilities";

/// The key of `_meta` that says what the client of a 2026-07-28 request calls itself.
pub const CLIENT_INFO_KEY: &str = "io.modelcontextprotocol/clientInfo";

/// The key of `_meta` that names the task a message belongs to.
pub const RELATED_TASK_KEY: &str = "io.modelcontextprotocol/related-task";

/// A message.
#[derive(Clone, Copy, Debug)]
pub struct Message<'d> {
    /// What it is.
    pub body: Body<'d>,
    /// The whole of it.
    pub root: Value<'d>,
}

/// What a message is.
#[derive(Clone, Copy, Debug)]
pub enum Body<'d> {
    /// Asks for an answer.
    Request {
        /// Its id: a string or a number, to be echoed as this token.
        id: Value<'d>,
        /// What is asked.
        call: Call<'d>,
    },
    /// Asks for none.
    Notification(Call<'d>),
    /// Answers a request.
    Response {
        /// The request's id.
        id: Value<'d>,
        /// The answer.
        answer: Answer<'d>,
    },
}

/// A method with its parameters.
#[derive(Clone, Copy, Debug)]
pub struct Call<'d> {
    /// The method's name as a JSON string.
    name: Value<'d>,
    /// The method, where it is known.
    pub method: Option<Method>,
    /// The parameters, always an object.
    pub params: Option<Value<'d>>,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'d> {
    /// It worked.
    Result(Value<'d>),
    /// It did not.
    Error(Value<'d>),
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Not JSON that is safe to judge.
    #[error("not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    /// An array.
    #[error("a batch; send one message a request")]
    Batch,
    /// Neither object nor array.
    #[error("not an object")]
    NotAnObject,
    /// A key that a lenient reader could take for one of the protocol's.
    #[error("a key that looks like a protocol key at byte {at}")]
    LookAlike {
        /// Where.
        at: usize,
    },
    /// Not version 2.0.
    #[error("`jsonrpc` is not \"2.0\"")]
    Version,
    /// An id that is neither a string nor an integer, or one with too many digits.
    #[error("`id` is neither a string nor an integer of at most {MAX_ID_DIGITS} digits")]
    Id,
    /// A method that is not a string.
    #[error("`method` is not a string")]
    Method,
    /// Parameters that are not an object.
    #[error("`params` is not an object")]
    Params,
    /// A result that is not an object, as every result of MCP is.
    #[error("`result` is not an object")]
    Result,
    /// Both or neither of request and response.
    #[error("neither a request, a notification nor a response")]
    Shape,
}

impl MessageError {
    /// The reason it is refused with.
    pub fn reason(self) -> Reason {
        match self {
            Self::Json(JsonError::TooLong { .. }) => Reason::BodyTooLarge,
            Self::Json(_) => Reason::InvalidJson,
            Self::Batch => Reason::Batch,
            Self::NotAnObject
            | Self::LookAlike { .. }
            | Self::Version
            | Self::Id
            | Self::Method
            | Self::Params
            | Self::Result
            | Self::Shape => Reason::InvalidMessage,
        }
    }
}

impl<'d> Message<'d> {
    /// Reads a document as a message.
    ///
    /// # Errors
    /// Where it is none.
    pub fn read(document: &'d Document<'_>) -> Result<Self, MessageError> {
        let root = document.root();
        match root.kind() {
            Kind::Object => {}
            Kind::Array => return Err(MessageError::Batch),
            Kind::Null | Kind::Bool | Kind::Number | Kind::String => {
                return Err(MessageError::NotAnObject);
            }
        }
        if let Some(key) = look_alike::in_message(root) {
            return Err(MessageError::LookAlike {
                at: key.span().start,
            });
        }
        if !root.get("jsonrpc").is_some_and(|version| version.is("2.0")) {
            return Err(MessageError::Version);
        }
        let id = root.get("id").map(checked_id).transpose()?;
        let answer = (root.get("result"), root.get("error"));
        let body = match (root.get("method"), id, answer) {
            (Some(name), id, (None, None)) => {
                let call = Call::read(name, root.get("params"))?;
                id.map_or(Body::Notification(call), |id| Body::Request { id, call })
            }
            (None, Some(_), (Some(result), None)) if result.kind() != Kind::Object => {
                return Err(MessageError::Result);
            }
            (None, Some(id), (Some(result), None)) => Body::Response {
                id,
                answer: Answer::Result(result),
            },
            (None, Some(id), (None, Some(error))) => Body::Response {
                id,
                answer: Answer::Error(error),
            },
            _ => return Err(MessageError::Shape),
        };
        Ok(Self { body, root })
    }

    /// Its method with its parameters, if it has one.
    pub fn call(&self) -> Option<&Call<'d>> {
        match &self.body {
            Body::Request { call, .. } | Body::Notification(call) => Some(call),
            Body::Response { .. } => None,
        }
    }
}

/// Parses bytes within the limits of a body.
///
/// # Errors
/// Where they are no JSON that is safe to judge.
pub fn parse<'b>(
    bytes: &'b [u8],
    max_bytes: usize,
    limits: &Limits,
) -> Result<Document<'b>, MessageError> {
    Ok(Document::parse(bytes, max_bytes, limits)?)
}

impl<'d> Call<'d> {
    fn read(name: Value<'d>, params: Option<Value<'d>>) -> Result<Self, MessageError> {
        if name.kind() != Kind::String {
            return Err(MessageError::Method);
        }
        if params.is_some_and(|params| params.kind() != Kind::Object) {
            return Err(MessageError::Params);
        }
        let method = name.as_str().and_then(|name| Method::parse(&name));
        Ok(Self {
            name,
            method,
            params,
        })
    }

    /// The method's name.
    pub fn name(&self) -> Cow<'d, str> {
        self.name.as_str().unwrap_or_default()
    }

    /// A parameter.
    pub fn param(&self, key: &str) -> Option<Value<'d>> {
        self.params?.get(key)
    }

    /// A value of `_meta`.
    pub fn meta(&self, key: &str) -> Option<Value<'d>> {
        self.param("_meta")?.get(key)
    }
}

/// Most digits of an id that is a number: readers without integers of any size take longer ones for
/// no number at all.
pub const MAX_ID_DIGITS: usize = 256;

/// An id is echoed as its token, so only its kind is checked (JSON-RPC 2.0 section 4; MCP forbids
/// null).
fn checked_id(id: Value<'_>) -> Result<Value<'_>, MessageError> {
    let integer = |lexeme: &str| {
        lexeme
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    let valid = match id.kind() {
        Kind::String => true,
        Kind::Number => id
            .as_number()
            .is_some_and(|lexeme| integer(lexeme) && lexeme.len() <= MAX_ID_DIGITS),
        Kind::Null | Kind::Bool | Kind::Array | Kind::Object => false,
    };
    if valid { Ok(id) } else { Err(MessageError::Id) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, MessageError> {
        let document = parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT)?;
        let message = Message::read(&document)?;
        Ok(match message.body {
            Body::Request { id, call } => format!("request {} {}", id.raw(), call.name()),
            Body::Notification(call) => format!("notification {}", call.name()),
            Body::Response { id, .. } => format!("response {}", id.raw()),
        })
    }

    #[test]
    fn reads_every_kind_and_keeps_ids_as_they_are() {
        let cases = [
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#,
                "request 1 ping",
            ),
            (
                r#"{"jsonrpc":"2.0","id":90071992547409931234567,"method":"x"}"#,
                "request 90071992547409931234567 x",
            ),
            (
                r#"{"jsonrpc":"2.0","id":"","method":"\u0070ing","params":{}}"#,
                "request \"\" ping",
            ),
            (
                r#"{"jsonrpc":"2.0","method":"notifications/x"}"#,
                "notification notifications/x",
            ),
            (
                r#"{"jsonrpc":"2.0","id":"a","result":{}}"#,
                "response \"a\"",
            ),
            (
                r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":""}}"#,
                "response 7",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).unwrap(), expected);
        }
    }

    #[test]
    fn an_id_may_have_so_many_digits_and_no_more() {
        let ping = |digits| {
            let id = "9".repeat(digits);
            read(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#))
        };
        assert!(ping(MAX_ID_DIGITS).is_ok());
        assert_eq!(ping(MAX_ID_DIGITS + 1), Err(MessageError::Id));
    }

    #[test]
    fn refuses_what_is_no_message() {
        let cases = [
            ("[]", MessageError::Batch),
            (
                r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
                MessageError::Batch,
            ),
            (r#""ping""#, MessageError::NotAnObject),
            (r#"{"id":1,"method":"ping"}"#, MessageError::Version),
            (
                r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
                MessageError::Version,
            ),
            (
                r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
                MessageError::Id,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
                MessageError::Id,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":["ping"]}"#,
                MessageError::Method,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[]}"#,
                MessageError::Params,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"x","result":1}"#,
                MessageError::Shape,
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"result":[]}"#,
                MessageError::Result,
            ),
            (r#"{"jsonrpc":"2.0","id":1}"#, MessageError::Shape),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"x","Method":"y"}"#,
                MessageError::LookAlike { at: 36 },
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"x","params":{"name":"a","Name":"b"}}"#,
                MessageError::LookAlike { at: 57 },
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"x","param\u017f":{}}"#,
                MessageError::LookAlike { at: 36 },
            ),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"x","method\u0000":"y"}"#,
                MessageError::LookAlike { at: 36 },
            ),
        ];
        for (text, expected) in cases {
            let found = read(text).unwrap_err();
            assert_eq!(
                std::mem::discriminant(&found),
                std::mem::discriminant(&expected),
                "{text}"
            );
        }
    }
}
