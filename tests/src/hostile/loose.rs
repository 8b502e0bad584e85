//! JSON as the most lenient readers take it, all of them at once.
//!
//! Comments, single quotes, bare words, raw control characters, missing and extra commas and further
//! values are all accepted, and every duplicate is kept: whoever looks into the tree may choose.

/// A value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Loose {
    /// A string, or any other scalar by its lexeme.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object; keys may repeat.
    Map(Vec<(String, Self)>),
}

/// Containers below this are not told apart any more; no real reader needs them to find a call.
const MAX_DEPTH: usize = 400;

/// Every value in a text, in order.
pub fn values(text: &str) -> Vec<Loose> {
    let mut reader = Reader {
        rest: text,
        depth: 0,
    };
    std::iter::from_fn(|| reader.value()).collect()
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let next = chars.next();
        self.rest = chars.as_str();
        next
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> &'t str {
        let end = self.rest.find(|char| !keep(char));
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// Skips white space, marks, commas, colons and comments.
    fn skip(&mut self) {
        let blank = |char: char| {
            char.is_whitespace()
                || char.is_control()
                || matches!(char, ',' | ':' | ';' | '=' | '\u{feff}')
        };
        loop {
            self.take_while(blank);
            if self.rest.starts_with("//") || self.rest.starts_with('#') {
                self.take_while(|char| !matches!(char, '\n' | '\r'));
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                self.rest = comment.split_once("*/").map_or("", |(_, rest)| rest);
            } else {
                return;
            }
        }
    }

    fn value(&mut self) -> Option<Loose> {
        loop {
            self.skip();
            match self.peek()? {
                '{' if self.depth < MAX_DEPTH => return Some(self.map()),
                '[' if self.depth < MAX_DEPTH => return Some(self.list()),
                '"' | '\'' | '`' => return Some(Loose::Text(self.string())),
                '{' | '[' | '}' | ']' => drop(self.next()),
                _ => return Some(Loose::Text(self.word().to_owned())),
            }
        }
    }

    fn list(&mut self) -> Loose {
        self.enter();
        let mut items = Vec::new();
        while !self.ends(']') {
            items.extend(self.value());
        }
        self.depth -= 1;
        Loose::List(items)
    }

    fn map(&mut self) -> Loose {
        self.enter();
        let mut members = Vec::new();
        while !self.ends('}') {
            let key = match self.peek() {
                Some('"' | '\'' | '`') => self.string(),
                Some('{' | '[' | ']') => {
                    self.next();
                    continue;
                }
                _ => self.word().to_owned(),
            };
            self.skip();
            if self.peek() == Some('}') {
                continue;
            }
            if let Some(value) = self.value() {
                members.push((key, value));
            }
        }
        self.depth -= 1;
        Loose::Map(members)
    }

    fn enter(&mut self) {
        self.next();
        self.depth += 1;
    }

    /// Whether the container ends here, of itself or with the text.
    fn ends(&mut self, closer: char) -> bool {
        self.skip();
        match self.peek() {
            None => true,
            Some(char) if char == closer => {
                self.next();
                true
            }
            Some(_) => false,
        }
    }

    fn word(&mut self) -> &'t str {
        let word = self.take_while(|char| {
            !char.is_whitespace()
                && !matches!(
                    char,
                    ',' | ':' | '=' | '{' | '}' | '[' | ']' | '"' | '\'' | '`'
                )
        });
        if word.is_empty() {
            self.next();
        }
        word
    }

    fn string(&mut self) -> String {
        let quote = self.next();
        let mut text = String::new();
        while let Some(char) = self.next() {
            match char {
                _ if Some(char) == quote => break,
                '\\' => self.escape(&mut text),
                _ => text.push(char),
            }
        }
        text
    }

    fn escape(&mut self, text: &mut String) {
        match self.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('u') => {
                let high = self.hex();
                let pair = matches!(high, 0xd800..0xdc00) && self.rest.starts_with("\\u");
                let code = if pair {
                    self.rest = self.rest.get(2..).unwrap_or_default();
                    0x1_0000 + ((high - 0xd800) << 10) + (self.hex() & 0x3ff)
                } else {
                    high
                };
                text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => text.push(other),
            None => {}
        }
    }

    fn hex(&mut self) -> u32 {
        let digits: String = self
            .rest
            .chars()
            .take(4)
            .take_while(char::is_ascii_hexdigit)
            .collect();
        self.rest = self.rest.get(digits.len()..).unwrap_or_default();
        u32::from_str_radix(&digits, 16).unwrap_or(0xfffd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Loose {
        Loose::Text(text.to_owned())
    }

    #[test]
    fn keeps_duplicates_and_reads_what_strict_readers_refuse() {
        let found =
            values("\u{feff}{a: 'b', /* c */ \"a\": \"\\u0063\\ud83d\\ude00\",} [1 2 // 3\n] x");
        let map = Loose::Map(vec![("a".into(), text("b")), ("a".into(), text("c😀"))]);
        assert_eq!(
            found,
            [map, Loose::List(vec![text("1"), text("2")]), text("x")]
        );
    }

    #[test]
    fn what_is_never_closed_ends_with_the_text() {
        let found = values("{\"a\":[{\"b\":\"c");
        let inner = Loose::Map(vec![("b".into(), text("c"))]);
        assert_eq!(
            found,
            [Loose::Map(vec![("a".into(), Loose::List(vec![inner]))])]
        );
    }
}
