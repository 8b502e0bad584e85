//! What lenient readers make of a request or an answer.
//!
//! One search stands for all of them: a reader that takes the first, the last or any duplicate, that
//! folds case, compatibility characters, NUL and invisible characters in keys and names, that looks
//! into lists, that decodes UTF-16, UTF-32, gzip, zlib or deflate unasked, that resolves URIs, or that
//! believes the headers. What none of them sees, no server does.

use std::io::Read as _;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use encoding_rs::{UTF_16BE, UTF_16LE};
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};
use unicode_normalization::UnicodeNormalization as _;
use url::Url;

use super::loose::{self, Loose};

const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Tools and prompts that `tests/hostile/policy.yaml` refuses.
const REFUSED_NAMES: [&str; 3] = ["delete_note", "wipe", "secret"];

/// The calls of what is refused that some reader sees, as `method name`; none where all is well.
pub fn refused_calls<'h>(
    headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    body: &[u8],
) -> Vec<String> {
    let mut seen = Vec::new();
    for text in texts(body) {
        for value in loose::values(&text) {
            calls(&value, &mut seen);
        }
    }
    let headers: Vec<_> = headers.collect();
    let claimed = |name: &str| {
        let mut values = Vec::new();
        for (key, value) in &headers {
            if key.eq_ignore_ascii_case(name) {
                let value = String::from_utf8_lossy(value);
                values.extend(value.split(',').map(mirrored));
            }
        }
        values
    };
    let names = claimed("mcp-name");
    for method in claimed("mcp-method") {
        seen.extend(names.iter().map(|name| (method.clone(), name.clone())));
    }
    seen.retain(|(method, name)| is_refused(method, name));
    seen.into_iter()
        .map(|(method, name)| format!("{method} {name}"))
        .collect()
}

/// The refused tools, prompts and resources that some reader of an answer sees.
pub fn refused_items(body: &[u8]) -> Vec<String> {
    let mut seen = Vec::new();
    for text in texts(body) {
        // Readers that end lines at more characters than the specification does see more events.
        let lines = text.split([
            '\u{2028}', '\u{2029}', '\u{85}', '\u{b}', '\u{c}', '\n', '\r',
        ]);
        let events: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
        for value in loose::values(&text) {
            leaves(&value, &mut seen);
        }
        for (_, data) in events {
            for value in loose::values(data) {
                leaves(&value, &mut seen);
            }
        }
    }
    seen.retain(|text| is_refused_name(text) || text.contains("note://private/"));
    seen
}

fn leaves(value: &Loose, seen: &mut Vec<String>) {
    match value {
        Loose::Text(text) => seen.push(text.clone()),
        Loose::List(items) => items.iter().for_each(|item| leaves(item, seen)),
        Loose::Map(members) => members.iter().for_each(|(_, member)| leaves(member, seen)),
    }
}

/// A body in every encoding that some reader tries.
fn texts(body: &[u8]) -> Vec<String> {
    let mut plain = vec![body.to_vec()];
    let inflate = |reader: &mut dyn std::io::Read| {
        let mut inflated = Vec::new();
        // What could be inflated before an error counts too.
        drop(reader.take(1 << 22).read_to_end(&mut inflated));
        inflated
    };
    plain.push(inflate(&mut MultiGzDecoder::new(body)));
    plain.push(inflate(&mut ZlibDecoder::new(body)));
    plain.push(inflate(&mut DeflateDecoder::new(body)));
    plain.retain(|bytes| !bytes.is_empty());
    plain.iter().flat_map(|bytes| decoded(bytes)).collect()
}

fn decoded(bytes: &[u8]) -> Vec<String> {
    let mut texts = vec![String::from_utf8_lossy(bytes).into_owned()];
    if bytes.contains(&0) {
        for encoding in [UTF_16LE, UTF_16BE] {
            texts.push(encoding.decode_without_bom_handling(bytes).0.into_owned());
        }
        for from in [u32::from_le_bytes, u32::from_be_bytes] {
            let chars = bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|unit| char::from_u32(from(*unit)));
            texts.push(
                chars
                    .map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER))
                    .collect(),
            );
        }
    }
    texts
}

/// Every method with every name that a message could be taken to have.
fn calls(value: &Loose, seen: &mut Vec<(String, String)>) {
    match value {
        Loose::Text(text) if text.trim_start().starts_with(['{', '[']) => {
            for value in loose::values(text) {
                calls(&value, seen);
            }
        }
        Loose::Text(_) => {}
        Loose::List(items) => {
            for item in items {
                calls(item, seen);
            }
            // A struct read from an array, by position.
            let methods: Vec<_> = items.iter().flat_map(scalars).collect();
            for name in items.iter().flat_map(names) {
                seen.extend(methods.iter().map(|method| (method.clone(), name.clone())));
            }
        }
        Loose::Map(members) => {
            let under = |wanted: &'static str| {
                members
                    .iter()
                    .filter(move |(key, _)| is_key(key, wanted))
                    .map(|(_, value)| value)
            };
            let names: Vec<_> = under("params").flat_map(names).collect();
            for method in under("method").flat_map(scalars) {
                seen.extend(names.iter().map(|name| (method.clone(), name.clone())));
            }
        }
    }
}

