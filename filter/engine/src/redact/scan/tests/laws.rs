use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::redact::scan::bytes::steps;

/// Pieces of texts: what is found, what only looks alike, and what parts them.
fn pieces() -> Vec<String> {
    let tokens = [
        ["gh", "p_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"],
        ["AK", "IA", "V4GSEDWGX3VMJTSI"],
    ];
    let found = [
        "ann.lee@example.com",
        "+1 415 555 0132",
        "(415) 555-0132",
        "4111 1111 1111 1111",
        "DE89370400440532013000",
        "536-50-6131",
        "JZ911554C",
        "12345678Z",
        "529.982.247-25",
        "80.28.111.95",
        "2001:db8:85a3::8a2e:370:7334",
        "78:cc:cf:fb:10:35",
        "password=s3cr3t!x",
        "born 5 May 1980",
        "passport no. 698961813",
        "postgres://u:s3cr3t@db/x",
        "Authorization: Bearer abc123DEF456ghi",
        "john%40example.com",
        "first_name: Ann\n",
        "[redacted:email]",
        "****",
    ];
    let left = [
        "ORD-2026-758428",
        "2024-02-21T11:46:45Z",
        "v4.17.28",
        "icon@2x.png",
        "hello",
        "54786cac-9a3f-4207-a831-5c999bb95f5d",
        "$1,000.00",
        "58.38, 76.17",
    ];
    let parts = [
        " ", ", ", "\n", "\"", ": ", "=", "|", "(", ")", "\\", "é", "\u{a0}", "{", "}", "<b>", "-",
        "@", "1", "a", ";", ".", "/",
    ];
    let texts = found
        .iter()
        .chain(&left)
        .chain(&parts)
        .map(|piece| (*piece).to_owned());
    texts.chain(tokens.map(|token| token.concat())).collect()
}

fn text() -> impl Strategy<Value = String> {
    vec(select(pieces()), 0..12).prop_map(|pieces| pieces.concat())
}

fn redacted(text: &str) -> String {
    let mut plan = Plan::default();
    plan.add(&Arc::new(Profile::built_in()));
    let sought = Sought::new(&plan, Direction::ToClient, Place::Results);
    let mut finds = Vec::new();
    scan(text, Field::default(), &sought, &mut finds);
    let (mut out, mut at) = (String::new(), 0);
    for find in finds {
        out.push_str(text.get(at..find.range.start).unwrap());
        out.extend(["[redacted:", sought.id(find.finder), "]"]);
        at = find.range.end;
    }
    out.push_str(text.get(at..).unwrap());
    out
}

proptest! {
    #[test]
    fn finds_ascend_and_do_not_overlap(text in text()) {
        let mut plan = Plan::default();
        plan.add(&Arc::new(Profile::built_in()));
        let sought = Sought::new(&plan, Direction::ToClient, Place::Results);
        let mut finds = Vec::new();
        scan(&text, Field::default(), &sought, &mut finds);
        let mut end = 0;
        for find in finds {
            prop_assert!(find.range.start >= end && find.range.start < find.range.end);
            prop_assert!(text.get(find.range.clone()).is_some());
            end = find.range.end;
        }
    }

    // Glued to a find, what was a part of a longer word may stand alone once that is replaced.
    #[test]
    fn what_was_redacted_is_found_no_more(
        pieces in vec((select(pieces()), select(vec![" ", ", ", "\n", "; ", " | ", "\" ", " (", ") "])), 0..12),
    ) {
        let text: String = pieces.iter().flat_map(|(piece, part)| [&**piece, *part]).collect();
        let once = redacted(&text);
        prop_assert_eq!(redacted(&once), once);
    }

    #[test]
    fn a_clear_find_is_found_between_any_others(before in text(), after in text()) {
        let whole = redacted(&format!("{before} ann.lee@example.net {after}"));
        prop_assert!(!whole.contains("ann.lee@example.net"), "{}", whole);
    }
}

#[test]
fn what_stands_for_a_secret_names_nothing() {
    let once = redacted("ghp_0123456789abcdefghijABCDEFGHIJ012345\" :  ORD-2026-758428 ");
    assert!(once.starts_with("[redacted:"), "{once}");
    assert!(once.ends_with("\" :  ORD-2026-758428 "), "{once}");
    assert_eq!(redacted(&once), once);
}

#[test]
fn work_grows_with_the_text_whatever_stands_in_it() {
    let mut floods = pieces();
    floods.extend(
        [
            "eyJ",
            "eyJhbGciOiJIUzI1NiJ9.",
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY-----",
            "1Q~",
            "://",
            "://a:b",
            "sk-",
            "_",
            "1 ",
            "41 ",
            "412 ",
            "12-",
            "4111 ",
            "(4",
            "%41",
            "&#x41;",
            "password=\"",
            " --a",
            "Cookie: a=b; ",
            "1 May ",
            "DE89 ",
            "ab:",
            "a@b.",
            "name,phone\n",
            "hvs.a1",
            "-u a:b",
            "<name>",
            "Bearer ",
        ]
        .map(String::from),
    );
    for part in floods {
        let work = |count: usize| {
            steps::reset();
            redacted(&part.repeat(count));
            steps::taken()
        };
        let (count, twice) = (work(2_000), work(4_000));
        assert!(
            twice <= 3 * count + 10_000,
            "{part:?}: {count} then {twice}"
        );
        assert!(count <= 2_000 * (part.len() + 1) * 250, "{part:?}: {count}");
    }
}
