//! Which other tools a sentence names.

use std::collections::BTreeSet;

use super::{
    definitions::{Definition, Kind},
    names::Names,
};

/// The most that a sentence names.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Mention {
    /// A tool of the same list.
    Known,
    /// One of them that sends, deletes, or reads secrets.
    Acting,
    /// What looks like a tool's name and is none of the list.
    Foreign,
}

/// What words of a definition could be tools.
#[derive(Debug)]
pub(super) struct Mentions<'a> {
    names: &'a Names,
    own: String,
    /// Words of the definition's own schema are no tools.
    words: BTreeSet<String>,
}

impl<'a> Mentions<'a> {
    pub(super) fn new(definition: &Definition<'_>, names: &'a Names) -> Self {
        let mut words = BTreeSet::new();
        super::strings::each(definition.value, &mut |text| {
            if text.role != super::strings::Role::Prose && !text.content.contains(' ') {
                words.insert(text.content.to_lowercase());
            }
        });
        Self {
            names,
            own: definition.name.to_lowercase(),
            words,
        }
    }

    /// The most that a folded sentence names.
    pub(super) fn in_sentence(&self, sentence: &str) -> Option<Mention> {
        let words: Vec<&str> = sentence
            .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/')))
            .map(|word| word.trim_matches(['.', '-', '/']))
            .collect();
        let at = |position: Option<usize>| position.and_then(|at| words.get(at)).copied();
        let mentions = words.iter().enumerate().filter_map(|(position, word)| {
            let before = at(position.checked_sub(1)).unwrap_or_default();
            let after = at(position.checked_add(1)).unwrap_or_default();
            self.mention(word, before, after)
        });
        mentions.max()
    }

    fn mention(&self, word: &str, before: &str, after: &str) -> Option<Mention> {
        if word.is_empty() || word == self.own {
            return None;
        }
        let is_called_tool =
            matches!(after, "tool" | "tools" | "function") || matches!(before, "tool" | "function");
        let is_identifier = word.contains('_') && word.split('_').all(|part| part.len() > 1);
        if self.names.has(Kind::Tool, word) {
            // A plain word such as `search` is one unless it is said to be a tool.
            let is_meant = is_called_tool || word.contains(['_', '-', '.', '/']);
            return is_meant.then(|| {
                if acts(word) {
                    Mention::Acting
                } else {
                    Mention::Known
                }
            });
        }
        let is_used = is_called_tool
            || matches!(
                before,
                "call"
                    | "use"
                    | "using"
                    | "calling"
                    | "invoke"
                    | "invoking"
                    | "run"
                    | "of"
                    | "than"
            );
        let is_foreign = is_identifier
            && is_used
            && !self.words.contains(word)
            && (self.names.is_list() || word.starts_with("mcp_"));
        is_foreign.then_some(Mention::Foreign)
    }
}

/// Whether a tool's name says that it sends, deletes, runs or reads secrets.
fn acts(name: &str) -> bool {
    const WORDS: [&str; 16] = [
        "send",
        "email",
        "mail",
        "post",
        "upload",
        "delete",
        "exec",
        "execute",
        "shell",
        "secret",
        "secrets",
        "credential",
        "credentials",
        "password",
        "transfer",
        "admin",
    ];
    name.split(['_', '-', '.', '/'])
        .any(|part| WORDS.contains(&part))
}
