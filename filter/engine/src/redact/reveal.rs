//! Reversible tokens in texts: `r1.{detector}.{sealed}`.

use std::ops::Range;

use memchr::memmem;

use super::scan::Find;
use crate::{
    json::{Document, Kind, Value, escaped},
    limits::Limits,
    seal::{Binding, SealError},
};

/// Begins every token, with the version of its making.
const PREFIX: &str = "r1.";

/// Fewest characters of what is sealed: its tag alone has more. What is shorter is a host name
/// rather than a token.
const MIN_SEALED: usize = 22;

/// Longest id of a detector in bytes, so that many a beginning of a token costs little.
const MAX_ID: usize = 64;

/// How deep JSON may stand in strings of JSON for tokens in it to be opened.
const MAX_LEVELS: u32 = 3;

/// The token of what a detector found.
pub(super) fn token(detector: &str, sealed: &str) -> String {
    format!("{PREFIX}{detector}.{sealed}")
}

/// Whether a text seems to hold a token.
pub fn holds_token(text: &str) -> bool {
    tokens(text, 0).next().is_some()
}

/// A token in a text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    /// Where it stands.
    pub range: Range<usize>,
    /// The id of the detector that found what it stands for.
    pub detector: Box<str>,
    sealed: Box<str>,
    /// In how many strings within each other it stands.
    levels: u32,
}

impl Token {
    /// What it stands for, as it is written in its place.
    ///
    /// # Errors
    /// Where it does not open.
    pub fn open(&self, binding: &Binding<'_>) -> Result<String, SealError> {
        let (_, mut value) = binding.open_value(&self.detector, &self.sealed)?;
        for _ in 0..self.levels {
            value = escaped(value);
        }
        Ok(value)
    }
}

/// The tokens in the strings at or below a value, and in the JSON that such a string holds. They
/// stand where they say in the text of the document.
pub fn tokens_below(value: Value<'_>, limits: &Limits) -> Vec<Token> {
    let mut found = Vec::new();
    let raw = value.raw().as_bytes();
    let holds = |needle: &str| memmem::find(raw, needle.as_bytes()).is_some();
    // What tokens begin with, JSON escapes as `\u` or not at all.
    if holds(PREFIX) || memchr::memchr(b'\\', raw).is_some() && holds("\\u") {
        collect(value, 1, limits, &mut found);
    }
    found
}

fn collect(value: Value<'_>, levels: u32, limits: &Limits, found: &mut Vec<Token>) {
    for leaf in value.leaves().filter(|leaf| leaf.kind() == Kind::String) {
        let raw = leaf.inner();
        if !leaf.is_escaped() && memmem::find(raw.as_bytes(), PREFIX.as_bytes()).is_none() {
            continue;
        }
        let Some(text) = leaf.as_str() else { continue };
        let from = found.len();
        match held_json(&text, limits) {
            Some(held) if levels < MAX_LEVELS => {
                let levels = levels.saturating_add(1);
                collect(held.root(), levels, limits, found);
            }
            // What is deeper stays as it is.
            Some(_) => {}
            None => found.extend(tokens(&text, levels)),
        }
        if let Some(new) = found.get_mut(from..) {
            leaf.place(new, |token| &mut token.range);
        }
    }
}

/// The JSON that a text is, where it holds a token and is an object, array or string.
fn held_json<'t>(text: &'t str, limits: &Limits) -> Option<Document<'t>> {
    memmem::find(text.as_bytes(), PREFIX.as_bytes())?;
    if !text.trim_start().starts_with(['{', '[', '"']) {
        return None;
    }
    Document::parse(text.as_bytes(), text.len(), limits).ok()
}

fn tokens(text: &str, levels: u32) -> impl Iterator<Item = Token> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let rest = text.as_bytes().get(at..)?;
            let start = at.saturating_add(memmem::find(rest, PREFIX.as_bytes())?);
            let token = token_at(text, start, levels);
            at = token.as_ref().map_or_else(
                || start.saturating_add(PREFIX.len()),
                |token| token.range.end,
            );
            if token.is_some() {
                return token;
            }
        }
    })
}

fn token_at(text: &str, start: usize, levels: u32) -> Option<Token> {
    let (before, after) = text.split_at_checked(start)?;
    let after = after.strip_prefix(PREFIX)?;
    let is_id =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(byte);
    let id = after
        .bytes()
        .take(MAX_ID)
        .take_while(|byte| is_id(byte))
        .count();
    let (detector, sealed) = after.split_at_checked(id)?;
    let sealed = sealed.strip_prefix('.')?;
    let is_sealed = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    let length = sealed.bytes().take_while(is_sealed).count();
    let sealed = sealed.get(..length)?;
    if id == 0 || length < MIN_SEALED || before.ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let detector = Box::from(detector);
    let end = [start, PREFIX.len(), id, 1, length];
    Some(Token {
        range: start..end.into_iter().fold(0, usize::saturating_add),
        detector,
        sealed: sealed.into(),
        levels,
    })
}

/// Takes out of finds what is a token of ours already. What only looks like one is none.
pub(super) fn spare_tokens(text: &str, binding: Option<&Binding<'_>>, finds: &mut Vec<Find>) {
    let Some(binding) = binding.filter(|_| !finds.is_empty()) else {
        return;
    };
    let mut tokens = tokens(text, 0).peekable();
    if tokens.peek().is_none() {
        return;
    }
    let mut left = Vec::with_capacity(finds.len());
    let mut spared = 0;
    for find in finds.drain(..) {
        let Range { start, end } = find.range;
        // A token may reach into what is found after it.
        let mut start = start.max(spared);
        while let Some(token) = tokens.next_if(|token| token.range.start < end) {
            // To open one costs more than to look at it.
            if token.range.end <= start || token.open(binding).is_err() {
                continue;
            }
            if start < token.range.start {
                left.push(Find {
                    range: start..token.range.start,
                    ..find
                });
            }
            spared = token.range.end;
            start = start.max(spared);
        }
        if start < end {
            left.push(Find {
                range: start..end,
                ..find
            });
        }
    }
    *finds = left;
}

#[cfg(test)]
mod tests;
