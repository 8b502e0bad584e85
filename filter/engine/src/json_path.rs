//! `JSONPath`s (RFC 9535) as rules and identity providers write them: bounded, and not costly.

use serde_json_path::JsonPath;

/// Longest path in bytes.
pub(crate) const MAX_PATH_BYTES: usize = 256;
/// Most selectors beside others in brackets: each may name every value once more.
const MAX_COMMAS: usize = 4;

/// Text that is no path.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PathError {
    /// Longer than the limit of 256 bytes.
    #[error("is longer than {MAX_PATH_BYTES} bytes")]
    TooLong,
    /// A quoted name or string has no end.
    #[error("ends within quotes")]
    Unclosed,
    /// Not RFC 9535.
    #[error("is no JSONPath: {0}")]
    Syntax(String),
    /// One whose evaluation could take long.
    #[error("has {0}, which could take long to evaluate")]
    Costly(&'static str),
}

/// Reads a path.
///
/// # Errors
/// Where it is none, too long, or costly to read or to evaluate.
pub(crate) fn parse(text: &str) -> Result<JsonPath, PathError> {
    if text.len() > MAX_PATH_BYTES {
        return Err(PathError::TooLong);
    }
    // The library panics where a text ends within an escape, which is always within quotes.
    let bare = without_strings(text).ok_or(PathError::Unclosed)?;
    // Before the library reads it: filters within filters take it exponential time.
    check_cost(&bare)?;
    JsonPath::parse(text).map_err(|error| PathError::Syntax(error.to_string()))
}

/// Refuses what could multiply the values that are looked at, by a path without its strings.
///
/// # Errors
/// [`PathError::Costly`].
fn check_cost(bare: &str) -> Result<(), PathError> {
    let count = |pattern: &str| bare.matches(pattern).count();
    if count("..") > 1 {
        return Err(PathError::Costly("more than one `..`"));
    }
    if count(",") > MAX_COMMAS {
        return Err(PathError::Costly("more than 4 commas"));
    }
    if count("$") > 1 {
        return Err(PathError::Costly("`$` within a filter"));
    }
    if count("?") > 1 {
        return Err(PathError::Costly("more than one filter"));
    }
    Ok(())
}

/// A path with its quoted strings left out, but for the quotes that they begin with; `None` where
/// the last of them is not closed.
pub(crate) fn without_strings(text: &str) -> Option<String> {
    let mut quotes = Quotes::default();
    let bare = text.chars().filter(|c| quotes.is_outside(*c)).collect();
    quotes.are_closed().then_some(bare)
}

/// Where in a path the quoted strings are, as it is read character by character.
#[derive(Debug, Default)]
pub(crate) struct Quotes {
    /// The quote that ends the string.
    end: Option<char>,
    is_escaped: bool,
}

impl Quotes {
    /// Reads the next character; whether it is in no string. The quote that begins one is not, the
    /// quote that ends it is.
    pub(crate) fn is_outside(&mut self, character: char) -> bool {
        let was_outside = self.end.is_none();
        match self.end {
            Some(_) if self.is_escaped => self.is_escaped = false,
            Some(_) if character == '\\' => self.is_escaped = true,
            Some(end) if character == end => self.end = None,
            None if matches!(character, '\'' | '"') => self.end = Some(character),
            Some(_) | None => {}
        }
        was_outside
    }

    /// Begins within a string.
    pub(crate) fn within(end: char) -> Self {
        Self {
            end: Some(end),
            is_escaped: false,
        }
    }

    /// Whether the last string has ended.
    pub(crate) fn are_closed(&self) -> bool {
        self.end.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_ends_within_quotes_is_refused() {
        for text in [
            r#"$["\u"#,
            r"$['\uD",
            r#"$["\ud83d\u"#,
            r#"$["\ud83d\ud"#,
            "$['a",
            r"$['a\']",
            r#"$[?@.a=="\u"#,
        ] {
            let error = parse(text).unwrap_err();
            assert!(matches!(error, PathError::Unclosed), "{text}: {error}");
        }
        assert!(parse(r#"$["\ud83d\ude00"]['it''s']"#).is_err());
        assert!(parse(r#"$["it's"]['\u0027']"#).is_ok());
    }
}
