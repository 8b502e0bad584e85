//! Strict JSON (RFC 8259) over borrowed bytes, read once into a flat list of spans.
//!
//! What any lenient reader could take for something else is refused: bytes that are not UTF-8, a
//! byte order mark, duplicate keys at any depth, lone surrogates, trailing data. Nothing is copied,
//! so an edit can be spliced in and every other byte stays.

mod edit;
mod kept;
mod keys;
mod parse;
mod pointer;
mod scan;
mod text;

use std::{borrow::Cow, ops::Range};

pub use edit::{EditError, Edits};
pub use kept::Kept;
pub use pointer::{Pointer, PointerError, push_token};
use text::place_raw;
pub use text::{escape_into, escaped};

use crate::limits::Limits;

/// What kind of value a node is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number, kept as its lexeme.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

/// A value or key: where it stands in the text and where the value after it begins in the list.
#[derive(Clone, Copy, Debug)]
struct Node {
    start: u32,
    end: u32,
    next: u32,
    kind: Kind,
    /// A string with at least one escape sequence.
    escaped: bool,
}

impl Node {
    /// A string's text between its quotes, escapes as they were given.
    fn inner(self, text: &str) -> &str {
        let (start, end) = (self.start as usize, self.end as usize);
        text.get(start.saturating_add(1)..end.saturating_sub(1))
            .unwrap_or_default()
    }

    /// A string's text.
    fn decoded(self, text: &str) -> Cow<'_, str> {
        let inner = self.inner(text);
        if self.escaped {
            Cow::Owned(text::unescape(inner))
        } else {
            Cow::Borrowed(inner)
        }
    }
}

/// A whole JSON text, checked.
#[derive(Debug)]
pub struct Document<'a> {
    text: &'a str,
    nodes: Vec<Node>,
}

/// Why bytes are not a JSON text that is safe to judge.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// More bytes than the limit.
    #[error("longer than {max_bytes} bytes")]
    TooLong {
        /// The limit.
        max_bytes: usize,
    },
    /// Not UTF-8 (RFC 8259 section 8.1).
    #[error("not UTF-8 at byte {at}")]
    Encoding {
        /// First offending byte.
        at: usize,
    },
    /// Something else than the grammar asks for.
    #[error("unexpected {} at byte {at}, expected {expected}", Found(*found))]
    Unexpected {
        /// Where.
        at: usize,
        /// What stands there; `None` at the end.
        found: Option<u8>,
        /// What could stand there.
        expected: &'static str,
    },
    /// Nested deeper than the limit.
    #[error("nested deeper than {max_depth} at byte {at}")]
    TooDeep {
        /// Where.
        at: usize,
        /// The limit.
        max_depth: usize,
    },
    /// More values than the limit.
    #[error("more than {max_nodes} values")]
    TooManyNodes {
        /// The limit.
        max_nodes: usize,
    },
    /// Two members of one object have the same key.
    #[error("duplicate key at byte {at}")]
    DuplicateKey {
        /// The later of the two.
        at: usize,
    },
    /// Half of a surrogate pair.
    #[error("lone surrogate at byte {at}")]
    LoneSurrogate {
        /// Where.
        at: usize,
    },
}

struct Found(Option<u8>);

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            None => f.write_str("end"),
            Some(byte) if byte.is_ascii_graphic() => write!(f, "`{}`", char::from(byte)),
            Some(byte) => write!(f, "byte 0x{byte:02x}"),
        }
    }
}

impl<'a> Document<'a> {
    /// Reads a whole text.
    ///
    /// # Errors
    /// The first thing that makes it unsafe to judge.
    pub fn parse(bytes: &'a [u8], max_bytes: usize, limits: &Limits) -> Result<Self, JsonError> {
        parse::parse(bytes, max_bytes, limits)
    }

    /// The outermost value.
    pub fn root(&self) -> Value<'_> {
        Value {
            text: self.text,
            nodes: &self.nodes,
            index: 0,
        }
    }

    /// The text as it was given.
    pub fn text(&self) -> &'a str {
        self.text
    }
}

/// A value of a document.
#[derive(Clone, Copy, Debug)]
pub struct Value<'d> {
    text: &'d str,
    nodes: &'d [Node],
    index: usize,
}

/// A member of an object or an item of an array.
#[derive(Clone, Copy, Debug)]
pub struct Child<'d> {
    /// A member's key.
    pub key: Option<Value<'d>>,
    /// The member's value, or the item.
    pub value: Value<'d>,
}

impl Child<'_> {
    /// Where it stands in the text, key included.
    pub fn span(self) -> Range<usize> {
        let value = self.value.span();
        self.key.map_or(value.start, |key| key.span().start)..value.end
    }
}

const NOTHING: Node = Node {
    start: 0,
    end: 0,
    next: 0,
    kind: Kind::Null,
    escaped: false,
};

impl<'d> Value<'d> {
    fn node(self) -> Node {
        self.nodes.get(self.index).copied().unwrap_or(NOTHING)
    }

    fn at(self, index: usize) -> Self {
        Self { index, ..self }
    }

    /// What kind of value it is.
    pub fn kind(self) -> Kind {
        self.node().kind
    }

    /// Where it stands in the text, quotes included.
    pub fn span(self) -> Range<usize> {
        let node = self.node();
        node.start as usize..node.end as usize
    }

