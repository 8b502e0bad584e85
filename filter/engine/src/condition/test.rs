//! What a value is tested for.

use std::{cmp::Ordering, collections::BTreeSet, fmt, net::IpAddr};

use regex_lite::Regex;

use super::{
    decimal::orderings,
    normalise::Normalisation,
    scalar::{Scalar, ScalarError},
};
use crate::{
    address::AddressRange,
    glob::Glob,
    json::{Kind, Value},
    truth::Truth,
};

/// Longest string in bytes that is tested for more than equality.
const MAX_TESTED_BYTES: usize = 64 << 10;
/// Longest regular expression in bytes.
const MAX_PATTERN_BYTES: usize = 512;
/// Most bytes that a compiled regular expression may take.
const MAX_COMPILED_BYTES: usize = 64 << 10;
/// A compiled regular expression above this size is large: every byte may cost as much as it is
/// long, so a long string is not searched for it.
const LARGE_COMPILED_BYTES: usize = 8 << 10;
/// Longest string in bytes that is searched for a large regular expression.
const MAX_BYTES_WHERE_LARGE: usize = 4 << 10;

/// What a value is tested for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Test {
    /// To be one of these. Numbers are compared by value, whatever their spelling.
    OneOf(Scalars),
    /// To be a string that one of these matches.
    Glob(Vec<Glob>),
    /// To be a string that this matches somewhere.
    Matches(Pattern),
    /// To be an address in one of these.
    InRange(Vec<AddressRange>),
    /// To be a number within bounds.
    Number(Bounds),
}

/// What is no test.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TestError {
    /// Nothing could pass it.
    #[error("has no bound")]
    NoBound,
    /// A bound that is no number.
    #[error("is no number")]
    NoNumber,
    /// A scalar that is none.
    #[error(transparent)]
    Scalar(#[from] ScalarError),
}

/// Some scalars, by type.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Scalars {
    strings: BTreeSet<Box<str>>,
    numbers: Vec<Box<str>>,
    others: BTreeSet<Scalar>,
}

impl FromIterator<Scalar> for Scalars {
    fn from_iter<I: IntoIterator<Item = Scalar>>(scalars: I) -> Self {
        let mut all = Self::default();
        for scalar in scalars {
            match scalar {
                Scalar::String(text) => drop(all.strings.insert(text)),
                Scalar::Number(lexeme) => all.numbers.push(lexeme),
                Scalar::Null | Scalar::Bool(_) => drop(all.others.insert(scalar)),
            }
        }
        all
    }
}

impl Scalars {
    /// Whether a value is one of these; unknown where none has its type.
    fn contain(&self, value: Value<'_>) -> Truth {
        match value.kind() {
            Kind::String => self.contain_string(value.as_str().as_deref()),
            Kind::Number if self.numbers.is_empty() => Truth::Unknown,
            Kind::Number => {
                let is_same = |lexeme| compare(value.raw(), lexeme, Ordering::is_eq);
                Truth::any(self.numbers.iter().map(|lexeme| is_same(lexeme)))
            }
            Kind::Bool => {
                let value = Scalar::Bool(value.raw() == "true");
                let has_type = |scalar: &Scalar| matches!(scalar, Scalar::Bool(_));
                self.contain_other(&value, has_type)
            }
            Kind::Null => self.contain_other(&Scalar::Null, |scalar| *scalar == Scalar::Null),
            Kind::Array | Kind::Object => Truth::Unknown,
        }
    }

    fn contain_string(&self, text: Option<&str>) -> Truth {
        match text {
            Some(text) if !self.strings.is_empty() => self.strings.contains(text).into(),
            Some(_) | None => Truth::Unknown,
        }
    }

    fn contain_other(&self, value: &Scalar, has_type: impl Fn(&Scalar) -> bool) -> Truth {
        if self.others.iter().any(has_type) {
            self.others.contains(value).into()
        } else {
            Truth::Unknown
        }
    }
}

/// A regular expression, compiled: linear in what it is matched with.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    /// Longest string that it is matched with.
    max_text_bytes: usize,
}

/// Text that is no regular expression.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PatternError {
    /// Longer than the limit of 512 bytes.
    #[error("is longer than {MAX_PATTERN_BYTES} bytes")]
    TooLong,
    /// Not one that the library takes, or one that is too large.
    #[error("is no regular expression: {0}")]
    Syntax(String),
}

impl Pattern {
    /// Compiles a regular expression in the syntax of the `regex` crate without Unicode classes.
    ///
    /// # Errors
    /// Where it is none, or too large.
    pub fn parse(pattern: &str) -> Result<Self, PatternError> {
        if pattern.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong);
        }
        let compile = |max_bytes| {
            let mut builder = regex_lite::RegexBuilder::new(pattern);
            builder.size_limit(max_bytes).build()
        };
        let (regex, max_text_bytes) = match compile(LARGE_COMPILED_BYTES) {
            Ok(small) => (small, MAX_TESTED_BYTES),
            Err(_large_or_none) => {
                let large = compile(MAX_COMPILED_BYTES);
                let large = large.map_err(|error| PatternError::Syntax(error.to_string()))?;
                (large, MAX_BYTES_WHERE_LARGE)
            }
        };
        Ok(Self {
            regex,
            max_text_bytes,
        })
    }

    /// Whether it matches somewhere in a text; unknown where that is too long to be searched.
    pub(crate) fn find_in(&self, text: &str) -> Truth {
        if text.len() > self.max_text_bytes {
            return Truth::Unknown;
        }
        self.regex.is_match(text).into()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl Eq for Pattern {}

/// Bounds of a number, each a lexeme.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bounds {
    lt: Option<Box<str>>,
    le: Option<Box<str>>,
    gt: Option<Box<str>>,
    ge: Option<Box<str>>,
}

