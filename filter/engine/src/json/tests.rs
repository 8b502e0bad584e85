use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;

fn parse(text: &[u8]) -> Result<Document<'_>, JsonError> {
    Document::parse(text, 1 << 20, &Limits::DEFAULT)
}

#[test]
fn refuses_what_lenient_readers_accept() {
    let cases: &[&[u8]] = &[
        b"",
        b"\xEF\xBB\xBF{}",
        b"{\"a\":1,\"a\":2}",
        b"{\"a\":1,\"\\u0061\":2}",
        b"[{\"x\":{\"k\":0,\"k\":0}}]",
        b"{}{}",
        b"{} x",
        b"[1,]",
        b"{\"a\":1,}",
        b"{a:1}",
        b"'a'",
        b"01",
        b"+1",
        b"1.",
        b".5",
        b"1e",
        b"NaN",
        b"Infinity",
        b"nul",
        b"\"\\ud800\"",
        b"\"\\udc00\"",
        b"\"\\ud800\\u0041\"",
        b"\"\\x41\"",
        b"\"\\u00g0\"",
        b"\"a\nb\"",
        b"\"a\0b\"",
        b"\"\xff\"",
        b"\"\xed\xa0\x80\"",
        b"/* */{}",
        b"{\"a\":1}\0",
    ];
    for case in cases {
        assert!(parse(case).is_err(), "{}", String::from_utf8_lossy(case));
    }
}

#[test]
fn refuses_duplicates_in_large_objects() {
    let mut text = String::from("{");
    for key in 0..100 {
        let _ = write!(text, "\"k{key}\":{key},");
    }
    let unique = format!("{text}\"last\":0}}");
    assert!(parse(unique.as_bytes()).is_ok());
    let twice = format!("{text}\"k42\":0}}");
    assert!(matches!(
        parse(twice.as_bytes()),
        Err(JsonError::DuplicateKey { .. })
    ));
}

#[test]
fn finds_the_end_of_a_run_of_any_length() {
    for filler in [
        "a", "!", "#", "[", "]", "\u{7f}", "\u{80}", "\u{a2}", "\u{20ac}",
    ] {
        for run in (0..40).map(|length| filler.repeat(length)) {
            for tail in ["", "and what follows it in the text"] {
                let text = format!("\"{run}\\n{tail}\"");
                let document = parse(text.as_bytes()).unwrap();
                assert_eq!(document.root().as_str().unwrap(), format!("{run}\n{tail}"));
                for control in 0..0x20 {
                    let text = format!("\"{run}{}{tail}\"", char::from(control));
                    match parse(text.as_bytes()) {
                        Err(JsonError::Unexpected { at, found, .. }) => {
                            assert_eq!((at, found), (1 + run.len(), Some(control)), "{text:?}");
                        }
                        other => panic!("{text:?}: {other:?}"),
                    }
                }
            }
        }
    }
}

#[test]
fn tells_apart_many_keys_that_are_alike_at_both_ends() {
    let count = 40_000;
    let mut text = String::from("{");
    for key in 0..count {
        let _ = write!(text, "\"same_one{key:05}same_end\":0,");
    }
    let limits = Limits {
        max_json_nodes: 3 * count,
        ..Limits::DEFAULT
    };
    let unique = format!("{text}\"last\":0}}");
    assert!(Document::parse(unique.as_bytes(), unique.len(), &limits).is_ok());
    let twice = format!("{text}\"same_one00042same_end\":0}}");
    assert_eq!(
        Document::parse(twice.as_bytes(), twice.len(), &limits).unwrap_err(),
        JsonError::DuplicateKey { at: text.len() }
    );
}

#[test]
fn enforces_each_limit_at_n_and_n_plus_one() {
    let limits = Limits {
        max_json_depth: 3,
        max_json_nodes: 4,
        ..Limits::DEFAULT
    };
    let depth = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(Document::parse(depth(3).as_bytes(), 100, &limits).is_ok());
    assert_eq!(
        Document::parse(depth(4).as_bytes(), 100, &limits).unwrap_err(),
        JsonError::TooDeep {
            at: 3,
            max_depth: 3
        }
    );
    assert!(Document::parse(b"[1,2,3]", 100, &limits).is_ok());
    assert_eq!(
        Document::parse(b"[1,2,3,4]", 100, &limits).unwrap_err(),
        JsonError::TooManyNodes { max_nodes: 4 }
    );
    assert!(Document::parse(b"[1,2]", 5, &limits).is_ok());
    assert_eq!(
        Document::parse(b"[1,2 ]", 5, &limits).unwrap_err(),
        JsonError::TooLong { max_bytes: 5 }
    );
}

