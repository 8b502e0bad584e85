//! Keys that some reader takes for a protocol key, though they are spelt otherwise.
//!
//! Go folds case, C strings end at a NUL, the Python SDK takes `request_state` and `meta` for
//! `requestState` and `_meta`. Only the exact key is judged, so any other spelling of one is
//! refused. All other keys are free: the specification lets every object have more of them.

use unicode_normalization::UnicodeNormalization as _;

use crate::json::Value;

/// Most keys outside ASCII that one protocol object may have; each costs more to read than to send.
const MAX_FOREIGN_KEYS: usize = 64;

/// A key that the protocol gives a meaning, with those of the object it holds.
struct Key {
    name: &'static str,
    within: &'static [Self],
}

const fn key(name: &'static str) -> Key {
    Key { name, within: &[] }
}

const fn object(name: &'static str, within: &'static [Key]) -> Key {
    Key { name, within }
}

const MESSAGE: &[Key] = &[
    key("jsonrpc"),
    key("id"),
    key("method"),
    object("params", PARAMS),
    object("result", RESULT),
    object("error", &[key("code"), key("message"), key("data")]),
];

/// Parameters, whatever the method.
const PARAMS: &[Key] = &[
    key("name"),
    key("arguments"),
    object("_meta", META),
    key("uri"),
    key("cursor"),
    object("ref", &[key("type"), key("name"), key("uri")]),
    object("argument", &[key("name"), key("value")]),
    object("context", &[key("arguments")]),
    key("level"),
    object("task", &[key("taskId"), key("ttl")]),
    key("taskId"),
    key("inputResponses"),
    key("requestState"),
    object(
        "notifications",
        &[key("resourceSubscriptions"), key("taskIds")],
    ),
    key("protocolVersion"),
    key("capabilities"),
    key("clientInfo"),
    key("requestId"),
];

const META: &[Key] = &[
    key(super::PROTOCOL_VERSION_KEY),
    key(super::CLIENT_CAPABILITIES_KEY),
    key(super::RELATED_TASK_KEY),
];

/// What of a result is judged.
const RESULT: &[Key] = &[
    key("tools"),
    key("prompts"),
    key("resources"),
    key("resourceTemplates"),
    key("tasks"),
    object("task", &[key("taskId")]),
    key("taskId"),
    key("capabilities"),
    key("inputRequests"),
    key("requestState"),
];

/// What names an item of a list.
const ITEM: &[Key] = &[key("name"), key("uri"), key("uriTemplate")];

/// The first key of a message's own that looks like a protocol key and is none.
pub(super) fn in_message(root: Value<'_>) -> Option<Value<'_>> {
    find(root, MESSAGE)
}

/// Whether an item of a list could be listed under another name than the one that is judged.
pub(crate) fn is_ambiguous_item(item: Value<'_>) -> bool {
    find(item, ITEM).is_some()
}

/// Whether what a server asks for could be read as something else than is judged.
pub(crate) fn is_ambiguous_input(input: Value<'_>) -> bool {
    find(input, &[key("method"), key("params")]).is_some()
}

/// Whether an object has a key that some reader takes for this one.
pub(crate) fn has_look_alike(object: Value<'_>, name: &str) -> bool {
    let known = form(name);
    let mut foreign: usize = 0;
    object.members().any(|(key, _)| {
        let Some(key) = key.as_str() else {
            return true;
        };
        foreign = foreign.saturating_add(usize::from(!key.is_ascii()));
        *key != *name
            && (foreign > MAX_FOREIGN_KEYS
                || looks_like(&key, |key| letters(key).eq(known.iter().copied())))
    })
}

/// What the most lenient readers make of a key: keys that one of them takes for each other have a
/// form in common.
pub(crate) fn forms(key: &str) -> impl Iterator<Item = Vec<u8>> {
    let cut = key.split_once('\0').map(|(before, _)| before);
    std::iter::once(key).chain(cut).map(form)
}

fn form(name: &str) -> Vec<u8> {
    if name.is_ascii() {
        letters(name).collect()
    } else {
        letters(&folded(name)).collect()
    }
}

fn find<'d>(object: Value<'d>, known: &[Key]) -> Option<Value<'d>> {
    if known.is_empty() {
        return None;
    }
    let mut foreign: usize = 0;
    for (key, value) in object.members() {
        let Some(name) = key.as_str() else {
            return Some(key);
        };
        if let Some(known) = known.iter().find(|known| *known.name == *name) {
            if let found @ Some(_) = find(value, known.within) {
                return found;
            }
            continue;
        }
        foreign = foreign.saturating_add(usize::from(!name.is_ascii()));
        if foreign > MAX_FOREIGN_KEYS || looks_like_one_of(&name, known) {
            return Some(key);
        }
    }
    None
}

