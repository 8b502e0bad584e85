//! Bodies as results of tools.

const BYTES: usize = 64 << 10;

fn result(text: &str) -> String {
    let text = serde_json::Value::from(text);
    format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"content\":[{{\"type\":\"text\",\"text\":{text}}}],\"isError\":false}}}}"
    )
}

fn filled(mut line: impl FnMut(u64) -> String) -> String {
    let mut text = String::new();
    let mut index = 1;
    while text.len() < BYTES {
        text.push_str(&line(index));
        index += 1;
    }
    text
}

fn mixed(index: u64) -> u64 {
    index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 7
}

fn rows(line: impl FnMut(u64) -> String) -> String {
    let mut text = filled(line);
    text.pop();
    format!("{{\"rows\":[{text}]}}")
}

/// Nothing is found in these.
pub(super) fn clean() -> [(&'static str, String); 4] {
    let prose = filled(|_| {
        "The quick brown fox jumps over the lazy dog, and nobody minds; so it goes on and on.\n"
            .to_owned()
    });
    let log = filled(|index| {
        let n = mixed(index);
        format!(
            "2024-02-{:02}T11:46:45Z INFO [{:08x}] GET /api/v2/orders/ORD-2026-{:06} 200 {}ms\n",
            n % 28 + 1,
            n % 0xFFFF_FFFF,
            n % 1_000_000,
            n % 900
        )
    });
    let items = |index| {
        let n = mixed(index);
        format!(
            "{{\"sku\":\"P-{:06}\",\"qty\":{},\"title\":\"Blue widget with a long description of what it is for\",\"id\":\"{:08x}-9abc-4def-8123-{:012x}\",\"updated_at\":\"2024-02-21T11:46:45Z\"}},",
            n % 1_000_000,
            n % 900,
            n % 0xFFFF_FFFF,
            n % 0xFFFF_FFFF_FFFF
        )
    };
    let structured = rows(items);
    [
        ("clean prose", result(&prose)),
        ("clean log", result(&log)),
        ("clean JSON in a string", result(&structured)),
        (
            "clean structured",
            format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"content\":[],\"structuredContent\":{structured}}}}}"
            ),
        ),
    ]
}

/// In these much is.
pub(super) fn dense() -> [(&'static str, String); 2] {
    let row = |index| {
        let n = mixed(index);
        format!(
            "{{\"id\":{index},\"first_name\":\"Ann\",\"email\":\"ann.lee{n}@example.com\",\"phone\":\"+1 415 555 {:04}\",\"ip\":\"93.184.216.{}\",\"note\":\"card 4111 1111 1111 1111 expires soon\"}},",
            n % 10_000,
            n % 255
        )
    };
    let log = filled(|index| {
        let n = mixed(index);
        format!(
            "2024-02-21T11:46:45Z ERROR auth failed for ann{n}@example.com from 93.184.216.{}\n",
            n % 255
        )
    });
    [
        ("dense JSON in a string", result(&rows(row))),
        ("dense log", result(&log)),
    ]
}

/// In these a careless scanner starts over and over.
pub(super) fn floods() -> Vec<(&'static str, String)> {
    let repeated = |part: &str| part.repeat(BYTES / part.len());
    let mut base64 = String::new();
    for index in 0..(BYTES as u64 / 8) {
        const LETTERS: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let n = mixed(index);
        for shift in 0..8 {
            let letter = LETTERS.get((n >> (6 * shift) & 63) as usize);
            base64.extend(letter.copied().map(char::from));
        }
    }
    let nested = "{\"a\":[".repeat(60);
    let parts = [
        ("digits", "1234567890"),
        ("spaced digits", "1 "),
        ("dashed digits", "12-"),
        ("groups of four", "4111 "),
        ("dotted", "1.2."),
        ("colons", ":"),
        ("hex colons", "ab:"),
        ("signs", "@"),
        ("addresses cut short", "a@b."),
        ("long locals", "aaaaaaaaaaaaaaaa@"),
        ("PEM begins", "-----BEGIN "),
        ("private keys", "-----BEGIN PRIVATE KEY-----"),
        ("certificates", "-----BEGIN CERTIFICATE-----\n"),
        ("backslashes", "\\"),
        ("escapes", "\\u0041"),
        ("JWT begins", "eyJ"),
        ("JWT parts", "eyJhbGciOiJIUzI1NiJ9."),
        ("quotes", "\""),
        ("braces", "{["),
        ("nested", nested.as_str()),
        ("equals", "="),
        ("passwords", "password="),
        ("quoted passwords", "password=\""),
        ("URLs", "://"),
        ("users", "://a:b"),
        ("underscores", "_"),
        ("tokens", "ghp_"),
        ("dashes", "sk-"),
        ("dashed words", " --a"),
        ("percent", "%41"),
        ("entities", "&#x41;"),
        ("zero width", "\u{200b}"),
        ("no-break spaces", "1\u{a0}"),
        ("tags", "<name>"),
        ("lines", "a,b\n"),
        ("name rows", "name,phone\n"),
        ("bars", "|phone"),
        ("IBANs", "DE89 "),
        ("plus", "+1 "),
        ("parentheses", "(4"),
        ("tildes", "1Q~"),
        ("words", "a1 "),
        ("hexadecimal", "4a"),
        ("capitals", "AKIA"),
        ("bearers", "Bearer "),
        ("cookies", "Cookie: a=b; "),
        ("months", "1 May "),
        ("CJK", "\u{5bc6}\u{7801}: "),
    ];
    let mut floods: Vec<_> = parts
        .iter()
        .map(|(name, part)| (*name, result(&repeated(part))))
        .collect();
    floods.push(("base64", result(&base64)));
    floods
}
