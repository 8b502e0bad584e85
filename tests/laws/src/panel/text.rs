//! Which texts readers see in bytes: decoded, and decompressed, whatever nobody said of them.

use std::io::Read;

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};

/// Most bytes that are taken from a decompressor.
const MAX_INFLATED_BYTES: u64 = 64 << 10;

/// Every text that some reader sees.
pub(super) fn texts(bytes: &[u8]) -> Vec<String> {
    let mut texts = decoded(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && text.trim_start().starts_with(['{', '['])
    {
        // Nothing that is compressed begins like this.
        return texts;
    }
    for inflated in [
        inflated(GzDecoder::new(bytes)),
        inflated(ZlibDecoder::new(bytes)),
        inflated(DeflateDecoder::new(bytes)),
    ] {
        texts.extend(inflated.map(|bytes| decoded(&bytes)).unwrap_or_default());
    }
    texts
}

fn inflated(reader: impl Read) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let count = reader.take(MAX_INFLATED_BYTES).read_to_end(&mut bytes);
    (count.is_ok() && !bytes.is_empty()).then_some(bytes)
}

fn decoded(bytes: &[u8]) -> Vec<String> {
    let lossy = String::from_utf8_lossy(bytes).into_owned();
    let mut texts = Vec::new();
    if !bytes.is_ascii() {
        texts.push(lossy.replace('\u{fffd}', ""));
        texts.push(
            WINDOWS_1252
                .decode_without_bom_handling(bytes)
                .0
                .into_owned(),
        );
    }
    texts.push(lossy);
    // Every text in these has a NUL among its braces.
    if bytes.contains(&0) {
        texts.extend([UTF_16LE, UTF_16BE].map(|encoding| {
            let (text, _) = encoding.decode_without_bom_handling(bytes);
            text.into_owned()
        }));
        texts.extend([u32::from_le_bytes, u32::from_be_bytes].map(|read| utf_32(bytes, read)));
    }
    texts
}

fn utf_32(bytes: &[u8], read: impl Fn([u8; 4]) -> u32) -> String {
    let (units, _) = bytes.as_chunks::<4>();
    let character = |unit: &[u8; 4]| char::from_u32(read(*unit)).unwrap_or('\u{fffd}');
    units.iter().map(character).collect()
}
