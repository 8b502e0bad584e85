//! Characters that a reader does not see for what they are, and names in several scripts.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// A character of which there are more than before.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Unseen {
    /// Which, as `U+200B`.
    pub character: String,
    /// What it does.
    pub kind: UnseenKind,
    /// How many more there are.
    pub count: usize,
}

/// What a character that is not seen does.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UnseenKind {
    /// It takes no room, or looks like a space.
    Invisible,
    /// It turns the reading direction around.
    Bidirectional,
    /// It stands for an ASCII character that models read and people do not see.
    Tag,
    /// It picks a glyph; a row of them spells bytes.
    Selector,
    /// A terminal acts on it.
    Control,
    /// Nobody knows what it looks like.
    PrivateUse,
}

impl UnseenKind {
    /// What such a character is called in a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invisible => "invisible",
            Self::Bidirectional => "bidirectional",
            Self::Tag => "tag",
            Self::Selector => "selector",
            Self::Control => "control",
            Self::PrivateUse => "private use",
        }
    }

    fn of(c: char) -> Option<Self> {
        Some(match c {
            '\n' | '\r' | '\t' => return None,
            c if c.is_control() => Self::Control,
            '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}' => Self::Bidirectional,
            '\u{e0000}'..='\u{e007f}' => Self::Tag,
            '\u{180b}'..='\u{180d}'
            | '\u{180f}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0100}'..='\u{e01ef}' => Self::Selector,
            '\u{ad}'
            | '\u{34f}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200d}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{2060}'..='\u{2065}'
            | '\u{206a}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' => Self::Invisible,
            '\u{e000}'..='\u{f8ff}' | '\u{e0080}'..='\u{e00ff}' | '\u{e01f0}'..='\u{10ffff}' => {
                Self::PrivateUse
            }
            _ => return None,
        })
    }
}

/// How often each such character is in a text or value.
#[derive(Debug, Default)]
pub(super) struct Count {
    characters: BTreeMap<char, usize>,
    /// What the tag characters spell.
    spelled: String,
}

/// More of what tag characters spell is not repeated.
const MAX_SPELLED_CHARS: usize = 200;

impl Count {
    /// Counts in every string and key of a value.
    pub(super) fn of(value: Option<&Value>) -> Self {
        let mut count = Self::default();
        if let Some(value) = value {
            count.value(value);
        }
        count
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter().for_each(|item| self.value(item)),
            Value::Object(members) => {
                for (key, member) in members {
                    self.text(key);
                    self.value(member);
                }
            }
        }
    }

    /// Counts in a text.
    pub(super) fn text(&mut self, text: &str) {
        if text.bytes().all(|byte| (b' '..0x7f).contains(&byte)) {
            return;
        }
        let mut before = ' ';
        for c in text.chars() {
            if let Some(kind) = UnseenKind::of(c)
                && !is_expected(before, c)
            {
                let count = self.characters.entry(c).or_default();
                *count = count.saturating_add(1);
                if kind == UnseenKind::Tag
                    && self.spelled.len() < MAX_SPELLED_CHARS
                    && let Some(ascii) = u32::from(c).checked_sub(0xe0000).and_then(char::from_u32)
                    && (' '..='~').contains(&ascii)
                {
                    self.spelled.push(ascii);
                }
            }
            before = c;
        }
    }

    /// Of which there are more here than in `old`.
    pub(super) fn beyond(&self, old: &Self) -> Vec<Unseen> {
        let more = self.characters.iter().filter_map(|(&c, &count)| {
            let before = old.characters.get(&c).copied().unwrap_or_default();
            Some(Unseen {
                character: format!("U+{:04X}", u32::from(c)),
                kind: UnseenKind::of(c)?,
                count: count.checked_sub(before).filter(|more| *more > 0)?,
            })
        });
        more.collect()
    }

    /// Says which there are more of than in `old`.
    pub(super) fn explain(&self, more: &[Unseen]) -> String {
        const SHOWN: usize = 3;
        let mut kinds: BTreeMap<_, (usize, Vec<&str>)> = BTreeMap::new();
        for unseen in more {
            let (count, characters) = kinds.entry(unseen.kind).or_default();
            *count = count.saturating_add(unseen.count);
            if characters.len() < SHOWN {
                characters.push(&unseen.character);
            } else if characters.len() == SHOWN {
                characters.push("…");
            }
        }
        let named = kinds.into_iter().map(|(kind, (count, characters))| {
            format!("{count} {} ({})", kind.as_str(), characters.join(", "))
        });
        let mut said = named.collect::<Vec<_>>().join(", ");
        if more.iter().any(|unseen| unseen.kind == UnseenKind::Tag) && !self.spelled.is_empty() {
            said = format!("{said}; the tags spell `{}`", self.spelled);
        }
        format!("It has new characters that people do not see: {said}.")
    }
}

