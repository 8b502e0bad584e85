//! Conditions on the arguments of a call.

mod arguments;
pub(crate) mod decimal;
mod normalise;
mod path;
mod query;
mod scalar;
mod test;
mod tree;
mod url;

pub use normalise::Normalisation;
pub use path::ArgumentPath;
pub use scalar::{Scalar, ScalarError};
pub use test::{Bounds, Pattern, PatternError, Scalars, Test, TestError};

pub use crate::json_path::PathError;

pub(crate) use arguments::Arguments;

use crate::{json::Value, truth::Truth};

/// Most values that one condition looks at; with more it cannot be evaluated.
const MAX_VALUES: usize = 1_000;

/// A condition on the arguments of a call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    /// Which values it is about.
    pub argument: ArgumentPath,
    /// What they must be.
    pub requirement: Requirement,
}

/// What the values that a condition is about must be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Requirement {
    /// Some value must be there, or must not.
    Exists(bool),
    /// They must pass a test.
    Pass {
        /// The test.
        test: Test,
        /// What is done to a string before that.
        normalisation: Option<Normalisation>,
        /// Which of them must pass.
        quantifier: Quantifier,
        /// What it comes to where there is no value. `None`: it cannot be evaluated.
        on_missing: Option<bool>,
    },
}

/// Which of several values must pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Quantifier {
    /// Every one.
    All,
    /// At least one.
    Any,
    /// None. One that cannot be tested may be one that passes, so it is then unknown.
    None,
}

impl Condition {
    /// Whether arguments meet the condition.
    pub(crate) fn evaluate(&self, arguments: &Arguments<'_>) -> Truth {
        let values = arguments.find(&self.argument);
        match &self.requirement {
            Requirement::Exists(expected) => match values {
                Ok(values) => Truth::from(values.is_empty() != *expected),
                Err(_unreadable) => Truth::Unknown,
            },
            Requirement::Pass {
                test,
                normalisation,
                quantifier,
                on_missing,
            } => {
                let values = match values {
                    Ok(values) => values,
                    Err(_unreadable) => return Truth::Unknown,
                };
                if values.is_empty() {
                    return on_missing.map_or(Truth::Unknown, Truth::from);
                }
                quantifier.over(
                    values
                        .iter()
                        .map(|value| test.apply(*value, *normalisation)),
                )
            }
        }
    }

    /// The values it is about; `None` where they cannot be known.
    pub(crate) fn values<'d>(&self, arguments: &Arguments<'d>) -> Option<Vec<Value<'d>>> {
        arguments.find(&self.argument).ok()
    }
}

impl Quantifier {
    fn over(self, values: impl Iterator<Item = Truth>) -> Truth {
        match self {
            Self::All => Truth::all(values),
            Self::Any => Truth::any(values),
            Self::None => !Truth::any(values),
        }
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.requirement {
            Requirement::Exists(true) => f.write_str("a value"),
            Requirement::Exists(false) => f.write_str("no value"),
            Requirement::Pass {
                test,
                normalisation,
                quantifier,
                on_missing: _,
            } => {
                f.write_str(match quantifier {
                    Quantifier::All => "",
                    Quantifier::Any => "at least one that is ",
                    Quantifier::None => "none that is ",
                })?;
                test.fmt(f)?;
                match normalisation {
                    Some(normalisation) => write!(f, ", as {normalisation}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
