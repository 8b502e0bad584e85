use std::{collections::BTreeMap, fmt::Write as _};

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{json::Document, limits::Limits};

fn try_canonical(text: &str) -> Result<String, Unpinnable> {
    let document = Document::parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
    let mut written = String::new();
    write(document.root(), &mut |piece| written.push_str(piece))?;
    Ok(written)
}

fn canonical(text: &str) -> String {
    try_canonical(text).unwrap()
}

fn pin(text: &str) -> Pin {
    let document = Document::parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
    Pin::of(document.root()).unwrap()
}

/// RFC 8785 section 3.2.2, with the one number of it that a double does not hold as it is written
/// there (333333333.33333329) as the RFC then writes it; and section 3.2.3.
#[test]
fn writes_the_examples_of_the_rfc() {
    let values = r#"{
        "numbers": [333333333.3333333, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let sorting = r#"{
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\ud83d\ude00": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis"
    }"#;
    for (given, expected) in [
        (
            values,
            "{\"literals\":[null,true,false],\
             \"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
             \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
        ),
        (
            sorting,
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\
             \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\
             \"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
        ),
    ] {
        assert_eq!(canonical(given), expected);
        assert_eq!(canonical(expected), expected);
    }
}

/// The files of the RFC's reference implementation (cyberphone/json-canonicalization, Apache-2.0);
/// its `values.json` is the example above.
#[test]
fn writes_the_examples_of_the_reference_implementation() {
    let weird = r#"{
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\u000a": "Newline",
        "1": "One",
        "\u0080": "Control\u007f",
        "\ud83d\ude02": "Smiley",
        "\u00f6": "Latin Small Letter O With Diaeresis",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "</script>": "Browser Challenge"
    }"#;
    let structures = r#"{
        "1": {"f": {"f": "hi","F": 5} ,"\n": 56.0},
        "10": { },
        "": "empty",
        "a": { },
        "111": [ {"e": "yes","E": "no" } ],
        "A": { }
    }"#;
    let french = r#"{
        "peach": "This sorting order",
        "péché": "is wrong according to French",
        "pêche": "but canonicalization MUST",
        "sin":   "ignore locale"
    }"#;
    for (given, expected) in [
        (
            weird,
            "{\"\\n\":\"Newline\",\"\\r\":\"Carriage Return\",\"1\":\"One\",\
             \"</script>\":\"Browser Challenge\",\"\u{80}\":\"Control\u{7f}\",\
             \"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\
             \"😂\":\"Smiley\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
        ),
        (
            structures,
            r#"{"":"empty","1":{"\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}"#,
        ),
        (
            french,
            r#"{"peach":"This sorting order","péché":"is wrong according to French","pêche":"but canonicalization MUST","sin":"ignore locale"}"#,
        ),
        (
            r#"{"Unnormalized Unicode":"A\u030a"}"#,
            "{\"Unnormalized Unicode\":\"A\u{30a}\"}",
        ),
        (
            r#"[ 56, { "d": true, "10": null, "1": [ ] } ]"#,
            r#"[56,{"1":[],"10":null,"d":true}]"#,
        ),
    ] {
        assert_eq!(canonical(given), expected);
        assert_eq!(canonical(expected), expected);
    }
}