    /// Its text as it was given.
    pub fn raw(self) -> &'d str {
        self.text.get(self.span()).unwrap_or_default()
    }

    /// The decoded string, if it is one.
    pub fn as_str(self) -> Option<Cow<'d, str>> {
        let node = self.node();
        (node.kind == Kind::String).then(|| node.decoded(self.text))
    }

    /// How many values and keys it is, with all in it.
    pub fn node_count(self) -> usize {
        (self.node().next as usize).saturating_sub(self.index)
    }

    /// A string's text between its quotes, escapes as they were given.
    pub fn inner(self) -> &'d str {
        self.node().inner(self.text)
    }

    /// Moves ascending ranges of the decoded string, if it is one, to where they stand in the text.
    /// `range` picks each out of its thing.
    pub fn place<T>(self, things: &mut [T], range: impl Fn(&mut T) -> &mut Range<usize>) {
        if self.is_escaped() {
            place_raw(self.inner(), things, &range);
        }
        let start = self.span().start.saturating_add(1);
        for place in things.iter_mut().map(range) {
            *place = place.start.saturating_add(start)..place.end.saturating_add(start);
        }
    }

    /// Whether it is a string with escape sequences.
    pub fn is_escaped(self) -> bool {
        self.node().escaped
    }

    /// A number's lexeme, if it is a number.
    pub fn as_number(self) -> Option<&'d str> {
        (self.kind() == Kind::Number).then(|| self.raw())
    }

    /// The boolean, if it is one.
    pub fn as_bool(self) -> Option<bool> {
        (self.kind() == Kind::Bool).then(|| self.raw() == "true")
    }

    /// The value of a member, if this is an object that has it.
    pub fn get(self, key: &str) -> Option<Self> {
        self.members()
            .find(|(name, _)| name.is(key))
            .map(|(_, value)| value)
    }

    /// Follows object keys from here.
    pub fn descend<K: AsRef<str>>(self, keys: impl IntoIterator<Item = K>) -> Option<Self> {
        keys.into_iter()
            .try_fold(self, |value, key| value.get(key.as_ref()))
    }

    /// Whether it is exactly this string.
    pub fn is(self, expected: &str) -> bool {
        let node = self.node();
        if node.kind != Kind::String {
            return false;
        }
        if node.escaped {
            return node.decoded(self.text) == expected;
        }
        // Their lengths already tell most strings apart.
        self.span().len() == expected.len().saturating_add(2) && self.inner() == expected
    }

    /// An object's members as key and value; nothing for another kind.
    pub fn members(self) -> impl Iterator<Item = (Self, Self)> {
        let node = self.node();
        let end = if node.kind == Kind::Object {
            node.next as usize
        } else {
            0
        };
        let mut index = self.index.saturating_add(1);
        std::iter::from_fn(move || {
            if index >= end {
                return None;
            }
            let key = self.at(index);
            let value = self.at(index.saturating_add(1));
            index = value.node().next as usize;
            Some((key, value))
        })
    }

    /// What an object or array holds; nothing for another kind.
    pub fn children(self) -> impl Iterator<Item = Child<'d>> {
        let members = self.members().map(|(key, value)| Child {
            key: Some(key),
            value,
        });
        let items = self.items().map(|value| Child { key: None, value });
        members.chain(items)
    }

    /// An array's items; nothing for another kind.
    pub fn items(self) -> impl Iterator<Item = Self> {
        let node = self.node();
        let end = if node.kind == Kind::Array {
            node.next as usize
        } else {
            0
        };
        let mut index = self.index.saturating_add(1);
        std::iter::from_fn(move || {
            if index >= end {
                return None;
            }
            let item = self.at(index);
            index = item.node().next as usize;
            Some(item)
        })
    }

    /// Every string, number and boolean at or below it, keys left out, in the order of the text.
    pub fn leaves(self) -> impl Iterator<Item = Self> {
        let mut pending = vec![self];
        std::iter::from_fn(move || {
            while let Some(value) = pending.pop() {
                match value.kind() {
                    Kind::String | Kind::Number | Kind::Bool => return Some(value),
                    Kind::Null => {}
                    Kind::Array => push_reversed(&mut pending, value.items()),
                    Kind::Object => {
                        push_reversed(&mut pending, value.members().map(|(_, member)| member));
                    }
                }
            }
            None
        })
    }

    /// The JSON pointer (RFC 6901) from `self` down to `target`, which stands below it.
    pub fn pointer_to(self, target: Self) -> String {
        let mut pointer = String::new();
        let mut here = self;
        while here.index != target.index {
            let Some((token, next)) = here.step_towards(target.index) else {
                break;
            };
            push_token(&mut pointer, &token);
            here = next;
        }
        pointer
    }

    fn step_towards(self, index: usize) -> Option<(Cow<'d, str>, Self)> {
        let holds = |value: Self| value.index <= index && index < value.node().next as usize;
        if self.kind() == Kind::Array {
            let (position, item) = self.items().enumerate().find(|(_, item)| holds(*item))?;
            return Some((Cow::Owned(position.to_string()), item));
        }
        let (key, value) = self.members().find(|(_, value)| holds(*value))?;
        Some((key.as_str()?, value))
    }
}

fn push_reversed<'d>(pending: &mut Vec<Value<'d>>, values: impl Iterator<Item = Value<'d>>) {
    let from = pending.len();
    pending.extend(values);
    if let Some(added) = pending.get_mut(from..) {
        added.reverse();
    }
}

#[cfg(test)]
mod tests;
