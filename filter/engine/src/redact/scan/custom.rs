//! What an organization defines to be looked for, and what it leaves alone.

use super::{
    Field, Find, Finder, Sought,
    bytes::{at, before, is_word},
};
use crate::redact::{Allowlist, FieldPath, Matcher};

/// Most finds of one detector in one string: a pattern that matches everywhere costs no more.
const MAX_FINDS: usize = 100_000;

pub(super) fn scan(text: &str, field: Field<'_>, sought: &Sought<'_>, finds: &mut Vec<Find>) {
    for (position, profile) in sought.plan.profiles().iter().enumerate() {
        for (custom, detector) in profile.custom().iter().enumerate() {
            let wanted = profile.custom_action(sought.direction, sought.place, custom);
            if wanted.is_none() {
                continue;
            }
            let finder = Finder::Custom(position, custom);
            let mut found = |range| finds.push(Find { range, finder });
            match &detector.matcher {
                Matcher::Regex(regex) => {
                    let matches = regex.find_iter(text).map(|found| found.range());
                    matches
                        .filter(|range| !range.is_empty())
                        .take(MAX_FINDS)
                        .for_each(found);
                }
                Matcher::Keywords(words) => {
                    for word in words {
                        keyword(text, word, &mut found);
                    }
                }
                Matcher::Fields(paths) => {
                    if !text.is_empty() && paths.iter().any(|path| leads_to(path, field.keys)) {
                        found(0..text.len());
                    }
                }
            }
        }
    }
}

/// Every place of a word, in whatever case, with no letter or digit before or after.
fn keyword(text: &str, word: &str, found: &mut impl FnMut(std::ops::Range<usize>)) {
    let bytes = text.as_bytes();
    let Some(first) = word.bytes().next() else {
        return;
    };
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    for start in memchr::memchr2_iter(lower, upper, bytes) {
        let end = start.saturating_add(word.len());
        let same = bytes
            .get(start..end)
            .is_some_and(|here| here.eq_ignore_ascii_case(word.as_bytes()));
        if same && !is_word(before(bytes, start, 1)) && !is_word(at(bytes, end)) {
            found(start..end);
        }
    }
}

/// Whether a path leads to where `keys` (the innermost first) do.
fn leads_to(path: &FieldPath, keys: &[&str]) -> bool {
    let enough = if path.is_anchored {
        path.keys.len() == keys.len()
    } else {
        path.keys.len() <= keys.len()
    };
    enough
        && !path.keys.is_empty()
        && path
            .keys
            .iter()
            .rev()
            .zip(keys)
            .all(|(wanted, key)| **wanted == *"*" || **wanted == **key)
}

/// Whether a value is left alone.
pub(super) fn is_allowed(lists: &[Allowlist], id: &str, value: &str) -> bool {
    lists.iter().any(|list| {
        let of_all = list.detectors.is_empty();
        (of_all || list.detectors.iter().any(|detector| **detector == *id))
            && (list
                .values
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(value))
                || list.globs.iter().any(|glob| glob.matches(value)))
    })
}
