//! What organizations look for, and what they leave alone.

use std::collections::BTreeSet;

use chancery_proto::policy::v1::{self as pb, custom_detector::Matcher as PbMatcher};

use super::{
    super::{
        super::{Invalid, shown},
        each, globs, named,
    },
    MAX_ALLOWED, at_most, built_in,
};
use crate::redact::{ALL_DETECTORS, Allowlist, CustomDetector, FieldPath, Matcher};

/// Longest regular expression in bytes.
const MAX_PATTERN_BYTES: usize = 1024;
/// Most bytes that a compiled regular expression may take: each byte of a text may cost as much as
/// it is long.
const MAX_COMPILED_BYTES: usize = 16 << 10;
/// Most words or fields of one detector.
const MAX_ITEMS: usize = 1000;
/// Longest word, key or allowed value in bytes.
const MAX_WORD_BYTES: usize = 128;
/// Most keys of one field path.
const MAX_KEYS: usize = 16;
/// What records call media that are blocked.
const MEDIA: [&str; 3] = ["image", "audio", "blob"];
/// Texts in one of which a pattern finds nothing but a place, if it ever does: each kind of boundary
/// is in one of them.
const PROBES: [&str; 4] = ["", "a", " a ", "\n"];

impl TryFrom<pb::CustomDetector> for CustomDetector {
    type Error = Invalid;

    fn try_from(message: pb::CustomDetector) -> Result<Self, Invalid> {
        let pb::CustomDetector { name, matcher } = message;
        let name = named(name, ["organizations", "detectors"])?;
        let id: Box<str> = name.rsplit('/').next().unwrap_or_default().into();
        if built_in(&id).is_some() || MEDIA.contains(&&*id) {
            let expected = "an id that is no built-in detector's or group's, nor one of media";
            return Err(Invalid::new("name", shown(&id), expected));
        }
        let matcher = match matcher {
            Some(PbMatcher::Regex(pattern)) => regex(&pattern)?,
            Some(PbMatcher::Keywords(keywords)) => {
                Matcher::try_from(keywords).map_err(|error| error.within("keywords"))?
            }
            Some(PbMatcher::Fields(fields)) => {
                Matcher::try_from(fields).map_err(|error| error.within("fields"))?
            }
            None => {
                let expected = "`regex`, `keywords` or `fields`";
                return Err(Invalid::new("matcher", "nothing", expected));
            }
        };
        Ok(Self { id, matcher })
    }
}

fn regex(pattern: &str) -> Result<Matcher, Invalid> {
    if pattern.len() > MAX_PATTERN_BYTES {
        let found = format!("{} bytes", pattern.len());
        let expected = format!("at most {MAX_PATTERN_BYTES} bytes");
        return Err(Invalid::new("regex", found, expected));
    }
    let mut builder = regex_lite::RegexBuilder::new(pattern);
    let compiled = builder.size_limit(MAX_COMPILED_BYTES).build();
    let regex = compiled.map_err(|error| {
        let found = format!("{}: {error}", shown(pattern));
        let expected = format!(
            "a regular expression that takes at most {} KiB compiled",
            MAX_COMPILED_BYTES >> 10
        );
        Invalid::new("regex", found, expected)
    })?;
    let is_nothing = |probe: &&str| regex.find_iter(probe).any(|found| found.is_empty());
    if let Some(probe) = PROBES.iter().find(|probe| is_nothing(probe)) {
        let found = format!(
            "{}, which matches the empty string in {}",
            shown(pattern),
            shown(probe)
        );
        let expected = "a regular expression that never matches the empty string";
        return Err(Invalid::new("regex", found, expected));
    }
    Ok(Matcher::Regex(regex))
}

impl TryFrom<pb::Keywords> for Matcher {
    type Error = Invalid;

    fn try_from(message: pb::Keywords) -> Result<Self, Invalid> {
        let pb::Keywords { words } = message;
        some_at_most("words", words.len(), MAX_ITEMS)?;
        once("words", words.iter().map(|word| word.to_lowercase()))?;
        let word = |word: String| {
            let edge = |text: Option<char>| text.is_some_and(char::is_whitespace);
            if edge(word.chars().next()) || edge(word.chars().next_back()) {
                let expected = "a word without space before or after it";
                return Err(Invalid::new("", shown(&word), expected));
            }
            short(word)
        };
        Ok(Self::Keywords(each("words", words, word)?))
    }
}

