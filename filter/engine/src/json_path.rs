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
    let (_, is_closed) = without_strings(text);
    if !is_closed {
        return Err(PathError::Unclosed);
    }
    // Before the library reads it: filters within filters take it exponential time.
    check_cost(text)?;
    JsonPath::parse(text).map_err(|error| PathError::Syntax(error.to_string()))
}

/// Refuses what could multiply the values that are looked at.
///
/// # Errors
/// [`PathError::Costly`].
fn check_cost(text: &str) -> Result<(), PathError> {
    let (bare, _) = without_strings(text);
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

/// A path with its quoted strings left out, and whether the last of them is closed.
fn without_strings(text: &str) -> (String, bool) {
    let mut quote = None;
    let mut is_escaped = false;
    let is_bare = |character: &char| {
        let was_inside = quote.is_some();
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if *character == '\\' => is_escaped = true,
            Some(end) if *character == end => quote = None,
            None if *character == '\'' || *character == '"' => quote = Some(*character),
            Some(_) | None => {}
        }
        !was_inside
    };
    let bare = text.chars().filter(is_bare).collect();
    (bare, quote.is_none())
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
