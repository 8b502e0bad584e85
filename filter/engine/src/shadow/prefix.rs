//! What the beginning of a JSON text shows of a JSON-RPC message.
//!
//! The text may end anywhere, so no parser takes it. It is read once, from left to right: strings and
//! brackets are told apart from what stands in strings, and nothing else is checked.

/// What was found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Shown<'b> {
    /// Whether it says that it is JSON-RPC 2.0.
    pub(super) is_rpc: bool,
    /// Its method, the first one of a batch.
    pub(super) method: Option<&'b str>,
    /// Whether its parameters say a protocol version, as in MCP's handshake.
    pub(super) has_version: bool,
}

impl<'b> Shown<'b> {
    /// Reads the beginning of a body.
    pub(super) fn of(prefix: &'b [u8]) -> Self {
        let mut shown = Self::default();
        let mut reader = Reader {
            rest: prefix,
            depth: 0,
        };
        // Where the members of a message stand: deeper in a batch.
        let mut message_depth = None;
        while let Some(token) = reader.next() {
            let Token::Key(key) = token else {
                continue;
            };
            let message_depth = *message_depth.get_or_insert(reader.depth);
            if reader.depth == message_depth {
                match key {
                    b"jsonrpc" => shown.is_rpc |= reader.text() == Some("2.0"),
                    b"method" => shown.method = shown.method.or_else(|| reader.text()),
                    _ => {}
                }
            } else if reader.depth == message_depth.saturating_add(1) {
                shown.has_version |= key == b"protocolVersion";
            }
        }
        shown
    }
}

enum Token<'b> {
    /// A string with a colon after it.
    Key(&'b [u8]),
    /// Anything else.
    Other,
}

struct Reader<'b> {
    rest: &'b [u8],
    /// How many objects and arrays are open.
    depth: usize,
}

impl<'b> Reader<'b> {
    /// The next token. `None`: there is none that is whole.
    fn next(&mut self) -> Option<Token<'b>> {
        let (first, rest) = self.rest.split_first()?;
        match first {
            b'"' => {
                let string = self.string()?;
                self.skip_space();
                return Some(match self.rest.first() {
                    Some(b':') => Token::Key(string),
                    Some(_) | None => Token::Other,
                });
            }
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.rest = rest;
        Some(Token::Other)
    }

    /// The string that begins here, as it is written. `None`: none does, or it is cut off.
    fn string(&mut self) -> Option<&'b [u8]> {
        let inside = self.rest.strip_prefix(b"\"")?;
        let mut from: usize = 0;
        loop {
            let found = memchr::memchr2(b'"', b'\\', inside.get(from..)?)?;
            let at = from.saturating_add(found);
            if inside.get(at) == Some(&b'"') {
                let (string, rest) = inside.split_at_checked(at)?;
                self.rest = rest.get(1..).unwrap_or_default();
                return Some(string);
            }
            from = at.saturating_add(2);
        }
    }

    /// The string after a key. `None`: it is no string, or not plain.
    fn text(&mut self) -> Option<&'b str> {
        self.rest = self.rest.strip_prefix(b":").unwrap_or(self.rest);
        self.skip_space();
        let string = self.string()?;
        std::str::from_utf8(string).ok()
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn shown(text: &str) -> Shown<'_> {
        Shown::of(text.as_bytes())
    }

    #[test]
    fn reads_the_members_of_the_message_and_of_nothing_inside_it() {
        let call = shown("{ \"method\" : \"tools/call\",\n\"jsonrpc\":\"2.0\",\"params\":{");
        assert!(call.is_rpc && call.method == Some("tools/call"));
        let inner = r#"{"jsonrpc":"2.0","params":{"method":"tools/call"},"method":"eth_call"}"#;
        assert_eq!(shown(inner).method, Some("eth_call"));
        let quoted = r#"{"text":"\"jsonrpc\":\"2.0\",\"method\":\"tools/call\"","a":1}"#;
        assert_eq!(shown(quoted), Shown::default());
        let batch = r#"[{"jsonrpc":"2.0","method":"tools/list"},{"method":"x"}]"#;
        assert_eq!(shown(batch).method, Some("tools/list"));
        let handshake = r#"{"jsonrpc":"2.0","params":{"protocolVersion":"2025-11-25"}}"#;
        assert!(shown(handshake).has_version);
        for nothing in [
            "",
            "\"",
            "{\"jsonrpc",
            "\\",
            "{\"method\":7}",
            "[[[",
            "}}}]\"",
        ] {
            assert_eq!(shown(nothing), Shown::default(), "{nothing}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            r#"[a-z"\\{}\[\]:,]{0,8}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[a-z]{1,3}|method|jsonrpc", inner, 0..4)
                    .prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    /// A message and its method.
    fn message() -> impl Strategy<Value = (String, String)> {
        let parts = (value(), value(), "[a-z/]{1,12}");
        parts.prop_map(|(params, other, method)| {
            let message = json!({
                "a": other, "jsonrpc": "2.0", "method": method, "params": params, "z": 1,
            });
            (message.to_string(), method)
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_parser((text, method) in message()) {
            let found = shown(&text);
            prop_assert!(found.is_rpc);
            prop_assert_eq!(found.method, Some(&*method));
        }

        #[test]
        fn any_bytes_can_be_cut_anywhere(
            (text, method) in message(),
            damage in prop::option::of(any::<(prop::sample::Index, u8)>()),
        ) {
            let mut bytes = text.into_bytes();
            if let Some((at, byte)) = damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let whole = Shown::of(&bytes);
            prop_assert!(damage.is_some() || whole.method == Some(&*method));
            for end in 0..bytes.len() {
                let part = Shown::of(&bytes[..end]);
                prop_assert!(part.method.is_none() || part.method == whole.method);
                prop_assert!(whole.is_rpc || !part.is_rpc);
                prop_assert!(whole.has_version || !part.has_version);
            }
        }
    }
}
