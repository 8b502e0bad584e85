//! Which definitions of a server are approved.

use std::fmt;

use super::{Pin, Unpinnable, Variables};
use crate::{json::Value, order};

/// What a capability is listed as. Resources and their templates are not one kind here: each has a
/// list of its own.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DefinitionKind {
    /// A tool, by its name.
    Tool,
    /// A prompt, by its name.
    Prompt,
    /// A resource, by its URI.
    Resource,
    /// A resource template, by its URI template.
    Template,
}

impl DefinitionKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tool, Self::Prompt, Self::Resource, Self::Template];

    /// The stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Template => "template",
        }
    }

    /// Numbers in the order of the kinds.
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Tool => 0,
            Self::Prompt => 1,
            Self::Resource => 2,
            Self::Template => 3,
        }
    }
}

/// What of a server has a definition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pinned<'n> {
    /// An item of one of its lists.
    Capability {
        /// Which list.
        kind: DefinitionKind,
        /// What it is used by, as the server spells it.
        name: &'n str,
    },
    /// What it tells models about itself.
    Instructions,
    /// What it says that it is.
    ServerInfo,
}

impl<'n> Pinned<'n> {
    /// What it is told apart by, and in which order.
    pub fn key(self) -> (DefinitionPlace, &'n str) {
        match self {
            Self::Capability { kind, name } => (DefinitionPlace::List(kind), name),
            Self::Instructions => (DefinitionPlace::Instructions, ""),
            Self::ServerInfo => (DefinitionPlace::ServerInfo, ""),
        }
    }
}

impl fmt::Display for Pinned<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capability { kind, name } => write!(f, "{} `{name}`", kind.as_str()),
            Self::Instructions => f.write_str("instructions"),
            Self::ServerInfo => f.write_str("serverInfo"),
        }
    }
}

/// Where a definition stands, without what it is used by there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum DefinitionPlace {
    /// In one of the server's lists.
    List(DefinitionKind),
    /// What it tells models about itself.
    Instructions,
    /// What it says that it is.
    ServerInfo,
}

impl DefinitionPlace {
    /// Numbers in the order of the places.
    fn number(self) -> u8 {
        match self {
            Self::List(kind) => kind.number(),
            Self::Instructions => 4,
            Self::ServerInfo => 5,
        }
    }
}

/// Everything of one server that is approved: what is not in here is not. A definition has more than
/// one pin while a new one replaces an old one.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pins {
    /// In the order of their keys, those of one key in the order of their pins.
    entries: Box<[Entry]>,
    variables: Variables,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Entry {
    place: DefinitionPlace,
    name: Box<str>,
    pin: Pin,
}

impl Entry {
    fn key(&self) -> (DefinitionPlace, &str) {
        (self.place, &self.name)
    }

    fn what(&self) -> Pinned<'_> {
        match self.place {
            DefinitionPlace::List(kind) => Pinned::Capability {
                kind,
                name: &self.name,
            },
            DefinitionPlace::Instructions => Pinned::Instructions,
            DefinitionPlace::ServerInfo => Pinned::ServerInfo,
        }
    }
}

/// What a definition that a server gave is, compared with what is approved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Sighting {
    /// It is approved.
    Approved,
    /// Nothing of this name is.
    New(Pin),
    /// Something of this name is, but not so defined.
    Changed(Pin),
    /// It cannot be told from others.
    Unpinnable(Unpinnable),
}

impl Pins {
    /// From what is approved, in any order.
    ///
    /// # Errors
    /// A capability without a name, or one pin of one thing twice: whoever wrote that meant something
    /// else.
    pub fn new<'n>(
        approved: impl IntoIterator<Item = (Pinned<'n>, Pin)>,
    ) -> Result<Self, PinsError> {
        let entry = |(what, pin): (Pinned<'n>, Pin)| {
            let (place, name) = what.key();
            let name = name.into();
            Entry { place, name, pin }
        };
        Self::sorted(approved.into_iter().map(entry).collect())
    }

    fn sorted(entries: Vec<Entry>) -> Result<Self, PinsError> {
        let order = order::by_key(entries.iter().map(|entry| &entry.pin.as_bytes()[..]));
        let entries = order::rearranged(entries, &order);
        let key = |entry: &Entry| [&[entry.place.number()], entry.name.as_bytes()].concat();
        let keys: Vec<_> = entries.iter().map(key).collect();
        let order = order::by_key(keys.iter().map(AsRef::as_ref));
        let entries = order::rearranged(entries, &order);
        for entry in &entries {
            if let Pinned::Capability { kind, name: "" } = entry.what() {
                return Err(PinsError::Nameless {
                    kind: kind.as_str(),
                });
            }
        }
        match entries.array_windows().find(|[entry, next]| entry == next) {
            Some([entry, _]) => Err(PinsError::Duplicate {
                what: entry.what().to_string().into(),
                pin: entry.pin,
            }),
            None => Ok(Self {
                entries: entries.into(),
                variables: Variables::default(),
            }),
        }
    }

    /// The same, where the approved definitions were pinned without these fields of theirs.
    #[must_use]
    pub fn without(self, variables: Variables) -> Self {
        Self { variables, ..self }
    }

    /// Whether some definition of this is approved.
    pub fn has(&self, what: Pinned<'_>) -> bool {
        let is_here = |entry: &Entry| entry.key().cmp(&what.key());
        self.entries.binary_search_by(is_here).is_ok()
    }

    /// The pin of the one definition of this that is approved; `None` where there is none, or several.
    pub fn only(&self, what: Pinned<'_>) -> Option<Pin> {
        let key = what.key();
        let first = self.entries.partition_point(|entry| entry.key() < key);
        let mut alike = self.entries.iter().skip(first);
        let mut alike = alike.by_ref().take_while(|entry| entry.key() == key);
        let only = alike.next()?;
        alike.next().is_none().then_some(only.pin)
    }

    /// Whether the definition of this with this pin is approved.
    pub fn approves(&self, what: Pinned<'_>, pin: Pin) -> bool {
        let is_here = |entry: &Entry| {
            let by_key = entry.key().cmp(&what.key());
            by_key.then_with(|| entry.pin.cmp(&pin))
        };
        self.entries.binary_search_by(is_here).is_ok()
    }

    /// Compares a definition that the server gave with what is approved.
    pub fn sight(&self, what: Pinned<'_>, definition: Value<'_>) -> Sighting {
        match self.variables.pin(what, definition) {
            Err(unpinnable) => Sighting::Unpinnable(unpinnable),
            Ok(pin) if self.approves(what, pin) => Sighting::Approved,
            Ok(pin) if self.has(what) => Sighting::Changed(pin),
            Ok(pin) => Sighting::New(pin),
        }
    }

    /// Everything that is approved, in a fixed order.
    pub fn iter(&self) -> impl Iterator<Item = (Pinned<'_>, Pin)> {
        self.entries.iter().map(|entry| (entry.what(), entry.pin))
    }
}

/// Why pins are not those of one server.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PinsError {
    /// One pin of one thing occurs twice.
    #[error("pin `{pin}` of {what} occurs twice")]
    Duplicate {
        /// What it is of.
        what: Box<str>,
        /// The pin.
        pin: Pin,
    },
    /// A capability without a name.
    #[error("a {kind} has an empty name, expected what it is listed by")]
    Nameless {
        /// What it is listed as.
        kind: &'static str,
    },
}

#[cfg(test)]
mod tests;
