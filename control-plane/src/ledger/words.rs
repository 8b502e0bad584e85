//! The words of texts, as full text finds them: runs of letters and digits, in lower case.

use std::collections::BTreeSet;

/// What of a word counts, so that no digest or blob makes the index long.
const MAX_WORD_BYTES: usize = 64;

/// How many different words of one record count.
const MAX_WORDS: usize = 1_000;

/// The different words of some texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    found: BTreeSet<String>,
    current: String,
}

impl Words {
    /// The words of one text.
    pub(super) fn of(text: &str) -> BTreeSet<String> {
        let mut words = Self::default();
        words.add(text);
        words.found
    }

    /// Adds those of a text.
    pub(super) fn add(&mut self, text: &str) {
        for c in text.chars() {
            self.push(c);
        }
        self.end();
    }

    /// Adds those of JSON that may be cut short. What an escape stands for counts, not how it is spelled.
    pub(super) fn add_json(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '\\' {
                self.push(c);
                continue;
            }
            match chars.next() {
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let escaped = u32::from_str_radix(&digits, 16).ok();
                    self.push(escaped.and_then(char::from_u32).unwrap_or(' '));
                }
                // A quote, a slash or a control character.
                Some(_) => self.end(),
                None => break,
            }
        }
        self.end();
    }

    /// All that were added.
    pub(super) fn finish(self) -> BTreeSet<String> {
        self.found
    }

    fn push(&mut self, c: char) {
        if !c.is_alphanumeric() {
            self.end();
        } else if self.current.len() < MAX_WORD_BYTES {
            if c.is_ascii() {
                self.current.push(c.to_ascii_lowercase());
            } else {
                // In lower case a letter can become one with a mark, which is none by itself.
                let lower = c.to_lowercase().filter(|c| c.is_alphanumeric());
                self.current.extend(lower);
            }
        }
    }

    fn end(&mut self) {
        if self.current.is_empty() {
            return;
        }
        if self.found.len() < MAX_WORDS && !self.found.contains(&self.current) {
            self.found.insert(self.current.clone());
        }
        self.current.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_json(text: &str) -> Vec<String> {
        let mut words = Words::default();
        words.add_json(text.as_bytes());
        words.finish().into_iter().collect()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        let words: Vec<_> = Words::of("Delete repo-1: ÉTÉ, été! İ")
            .into_iter()
            .collect();
        assert_eq!(words, ["1", "delete", "i", "repo", "été"]);
        assert!(Words::of("*** --").is_empty());
    }

    #[test]
    fn escapes_of_json_are_what_they_stand_for() {
        assert_eq!(
            of_json(r#"{"a":"x\ny\u00e9\u0020z\"q"}"#),
            ["a", "q", "x", "yé", "z"]
        );
        assert_eq!(of_json(r#"{"a":"cut\u00"#), ["a", "cut"]);
        assert_eq!(of_json("{\"a\":\"cut\\"), ["a", "cut"]);
    }

    #[test]
    fn a_long_word_counts_by_its_beginning() {
        let long = "x".repeat(MAX_WORD_BYTES);
        let words = Words::of(&format!("{long}yz {long}"));
        assert_eq!(words.into_iter().collect::<Vec<_>>(), [long]);
    }
}