#[test]
fn pins_the_digest_of_what_it_writes() {
    let expected = "2eb4f2201010ee06faa69116054141b84c68cd75314d6a93f7bb3dd3bb9bf384";
    assert_eq!(
        pin(r#"{ "b": [1.0, "\u0061"], "a": null }"#).to_string(),
        expected
    );
}

#[test]
fn gives_out_pieces_that_are_the_whole_whatever_their_sizes() {
    let string = |bytes: usize| "é".repeat(bytes / 2);
    for length in [0, 2, 4080, 4092, 4094, 4096, 4098, 9000] {
        let text = format!("[\"{0}\",{{\"{0}\":\"{0}\"}},1]", string(length));
        assert_eq!(canonical(&text), text);
    }
}

#[test]
fn says_which_number_cannot_be_pinned_and_what_could() {
    let long = format!("[0.{}1]", "0".repeat(10) + &"123456789".repeat(100));
    for (text, expected) in [
        (
            r#"{"inputSchema":{"properties":{"a/b":{"enum":[1,9007199254740993]}}}}"#,
            "number `9007199254740993` at `/inputSchema/properties/a~1b/enum/1` is none that a \
             double holds, expected one such as `9007199254740992`",
        ),
        (
            "-1e400",
            "number `-1e400` at `` is none that a double holds, expected one of at most \
             `1.7976931348623157e+308`",
        ),
        (
            &long,
            "number `0.00000000001234567891234567891234567891234567891234567891234567` at `/0` is \
             none that a double holds, expected one such as `1.2345678912345678e-11`",
        ),
    ] {
        assert_eq!(try_canonical(text).unwrap_err().to_string(), expected);
    }
}

#[test]
fn pointers_start_where_the_writing_did() {
    let text = r#"{"tools":[{},{"maximum":1e400}]}"#;
    let document = Document::parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
    let tool = document.root().get("tools").unwrap().items().nth(1);
    let unpinnable = Pin::of(tool.unwrap()).unwrap_err();
    assert_eq!(unpinnable.pointer, "/maximum");
    assert_eq!((&*unpinnable.found, unpinnable.nearest), ("1e400", None));
}

#[test]
fn writes_what_is_nested_as_deep_as_the_parser_lets_it() {
    let depth = Limits::DEFAULT.max_json_depth;
    let text = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert_eq!(canonical(&text), text);
}

/// A value as such, without a spelling.
#[derive(Clone, Debug, PartialEq)]
enum Model {
    Literal(&'static str),
    /// Which of [`NUMBERS`].
    Number(usize),
    Text(String),
    Array(Vec<Self>),
    Object(BTreeMap<String, Self>),
}

/// Different numbers: the canonical spelling of each and some others.
const NUMBERS: [(&str, [&str; 4]); 7] = [
    ("0", ["0", "-0", "0.000", "0E+9"]),
    ("1", ["1", "1.0", "1e0", "0.1E+1"]),
    ("-1.5", ["-1.5", "-15e-1", "-1.50", "-0.15e1"]),
    ("0.1", ["0.1", "1e-1", "0.10", "10E-2"]),
    ("1e-7", ["1e-7", "0.0000001", "1E-07", "0.1e-6"]),
    (
        "9007199254740992",
        [
            "9007199254740992",
            "9007199254740992.0",
            "9007199254740992e0",
            "9.007199254740992E15",
        ],
    ),
    (
        "1e+21",
        ["1e21", "1000000000000000000000", "1E+21", "10.0e20"],
    ),
];

/// What RFC 8785 asks for, from what serde escapes and by sorting code units themselves.
fn written(model: &Model) -> String {
    let text = |text: &String| serde_json::to_string(text).unwrap();
    match model {
        Model::Literal(literal) => (*literal).into(),
        Model::Number(number) => NUMBERS[*number].0.into(),
        Model::Text(string) => text(string),
        Model::Array(items) => {
            let items: Vec<_> = items.iter().map(written).collect();
            format!("[{}]", items.join(","))
        }
        Model::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| key.encode_utf16().collect::<Vec<_>>());
            let member =
                |(key, value): &(&String, &Model)| format!("{}:{}", text(key), written(value));
            let members: Vec<_> = members.iter().map(member).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

/// Choices without meaning.
struct Whim(u64);

impl Whim {
    /// Less than `below`, or 0.
    fn choose(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(0x5851_F42D_4C95_7F2D)
            .wrapping_add(0x1405_7B7E_F767_814F);
        let choice = usize::try_from(self.0 >> 33).unwrap();
        choice.checked_rem(below).unwrap_or(0)
    }

    fn space(&mut self) -> &'static str {
        ["", "", "", " ", "\n", "\t\r "][self.choose(6)]
    }

    fn text(&mut self, text: &str) -> String {
        let mut spelt = String::from('"');
        for character in text.chars() {
            let mut units = [0; 2];
            let units = character.encode_utf16(&mut units);
            match (character, self.choose(4)) {
                ('"' | '\\' | '/', 1..) => spelt.extend(['\\', character]),
                ('\u{8}', 1..) => spelt.push_str("\\b"),
                ('\u{c}', 1..) => spelt.push_str("\\f"),
                ('\n', 1..) => spelt.push_str("\\n"),
                ('\r', 1..) => spelt.push_str("\\r"),
                ('\t', 1..) => spelt.push_str("\\t"),
                (_, 2..) if character >= ' ' => spelt.push(character),
                (_, 1) => {
                    for unit in units {
                        let _ = write!(spelt, "\\u{unit:04X}");
                    }
                }
                _ => {
                    for unit in units {
                        let _ = write!(spelt, "\\u{unit:04x}");
                    }
                }
            }
        }
        spelt + "\""
    }

    fn spell(&mut self, model: &Model) -> String {
        let spelt = match model {
            Model::Literal(literal) => (*literal).into(),
            Model::Number(number) => NUMBERS[*number].1[self.choose(4)].into(),
            Model::Text(text) => self.text(text),
            Model::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| self.spell(item)).collect();
                format!("[{}{}]", self.space(), items.join(","))
            }
            Model::Object(members) => {
                let mut spelt = Vec::new();
                for (key, value) in members {
                    let key = self.text(key);
                    let member = format!(
                        "{}{key}{}:{}",
                        self.space(),
                        self.space(),
                        self.spell(value)
                    );
                    spelt.insert(self.choose(spelt.len() + 1), member);
                }
                format!("{{{}{}}}", self.space(), spelt.join(","))
            }
        };
        format!("{}{spelt}{}", self.space(), self.space())
    }

    /// Another value, different in one place.
    fn change(&mut self, model: &Model) -> Model {
        let mut changed = model.clone();
        match &mut changed {
            Model::Literal(literal) => *literal = if *literal == "true" { "false" } else { "true" },
            Model::Number(number) => *number = (*number + 1) % NUMBERS.len(),
            Model::Text(text) => match self.choose(3) {
                0 if text.pop().is_some() => {}
                1 => text.insert(0, ' '),
                _ => text.push('\u{fffd}'),
            },
            Model::Array(items) => match self.choose(4) {
                0 if items.pop().is_some() => {}
                1 => items.push(Model::Literal("null")),
                _ if items.is_empty() => return Model::Object(BTreeMap::new()),
                _ => {
                    let at = self.choose(items.len());
                    items[at] = self.change(&items[at]);
                }
            },
            Model::Object(members) => {
                let Some(key) = members.keys().nth(self.choose(members.len())).cloned() else {
                    return Model::Array(Vec::new());
                };
                let value = members.remove(&key).unwrap();
                match self.choose(4) {
                    0 => {}
                    1 => drop(members.insert(format!("{key}\u{10ffff}!"), value)),
                    _ => drop(members.insert(key, self.change(&value))),
                }
            }
        }
        changed
    }
}

