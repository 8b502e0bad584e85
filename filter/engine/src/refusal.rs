//! What a refused client gets: shapes that real clients show to their callers.

use crate::{
    challenge::Challenge,
    id::DecisionId,
    json::escape_into,
    message::{Era, STATELESS_VERSION},
    reason::Reason,
    rule::Target,
};

/// JSON-RPC code of a refusal by policy, outside the ranges that JSON-RPC and MCP reserve.
pub const POLICY_CODE: i64 = -31_403;

/// An answer that the proxy gives itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
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
    /// What the message belongs to.
    pub era: Era,
    /// More about this very message: where it is wrong. Never content of it.
    pub detail: Option<&'a str>,
    /// What the protocol wants in `data` beside our own.
    pub extra: Extra<'a>,
}

/// What the protocol wants in the `data` of some errors (MCP 2026-07-28, schema).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Extra<'a> {
    /// Nothing.
    #[default]
    None,
    /// The version that was asked for; the supported ones are added.
    RequestedVersion(&'a str),
    /// The extension that the client would have to declare.
    RequiredExtension(&'a str),
    /// In how many seconds to try again: our own, in all versions.
    RetryAfter(u64),
}

impl Refusal<'_> {
    /// The refusal as an HTTP answer.
    ///
    /// With an id the status is 200, because only then do all clients show code, message and data;
    /// without one it is 4xx or 5xx, because an id of null at 200 hangs several of them.
    pub fn reply(&self) -> Reply {
        // RFC 9110 section 15.5.6.
        let mut headers = self.headers();
        if self.reason == Reason::HttpMethod {
            headers.push(("allow", "POST, GET, DELETE".to_owned()));
        }
        Reply {
            status: self.status(),
            headers,
            body: self.body(),
        }
    }

    /// The refusal of a server as a whole, which its handshake learns.
    pub fn server_reply(&self) -> Reply {
        Reply {
            status: 403,
            headers: self.headers(),
            body: self.body(),
        }
    }

    /// The refusal of a token, with what would be a better one (RFC 6750 section 3).
    pub fn challenging(&self, status: u16, challenge: &Challenge) -> Reply {
        let mut headers = self.headers();
        headers.push(("www-authenticate", challenge.to_string()));
        Reply {
            status,
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
            headers: self.headers(),
            body,
        }
    }

    /// What every answer has.
    ///
    /// rmcp drops an error without an id that comes as `application/json` and waits for ever. Under
    /// this name every client shows its caller as much of it as under the other.
    fn headers(&self) -> Vec<(&'static str, String)> {
        let media_type = match self.rpc_id {
            Some(_) => "application/json",
            None => "application/json-rpc",
        };
        vec![("content-type", media_type.to_owned())]
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
        body.push('"');
        match self.extra {
            Extra::None => {}
            Extra::RequestedVersion(requested) => {
                body.push_str(",\"supported\":[\"");
                body.push_str(STATELESS_VERSION);
                body.push_str("\"],\"requested\":\"");
                escape_into(&mut body, requested);
                body.push('"');
            }
            Extra::RequiredExtension(name) => {
                body.push_str(",\"requiredCapabilities\":{\"extensions\":{\"");
                escape_into(&mut body, name);
                body.push_str("\":{}}}");
            }
            Extra::RetryAfter(seconds) => {
                body.push_str(",\"retry_after\":");
                body.push_str(&seconds.to_string());
            }
        }
        body.push_str("}}}");
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
            Reason::MissingCapability => -32_021,
            Reason::UnsupportedVersion => -32_022,
            Reason::InvalidParams
            | Reason::InvalidArguments
            | Reason::UnknownHandle
            | Reason::UnopenedToken
            | Reason::UnreadableDispatch => -32_602,
            Reason::UnknownMethod if self.era == Era::Stateless => -32_601,
            Reason::NoSnapshot
            | Reason::Misconfigured
            | Reason::Overloaded
            | Reason::UnknownServer
            | Reason::ServerMismatch
            | Reason::HttpMethod
            | Reason::NoAuthorizationServer
            | Reason::NoToken
            | Reason::InvalidToken
            | Reason::InsufficientScope
            | Reason::UnknownMethod
            | Reason::DeniedByRule
            | Reason::NoMatchingRule
            | Reason::NotOffered
            | Reason::Unapproved
            | Reason::Blocked
            | Reason::Quarantined
            | Reason::ServerProposed
            | Reason::ServerSuspended
            | Reason::ServerRetired
            | Reason::SensitiveContent
            | Reason::QuotaExceeded
            | Reason::AuditUnavailable
            | Reason::PromptMissing
            | Reason::Origin
            | Reason::Aborted
            | Reason::UnknownSession
            | Reason::NoSealingKey
            | Reason::NoUpstreamCredential
            | Reason::UnreadableResponse
            | Reason::SchemaMisfit
            | Reason::InvalidResult
            | Reason::ResponseTooLarge
            | Reason::LegacyTransport
            | Reason::UpstreamUnauthorized => POLICY_CODE,
        }
    }

    fn status(&self) -> u16 {
        match self.reason {
            Reason::NoSnapshot
            | Reason::Misconfigured
            | Reason::Overloaded
            | Reason::NoSealingKey
            | Reason::NoUpstreamCredential => 503,
            // A legacy client begins anew after 404 (MCP 2025-11-25, session management).
            Reason::UnknownServer | Reason::UnknownSession | Reason::NoAuthorizationServer => 404,
            Reason::Origin | Reason::InsufficientScope => 403,
            Reason::ServerMismatch => 421,
            Reason::HttpMethod => 405,
            Reason::NoToken | Reason::InvalidToken => 401,
            Reason::BodyTooLarge => 413,
            Reason::ContentType => 415,
            Reason::InvalidJson
            | Reason::InvalidMessage
            | Reason::Batch
            | Reason::HeaderMismatch
            | Reason::Aborted
            | Reason::UnsupportedVersion
            | Reason::InvalidParams
            | Reason::MissingCapability => 400,
            Reason::UnreadableResponse
            | Reason::SchemaMisfit
            | Reason::InvalidResult
            | Reason::ResponseTooLarge
            | Reason::LegacyTransport
            | Reason::UpstreamUnauthorized => 502,
            // RFC 6585 section 4.
            Reason::QuotaExceeded if self.rpc_id.is_none() => 429,
            Reason::AuditUnavailable if self.rpc_id.is_none() => 503,
            Reason::QuotaExceeded | Reason::AuditUnavailable => 200,
            // MCP 2026-07-28, transports; before, 404 would end the session.
            Reason::UnknownMethod if self.era == Era::Stateless => 404,
            Reason::UnknownMethod
            | Reason::UnknownHandle
            | Reason::DeniedByRule
            | Reason::NoMatchingRule
            | Reason::NotOffered
            | Reason::Unapproved
            | Reason::Blocked
            | Reason::Quarantined
            | Reason::ServerProposed
            | Reason::ServerSuspended
            | Reason::ServerRetired
            | Reason::InvalidArguments
            | Reason::UnopenedToken
            | Reason::SensitiveContent
            | Reason::PromptMissing
            | Reason::UnreadableDispatch => {
                if self.rpc_id.is_some() {
                    200
                } else {
                    403
                }
            }
        }
    }
}
