//! Claims as Envoy's `jwt_authn` leaves them in dynamic metadata, and as a filter reads them there.
//!
//! Envoy hands out a structure as *pairs*: how many, the lengths of each, then each with a NUL after
//! it, lengths and counts as 32 bits, little-endian (`serializeValue` and `marshalPairs`). The type
//! of what stands in one is not said:
//!
//! | value | bytes |
//! |---|---|
//! | string | its UTF-8 |
//! | number | 8, an IEEE 754 double |
//! | boolean | one, 0 or 1 |
//! | object | pairs of key and value |
//! | array | pairs of item and nothing |
//!
//! So an object whose values are all empty texts cannot be told from the array of its keys, and is
//! read as that: groups written as `{"dev":""}` are those of `["dev"]`.
//!
//! A text of claims has no NUL in it, whereas the others have one for all values that occur in
//! claims; what is neither is refused, and so is everything that it stands in.

use crate::json::escape_into;

/// Deepest nesting of objects and arrays.
const MAX_DEPTH: usize = 16;

/// Claims as a JSON object; `None` where the bytes cannot be taken for one.
pub fn metadata_to_json(bytes: &[u8]) -> Option<String> {
    let mut json = String::with_capacity(bytes.len());
    write_object(&pairs(bytes)?, MAX_DEPTH, &mut json)?;
    Some(json)
}

type Pair<'b> = (&'b [u8], &'b [u8]);

/// Reads pairs, which must be all that there is.
fn pairs(bytes: &[u8]) -> Option<Vec<Pair<'_>>> {
    let (count, mut lengths) = length(bytes)?;
    // Eight bytes of lengths and two NULs each: a count that promises more is none.
    if count > bytes.len() / 10 {
        return None;
    }
    let mut rest = lengths.get(count.checked_mul(8)?..)?;
    let mut pairs = Vec::with_capacity(count);
    for _ in 0..count {
        let (key_length, after) = length(lengths)?;
        let (value_length, after) = length(after)?;
        lengths = after;
        let (key, after) = terminated(rest, key_length)?;
        let (value, after) = terminated(after, value_length)?;
        rest = after;
        pairs.push((key, value));
    }
    rest.is_empty().then_some(pairs)
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_le_bytes(*length).try_into().ok()?, rest))
}

fn terminated(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (item, rest) = bytes.split_at_checked(length)?;
    let (end, rest) = rest.split_first()?;
    (*end == 0).then_some((item, rest))
}

fn write_object(members: &[Pair<'_>], depth: usize, json: &mut String) -> Option<()> {
    json.push('{');
    for (position, (key, value)) in members.iter().enumerate() {
        if position > 0 {
            json.push(',');
        }
        write_text(std::str::from_utf8(key).ok()?, json);
        json.push(':');
        write_value(value, depth.checked_sub(1)?, json)?;
    }
    json.push('}');
    Some(())
}

fn write_array(items: &[Pair<'_>], depth: usize, json: &mut String) -> Option<()> {
    json.push('[');
    for (position, (item, _)) in items.iter().enumerate() {
        if position > 0 {
            json.push(',');
        }
        write_value(item, depth.checked_sub(1)?, json)?;
    }
    json.push(']');
    Some(())
}

fn write_value(bytes: &[u8], depth: usize, json: &mut String) -> Option<()> {
    if let Some(text) = text(bytes) {
        write_text(text, json);
        return Some(());
    }
    if let [truth @ 0..=1] = bytes {
        json.push_str(if *truth == 1 { "true" } else { "false" });
        return Some(());
    }
    if let Ok(double) = bytes.try_into() {
        return write_number(f64::from_le_bytes(double), json);
    }
    let pairs = pairs(bytes)?;
    // An array and an object of empty texts look the same, and arrays are what claims have.
    if pairs.iter().all(|(_, value)| value.is_empty()) {
        write_array(&pairs, depth, json)
    } else {
        write_object(&pairs, depth, json)
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    // A lone 1 is `true`; no claim is that control character.
    (!text.contains('\0') && text != "\u{1}").then_some(text)
}

fn write_text(text: &str, json: &mut String) {
    json.push('"');
    escape_into(json, text);
    json.push('"');
}

fn write_number(number: f64, json: &mut String) -> Option<()> {
    if !number.is_finite() {
        return None;
    }
    json.push_str(&number.to_string());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `marshalPairs` writes them.
    fn marshal(pairs: &[(&[u8], &[u8])]) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let mut bytes = u32::try_from(pairs.len()).unwrap().to_le_bytes().to_vec();
        for (key, value) in pairs {
            bytes.extend(length(key));
            bytes.extend(length(value));
        }
        for (key, value) in pairs {
            for part in [key, value] {
                bytes.extend(*part);
                bytes.push(0);
            }
        }
        bytes
    }

    #[test]
    fn reads_what_envoy_writes() {
        let groups = marshal(&[(b"dev", b""), (b"ops", b"")]);
        let roles = marshal(&[(b"admin", b"")]);
        let access = marshal(&[(b"roles", &roles)]);
        let expiry = 1_900_000_000_f64.to_le_bytes();
        let claims = marshal(&[
            (b"sub", b"alice123"),
            (b"exp", &expiry),
            (b"groups", &groups),
            (b"realm_access", &access),
            (b"email_verified", &[1]),
            (b"none", &marshal(&[])),
            (b"empty", b""),
            (b"name", "Zo\u{eb} \"Z\"".as_bytes()),
        ]);
        assert_eq!(
            metadata_to_json(&claims).unwrap(),
            r#"{"sub":"alice123","exp":1900000000,"groups":["dev","ops"],"realm_access":{"roles":["admin"]},"email_verified":true,"none":[],"empty":"","name":"Zoë \"Z\""}"#
        );
    }

    #[test]
    fn an_object_of_empty_texts_looks_like_the_array_of_its_keys() {
        let groups = marshal(&[(b"admin", b"")]);
        let claims = marshal(&[(b"groups", &groups)]);
        let json = r#"{"groups":["admin"]}"#;
        assert_eq!(metadata_to_json(&claims).unwrap(), json);
    }

    #[test]
    fn whatever_else_is_refused() {
        let good = marshal(&[(b"sub", b"alice")]);
        for length in 0..good.len() {
            assert_eq!(metadata_to_json(&good[..length]), None);
        }
        let mut longer = good;
        longer.push(0);
        assert_eq!(metadata_to_json(&longer), None);
        let nan = f64::NAN.to_le_bytes();
        assert_eq!(metadata_to_json(&marshal(&[(b"exp", &nan)])), None);
        assert_eq!(metadata_to_json(&marshal(&[(b"sub", b"a\0b")])), None);
        assert_eq!(metadata_to_json(&[0xFF; 64]), None);
        let mut deep = marshal(&[(b"a", b"b")]);
        for _ in 0..MAX_DEPTH {
            deep = marshal(&[(b"a", &deep)]);
        }
        assert_eq!(metadata_to_json(&deep), None);
    }
}