fn text() -> impl Strategy<Value = String> {
    let character = prop_oneof![
        4 => prop::char::range('a', 'c'),
        2 => prop::char::range('\0', '\u{80}'),
        1 => prop::char::range('\u{d7f0}', '\u{d7ff}'),
        1 => prop::char::range('\u{e000}', '\u{e00f}'),
        1 => prop::char::range('\u{eff0}', '\u{f00f}'),
        1 => prop::char::range('\u{fff0}', '\u{1000f}'),
        1 => any::<char>(),
    ];
    vec(character, 0..5).prop_map(|characters| characters.into_iter().collect())
}

fn model() -> impl Strategy<Value = Model> {
    let leaf = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(Model::Literal),
        (0..NUMBERS.len()).prop_map(Model::Number),
        text().prop_map(Model::Text),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Model::Array),
            prop::collection::btree_map(text(), inner, 0..8).prop_map(Model::Object),
        ]
    })
}

proptest! {
    #[test]
    fn spelling_is_not_pinned(model in model(), whim: u64, other: u64) {
        let expected = written(&model);
        let spelt = Whim(whim).spell(&model);
        prop_assert_eq!(&canonical(&spelt), &expected, "{}", spelt);
        prop_assert_eq!(pin(&spelt), pin(&Whim(other).spell(&model)));
        // What is written is canonical, and is the value.
        prop_assert_eq!(&canonical(&expected), &expected);
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        let (given, written) = (read(&spelt), read(&expected));
        let mut strings = (Vec::new(), Vec::new());
        collect_strings(&given, &mut strings.0);
        collect_strings(&written, &mut strings.1);
        strings.0.sort();
        strings.1.sort();
        prop_assert_eq!(strings.0, strings.1);
    }

    #[test]
    fn every_field_is_pinned(model in model(), whim: u64) {
        let mut whim = Whim(whim);
        let changed = whim.change(&model);
        prop_assert_ne!(&changed, &model);
        let (one, other) = (whim.spell(&model), whim.spell(&changed));
        prop_assert_ne!(pin(&one), pin(&other), "{} {}", one, other);
    }

    #[test]
    fn keys_are_in_the_order_of_their_code_units(keys in prop::collection::btree_set(text(), 0..30)) {
        let object = Model::Object(keys.into_iter().map(|key| (key, Model::Number(0))).collect());
        prop_assert_eq!(canonical(&Whim(7).spell(&object)), written(&object));
    }
}

/// All strings and keys in a value.
fn collect_strings(value: &serde_json::Value, strings: &mut Vec<String>) {
    if let Some(text) = value.as_str() {
        strings.push(text.into());
    }
    for item in value.as_array().into_iter().flatten() {
        collect_strings(item, strings);
    }
    for (key, member) in value.as_object().into_iter().flatten() {
        strings.push(key.clone());
        collect_strings(member, strings);
    }
}
