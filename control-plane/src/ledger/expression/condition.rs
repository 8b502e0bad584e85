//! One condition: a field, and what it must be.

use chancery_engine::id::Hex;

use super::{
    Misread, Pattern,
    token::{Comparison, Literal},
};
use crate::{
    ledger::{
        card::{Card, Code, Nanos, Text, nanos},
        words::Words,
    },
    nearest::nearest,
};

/// A condition.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ledger) enum Condition {
    /// A value of the field passes the test.
    Text(Text, Test),
    /// The field has one of the codes whose bits are set.
    Code(Code, u16),
    /// The decision id, in hexadecimal digits, is or begins with this.
    Decision(Start),
    /// Not older than this.
    From(Nanos),
    /// Older than this.
    Before(Nanos),
    /// These words are in it, in any order.
    Words(Vec<Pattern>),
    /// Rules in shadow would have decided otherwise.
    Shadowed,
}

/// What a text must be. A record without the field passes none.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::ledger) enum Test {
    /// Anything.
    Present,
    /// As the pattern.
    Is(Pattern),
    /// Not as the pattern; of a list, none of it.
    IsNot(Pattern),
    /// It contains this, in lower case.
    Holds(String),
    /// Before this, byte by byte.
    Less(String),
    /// After this, byte by byte.
    Greater(String),
    /// This or before it.
    AtMost(String),
    /// This or after it.
    AtLeast(String),
}

/// The beginning of a decision id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::ledger) struct Start {
    /// Hexadecimal digits in lower case.
    pub(in crate::ledger) digits: String,
    /// Whether it is asked that the id is another.
    pub(in crate::ledger) is_other: bool,
}

/// Hexadecimal digits of a decision id.
const ID_DIGITS: usize = 32;

impl Condition {
    pub(super) fn admits(&self, card: &Card<'_>) -> bool {
        match self {
            Self::Text(field, test) => test.admits(*field, card.text(*field)),
            Self::Code(field, codes) => card
                .code(*field)
                .is_some_and(|code| codes.checked_shr(code.into()).unwrap_or(0) & 1 == 1),
            Self::Decision(Start { digits, is_other }) => {
                let id = card.decision_id;
                !id.is_empty() && Hex(id).to_string().starts_with(digits) != *is_other
            }
            Self::From(time) => card.time >= *time,
            Self::Before(time) => card.time < *time,
            Self::Words(words) => words.iter().all(|wanted| {
                let known = card.words();
                if wanted.is_exact() {
                    known.contains(&wanted.text)
                } else {
                    known.iter().any(|word| wanted.admits(word))
                }
            }),
            Self::Shadowed => card.is_shadowed,
        }
    }

    /// Words that must be somewhere.
    pub(super) fn somewhere(literal: &Literal) -> Result<Self, Misread> {
        let Pattern {
            text,
            starts_open,
            ends_open,
        } = &literal.pattern;
        let parts: Vec<_> = text.split(|c: char| !c.is_alphanumeric()).collect();
        let last = parts.len().saturating_sub(1);
        let mut words = Vec::new();
        for (place, part) in parts.into_iter().enumerate() {
            // A part is empty where the text begins or ends with something else than a word.
            words.extend(Words::of(part).into_iter().map(|text| Pattern {
                text,
                starts_open: *starts_open && place == 0,
                ends_open: *ends_open && place == last,
            }));
        }
        if words.is_empty() {
            let expected = "a word with a letter or digit, or a field such as `user = \"ann\"`";
            return Err(literal.misread(expected));
        }
        Ok(Self::Words(words))
    }

    /// What a field is compared with.
    pub(super) fn read(
        field: &Literal,
        comparison: Comparison,
        value: &Literal,
    ) -> Result<Self, Misread> {
        let name = &*field.pattern.text;
        let text = Text::ALL.iter().find(|(_, word)| *word == name);
        let code = Code::ALL.iter().find(|(_, word)| *word == name);
        match (text, code, name) {
            (Some((text, _)), _, _) => Ok(Self::Text(*text, Test::read(comparison, value)?)),
            (None, Some((code, _)), _) => Self::read_code(*code, comparison, value),
            (None, None, "decision_id") => Self::read_decision(comparison, value),
            (None, None, "time") => Self::read_time(comparison, value),
            (None, None, _) => Err(field.misread(&fields(name))),
        }
    }