/// Whether writing needs the character where it stands: in an emoji, or in a script that joins.
fn is_expected(before: char, c: char) -> bool {
    let is_symbol = before >= '\u{2190}' && UnseenKind::of(before).is_none();
    match c {
        '\u{fe0f}' => is_symbol || matches!(before, '0'..='9' | '#' | '*' | '©' | '®' | '‼' | '™'),
        '\u{200d}' if is_symbol || before == '\u{fe0f}' => true,
        '\u{200c}' | '\u{200d}' => matches!(before, '\u{600}'..='\u{dff}'),
        _ => false,
    }
}

/// The scripts of a name, and letters of those that are not Latin, where it has letters of several
/// that have some that look like another's.
pub(super) fn mixed_scripts(name: &str) -> Option<Vec<String>> {
    let mut scripts: BTreeMap<&str, char> = BTreeMap::new();
    for c in name.chars() {
        if let Some(script) = script(c) {
            scripts.entry(script).or_insert(c);
        }
    }
    let told = |(script, c): (&&str, &char)| {
        if *script == LATIN {
            LATIN.to_owned()
        } else {
            format!("{script} (U+{:04X})", u32::from(*c))
        }
    };
    (scripts.len() > 1).then(|| scripts.iter().map(told).collect())
}

const LATIN: &str = "Latin";

fn script(c: char) -> Option<&'static str> {
    Some(match c {
        'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}'
            if c.is_alphabetic() =>
        {
            LATIN
        }
        '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => "Greek",
        '\u{400}'..='\u{52f}'
        | '\u{1c80}'..='\u{1c8f}'
        | '\u{2de0}'..='\u{2dff}'
        | '\u{a640}'..='\u{a69f}' => "Cyrillic",
        '\u{530}'..='\u{58f}' => "Armenian",
        '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => "Cherokee",
        '\u{1d400}'..='\u{1d7ff}' => "mathematical",
        '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => "fullwidth",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut count = Count::default();
        count.text(text);
        let more = count.beyond(&Count::default());
        more.into_iter().map(|unseen| unseen.character).collect()
    }

    #[test]
    fn what_writing_needs_is_not_counted() {
        for text in ["⚠️ ❤️‍🔥 👩‍💻 1️⃣", "می‌خواهم", "plain\ntext", "größe 名前"]
        {
            assert_eq!(found(text), [""; 0], "{text}");
        }
        assert_eq!(found("a\u{200b}b"), ["U+200B"]);
        assert_eq!(found("a\u{200d}b\u{202e}"), ["U+200D", "U+202E"]);
        assert_eq!(found("😀\u{fe0f}\u{fe0f}\u{fe01}"), ["U+FE01", "U+FE0F"]);
        assert_eq!(found("\u{1b}[2J"), ["U+001B"]);
    }

    #[test]
    fn tags_are_spelled_out() {
        let mut count = Count::default();
        count.text("hi\u{e0068}\u{e0069}");
        let said = count.explain(&count.beyond(&Count::default()));
        assert!(said.ends_with("the tags spell `hi`."), "{said}");
    }

    #[test]
    fn names_of_several_scripts_are_told() {
        assert_eq!(mixed_scripts("read_file"), None);
        assert_eq!(mixed_scripts("größe_名前"), None);
        assert_eq!(
            mixed_scripts("re\u{430}d"),
            Some(vec!["Cyrillic (U+0430)".to_owned(), "Latin".to_owned()])
        );
        assert_eq!(
            mixed_scripts("\u{ff52}ead"),
            Some(vec!["Latin".to_owned(), "fullwidth (U+FF52)".to_owned()])
        );
    }
}
