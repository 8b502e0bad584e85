//! What each client shows its caller. README has it as a table.

use chancery_engine::{reason::Reason, refusal::POLICY_CODE};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Row;
use crate::client::{Era, Sdk};

const UNKNOWN_TOOL_CODE: i64 = -32_602;
const INVALID_REQUEST_CODE: i64 = -32_600;
const DECISION_DIGITS: usize = 32;

/// What stands in the way of a session, or of a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trouble {
    /// No token.
    NoToken,
    /// A token that has expired.
    BadToken,
    /// The token of somebody whom no rule allows anything.
    Stranger,
    /// A URL that no server has.
    Nowhere,
    /// A call of more than a MiB.
    TooLarge,
}

impl Trouble {
    /// All of it.
    pub const ALL: [Self; 5] = [
        Self::NoToken,
        Self::BadToken,
        Self::Stranger,
        Self::Nowhere,
        Self::TooLarge,
    ];

    /// The steps that meet it, beside the handshake.
    pub(super) fn steps(self) -> Vec<Value> {
        match self {
            Self::NoToken | Self::BadToken | Self::Stranger | Self::Nowhere => Vec::new(),
            Self::TooLarge => {
                let text = "x".repeat(1 << 20);
                vec![json!({"call": "echo", "arguments": {"text": text}})]
            }
        }
    }

    fn reason(self) -> Reason {
        match self {
            Self::NoToken => Reason::NoToken,
            Self::BadToken => Reason::InvalidToken,
            Self::Stranger => Reason::NoMatchingRule,
            Self::Nowhere => Reason::UnknownServer,
            Self::TooLarge => Reason::BodyTooLarge,
        }
    }

    fn code(self) -> i64 {
        match self {
            Self::NoToken | Self::BadToken | Self::Stranger | Self::Nowhere => POLICY_CODE,
            Self::TooLarge => INVALID_REQUEST_CODE,
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::NoToken | Self::BadToken => 401,
            Self::Stranger => 403,
            Self::Nowhere => 404,
            Self::TooLarge => 413,
        }
    }
}

/// How much of a refusal with a status other than 200 a caller gets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Shown {
    /// The JSON-RPC error: code, message and data.
    Error,
    /// An exception with the status, and the body in its text.
    Body,
    /// An exception with the status.
    Status,
    /// An exception with what `WWW-Authenticate` says.
    Challenge,
}

fn shown(sdk: Sdk, era: Era, trouble: Trouble) -> Shown {
    let is_login = matches!(trouble, Trouble::NoToken | Trouble::BadToken);
    let is_barred = is_login || trouble == Trouble::Stranger;
    match (sdk, era) {
        (Sdk::Python | Sdk::FastMcp, Era::Legacy | Era::Auto) => Shown::Error,
        (Sdk::TypeScriptV2, Era::Auto) if is_barred => Shown::Status,
        (Sdk::Rmcp, Era::Legacy | Era::Auto) if is_login => Shown::Challenge,
        (Sdk::TypeScriptV1 | Sdk::TypeScriptV2 | Sdk::Rmcp, Era::Legacy | Era::Auto) => Shown::Body,
    }
}

/// Whether a line says that a step was done.
pub(super) fn is_success(line: &Value) -> bool {
    line.get("error").is_none() && line.get("exception").is_none()
}

/// Whether the line of a refused step is what the caller must see.
pub(super) fn is_refused(row: Row, line: &Value) -> bool {
    let error = RpcError::of(line);
    error.is_some_and(|error| error.is_told(row.sdk, POLICY_CODE, Reason::NoMatchingRule))
}

/// Whether the line of a hidden tool's call is what the caller must see.
pub(super) fn is_hidden(row: Row, line: &Value) -> bool {
    let denied = row.server.denied();
    let name = denied.get("call").and_then(Value::as_str);
    let text = format!("Unknown tool: {}", name.unwrap_or_default());
    RpcError::of(line)
        == Some(RpcError {
            code: UNKNOWN_TOOL_CODE,
            message: message(row.sdk, UNKNOWN_TOOL_CODE, &text),
            data: None,
        })
}

/// Whether the lines of a session in trouble are what the caller must see.
pub(super) fn is_troubled(row: Row, trouble: Trouble, lines: &[Value]) -> bool {
    let Some(line) = lines.get(trouble.steps().len()) else {
        return false;
    };
    let text = |name| line.get(name).and_then(Value::as_str).unwrap_or_default();
    let is_told = |sdk, error: Option<RpcError>| {
        error.is_some_and(|error| error.is_told(sdk, trouble.code(), trouble.reason()))
    };
    let exception = text("exception");
    let status = trouble.status();
    let has_status = line.get("status").map_or_else(
        // rmcp has it in its text alone.
        || exception.contains(&format!("HTTP {status}")),
        |told| *told == status,
    );
    match shown(row.sdk, row.era, trouble) {
        Shown::Error => is_told(row.sdk, RpcError::of(line)),
        Shown::Body => has_status && is_told(Sdk::Rmcp, RpcError::within(exception)),
        Shown::Status => has_status,
        Shown::Challenge => {
            let challenge = text("challenge");
            let has_error = challenge.contains("error=\"invalid_token\"");
            challenge.starts_with("Bearer ") && has_error == (trouble == Trouble::BadToken)
        }
    }
}

/// A JSON-RPC error as a caller gets it.
#[derive(Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
struct RpcError {
    code: i64,
    message: String,
    data: Option<Data>,
}

/// What a refusal has beside code and message.
#[derive(Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
struct Data {
    decision: String,
    reason: String,
    next: String,
}

impl RpcError {
    fn of(line: &Value) -> Option<Self> {
        Self::deserialize(line.get("error")?).ok()
    }

    /// The one in the message that a text holds.
    fn within(text: &str) -> Option<Self> {
        let message = text.get(text.find('{')?..)?;
        // What stands behind the message is the SDK's.
        let mut messages = serde_json::Deserializer::from_str(message).into_iter::<Value>();
        Self::of(&messages.next()?.ok()?)
    }

    /// Whether it is all that README promises.
    fn is_told(&self, sdk: Sdk, code: i64, reason: Reason) -> bool {
        self.code == code
            && self.message == message(sdk, code, reason.message())
            && self.data.as_ref().is_some_and(|data| {
                data.decision.len() == DECISION_DIGITS
                    && data.reason == reason.as_str()
                    && data.next == reason.next_step()
            })
    }
}

/// The TypeScript SDK v1 puts the code before the message.
fn message(sdk: Sdk, code: i64, text: &str) -> String {
    match sdk {
        Sdk::TypeScriptV1 => format!("MCP error {code}: {text}"),
        Sdk::Python | Sdk::FastMcp | Sdk::TypeScriptV2 | Sdk::Rmcp => text.to_owned(),
    }
}
