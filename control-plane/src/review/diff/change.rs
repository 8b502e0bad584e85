//! One change, and what it means.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::Value;

use super::{unseen::Unseen, words::Piece};

/// What a change means for safety. The later, the heavier.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Weight {
    /// Nothing that an agent or a server could do changes.
    Neutral,
    /// Less is accepted or promised than before: calls may fail, nothing new gets through.
    Narrowing,
    /// More may be sent, returned or done than before.
    Widening,
    /// It may be anything: a person must read it.
    Unclear,
    /// A text that agents read, and may obey, changes.
    Text,
    /// It is what attacks are made of, or a promise of safety is gone.
    Risk,
}

impl Weight {
    /// All of them, heaviest first.
    pub const ALL: [Self; 6] = [
        Self::Risk,
        Self::Text,
        Self::Unclear,
        Self::Widening,
        Self::Narrowing,
        Self::Neutral,
    ];

    /// Its stable word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Neutral => "neutral",
            Self::Narrowing => "narrowing",
            Self::Widening => "widening",
            Self::Unclear => "unclear",
            Self::Text => "text",
            Self::Risk => "risk",
        }
    }
}

/// What kind of change it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// A title, description, instruction or another text.
    Text,
    /// A hint of a tool about what it does.
    Annotation,
    /// An argument, property or part of a schema is new.
    PropertyAdded,
    /// An argument, property or part of a schema is gone.
    PropertyRemoved,
    /// What could be left out must be there.
    RequiredAdded,
    /// What must be there can be left out.
    RequiredRemoved,
    /// More types fit.
    TypeWidened,
    /// Fewer types fit.
    TypeNarrowed,
    /// Other types fit.
    TypeChanged,
    /// More listed values fit.
    EnumAdded,
    /// Fewer listed values fit.
    EnumRemoved,
    /// Another fixed value.
    Const,
    /// Another value where none is given.
    Default,
    /// A bound lets more through.
    LimitLoosened,
    /// A bound lets less through.
    LimitTightened,
    /// A bound lets something else through.
    LimitChanged,
    /// Properties or items that are not listed are let through.
    Opened,
    /// Properties or items that are not listed are let through no more, or fewer of them.
    Closed,
    /// A reference or combination of schemas: not compared further.
    Composition,
    /// A name that deceives its reader.
    Name,
    /// The same in another order or spelling.
    Reordered,
    /// Any other field.
    Field,
}

/// One change of a definition. Its JSON has these fields by these names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change<'v> {
    /// Where, as a JSON pointer into the definition.
    pub pointer: String,
    /// What kind of change.
    pub kind: ChangeKind,
    /// What it means.
    pub weight: Weight,
    /// The same in a sentence. It may repeat names from the definition: they are not safe to show
    /// as they are.
    pub sentence: String,
    /// What was there; absent where nothing was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Cow<'v, Value>>,
    /// What is there; absent where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Cow<'v, Value>>,
    /// Old and new word by word, where that is easier to read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Piece>,
    /// Characters that nobody sees, of which the new has more than the old.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unseen: Vec<Unseen>,
}