/// Every name that parameters could be taken to have.
fn names(params: &Loose) -> Vec<String> {
    match params {
        Loose::Text(text) => loose::values(text)
            .iter()
            .filter(|value| !matches!(value, Loose::Text(_)))
            .flat_map(names)
            .collect(),
        Loose::List(items) => {
            let first = items.iter().take(1).flat_map(scalars);
            let inner = items.iter().filter(|item| !matches!(item, Loose::Text(_)));
            first.chain(inner.flat_map(names)).collect()
        }
        Loose::Map(members) => {
            let naming = members
                .iter()
                .filter(|(key, _)| is_key(key, "name") || is_key(key, "uri"));
            let listening = members
                .iter()
                .filter(|(key, _)| is_key(key, "notifications"));
            let listening = listening.flat_map(|(_, value)| subscribed(value));
            let referring = members.iter().filter(|(key, _)| is_key(key, "ref"));
            naming
                .flat_map(|(_, value)| scalars(value))
                .chain(listening)
                .chain(referring.flat_map(|(_, value)| names(value)))
                .collect()
        }
    }
}

/// The resources that a subscription could be taken to name.
fn subscribed(notifications: &Loose) -> Vec<String> {
    match notifications {
        Loose::Text(_) => Vec::new(),
        Loose::List(items) => items.iter().flat_map(subscribed).collect(),
        Loose::Map(members) => {
            let lists = members
                .iter()
                .filter(|(key, _)| is_key(key, "resourcesubscriptions"));
            lists.flat_map(|(_, value)| scalars(value)).collect()
        }
    }
}

/// The strings that a value could be coerced to.
fn scalars(value: &Loose) -> Vec<String> {
    match value {
        Loose::Text(text) => vec![text.clone()],
        Loose::List(items) => items.iter().flat_map(scalars).collect(),
        Loose::Map(_) => Vec::new(),
    }
}

fn is_key(key: &str, wanted: &str) -> bool {
    let cut = key.split('\0').next().unwrap_or_default();
    folded(key) == wanted || folded(cut) == wanted
}

/// Case, compatibility and invisible characters folded away.
fn folded(text: &str) -> String {
    let invisible = |char: char| {
        char.is_control()
            || matches!(char, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    let plain: String = text.nfkc().filter(|char| !invisible(*char)).collect();
    plain.trim().to_lowercase()
}

/// A mirrored value as a server decodes it.
fn mirrored(value: &str) -> String {
    let value = value.trim();
    let encoded = value
        .strip_prefix("=?base64?")
        .and_then(|rest| rest.strip_suffix("?="));
    let bytes = encoded.and_then(|encoded| ANY_PADDING.decode(encoded).ok());
    bytes.map_or_else(
        || value.to_owned(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

fn is_refused(method: &str, name: &str) -> bool {
    let cut = method.split('\0').next().unwrap_or_default();
    match folded(cut).as_str() {
        "tools/call" | "prompts/get" => is_refused_name(name),
        "resources/read" | "resources/subscribe" | "subscriptions/listen" => {
            is_refused_resource(name)
        }
        "completion/complete" => {
            is_refused_name(name) || (name.contains(':') && is_refused_resource(name))
        }
        _ => false,
    }
}

fn is_refused_name(name: &str) -> bool {
    let cut = name.split('\0').next().unwrap_or_default();
    REFUSED_NAMES.contains(&&*folded(name)) || REFUSED_NAMES.contains(&&*folded(cut))
}

/// Whether a URI, or what some reader resolves it to, is one that the policy refuses.
fn is_refused_resource(uri: &str) -> bool {
    let is_allowed = |uri: &str| {
        let private = uri.starts_with("note://private/");
        (uri.starts_with("note://") && !private) || uri.starts_with("file:///public/")
    };
    let decoded: String = percent_decoded(uri);
    let resolved = |uri: &str| Url::parse(uri).map(String::from).ok();
    let readings = [
        Some(uri.to_owned()),
        resolved(uri),
        resolved(&decoded),
        Some(folded(uri)),
    ];
    readings.into_iter().flatten().any(|uri| !is_allowed(&uri))
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).filter(|_| *first == b'%');
        let escape = escape.and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = tail
            .get(if byte.is_some() { 2 } else { 0 }..)
            .unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(body: &str) -> Vec<String> {
        refused_calls(std::iter::empty(), body.as_bytes())
    }

    #[test]
    fn sees_what_some_reader_would() {
        for body in [
            r#"{"method":"tools/call","params":{"name":"echo","name":"delete_note"}}"#,
            r#"{"method":"tools/call","params":{"name":"delete_note","name":"echo"}}"#,
            r#"{"Method":"tools/call","param\u017f":{"name\u0000":"DELETE_NOTE"}}"#,
            r#"[[{"method":["tools/call"],"params":{"name":["delete_note"]}}]]"#,
            r#"{"method":"prompts/get","params":{"name":"summary"}}{"method":"prompts/get","params":{"name":"secret"}}"#,
            r#"{"method":"resources/read","params":{"uri":"file:///public/../private/x"}}"#,
            r#"{"method":"resources/read","params":{"uri":"NOTE://private/x"}}"#,
            r#"{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"a","Name":"secret"}}}"#,
        ] {
            assert_eq!(seen(body).len(), 1, "{body}");
        }
    }

    #[test]
    fn sees_nothing_in_calls_that_are_allowed() {
        for body in [
            r#"{"method":"tools/call","params":{"name":"echo","arguments":{"name":"delete_note"}}}"#,
            r#"{"method":"resources/read","params":{"uri":"note://public/%C3%A9?x=1#y"}}"#,
            r#"{"method":"tools/list","params":{}}"#,
        ] {
            assert_eq!(seen(body), <[String; 0]>::default(), "{body}");
        }
    }

    #[test]
    fn believes_headers() {
        let headers: [(&str, &[u8]); 2] = [
            ("Mcp-Method", b"tools/call"),
            ("mcp-name", b"echo, =?base64?ZGVsZXRlX25vdGU=?="),
        ];
        assert_eq!(
            refused_calls(headers.into_iter(), b"{}"),
            ["tools/call delete_note"]
        );
    }
}