#[test]
fn says_where_and_what_was_expected() {
    assert_eq!(
        parse(b"{\"a\" 1}").unwrap_err().to_string(),
        "unexpected `1` at byte 5, expected `:`"
    );
    assert_eq!(
        parse(b"[").unwrap_err().to_string(),
        "unexpected end at byte 1, expected a value"
    );
}

fn raw_of(inner: &str, decoded: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut ranges = decoded.to_vec();
    place_raw(inner, &mut ranges, |range| range);
    ranges
}

#[test]
fn decodes_escapes_and_finds_their_raw_ranges() {
    let document = parse(br#""a\n\u00e9\ud83d\ude00z""#).unwrap();
    let value = document.root();
    assert_eq!(value.as_str().unwrap(), "a\né😀z");
    let raw = raw_of(value.inner(), &[1..2, 4..8]);
    let texts: Vec<_> = raw
        .iter()
        .map(|range| value.inner().get(range.clone()).unwrap())
        .collect();
    assert_eq!(texts, ["\\n", "\\ud83d\\ude00"]);
}

#[test]
fn points_at_what_it_found() {
    let document = parse(br#"{"a":[0,{"b/c":"x"}]}"#).unwrap();
    let leaf = document.root().leaves().last().unwrap();
    assert_eq!(leaf.as_str().unwrap(), "x");
    assert_eq!(document.root().pointer_to(leaf), "/a/1/b~1c");
}

#[test]
fn refuses_overlapping_edits() {
    let mut edits = Edits::default();
    edits.replace(0..3, "x".into());
    edits.replace(2..4, "y".into());
    assert!(edits.apply("abcdef").is_err());
}

#[test]
fn prunes_children_and_keeps_every_other_byte() {
    let pruned = |text: &str, removed: &[&str]| {
        let document = parse(text.as_bytes()).unwrap();
        let mut edits = Edits::default();
        edits.prune(document.root(), |child| {
            let name = child.key.unwrap_or(child.value).as_str().unwrap();
            removed.contains(&&*name)
        });
        edits.apply(text).unwrap()
    };
    let list = r#"[ "a" , "b","c"  ]"#;
    assert_eq!(pruned(list, &[]), list);
    assert_eq!(pruned(list, &["a"]), r#"["b","c"  ]"#);
    assert_eq!(pruned(list, &["b"]), r#"[ "a","c"  ]"#);
    assert_eq!(pruned(list, &["c"]), r#"[ "a" , "b"  ]"#);
    assert_eq!(pruned(list, &["a", "c"]), r#"["b"  ]"#);
    assert_eq!(pruned(list, &["a", "b", "c"]), "[  ]");
    let object = r#"{"a":1, "b":[2],"c":3}"#;
    assert_eq!(pruned(object, &["b"]), r#"{"a":1,"c":3}"#);
    assert_eq!(pruned(object, &["a", "b", "c"]), "{}");
}

#[test]
fn what_is_inside_a_removed_child_goes_with_it() {
    let text = r#"[{"x":"secret"},{"x":"kept"}]"#;
    let document = parse(text.as_bytes()).unwrap();
    let mut edits = Edits::default();
    for leaf in document.root().leaves() {
        edits.replace(leaf.span(), "0".into());
    }
    let mut first = true;
    edits.prune(document.root(), |_| std::mem::take(&mut first));
    assert_eq!(edits.apply(text).unwrap(), r#"[{"x":0}]"#);
}

/// Any JSON value as serde writes it, with keys that need escapes.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>()
            .prop_filter("finite", |x| x.is_finite())
            .prop_map(serde_json::Value::from),
        any::<String>().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(serde_json::Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..20)
                .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A number or an object, and whether an object in it has two keys that decode to the same.
fn any_keys() -> impl Strategy<Value = (String, bool)> {
    let key = prop_oneof!["[a-z]{0,3}", "[a-d]{7,9}", "same_one[a-j]{2,3}same_end"];
    let spelling = prop::bool::weighted(0.2);
    Just(("0".to_owned(), false)).prop_recursive(3, 60, 16, move |inner| {
        prop::collection::vec((key.clone(), spelling, inner), 0..20).prop_map(|members| {
            let mut decoded = std::collections::BTreeSet::new();
            let mut is_twice = false;
            let mut texts = Vec::new();
            for (key, is_escaped, (value, is_twice_inside)) in members {
                is_twice |= is_twice_inside;
                let mut spelled = String::new();
                for character in key.chars() {
                    if is_escaped {
                        let _ = write!(spelled, "\\u{:04x}", u32::from(character));
                    } else {
                        spelled.push(character);
                    }
                }
                texts.push(format!("\"{spelled}\":{value}"));
                is_twice |= !decoded.insert(key);
            }
            (format!("{{{}}}", texts.join(",")), is_twice)
        })
    })
}

fn rebuild(value: Value<'_>) -> serde_json::Value {
    match value.kind() {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool => value.as_bool().unwrap().into(),
        Kind::Number => serde_json::from_str(value.as_number().unwrap()).unwrap(),
        Kind::String => value.as_str().unwrap().into_owned().into(),
        Kind::Array => value.items().map(rebuild).collect(),
        Kind::Object => value
            .members()
            .map(|(key, member)| (key.as_str().unwrap().into_owned(), rebuild(member)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

proptest! {
    #[test]
    fn agrees_with_serde_on_valid_text(value in any_json(), pretty in any::<bool>()) {
        let text = if pretty {
            serde_json::to_string_pretty(&value).unwrap()
        } else {
            serde_json::to_string(&value).unwrap()
        };
        let document = parse(text.as_bytes()).unwrap();
        prop_assert_eq!(rebuild(document.root()), serde_json::from_str::<serde_json::Value>(&text).unwrap());
    }

    #[test]
    fn never_accepts_what_serde_refuses(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        if parse(&bytes).is_ok() {
            prop_assert!(serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok());
        }
    }

    #[test]
    fn agrees_with_serde_on_almost_valid_text(
        value in any_json(),
        pretty in any::<bool>(),
        place in any::<prop::sample::Index>(),
        byte in prop_oneof![
            any::<u8>(),
            prop::sample::select(&b"{}[]:,\"\\ \t\n\r-+.0123eEtfnu/bd"[..]),
        ],
    ) {
        let mut bytes = if pretty {
            serde_json::to_vec_pretty(&value).unwrap()
        } else {
            serde_json::to_vec(&value).unwrap()
        };
        let at = place.index(bytes.len());
        bytes[at] = byte;
        match parse(&bytes) {
            Err(JsonError::DuplicateKey { .. } | JsonError::LoneSurrogate { .. }) => {}
            ours => prop_assert_eq!(
                ours.is_ok(),
                std::str::from_utf8(&bytes)
                    .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
            ),
        }
    }

    #[test]
    fn finds_a_duplicate_key_where_there_is_one((text, is_twice) in any_keys()) {
        match parse(text.as_bytes()) {
            Ok(_) => prop_assert!(!is_twice, "{text}"),
            Err(JsonError::DuplicateKey { .. }) => prop_assert!(is_twice, "{text}"),
            Err(other) => prop_assert!(false, "{other}: {text}"),
        }
    }

    #[test]
    fn escaping_is_undone_by_parsing(text in any::<String>()) {
        let mut quoted = String::from("\"");
        escape_into(&mut quoted, &text);
        quoted.push('"');
        let document = parse(quoted.as_bytes()).unwrap();
        prop_assert_eq!(document.root().as_str().unwrap(), text);
    }
}

proptest! {
    #[test]
    fn maps_what_is_decoded_onto_what_was_written(
        written in prop::collection::vec(
            prop::sample::select(&["a", "é", "\u{1F600}", r"\n", r"\u0041", r"\u00e9", r"\ud83d\ude00", r#"\""#][..]),
            0..20,
        ),
        cuts in prop::collection::vec(0_usize..20, 0..8),
    ) {
        let inner = written.concat();
        let text = format!("\"{inner}\"");
        let document = parse(text.as_bytes()).unwrap();
        let decoded = document.root().as_str().unwrap().into_owned();
        let (mut raw, mut plain) = (vec![0], vec![0]);
        for (piece, character) in written.iter().zip(decoded.chars()) {
            raw.push(raw[raw.len() - 1] + piece.len());
            plain.push(plain[plain.len() - 1] + character.len_utf8());
        }
        let mut cuts: Vec<_> = cuts.into_iter().filter(|cut| *cut < raw.len()).collect();
        cuts.sort_unstable();
        cuts.dedup();
        let (pairs, _) = cuts.as_chunks::<2>();
        let of = |places: &[usize]| -> Vec<_> {
            pairs.iter().map(|[from, to]| places[*from]..places[*to]).collect()
        };
        prop_assert_eq!(raw_of(&inner, &of(&plain)), of(&raw));
    }
}