impl Bounds {
    /// Less than, at most, greater than, at least; empty where there is no such bound.
    ///
    /// # Errors
    /// Where there is none, or one is no number.
    pub fn new([lt, le, gt, ge]: [&str; 4]) -> Result<Self, TestError> {
        let bound = |text: &str| match text {
            "" => Ok(None),
            _ => match Scalar::parse(text)? {
                Scalar::Number(lexeme) => Ok(Some(lexeme)),
                Scalar::Null | Scalar::Bool(_) | Scalar::String(_) => Err(TestError::NoNumber),
            },
        };
        if [lt, le, gt, ge].iter().all(|text| text.is_empty()) {
            return Err(TestError::NoBound);
        }
        Ok(Self {
            lt: bound(lt)?,
            le: bound(le)?,
            gt: bound(gt)?,
            ge: bound(ge)?,
        })
    }

    fn hold(&self, number: &str) -> Truth {
        let within = |bound: &Option<Box<str>>, is_within| match bound {
            Some(bound) => compare(number, bound, is_within),
            None => Truth::Holds,
        };
        Truth::all([
            within(&self.lt, Ordering::is_lt),
            within(&self.le, Ordering::is_le),
            within(&self.gt, Ordering::is_gt),
            within(&self.ge, Ordering::is_ge),
        ])
    }
}

/// Whether one number compares so with another; unknown where those who round differ.
fn compare(number: &str, other: &str, is_so: fn(Ordering) -> bool) -> Truth {
    let both = orderings(number, other).into_iter().flatten();
    Truth::agreed(both.map(|ordering| is_so(ordering).into()))
}

impl Test {
    /// Whether a value passes. Unknown where it has another type than is tested, or no normal form.
    pub(super) fn apply(&self, value: Value<'_>, normalisation: Option<Normalisation>) -> Truth {
        match self {
            Self::Number(bounds) => value
                .as_number()
                .map_or(Truth::Unknown, |number| bounds.hold(number)),
            Self::OneOf(scalars) if normalisation.is_none() => scalars.contain(value),
            Self::OneOf(_) | Self::Glob(_) | Self::Matches(_) | Self::InRange(_) => {
                let Some(text) = value.as_str() else {
                    return Truth::Unknown;
                };
                if text.len() > MAX_TESTED_BYTES {
                    return Truth::Unknown;
                }
                let Some(normalisation) = normalisation else {
                    return self.apply_to_text(&text);
                };
                let Some(readings) = normalisation.apply(&text) else {
                    return Truth::Unknown;
                };
                Truth::agreed(readings.iter().map(|text| self.apply_to_text(text)))
            }
        }
    }

    fn apply_to_text(&self, text: &str) -> Truth {
        match self {
            Self::OneOf(scalars) => scalars.contain_string(Some(text)),
            Self::Glob(globs) => globs.iter().any(|glob| glob.matches(text)).into(),
            Self::Matches(pattern) => pattern.find_in(text),
            Self::InRange(ranges) => {
                let bare = text
                    .strip_prefix('[')
                    .and_then(|text| text.strip_suffix(']'));
                let address: Result<IpAddr, _> = bare.unwrap_or(text).parse();
                address.map_or(Truth::Unknown, |address| {
                    ranges.iter().any(|range| range.contains(address)).into()
                })
            }
            Self::Number(_) => Truth::Unknown,
        }
    }
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneOf(Scalars {
                strings,
                numbers,
                others,
            }) => {
                let strings = strings.iter().map(|text| format!("{text:?}"));
                let numbers = numbers.iter().map(ToString::to_string);
                let others = others.iter().map(ToString::to_string);
                write_any(f, strings.chain(numbers).chain(others))
            }
            Self::Glob(globs) => {
                f.write_str("like ")?;
                write_any(f, globs.iter().map(|glob| format!("`{glob}`")))
            }
            Self::Matches(pattern) => write!(f, "what `{}` matches", pattern.regex.as_str()),
            Self::InRange(ranges) => {
                f.write_str("in ")?;
                write_any(f, ranges.iter().map(ToString::to_string))
            }
            Self::Number(Bounds { lt, le, gt, ge }) => {
                let bounds = [("<", lt), ("<=", le), (">", gt), (">=", ge)];
                let bounds = bounds.into_iter().filter_map(|(sign, bound)| {
                    let bound = bound.as_ref()?;
                    Some(format!("{sign} {bound}"))
                });
                f.write_str(&bounds.collect::<Vec<_>>().join(" and "))
            }
        }
    }
}

fn write_any(f: &mut fmt::Formatter<'_>, items: impl Iterator<Item = String>) -> fmt::Result {
    f.write_str(&items.collect::<Vec<_>>().join(" or "))
}
