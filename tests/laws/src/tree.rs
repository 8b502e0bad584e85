//! The most lenient JSON reader we could think of, written apart from the engine's.
//!
//! It takes comments, any quotes or none, any number, control characters, missing and trailing
//! commas, unfinished values and several values one after the other. It keeps duplicate members.
//! What is strict JSON it reads as any strict reader does.

/// Deepest nesting it follows; the engine's limit is less.
const MAX_DEPTH: usize = 128;

/// A value with everything that was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Tree {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    String(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Tree {
    /// The first member with this key, if it is an object that has one.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(name, _)| name == key),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) | Self::Array(_) => None,
        }
        .map(|(_, value)| value)
    }

    /// Whether an object at or below it has one key twice.
    pub(crate) fn repeats_a_key(&self) -> bool {
        match self {
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::String(_) => false,
            Self::Array(items) => items.iter().any(Self::repeats_a_key),
            Self::Object(members) => {
                let mut keys: Vec<&str> = members.iter().map(|(key, _)| &**key).collect();
                keys.sort_unstable();
                keys.array_windows().any(|[a, b]| a == b)
                    || members.iter().any(|(_, value)| value.repeats_a_key())
            }
        }
    }
}

impl From<&serde_json::Value> for Tree {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Number(number.to_string()),
            serde_json::Value::String(text) => Self::String(text.clone()),
            serde_json::Value::Array(items) => Self::Array(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(members) => {
                let member = |(key, value): (&String, _)| (key.clone(), Self::from(value));
                Self::Object(members.iter().map(member).collect())
            }
        }
    }
}

/// Every value of a text, one after the other.
pub(crate) fn read(text: &str) -> Vec<Tree> {
    let mut reader = Reader {
        text: text.chars().collect(),
        at: 0,
        depth: 0,
    };
    let mut values = Vec::new();
    loop {
        reader.space(&[',', ';']);
        if reader.peek().is_none() {
            return values;
        }
        values.push(reader.value());
    }
}

struct Reader {
    text: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at = self.at.saturating_add(1);
        next
    }

    fn starts_with(&self, word: &str) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        word.chars().eq(rest.iter().copied().take(word.len()))
    }

    fn skip_past(&mut self, end: &str) {
        while self.peek().is_some() && !self.starts_with(end) {
            self.at += 1;
        }
        self.at += end.len();
    }

    /// Skips white space, what nobody sees, comments, and `also`.
    fn space(&mut self, also: &[char]) {
        while let Some(c) = self.peek() {
            if self.starts_with("//") || c == '#' {
                self.skip_past("\n");
            } else if self.starts_with("/*") {
                self.skip_past("*/");
            } else if c.is_whitespace() || c.is_control() || c == '\u{feff}' || also.contains(&c) {
                self.at += 1;
            } else {
                return;
            }
        }
    }

    /// Reads one value; whatever stands here, it takes at least one character.
    fn value(&mut self) -> Tree {
        match self.peek() {
            None => Tree::Null,
            Some('{') => self.nested(Self::object),
            Some('[') => self.nested(Self::array),
            Some(quote @ ('"' | '\'' | '`')) => Tree::String(self.string(quote)),
            Some(_) => self.word(),
        }
    }

    fn nested(&mut self, read: impl FnOnce(&mut Self) -> Tree) -> Tree {
        self.at += 1;
        if self.depth >= MAX_DEPTH {
            return Tree::Null;
        }
        self.depth += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Tree {
        let mut items = Vec::new();
        loop {
            self.space(&[',', ';', ':']);
            match self.peek() {
                None | Some(']' | '}') => {
                    self.at += 1;
                    return Tree::Array(items);
                }
                Some(_) => items.push(self.value()),
            }
        }
    }

    fn object(&mut self) -> Tree {
        let mut members = Vec::new();
        loop {
            self.space(&[',', ';', ':']);
            let key = match self.peek() {
                None | Some('}' | ']') => {
                    self.at += 1;
                    return Tree::Object(members);
                }
                Some(quote @ ('"' | '\'' | '`')) => self.string(quote),
                Some(_) => match self.value() {
                    Tree::String(word) | Tree::Number(word) => word,
                    Tree::Null => "null".to_owned(),
                    Tree::Bool(value) => value.to_string(),
                    Tree::Array(_) | Tree::Object(_) => continue,
                },
            };
            self.space(&[':', '=']);
            let value = match self.peek() {
                None | Some('}' | ']') => Tree::Null,
                Some(_) => self.value(),
            };
            members.push((key, value));
        }
    }

    fn word(&mut self) -> Tree {
        let ends = |c: char| c.is_whitespace() || c.is_control() || "{}[],;:='\"`".contains(c);
        let mut word = String::new();
        while let Some(c) = self.peek().filter(|c| !ends(*c)) {
            word.push(c);
            self.at += 1;
        }
        match &*word {
            "" => {
                self.at += 1;
                Tree::Null
            }
            "null" | "None" | "nil" | "undefined" => Tree::Null,
            "true" | "True" => Tree::Bool(true),
            "false" | "False" => Tree::Bool(false),
            _ if word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => {
                Tree::Number(word)
            }
            _ => Tree::String(word),
        }
    }

    fn string(&mut self, quote: char) -> String {
        self.at += 1;
        let mut units: Vec<u16> = Vec::new();
        let mut buffer = [0; 2];
        while let Some(c) = self.next() {
            match c {
                _ if c == quote => break,
                '\\' => self.escape(&mut units),
                _ => units.extend_from_slice(c.encode_utf16(&mut buffer)),
            }
        }
        String::from_utf16_lossy(&units)
    }

    fn escape(&mut self, units: &mut Vec<u16>) {
        let mut buffer = [0; 2];
        let character = match self.next() {
            None | Some('\n') => return,
            Some('u') => return units.push(self.hexadecimal(4)),
            Some('x') => return units.push(self.hexadecimal(2)),
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            Some('0') => '\0',
            Some(other) => other,
        };
        units.extend_from_slice(character.encode_utf16(&mut buffer));
    }

    fn hexadecimal(&mut self, digits: usize) -> u16 {
        let mut unit = 0_u16;
        for _ in 0..digits {
            let Some(digit) = self.peek().and_then(|c| c.to_digit(16)) else {
                break;
            };
            unit = unit.wrapping_shl(4) | u16::try_from(digit).unwrap_or(0);
            self.at += 1;
        }
        unit
    }
}
