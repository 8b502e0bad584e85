//! What a client says about its message in headers. Never decided on; must agree.

use std::collections::BTreeMap;

use super::{
    HeaderEdit, Headers,
    headers::{Repeated, decode_mirrored, encode_mirrored},
};
use crate::{
    json::{Kind, Value},
    message::{Call, Era, Method},
    reason::Reason,
};

/// The headers that mirror an argument of a tool begin so.
const PARAMETER_PREFIX: &str = "mcp-param-";
/// Most such headers of one request.
const MAX_PARAMETERS: usize = 16;

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
    /// Reads them; the reason to refuse where one is there twice, or there are too many.
    pub(super) fn read(headers: Headers<'_>) -> Result<Self, Reason> {
        let single = |name: &str| {
            let value = headers.single(name);
            let value = value.map_err(|Repeated| Reason::HeaderMismatch)?;
            Ok(value.map_or(Claim::Absent, Claim::read))
        };
        let is_parameter = |name: &&str| name.starts_with(PARAMETER_PREFIX);
        if headers.names().filter(is_parameter).count() > MAX_PARAMETERS {
            return Err(Reason::HeaderMismatch);
        }
        let parameters = headers.names().filter(is_parameter);
        let parameters = parameters.map(|name| Ok((name.into(), single(name)?)));
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
        if self.parameters_agree(call.param("arguments")) {
            Ok(())
        } else {
            Err("mcp-param-*")
        }
    }

    /// Whether each header repeats one of the arguments, which are read once for all of them.
    fn parameters_agree(&self, arguments: Option<Value<'_>>) -> bool {
        if self.parameters.is_empty() {
            return true;
        }
        let texts = self.parameters.iter().map(|(_, claim)| claim.text());
        let Some(texts) = texts.collect::<Option<Vec<_>>>() else {
            return false;
        };
        let mut said = Said::new();
        said.extend(texts.iter().map(|text| (*text, false)));
        // The same by the whole numbers that they say.
        let mut numbers = Said::new();
        numbers.extend(texts.iter().map(|text| (whole(text), false)));
        for leaf in arguments.into_iter().flat_map(Value::leaves) {
            match leaf.kind() {
                Kind::String => tick(&mut said, &leaf.as_str().unwrap_or_default()),
                Kind::Bool => tick(&mut said, leaf.raw()),
                Kind::Number => tick(&mut numbers, whole(leaf.raw())),
                Kind::Null | Kind::Array | Kind::Object => {}
            }
        }
        let is_ticked = |all: &Said<'_>, text| all.get(text).copied().unwrap_or_default();
        let mut texts = texts.into_iter();
        texts.all(|text| is_ticked(&said, text) || is_ticked(&numbers, whole(text)))
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

    /// The edits after which headers that mirror arguments say what `rewrite` makes of them, by the
    /// name of the header and what it says.
    pub(super) fn rewritten<E>(
        &self,
        mut rewrite: impl FnMut(&str, &str) -> Result<Option<String>, E>,
    ) -> Result<Vec<HeaderEdit>, E> {
        let mut edits = Vec::new();
        for (header, claim) in &self.parameters {
            let Some(text) = claim.text() else { continue };
            if let Some(value) = rewrite(header, text)? {
                edits.push(HeaderEdit::Set(header.to_string(), encode_mirrored(&value)));
            }
        }
        Ok(edits)
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

/// What headers say, and whether an argument says it as well.
type Said<'a> = BTreeMap<&'a str, bool>;

fn tick(all: &mut Said<'_>, text: &str) {
    if let Some(is_said) = all.get_mut(text) {
        *is_said = true;
    }
}

/// Numbers are compared as lexemes, of which a whole one may have a fraction of nothing.
fn whole(lexeme: &str) -> &str {
    match lexeme.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole,
        Some(_) | None => lexeme,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{json::Document, limits::Limits};

    fn claims(values: &[&str]) -> Result<HeaderClaims, Reason> {
        let headers = values.iter().enumerate().map(|(position, value)| {
            let name = format!("{PARAMETER_PREFIX}{position}");
            (name, value.as_bytes().to_vec())
        });
        HeaderClaims::read(Headers::new(&headers.collect::<Vec<_>>()))
    }

    #[test]
    fn every_parameter_repeats_an_argument() {
        let text = r#"{"a":["\u00e9t\u00e9",true,{"b":7.0}],"n":null,"s":"7.5"}"#;
        let document = Document::parse(text.as_bytes(), 1 << 10, &Limits::DEFAULT).unwrap();
        let agree = |values: &[&str]| {
            let claims = claims(values).unwrap();
            claims.parameters_agree(Some(document.root()))
        };
        for values in [
            [].as_slice(),
            &[
                "=?base64?w6l0w6k=?=",
                "true",
                "7",
                "7.00",
                "7.0",
                "7.5",
                "7",
            ],
        ] {
            assert!(agree(values), "{values:?}");
        }
        for value in ["", "a", "null", "8", "7.50", "7e0", "=?base64?*?="] {
            assert!(!agree(&["true", value]), "{value}");
        }
        assert!(!claims(&["7"]).unwrap().parameters_agree(None));
    }

    #[test]
    fn few_parameters_are_mirrored() {
        assert!(claims(&["7"; MAX_PARAMETERS]).is_ok());
        let refused = claims(&["7"; MAX_PARAMETERS + 1]);
        assert_eq!(refused.err(), Some(Reason::HeaderMismatch));
    }
}
