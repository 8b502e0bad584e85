//! What is said of a value that does not fit.

use std::fmt;

use super::Types;
use crate::{entry::bounded, json::push_token};

/// Where a value does not fit a schema, and what was expected there. Never the value, nor a name that
/// the schema does not have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Misfit {
    /// A JSON pointer (RFC 6901), in which a member that the schema does not name is `*`.
    pub pointer: Box<str>,
    /// In a few words.
    pub expected: Box<str>,
}

impl Misfit {
    /// It cannot be found out within bounds whether it fits.
    pub(super) fn unknown() -> Self {
        Expected::Less.misfit(&[])
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pointer, expected } = self;
        if pointer.is_empty() {
            write!(f, "expected {expected}")
        } else {
            write!(f, "at `{pointer}`, expected {expected}")
        }
    }
}

/// A step on the way to a value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step<'s> {
    /// To the member that the schema names.
    Member(&'s str),
    /// To another.
    Other,
    /// To an item.
    Item(usize),
}

/// What was expected.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expected<'s> {
    Types(Types),
    Choice,
    AtLeast(&'s str),
    AtMost(&'s str),
    MoreThan(&'s str),
    LessThan(&'s str),
    MultipleOf(&'s str),
    MinOf(u32, &'static str),
    MaxOf(u32, &'static str),
    Matching,
    Unique,
    Containing,
    Required(&'s str),
    NoOthers,
    Named,
    OneOf,
    OnlyOne,
    NotThis,
    Less,
}

impl Expected<'_> {
    pub(super) fn misfit(self, path: &[Step<'_>]) -> Misfit {
        let mut pointer = String::new();
        for step in path {
            match step {
                Step::Member(name) => push_token(&mut pointer, bounded(name)),
                Step::Other => push_token(&mut pointer, "*"),
                Step::Item(position) => push_token(&mut pointer, &position.to_string()),
            }
        }
        Misfit {
            pointer: bounded(&pointer).into(),
            expected: self.to_string().into(),
        }
    }
}

impl fmt::Display for Expected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = match *self {
            Self::Types(types) => return write_types(types, f),
            Self::AtLeast(bound) => return write!(f, "at least {bound}"),
            Self::AtMost(bound) => return write!(f, "at most {bound}"),
            Self::MoreThan(bound) => return write!(f, "more than {bound}"),
            Self::LessThan(bound) => return write!(f, "less than {bound}"),
            Self::MultipleOf(number) => return write!(f, "a multiple of {number}"),
            Self::MinOf(count, things) => return write!(f, "at least {count} {things}"),
            Self::MaxOf(count, things) => return write!(f, "at most {count} {things}"),
            Self::Required(name) => return write!(f, "the member `{}`", bounded(name)),
            Self::Choice => "one of the values that are listed",
            Self::Matching => "text that matches the pattern",
            Self::Unique => "items that all differ",
            Self::Containing => "as many items of a kind as are asked for",
            Self::NoOthers => "no members but those that are listed",
            Self::Named => "names of members as they are asked for",
            Self::OneOf => "what one of the alternatives takes",
            Self::OnlyOne => "what exactly one of the alternatives takes",
            Self::NotThis => "anything but what is ruled out",
            Self::Less => "less: it takes too long to check",
        };
        f.write_str(plain)
    }
}

fn write_types(types: Types, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let names = [
        (Types::NULL, "null"),
        (Types::BOOLEAN, "a boolean"),
        (Types::NUMBER, "a number"),
        (Types::INTEGER, "an integer"),
        (Types::STRING, "a string"),
        (Types::ARRAY, "an array"),
        (Types::OBJECT, "an object"),
    ];
    let mut separator = "";
    for (each, name) in names {
        let is_more = each == Types::INTEGER && types.have(Types::NUMBER);
        if types.have(each) && !is_more {
            write!(f, "{separator}{name}")?;
            separator = " or ";
        }
    }
    if separator.is_empty() {
        f.write_str("nothing")?;
    }
    Ok(())
}
