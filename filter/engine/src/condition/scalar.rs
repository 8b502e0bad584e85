//! Scalars that values are compared with.

use super::decimal::Decimal;
use crate::{
    json::{Document, Kind},
    limits::Limits,
};

/// Longest scalar in bytes.
pub(super) const MAX_SCALAR_BYTES: usize = 1_024;

/// A scalar, as a rule writes it: JSON text.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Scalar {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number's lexeme.
    Number(Box<str>),
    /// A string, decoded.
    String(Box<str>),
}

/// Text that is no scalar.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ScalarError {
    /// Not JSON, or an array or object.
    #[error("is no JSON scalar")]
    NoScalar,
    /// Longer than the limit of 1,024 bytes.
    #[error("is longer than {MAX_SCALAR_BYTES} bytes")]
    TooLong,
    /// A number that nothing could be compared with.
    #[error("has an exponent of more than 15 digits")]
    Exponent,
}

impl Scalar {
    /// Reads a scalar.
    ///
    /// # Errors
    /// Where it is none, or cannot be compared.
    pub fn parse(text: &str) -> Result<Self, ScalarError> {
        if text.len() > MAX_SCALAR_BYTES {
            return Err(ScalarError::TooLong);
        }
        let document = Document::parse(text.as_bytes(), MAX_SCALAR_BYTES, &Limits::DEFAULT);
        let document = document.map_err(|_not_json| ScalarError::NoScalar)?;
        let value = document.root();
        match value.kind() {
            Kind::Null => Ok(Self::Null),
            Kind::Bool => Ok(Self::Bool(value.raw() == "true")),
            Kind::Number if Decimal::read(value.raw()).is_none() => Err(ScalarError::Exponent),
            Kind::Number => Ok(Self::Number(value.raw().into())),
            Kind::String => Ok(Self::String(value.as_str().unwrap_or_default().into())),
            Kind::Array | Kind::Object => Err(ScalarError::NoScalar),
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(lexeme) => f.write_str(lexeme),
            Self::String(text) => write!(f, "{text:?}"),
        }
    }
}
