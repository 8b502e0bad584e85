//! Requests spelled on purpose so that readers differ: what random bytes seldom are.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use crate::request::request;

const KEYS: [&str; 18] = [
    "\"jsonrpc\"",
    "\"id\"",
    "\"method\"",
    "\"params\"",
    "\"name\"",
    "\"arguments\"",
    "\"uri\"",
    "\"ref\"",
    "\"type\"",
    "\"_meta\"",
    "\"task\"",
    "\"cursor\"",
    "\"inputResponses\"",
    "\"requestState\"",
    "\"result\"",
    "\"error\"",
    "\"x\"",
    "\"argument\"",
];

const VALUES: [&str; 30] = [
    "\"2.0\"",
    "1",
    "\"tools/call\"",
    "\"prompts/get\"",
    "\"resources/read\"",
    "\"completion/complete\"",
    "\"ping\"",
    "\"tools/list\"",
    "\"echo\"",
    "\"get_note\"",
    "\"delete_note\"",
    "\"summary\"",
    "\"gossip\"",
    "\"note://public/a\"",
    "\"file:///public/../private/a\"",
    "\"file:///public/%2e%2e/private/a\"",
    "\"NOTE://public/secrets\"",
    "\"note://public/%73ecrets\"",
    "\"ref/prompt\"",
    "\"ref/resource\"",
    "null",
    "true",
    "2.0",
    "[]",
    "{}",
    "\"\"",
    "[\"delete_note\"]",
    "\"resources/subscribe\"",
    "\"notifications/initialized\"",
    "NaN",
];

/// Longest text it writes.
const MAX_BYTES: usize = 2_048;

/// The law of [`request`] for what the bytes spell: each says what is written next, and how.
pub fn spelling(data: &[u8]) {
    let mut pen = Pen {
        program: data.iter().copied(),
        text: String::new(),
        depth: 0,
    };
    let carrier = pen.next();
    pen.message();
    while pen.next() == 1 {
        pen.message();
    }
    request(&carried(&pen.text, carrier));
}

/// A text as it could be sent.
fn carried(text: &str, carrier: u8) -> Vec<u8> {
    let mark: Vec<u8> = "\u{feff}".bytes().collect();
    let units = || text.encode_utf16();
    match carrier {
        1 => [&*mark, text.as_bytes()].concat(),
        2 => units().flat_map(u16::to_le_bytes).collect(),
        3 => units().flat_map(u16::to_be_bytes).collect(),
        4 => text
            .chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect(),
        5 => compressed(text.as_bytes()),
        6 => [text.as_bytes(), b"\0"].concat(),
        7 => text
            .chars()
            .map(|c| u8::try_from(c).unwrap_or(b'?'))
            .collect(),
        _ => text.as_bytes().to_vec(),
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

struct Pen<P> {
    program: P,
    text: String,
    depth: usize,
}

impl<P: Iterator<Item = u8>> Pen<P> {
    fn next(&mut self) -> u8 {
        self.program.next().unwrap_or(0)
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        let choice = usize::from(self.next());
        from.get(choice % from.len().max(1)).copied().unwrap_or("")
    }

    fn write(&mut self, text: &str) {
        if self.text.len() < MAX_BYTES {
            self.text.push_str(text);
        }
    }

    /// A call that would be forwarded, or anything.
    fn message(&mut self) {
        match self.next() {
            0 => {
                let call =
                    r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo""#;
                self.write(call);
                self.members();
                self.write("}");
                self.members();
                self.write("}");
            }
            1 => {
                let read = r#"{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"#;
                self.write(read);
                self.value();
                self.members();
                self.write("}}");
            }
            2 => {
                let complete = r#"{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"summary""#;
                self.write(complete);
                self.members();
                self.write("}}}");
            }
            3 => {
                self.write(r#"{"jsonrpc":"2.0","id":1"#);
                self.members();
                self.write("}");
            }
            4 => {
                self.write("[");
                self.value();
                self.write(",");
                self.message_once();
                self.write("]");
            }
            _ => self.value(),
        }
    }

    fn message_once(&mut self) {
        self.depth += 1;
        if self.depth < 4 {
            self.message();
        }
        self.depth = self.depth.saturating_sub(1);
    }

    /// Further members, after some.
    fn members(&mut self) {
        for _ in 0..self.next() % 6 {
            let comma = [",", ",", ",", ",\n", " , ", ",/**/", ",,", ""];
            let comma = self.pick(&comma);
            self.write(comma);
            self.key();
            self.write(":");
            self.value();
        }
    }

    fn key(&mut self) {
        let key = self.pick(&KEYS);
        let inner = key.trim_matches('"').to_owned();
        let first = inner.chars().next().unwrap_or('x');
        let rest = inner.get(first.len_utf8()..).unwrap_or("").to_owned();
        let spelled = match self.next() {
            4 => key.to_uppercase(),
            5 => format!("\"{}{rest}\"", first.to_ascii_uppercase()),
            6 => format!("\"\\u{:04x}{rest}\"", u32::from(first)),
            7 => format!("\"{inner}\\u0000\""),
            8 => format!("\"{inner}\\u200b\""),
            9 => format!("\"{inner}\u{feff}\""),
            10 => key.replace('s', "\u{17f}"),
            11 => key.replace('m', "\u{ff4d}"),
            12 => format!("'{inner}'"),
            13 => inner,
            14 => key.to_lowercase(),
            15 => format!("\"{inner} \""),
            16 => format!("\" {inner}\""),
            17 => format!("\"{inner}\\ud800\""),
            18 => key.replace('k', "\u{212a}"),
            19 => format!("\"{inner}\\n\""),
            20 => format!("\"{inner}\u{ad}\""),
            _ => key.to_owned(),
        };
        self.write(&spelled);
    }

    fn value(&mut self) {
        let value = self.pick(&VALUES);
        let inner = value.trim_matches('"');
        match self.next() {
            1 => self.object(),
            2 => {
                self.write("[");
                self.value_once();
                self.write("]");
            }
            3 if inner != value => self.write(&format!("\"{inner}\\u0000\"")),
            4 if inner != value => self.write(&format!("\" {inner}\"")),
            5 if inner != value => self.write(&format!("'{inner}'")),
            6 if inner != value => self.write(&format!("\"{}\"", inner.to_uppercase())),
            7 if inner != value => self.write(&format!("\"{}\"", inner.replace('/', "\\/"))),
            8 if inner != value => self.write(&format!("\"{inner}\\u200b\"")),
            9 if inner != value => self.write(&format!("\"{inner}\\t\"")),
            _ => self.write(value),
        }
    }

    fn value_once(&mut self) {
        self.depth += 1;
        if self.depth < 6 {
            self.value();
        } else {
            self.write("0");
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn object(&mut self) {
        self.write("{");
        self.key();
        self.write(":");
        self.value_once();
        self.members_once();
        self.write("}");
    }

    fn members_once(&mut self) {
        self.depth += 1;
        if self.depth < 6 {
            self.members();
        }
        self.depth = self.depth.saturating_sub(1);
    }
}
