//! Takes sections apart into the messages that are compiled one by one, without decoding any of
//! them: decoding a large section at once would hold up everything else.

use std::ops::Range;

use prost::{
    DecodeError,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

use super::InvalidSnapshot;
use crate::id::Digest;

/// What kind of message an item of a section is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    Server,
    Rule,
    IdentityProvider,
    KeySet,
    Role,
    Offer,
    Quota,
    RedactionProfile,
    Block,
}

/// A section, taken apart.
#[derive(Debug)]
pub(super) struct Split<'s> {
    /// What a filter must know to honour it.
    pub(super) required_features: Vec<&'s str>,
    /// What it holds.
    pub(super) kind: Kind,
    /// Where in it the messages are that are compiled one by one, in their order.
    pub(super) items: Vec<Range<usize>>,
}

/// Numbers of `chancery.policy.v1.Section`.
const REQUIRED_FEATURES: u32 = 1;
/// In every set the number of what it is a set of.
const SET_ITEMS: u32 = 2;

/// What a field of a section holds, and whether that is a set of it.
fn content(number: u32) -> Option<(Kind, bool)> {
    match number {
        2 => Some((Kind::Server, false)),
        3 => Some((Kind::Rule, true)),
        4 => Some((Kind::IdentityProvider, true)),
        5 => Some((Kind::KeySet, false)),
        6 => Some((Kind::Role, true)),
        7 => Some((Kind::Offer, true)),
        8 => Some((Kind::Quota, true)),
        9 => Some((Kind::RedactionProfile, true)),
        10 => Some((Kind::Block, true)),
        _ => None,
    }
}

/// Takes a section apart.
///
/// # Errors
/// Where it cannot be read, or holds none or several of the things that are known here.
pub(super) fn split(digest: Digest, section: &[u8]) -> Result<Split<'_>, InvalidSnapshot> {
    let malformed = |error| InvalidSnapshot::Section { digest, error };
    let mut required_features = Vec::new();
    let mut found = None;
    for field in fields(section, 0..section.len()) {
        let (number, place) = field.map_err(malformed)?;
        if number == REQUIRED_FEATURES {
            let text = section.get(place).unwrap_or_default();
            // A feature that is no text is none that is known here.
            required_features.push(std::str::from_utf8(text).unwrap_or("?"));
        } else if let Some(content) = content(number)
            && found.replace((content, place)).is_some()
        {
            return Err(InvalidSnapshot::SeveralContents { digest });
        }
    }
    let ((kind, is_set), place) = found.ok_or(InvalidSnapshot::UnknownContent { digest })?;
    let items = if is_set {
        let mut items = Vec::new();
        for field in fields(section, place) {
            let (number, place) = field.map_err(malformed)?;
            if number == SET_ITEMS {
                items.push(place);
            }
        }
        items
    } else {
        vec![place]
    };
    Ok(Split {
        required_features,
        kind,
        items,
    })
}

/// The fields of the message at a place that have a length, by their numbers, and where they are.
/// The others are passed over, as any decoder does with what it does not know.
fn fields(
    bytes: &[u8],
    message: Range<usize>,
) -> impl Iterator<Item = Result<(u32, Range<usize>), DecodeError>> {
    let end = message.end;
    let mut rest = bytes.get(message).unwrap_or_default();
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            match next(&mut rest) {
                Ok(Some((number, length))) => {
                    let field_end = end.saturating_sub(rest.len());
                    let place = field_end.saturating_sub(length)..field_end;
                    return Some(Ok((number, place)));
                }
                Ok(None) => {}
                Err(error) => {
                    rest = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    })
}

/// Passes over a field; its number and length, if it has one.
fn next(rest: &mut &[u8]) -> Result<Option<(u32, usize)>, DecodeError> {
    let (number, wire_type) = decode_key(rest)?;
    let before = *rest;
    skip_field(wire_type, number, rest, DecodeContext::default())?;
    if wire_type != WireType::LengthDelimited {
        return Ok(None);
    }
    let skipped = before.len().saturating_sub(rest.len());
    let mut field = before.get(..skipped).unwrap_or_default();
    decode_varint(&mut field)?;
    Ok(Some((number, field.len())))
}

#[cfg(test)]
mod tests;