impl TryFrom<pb::Fields> for Matcher {
    type Error = Invalid;

    fn try_from(message: pb::Fields) -> Result<Self, Invalid> {
        let pb::Fields { paths } = message;
        some_at_most("paths", paths.len(), MAX_ITEMS)?;
        once("paths", paths.iter().cloned())?;
        Ok(Self::Fields(each("paths", paths, |path| {
            field_path(&path)
        })?))
    }
}

fn field_path(path: &str) -> Result<FieldPath, Invalid> {
    let (is_anchored, keys) = match path.strip_prefix("$.") {
        Some(keys) => (true, keys),
        None => (false, path),
    };
    let wrong = |found: &str| {
        let expected = format!(
            "1 to {MAX_KEYS} keys of 1 to {MAX_WORD_BYTES} bytes with `.` between them, not all `*`"
        );
        Invalid::new("", format!("{}, {found}", shown(path)), expected)
    };
    let keys: Vec<Box<str>> = keys.split('.').map(Into::into).collect();
    if keys.len() > MAX_KEYS {
        return Err(wrong(&format!("which has {} keys", keys.len())));
    }
    if keys.iter().any(|key| key.is_empty()) {
        return Err(wrong("in which a key is empty"));
    }
    if keys.iter().any(|key| key.len() > MAX_WORD_BYTES) {
        return Err(wrong("in which a key is longer"));
    }
    // Without a key of its own it would be every value that there is.
    if !is_anchored && keys.iter().all(|key| &**key == "*") {
        return Err(wrong("which names no key"));
    }
    Ok(FieldPath { keys, is_anchored })
}

impl TryFrom<pb::Allowlist> for Allowlist {
    type Error = Invalid;

    fn try_from(message: pb::Allowlist) -> Result<Self, Invalid> {
        let pb::Allowlist {
            name,
            detectors,
            values,
            globs: patterns,
        } = message;
        named(name, ["organizations", "allowlists"])?;
        if values.is_empty() && patterns.is_empty() {
            let expected = "at least one value or glob";
            return Err(Invalid::new("values", "none", expected));
        }
        let together = values.len().saturating_add(patterns.len());
        at_most("values", together, MAX_ALLOWED)?;
        once("values", values.iter().map(|value| value.to_lowercase()))?;
        once("globs", patterns.iter().cloned())?;
        let mut ids: Vec<Box<str>> = Vec::new();
        for id in detectors {
            match built_in(&id) {
                // Of all: as without detectors.
                Some(_) if id == ALL_DETECTORS => {
                    let expected = "ids of detectors, `personal` or `secrets`; none for all";
                    return Err(Invalid::new("detectors", shown(&id), expected));
                }
                Some(chosen) => ids.extend(chosen.iter().map(|one| one.as_str().into())),
                None => ids.push(id.into()),
            }
        }
        Ok(Self {
            detectors: ids,
            values: each("values", values, short)?,
            globs: globs("globs", patterns)?,
        })
    }
}

fn some_at_most(field: &str, found: usize, most: usize) -> Result<(), Invalid> {
    if found == 0 {
        return Err(Invalid::new(field, "none", "at least one"));
    }
    at_most(field, found, most)
}

fn once(field: &str, items: impl Iterator<Item = String>) -> Result<(), Invalid> {
    let mut seen = BTreeSet::new();
    for (position, item) in items.enumerate() {
        if let Some(twice) = seen.replace(item) {
            let field = format!("{field}[{position}]");
            let found = format!("{} a second time", shown(&twice));
            return Err(Invalid::new(field, found, "it once"));
        }
    }
    Ok(())
}

fn short(word: String) -> Result<Box<str>, Invalid> {
    if word.is_empty() || word.len() > MAX_WORD_BYTES {
        let found = format!("{}, of {} bytes", shown(&word), word.len());
        let expected = format!("1 to {MAX_WORD_BYTES} bytes");
        return Err(Invalid::new("", found, expected));
    }
    Ok(word.into())
}
