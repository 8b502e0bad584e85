//! A request that is out, and what answers it.

use chancery_engine::{json::Value, message::Method};
use rmcp::model::{ClientRequest, ErrorCode, ErrorData, RequestId, ServerJsonRpcMessage};

use crate::visible::visible;

/// Longest of a stranger's words that is repeated, in bytes.
const MAX_WORDS_BYTES: usize = 256;

/// A request that is out.
pub(super) struct Asked<'a> {
    pub(super) id: &'a RequestId,
    pub(super) method: &'static str,
    /// Servers of before 2026-07-28 do not know it.
    pub(super) is_probe: bool,
    /// rmcp has to read its answer.
    pub(super) is_greeting: bool,
}

impl<'a> Asked<'a> {
    pub(super) fn new(id: &'a RequestId, request: &ClientRequest) -> Self {
        let is_probe = matches!(request, ClientRequest::DiscoverRequest(_));
        Self {
            id,
            method: method(request),
            is_probe,
            is_greeting: is_probe || matches!(request, ClientRequest::InitializeRequest(_)),
        }
    }

    /// What a server means that answers a probe with no more than a status.
    pub(super) fn unknown_method(&self) -> ServerJsonRpcMessage {
        let message = format!("there is no {}", self.method);
        self.error(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None))
    }

    pub(super) fn is_answered(&self, id: Value<'_>) -> bool {
        match self.id {
            RequestId::Number(number) => id.as_number() == Some(&number.to_string()),
            RequestId::String(text) => id.is(text),
        }
    }

    /// An error belongs to the one request that is out, whatever its id: servers that could not read
    /// that give none.
    pub(super) fn error(&self, error: ErrorData) -> ServerJsonRpcMessage {
        ServerJsonRpcMessage::error(error, Some(self.id.clone()))
    }
}

fn method(request: &ClientRequest) -> &'static str {
    // rmcp may ask what its next version knows.
    Method::parse(request.method()).map_or("a request", Method::as_str)
}

pub(super) fn error_data(error: Value<'_>) -> Option<ErrorData> {
    let code = error.get("code")?.as_number()?.parse().ok()?;
    let message = error.get("message")?.as_str()?;
    Some(ErrorData::new(ErrorCode(code), message.into_owned(), None))
}

/// A stranger's words, bounded and with everything escaped that could deceive.
pub(in crate::discovery) fn words(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_WORDS_BYTES);
    let cut = text.get(..end).unwrap_or_default();
    visible(cut).into_owned()
}
