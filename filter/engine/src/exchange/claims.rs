//! What a client says about its message in headers. Never decided on; must agree.

use super::{
    HeaderEdit, Headers,
    headers::{Repeated, decode_mirrored, encode_mirrored},
};
use crate::{
    json::{Kind, Value},
    message::{Call, Era, Method},
};

/// The headers that mirror an argument of a tool begin so.
const PARAMETER_PREFIX: &str = "mcp-param-";

/// The headers that mirror a message.
#[derive(Debug, Default)]
pub(super) struct HeaderClaims {
    pub(super) protocol_version: Claim,
    method: Claim,
    name: Claim,
    /// By the header's name.
    parameters: Vec<(Box<str>, Claim)>,
}

/// What one header says.
#[derive(Debug, Default)]
pub(super) enum Claim {
    /// The header is not there.
    #[default]
    Absent,
    /// It cannot be decoded, and so agrees with nothing.
    Undecodable,
    /// This.
    Says(Box<str>),
}

impl Claim {
    fn read(value: &[u8]) -> Self {
        decode_mirrored(value).map_or(Self::Undecodable, |text| Self::Says(text.into()))
    }

    /// What it says, where it can be read.
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Absent | Self::Undecodable => None,
            Self::Says(text) => Some(text),
        }
    }

    fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    /// Whether it is there and says something else.
    fn differs_from(&self, said: Option<&str>) -> bool {
        !self.is_absent() && (said.is_none() || self.text() != said)
    }
}

impl HeaderClaims {
    pub(super) fn read(headers: Headers<'_>) -> Result<Self, Repeated> {
        let single = |name: &str| {
            let value = headers.single(name)?;
            Ok(value.map_or(Claim::Absent, Claim::read))
        };
        let parameters = headers
            .names()
            .filter(|name| name.starts_with(PARAMETER_PREFIX))
            .map(|name| Ok((name.into(), single(name)?)));
        Ok(Self {
            protocol_version: single("mcp-protocol-version")?,
            method: single("mcp-method")?,
            name: single("mcp-name")?,
            parameters: parameters.collect::<Result<_, _>>()?,
        })
    }

    /// Whether every claim repeats a request or notification; else the header that does not.
    ///
    /// A request of the stateless era must repeat its method, and its name where it has one.
    pub(super) fn agree(&self, call: &Call<'_>, era: Era) -> Result<(), &'static str> {
        let method = call.name();
        let name = mirrored_name(call);
        let is_needed = era == Era::Stateless;
        if self.method.differs_from(Some(&method)) || (is_needed && self.method.is_absent()) {
            return Err("mcp-method");
        }
        if self.name.differs_from(name.as_deref())
            || (is_needed && name.is_some() && self.name.is_absent())
        {
            return Err("mcp-name");
        }
        let arguments = call.param("arguments");
        let agrees = |(_, claim): &(Box<str>, Claim)| {
            let mut leaves = arguments.into_iter().flat_map(Value::leaves);
            let text = claim.text();
            text.is_some_and(|text| leaves.any(|leaf| repeats(leaf, text)))
        };
        if self.parameters.iter().all(agrees) {
            Ok(())
        } else {
            Err("mcp-param-*")
        }
    }

    /// Whether no header says anything about a message, as it must be where there is none to
    /// repeat.
    pub(super) fn are_silent(&self) -> bool {
        self.method.is_absent() && self.name.is_absent() && self.parameters.is_empty()
    }

    /// The edit after which `Mcp-Name` says `name`, where it is there.
    pub(super) fn renamed(&self, name: &str) -> Option<HeaderEdit> {
        (!self.name.is_absent())
            .then(|| HeaderEdit::Set("mcp-name".to_owned(), encode_mirrored(name)))
    }

    /// The edits after which headers that mirror arguments say what `rewrite` makes of them.
    pub(super) fn rewritten(&self, rewrite: impl Fn(&str) -> Option<String>) -> Vec<HeaderEdit> {
        let edit = |(header, claim): &(Box<str>, Claim)| {
            let value = rewrite(claim.text()?)?;
            Some(HeaderEdit::Set(header.to_string(), encode_mirrored(&value)))
        };
        self.parameters.iter().filter_map(edit).collect()
    }
}

/// What `Mcp-Name` repeats (MCP 2026-07-28, transports; the tasks extension for tasks).
pub(super) fn mirrored_name<'d>(call: &Call<'d>) -> Option<std::borrow::Cow<'d, str>> {
    let key = match call.method? {
        Method::ToolsCall | Method::PromptsGet => "name",
        Method::ResourcesRead | Method::ResourcesSubscribe | Method::ResourcesUnsubscribe => "uri",
        Method::TasksGet | Method::TasksUpdate | Method::TasksCancel => "taskId",
        Method::Initialize
        | Method::Discover
        | Method::Ping
        | Method::ToolsList
        | Method::PromptsList
        | Method::ResourcesList
        | Method::TemplatesList
        | Method::Complete
        | Method::SetLevel
        | Method::TasksResult
        | Method::TasksList
        | Method::Listen
        | Method::Initialized
        | Method::RootsChanged
        | Method::Cancelled
        | Method::Progress
        | Method::Sample
        | Method::Elicit
        | Method::RootsList
        | Method::Log
        | Method::ToolsChanged
        | Method::PromptsChanged
        | Method::ResourcesChanged
        | Method::ResourceUpdated
        | Method::ElicitationComplete
        | Method::TaskStatus
        | Method::TaskChanged
        | Method::Listening => return None,
    };
    call.param(key)?.as_str()
}

/// Whether a header repeats an argument: booleans and numbers as their lexemes, where a whole
/// number may have a fraction of nothing.
fn repeats(leaf: Value<'_>, text: &str) -> bool {
    let whole = |lexeme: &str| match lexeme.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole.to_owned(),
        Some(_) | None => lexeme.to_owned(),
    };
    match leaf.kind() {
        Kind::String => leaf.is(text),
        Kind::Number => whole(leaf.raw()) == whole(text),
        Kind::Bool => leaf.raw() == text,
        Kind::Null | Kind::Array | Kind::Object => false,
    }
}
