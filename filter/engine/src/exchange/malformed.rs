//! What is wrong with a message, on its way to becoming a refusal.

use crate::{reason::Reason, refusal::Extra};

/// Why a message is refused before any rule is asked, and which part of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Malformed {
    pub(super) reason: Reason,
    pub(super) detail: Option<&'static str>,
    more: More,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum More {
    None,
    Version(Box<str>),
    Extension(&'static str),
}

impl Malformed {
    pub(super) fn new(reason: Reason, detail: &'static str) -> Self {
        Self {
            reason,
            detail: Some(detail),
            more: More::None,
        }
    }

    /// A version that is not governed.
    pub(super) fn version(requested: &str) -> Self {
        Self {
            reason: Reason::UnsupportedVersion,
            detail: None,
            more: More::Version(
                requested
                    .chars()
                    .take(MAX_VERSION_CHARS)
                    .collect::<String>()
                    .into(),
            ),
        }
    }

    /// An extension that the client would have to declare.
    pub(super) fn extension(name: &'static str) -> Self {
        Self {
            reason: Reason::MissingCapability,
            detail: None,
            more: More::Extension(name),
        }
    }

    /// What the protocol wants in the error's data.
    pub(super) fn extra(&self) -> Extra<'_> {
        match &self.more {
            More::None => Extra::None,
            More::Version(requested) => Extra::RequestedVersion(requested),
            More::Extension(name) => Extra::RequiredExtension(name),
        }
    }
}

impl From<Reason> for Malformed {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            detail: None,
            more: More::None,
        }
    }
}

/// Longest version that is repeated to whoever asked for it.
const MAX_VERSION_CHARS: usize = 64;