    fn read_code(field: Code, comparison: Comparison, value: &Literal) -> Result<Self, Misread> {
        let words = field.words();
        let all = (1_u16 << words.len()).wrapping_sub(1);
        let is_other = match comparison {
            Comparison::Equal | Comparison::Has => false,
            Comparison::NotEqual => true,
            Comparison::Less | Comparison::AtMost | Comparison::Greater | Comparison::AtLeast => {
                return Err(comparison.misread(value, "`=`, `!=` or `:`"));
            }
        };
        if value.pattern.is_anything() {
            return Ok(Self::Code(field, if is_other { 0 } else { all }));
        }
        let wanted = &*value.pattern.text;
        let code = words.iter().position(|word| *word == wanted);
        let Some(code) = code.filter(|_| value.pattern.is_exact()) else {
            let likely = nearest(wanted, words);
            let likely = likely.map_or(String::new(), |word| format!("; did you mean `{word}`?"));
            let expected = format!("one of `{}`{likely}", words.join("`, `"));
            return Err(value.misread(&expected));
        };
        let bit = 1_u16 << code;
        Ok(Self::Code(field, if is_other { all & !bit } else { bit }))
    }

    fn read_decision(comparison: Comparison, value: &Literal) -> Result<Self, Misread> {
        let is_other = match comparison {
            Comparison::Equal | Comparison::Has => false,
            Comparison::NotEqual => true,
            Comparison::Less | Comparison::AtMost | Comparison::Greater | Comparison::AtLeast => {
                return Err(comparison.misread(value, "`=`, `!=` or `:`"));
            }
        };
        let Pattern {
            text,
            starts_open,
            ends_open,
        } = &value.pattern;
        let digits = text.to_ascii_lowercase();
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let is_whole = digits.len() == ID_DIGITS || (*ends_open && digits.len() < ID_DIGITS);
        if !is_hex || !is_whole || (*starts_open && !value.pattern.is_anything()) {
            return Err(value.misread("32 hexadecimal digits, or the first of them and `*`"));
        }
        Ok(Self::Decision(Start { digits, is_other }))
    }

    fn read_time(comparison: Comparison, value: &Literal) -> Result<Self, Misread> {
        let time: Result<prost_types::Timestamp, _> = value.pattern.text.parse();
        let Some(time) = time.ok().filter(|_| value.pattern.is_exact()) else {
            return Err(value.misread("a time such as `2026-07-03T10:15:00Z`"));
        };
        let time = nanos(time);
        let next = time.saturating_add(1);
        match comparison {
            Comparison::AtLeast => Ok(Self::From(time)),
            Comparison::Greater => Ok(Self::From(next)),
            Comparison::Less => Ok(Self::Before(time)),
            Comparison::AtMost => Ok(Self::Before(next)),
            Comparison::Equal | Comparison::NotEqual | Comparison::Has => {
                Err(comparison.misread(value, "`<`, `<=`, `>` or `>=`"))
            }
        }
    }
}

fn fields(given: &str) -> String {
    let texts = Text::ALL.iter().map(|(_, word)| *word);
    let codes = Code::ALL.iter().map(|(_, word)| *word);
    let known: Vec<_> = texts.chain(codes).chain(["decision_id", "time"]).collect();
    match nearest(given, &known) {
        Some(word) => format!("a field; did you mean `{word}`?"),
        None => format!("one of the fields `{}`", known.join("`, `")),
    }
}

impl Test {
    fn read(comparison: Comparison, value: &Literal) -> Result<Self, Misread> {
        let pattern = value.pattern.clone();
        let ordered = |test: fn(String) -> Self| {
            if pattern.is_exact() {
                Ok(test(pattern.text.clone()))
            } else {
                Err(value.misread("a text without `*` after an order"))
            }
        };
        match comparison {
            Comparison::Equal | Comparison::Has if pattern.is_anything() => Ok(Self::Present),
            Comparison::Equal => Ok(Self::Is(pattern)),
            Comparison::NotEqual => Ok(Self::IsNot(pattern)),
            Comparison::Has if pattern.text.is_empty() => Err(value.misread("a text, or `*`")),
            Comparison::Has => Ok(Self::Holds(pattern.text.to_lowercase())),
            Comparison::Less => ordered(Self::Less),
            Comparison::Greater => ordered(Self::Greater),
            Comparison::AtMost => ordered(Self::AtMost),
            Comparison::AtLeast => ordered(Self::AtLeast),
        }
    }

    /// Whether what a field holds passes.
    pub(in crate::ledger) fn admits(&self, field: Text, held: &str) -> bool {
        let last = |value: &str| {
            let id = value.rsplit('/').next().filter(|_| field.is_name());
            id.unwrap_or(value).to_owned()
        };
        let is = |pattern: &Pattern, value: &str| {
            pattern.admits(value) || (field.is_name() && pattern.admits(&last(value)))
        };
        let mut values = field.values(held);
        match self {
            Self::Present => values.next().is_some(),
            Self::Is(pattern) => values.any(|value| is(pattern, value)),
            Self::IsNot(pattern) => !held.is_empty() && !values.any(|value| is(pattern, value)),
            Self::Holds(text) => values.any(|value| value.to_lowercase().contains(text)),
            Self::Less(text) => values.any(|value| value < &**text),
            Self::Greater(text) => values.any(|value| value > &**text),
            Self::AtMost(text) => values.any(|value| value <= &**text),
            Self::AtLeast(text) => values.any(|value| value >= &**text),
        }
    }
}
