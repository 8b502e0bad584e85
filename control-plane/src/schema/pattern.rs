//! Regular expressions of JSON Schema (ECMA-262, with the `u` flag) in the syntax of the engine.

use chancery_engine::condition::Pattern;

/// What ECMA-262 calls white space beyond ASCII.
const SPACES: &str =
    r"\x{feff}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}";

/// The same expression as the engine takes it. `None`: it does not, as it looks around or back, is about
/// Unicode's properties, or is too large.
pub(super) fn compile(written: &str) -> Option<String> {
    let pattern = translated(written)?;
    Pattern::parse(&pattern).ok()?;
    // An empty one matches everything, and means in a node that there is none.
    Some(if pattern.is_empty() {
        "(?:)".to_owned()
    } else {
        pattern
    })
}

fn translated(written: &str) -> Option<String> {
    let mut pattern = String::with_capacity(written.len());
    let mut chars = written.chars().peekable();
    let mut is_in_class = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' => escape(chars.next()?, is_in_class, &mut pattern)?,
            '.' if !is_in_class => pattern.push_str(r"[^\n\r\x{2028}\x{2029}]"),
            '[' if is_in_class => pattern.push_str(r"\["),
            '[' => {
                is_in_class = true;
                pattern.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    pattern.push('^');
                }
                // Here it ends the class, there it would be in it.
                if chars.peek() == Some(&']') {
                    return None;
                }
            }
            ']' if is_in_class => {
                is_in_class = false;
                pattern.push(']');
            }
            // Two of them would combine classes.
            '&' if is_in_class => pattern.push_str(r"\x26"),
            '~' if is_in_class => pattern.push_str(r"\x7e"),
            _ => pattern.push(c),
        }
    }
    Some(pattern)
}

fn escape(c: char, is_in_class: bool, pattern: &mut String) -> Option<()> {
    match c {
        's' if is_in_class => {
            pattern.push_str(r"\s");
            pattern.push_str(SPACES);
        }
        's' => pattern.extend([r"[\s", SPACES, "]"]),
        'S' if !is_in_class => pattern.extend([r"[^\s", SPACES, "]"]),
        'b' | 'B' if is_in_class => return None,
        'd' | 'D' | 'w' | 'W' | 'b' | 'B' | 'n' | 'r' | 't' | 'f' | 'v' | 'x' | 'u' => {
            pattern.push('\\');
            pattern.push(c);
        }
        '0' => pattern.push_str(r"\x00"),
        // Digits refer back, other letters mean nothing or what the engine has not.
        _ if c.is_ascii_alphanumeric() => return None,
        '/' | '<' | '>' | '\'' | '"' | ':' | ';' | '=' | '!' | '@' | '%' | ',' | '`' | '_' => {
            pattern.push(c);
        }
        _ if c.is_ascii_punctuation() => {
            pattern.push('\\');
            pattern.push(c);
        }
        _ => pattern.push(c),
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_linear_or_not_known_is_not_taken() {
        for written in [
            "^(?!a)b$",
            "(?=a)",
            "(?<=a)b",
            r"(a)\1",
            r"\p{L}",
            "[]",
            "[^]",
            "(",
            r"\cA",
            r"\k<a>",
            "(?:a{1000}){1000}",
            "a{2",
            r"[\b]",
            r"[\S]",
        ] {
            assert_eq!(compile(written), None, "{written}");
        }
    }
}