fn looks_like_one_of(name: &str, known: &[Key]) -> bool {
    looks_like(name, |name| {
        known.iter().any(|known| same_ascii(name, known.name))
    })
}

fn looks_like(name: &str, is_known: impl Fn(&str) -> bool) -> bool {
    let looks_known = |name: &str| {
        if name.is_ascii() {
            is_known(name)
        } else {
            is_known(&folded(name))
        }
    };
    // A reader with C strings ends a key at its first NUL.
    let cut = name.split_once('\0').map(|(before, _)| before);
    looks_known(name) || cut.is_some_and(looks_known)
}

/// What the most lenient reader makes of a key: compatibility characters replaced (NFKC), case
/// folded, and everything cut that is invisible.
fn folded(name: &str) -> String {
    name.nfkc()
        .flat_map(char::to_lowercase)
        .filter(|character| !is_invisible(*character))
        .collect()
}

/// Whether two keys are the same but for case, for what separates words, and for controls.
fn same_ascii(name: &str, known: &str) -> bool {
    letters(name).eq(letters(known))
}

fn letters(text: &str) -> impl Iterator<Item = u8> {
    let is_kept = |byte: &u8| *byte > b' ' && *byte != 0x7F && *byte != b'_' && *byte != b'-';
    text.bytes()
        .filter(is_kept)
        .map(|byte| byte.to_ascii_lowercase())
}

/// Controls, white space, and what Unicode calls default ignorable.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || character.is_whitespace()
        || matches!(
            character,
            '\u{AD}'
                | '\u{34F}'
                | '\u{61C}'
                | '\u{115F}'..='\u{1160}'
                | '\u{17B4}'..='\u{17B5}'
                | '\u{180B}'..='\u{180F}'
                | '\u{200B}'..='\u{200F}'
                | '\u{202A}'..='\u{202E}'
                | '\u{2060}'..='\u{206F}'
                | '\u{3164}'
                | '\u{FE00}'..='\u{FE0F}'
                | '\u{FEFF}'
                | '\u{FFA0}'
                | '\u{FFF0}'..='\u{FFF8}'
                | '\u{1BCA0}'..='\u{1BCA3}'
                | '\u{1D173}'..='\u{1D17A}'
                | '\u{E0000}'..='\u{E0FFF}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{json::Document, limits::Limits};

    fn is_refused(text: &str) -> bool {
        let document = Document::parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
        in_message(document.root()).is_some()
    }

    #[test]
    fn refuses_every_spelling_but_the_exact_one() {
        for key in [
            "Name",
            "NAME",
            "name ",
            " name",
            "na\\u0000me",
            "name\\u0000",
            "name\\u0000x",
            "name\\u0000é",
            "n\\u00adame",
            "\\ufeffname",
            "na\\u200bme",
            "\\uff4e\\uff41\\uff4d\\uff45",
            "_name",
            "meta",
            "request_state",
            "requeststate",
            "input-responses",
            "task_id",
            "argumentſ",
            "tas\\u212a",
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","params":{{"{key}":1}}}}"#);
            assert!(is_refused(&text), "{key}");
        }
        for text in [
            r#"{"Method":1}"#,
            r#"{"param\u017f":1}"#,
            r#"{"params":{"ref":{"Type":1}}}"#,
            r#"{"params":{"_meta":{"io.modelcontextprotocol/ProtocolVersion":1}}}"#,
            r#"{"result":{"Tools":[]}}"#,
            r#"{"error":{"Code":1}}"#,
        ] {
            assert!(is_refused(text), "{text}");
        }
    }

    #[test]
    fn leaves_all_other_keys_alone() {
        for text in [
            r#"{"x-trace":1,"ключ":2,"naïve":3}"#,
            r#"{"params":{"arguments":{"Name":1,"na\u0000me":2,"NAME":3}}}"#,
            r#"{"params":{"_meta":{"ключ":1,"com.example/Name":2,"progressToken":3}}}"#,
            r#"{"params":{"nаme":"a Cyrillic letter that no reader folds"}}"#,
            r#"{"result":{"content":[],"structuredContent":{"Tools":1}}}"#,
        ] {
            assert!(!is_refused(text), "{text}");
        }
    }
}
