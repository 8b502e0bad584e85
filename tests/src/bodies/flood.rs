//! Messages made to be slow: long runs of what a detector begins with, and never ends.

use serde_json::{Value, json};

use super::Random;

/// What a message is full of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flood {
    /// Digits without an end.
    Digits,
    /// Digits one by one.
    SpacedDigits,
    /// Random base64.
    Base64,
    /// Hex digits.
    Hex,
    /// Colons.
    Colons,
    /// At-signs.
    AtSigns,
    /// `a@a@a@`: every character may belong to an address.
    Addresses,
    /// Full stops between figures.
    Dots,
    /// PEM headers without an end.
    PemBegins,
    /// What tokens begin with.
    TokenBegins,
    /// Words that name a secret, one after the other.
    Assignments,
    /// Backslashes.
    Backslashes,
    /// Percent escapes.
    Percents,
    /// HTML character references.
    Entities,
    /// Zero-width characters in a number.
    ZeroWidths,
    /// JSON in a string in JSON, deeper than anyone looks.
    Nested,
    /// Short strings of JSON, as many as there may be.
    NestedMany,
    /// Fields whose names say that they are personal.
    Fields,
}

impl Flood {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Digits,
        Self::SpacedDigits,
        Self::Base64,
        Self::Hex,
        Self::Colons,
        Self::AtSigns,
        Self::Addresses,
        Self::Dots,
        Self::PemBegins,
        Self::TokenBegins,
        Self::Assignments,
        Self::Backslashes,
        Self::Percents,
        Self::Entities,
        Self::ZeroWidths,
        Self::Nested,
        Self::NestedMany,
        Self::Fields,
    ];

    /// A word or two for a table.
    pub fn label(self) -> &'static str {
        match self {
            Self::Digits => "digits",
            Self::SpacedDigits => "spaced digits",
            Self::Base64 => "base64",
            Self::Hex => "hex",
            Self::Colons => "colons",
            Self::AtSigns => "at-signs",
            Self::Addresses => "a@a@a@",
            Self::Dots => "dots",
            Self::PemBegins => "PEM begins",
            Self::TokenBegins => "eyJ",
            Self::Assignments => "password=",
            Self::Backslashes => "backslashes",
            Self::Percents => "percent escapes",
            Self::Entities => "HTML entities",
            Self::ZeroWidths => "zero-width",
            Self::Nested => "nested JSON",
            Self::NestedMany => "many nested",
            Self::Fields => "personal fields",
        }
    }

    /// What a server answers: about so many bytes of JSON.
    pub fn answer(self, size_bytes: usize) -> String {
        let repeated = |text: &str| Value::from(text.repeat(size_bytes / text.len().max(1)));
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut random = Random::new(1);
        let flood = match self {
            Self::Digits => Value::from(random.digits(size_bytes)),
            Self::SpacedDigits => repeated("4 "),
            Self::Base64 => Value::from(random.text(alphabet, size_bytes)),
            Self::Hex => Value::from(random.hex(size_bytes)),
            Self::Colons => repeated(":"),
            Self::AtSigns => repeated("@"),
            Self::Addresses => repeated("a@"),
            Self::Dots => repeated("1."),
            Self::PemBegins => repeated("-----BEGIN PRIVATE KEY-----"),
            Self::TokenBegins => repeated("eyJ"),
            Self::Assignments => repeated("password="),
            // Two of each in JSON.
            Self::Backslashes => Value::from("\\".repeat(size_bytes / 2)),
            Self::Percents => repeated("%34"),
            Self::Entities => repeated("&#52;"),
            Self::ZeroWidths => repeated("4\u{200b}"),
            Self::Nested => Value::from(nested(size_bytes)),
            Self::NestedMany => many(r#"{"a":"[\"{}\"]"}"#, size_bytes),
            Self::Fields => fields(size_bytes),
        };
        let content = json!([{ "type": "text", "text": "" }]);
        json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": content, "structuredContent": { "flood": flood } } })
            .to_string()
    }
}

/// A string in an object in a string, and so on: the backslashes double with each.
fn nested(size_bytes: usize) -> String {
    let mut text = "4111 1111 1111 1111".to_owned();
    loop {
        let deeper = json!({ "a": text }).to_string();
        if deeper.len() * 2 > size_bytes {
            return text;
        }
        text = deeper;
    }
}

/// As many of a string as have room.
fn many(text: &str, size_bytes: usize) -> Value {
    let item = Value::from(text);
    let item_bytes = item.to_string().len() + 1;
    vec![item; size_bytes / item_bytes].into()
}

fn fields(size_bytes: usize) -> Value {
    let item = json!({ "firstName": "A", "surname": "B" });
    let item_bytes = item.to_string().len() + 1;
    vec![item; size_bytes / item_bytes].into()
}
