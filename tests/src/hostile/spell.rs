//! How a text is spelled: words of the tables, look-alikes, encodings.

use std::io;

use serde::Deserialize;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Tool,
    Prompt,
    Resource,
}

impl Kind {
    pub(super) fn apply(self, text: &str) -> String {
        let (method, key, allowed, refused) = match self {
            Self::Tool => ("tools/call", "name", "echo", "delete_note"),
            Self::Prompt => ("prompts/get", "name", "summary", "secret"),
            Self::Resource => (
                "resources/read",
                "uri",
                "note://public/a",
                "note://private/a",
            ),
        };
        text.replace("$ALLOWED", "{$HEAD,'method':'$M','params':{'$K':'$OK'}}")
            .replace("$REFUSED", "{$HEAD,'method':'$M','params':{'$K':'$NO'}}")
            .replace("$HEAD", "'jsonrpc':'2.0','id':1")
            .replace(
                "$META",
                "'_meta':{'io.modelcontextprotocol/protocolVersion':'2026-07-28','io.modelcontextprotocol/clientCapabilities':{}}",
            )
            .replace("$M", method)
            .replace("$K", key)
            .replace("$OK", allowed)
            .replace("$NO", refused)
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Encoding {
    Utf8,
    Utf8Bom,
    Utf16Le,
    Utf16Be,
    Utf16LeBom,
    Utf16BeBom,
    Utf32Le,
    Utf32Be,
    Utf32LeBom,
    Utf32BeBom,
    Gzip,
    Zlib,
    Deflate,
}

impl Encoding {
    pub(super) fn encode(self, body: Vec<u8>) -> io::Result<Vec<u8>> {
        let text = || String::from_utf8_lossy(&body).into_owned();
        let marked = || format!("\u{feff}{}", text());
        let utf16 =
            |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
        let utf32 = |text: &str, bytes: fn(u32) -> [u8; 4]| {
            text.chars().map(u32::from).flat_map(bytes).collect()
        };
        let level = flate2::Compression::default();
        Ok(match self {
            Self::Utf8 => body,
            Self::Utf8Bom => marked().into_bytes(),
            Self::Utf16Le => utf16(&text(), u16::to_le_bytes),
            Self::Utf16Be => utf16(&text(), u16::to_be_bytes),
            Self::Utf16LeBom => utf16(&marked(), u16::to_le_bytes),
            Self::Utf16BeBom => utf16(&marked(), u16::to_be_bytes),
            Self::Utf32Le => utf32(&text(), u32::to_le_bytes),
            Self::Utf32Be => utf32(&text(), u32::to_be_bytes),
            Self::Utf32LeBom => utf32(&marked(), u32::to_le_bytes),
            Self::Utf32BeBom => utf32(&marked(), u32::to_be_bytes),
            Self::Gzip => read(flate2::read::GzEncoder::new(&*body, level))?,
            Self::Zlib => read(flate2::read::ZlibEncoder::new(&*body, level))?,
            Self::Deflate => read(flate2::read::DeflateEncoder::new(&*body, level))?,
        })
    }
}

fn read(mut reader: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A text with its words replaced, as bytes.
pub fn bytes(text: &str) -> Vec<u8> {
    let mut text = text.replace('\'', "\"").replace("$Q", "'");
    while let Some((before, rest)) = text.split_once("$REP{") {
        let Some((count, rest)) = rest.split_once("}{") else {
            break;
        };
        let Some((unit, rest)) = rest.split_once('}') else {
            break;
        };
        let unit = unit.replace("$O", "{");
        text = format!("{before}{}{rest}", unit.repeat(count.parse().unwrap_or(0)));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = &*text;
    while let Some((before, after)) = rest.split_once("$X{") {
        bytes.extend(before.bytes());
        let (digits, after) = after.split_once('}').unwrap_or((after, ""));
        bytes.extend(u8::from_str_radix(digits, 16));
        rest = after;
    }
    bytes.extend(rest.bytes());
    bytes
}

/// A text once for each look-alike of the word in its `$FOLD{…}`; itself where it has none.
pub(super) fn folds(text: &str) -> Vec<String> {
    let parts = text.split_once("$FOLD{");
    let parts = parts.and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    let Some((before, (word, after))) = parts else {
        return vec![text.to_owned()];
    };
    look_alikes(word)
        .into_iter()
        .map(|other| format!("{before}{other}{after}"))
        .collect()
}

/// A word as readers that fold would also take it.
fn look_alikes(word: &str) -> Vec<String> {
    let mut chars = word.chars();
    let first = chars.next().unwrap_or_default();
    let rest = chars.as_str();
    let shifted =
        |base: u32| char::from_u32(base + (u32::from(first) - u32::from('a'))).unwrap_or(first);
    let last = word.len().saturating_sub(1);
    let (stem, end) = word.split_at(last);
    let mut found = vec![
        word.to_uppercase(),
        format!("{}{rest}", first.to_ascii_uppercase()),
        format!("{stem}{}", end.to_uppercase()),
        format!("{}{rest}", shifted(u32::from('\u{ff41}'))),
        format!("{}{rest}", shifted(u32::from('\u{1d41a}'))),
        format!("\\u{:04x}{rest}", u32::from(first.to_ascii_uppercase())),
        format!("{word}\\u0000"),
        format!("{word}\\u0000x"),
        format!("{word}\u{200b}"),
        format!("\u{feff}{word}"),
        format!("{stem}\u{ad}{end}"),
        format!("{word} "),
        format!("{word}\\t"),
    ];
    if word.contains('s') {
        found.push(word.replacen('s', "\u{17f}", 1));
    }
    if word.contains('k') {
        found.push(word.replacen('k', "\u{212a}", 1));
    }
    found
}
