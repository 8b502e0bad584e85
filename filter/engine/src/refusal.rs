//! What a refused client gets: shapes that real clients show to their callers.

use crate::{
    id::DecisionId, json::escape_into, message::STATELESS_VERSION, reason::Reason, rule::Target,
    token::TokenError,
};

/// JSON-RPC code of a refusal by policy, outside the ranges that JSON-RPC and MCP reserve.
pub const POLICY_CODE: i64 = -31_403;

/// An answer that the proxy gives itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Headers beside content-type.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON-RPC message.
    pub body: String,
}

/// What a refusal is about.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// Why.
    pub reason: Reason,
    /// Which decision.
    pub decision_id: DecisionId,
    /// The request's id token, where one could be read.
    pub rpc_id: Option<&'a str>,
    /// More about this very message: where it is wrong. Never content of it.
    pub detail: Option<&'a str>,
}

impl Refusal<'_> {
    /// The refusal as an HTTP answer.
    ///
    /// With an id the status is 200, because only then do all clients show code, message and data;
    /// without one it is 4xx or 5xx, because an id of null at 200 hangs several of them.
    pub fn reply(&self) -> Reply {
        Reply {
            status: self.status(),
            headers: Vec::new(),
            body: self.body(),
        }
    }

    /// The refusal of a server as a whole, which its handshake learns.
    pub fn server_reply(&self) -> Reply {
        Reply {
            status: 403,
            headers: Vec::new(),
            body: self.body(),
        }
    }

    /// The refusal of a token (RFC 6750 section 3).
    pub fn token_reply(&self, error: Option<TokenError>) -> Reply {
        let challenge = error.map_or_else(
            || "Bearer realm=\"mcp\"".to_owned(),
            |error| {
                format!(
                    "Bearer realm=\"mcp\", error=\"invalid_token\", error_description=\"{error}\""
                )
            },
        );
        let headers = vec![("www-authenticate", challenge)];
        Reply {
            status: 401,
            headers,
            body: self.body(),
        }
    }

    /// What an unknown name gets from a server, word for word, so that a hidden one looks the same.
    pub fn hidden_reply(&self, target: Target<'_>) -> Reply {
        let mut body = self.head(-32_602);
        let (kind, name) = match target {
            Target::Tool(name) => ("Unknown tool", name),
            Target::Prompt(name) => ("Unknown prompt", name),
            Target::Resource(uri) => ("Resource not found", uri),
            Target::Server => ("Unknown server", ""),
        };
        body.push_str(kind);
        body.push_str(": ");
        escape_into(&mut body, name);
        body.push_str("\"}}");
        Reply {
            status: 200,
            headers: Vec::new(),
            body,
        }
    }

    /// The JSON-RPC error.
    pub fn body(&self) -> String {
        let mut body = self.head(self.code());
        body.push_str(self.reason.message());
        if let Some(detail) = self.detail {
            body.push_str(": ");
            escape_into(&mut body, detail);
        }
        body.push_str("\",\"data\":{\"decision\":\"");
        body.push_str(&self.decision_id.to_string());
        body.push_str("\",\"reason\":\"");
        body.push_str(self.reason.as_str());
        body.push_str("\",\"next\":\"");
        escape_into(&mut body, self.reason.next_step());
        body.push_str("\"}}}");
        body
    }

    /// Everything up to the text of the error message.
    fn head(&self, code: i64) -> String {
        let id = self.rpc_id.unwrap_or("null");
        format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":{code},\"message\":\"")
    }

    fn code(&self) -> i64 {
        match self.reason {
            Reason::InvalidJson => -32_700,
            Reason::InvalidMessage | Reason::Batch | Reason::BodyTooLarge | Reason::ContentType => {
                -32_600
            }
            Reason::HeaderMismatch => -32_020,
            Reason::NoSnapshot
            | Reason::Misconfigured
            | Reason::Overloaded
            | Reason::UnknownServer
            | Reason::ServerMismatch
            | Reason::HttpMethod
            | Reason::NoToken
            | Reason::InvalidToken
            | Reason::UnknownMethod
            | Reason::DeniedByRule
            | Reason::NoMatchingRule
            | Reason::UnreadableResponse
            | Reason::ResponseTooLarge
            | Reason::UpstreamUnauthorized => POLICY_CODE,
        }
    }

    fn status(&self) -> u16 {
        match self.reason {
            Reason::NoSnapshot | Reason::Misconfigured | Reason::Overloaded => 503,
            Reason::UnknownServer => 404,
            Reason::ServerMismatch => 421,
            Reason::HttpMethod => 405,
            Reason::NoToken | Reason::InvalidToken => 401,
            Reason::BodyTooLarge => 413,
            Reason::ContentType => 415,
            Reason::InvalidJson
            | Reason::InvalidMessage
            | Reason::Batch
            | Reason::HeaderMismatch => 400,
            Reason::UnreadableResponse
            | Reason::ResponseTooLarge
            | Reason::UpstreamUnauthorized => 502,
            Reason::UnknownMethod | Reason::DeniedByRule | Reason::NoMatchingRule => {
                if self.rpc_id.is_some() { 200 } else { 403 }
            }
        }
    }
}

/// Whether results of this protocol version carry their type.
pub fn is_stateless(protocol_version: &str) -> bool {
    protocol_version >= STATELESS_VERSION
}
