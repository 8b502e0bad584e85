use super::*;
use crate::{json::Document, limits::Limits};

fn masked(text: &str) -> (String, Vec<Finding>) {
    let document = Document::parse(text.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
    let (mut edits, mut findings) = (Edits::default(), Vec::new());
    let mut plan = Plan::default();
    plan.add(&std::sync::Arc::new(Profile::built_in()));
    let redactor = Redactor {
        plan: &plan,
        direction: Direction::ToClient,
        binding: None,
    };
    let root = document.root();
    redactor
        .redact(Place::Results, (root, root), &mut edits, &mut findings)
        .unwrap();
    (edits.apply(text).unwrap(), findings)
}

#[test]
fn masks_what_is_sensitive() {
    let aws = format!("AKIA{}", "IOSFODNN7EXAMPLE");
    let github = format!("ghp_{}", "a1B2".repeat(9));
    let pat = format!("github_pat_{}", "a1B2_".repeat(13));
    let cases = [
        ("a@example.com".to_owned(), "[redacted:email]"),
        (
            "Ann <ann.lee+x@mail.example.co.uk>, hi".to_owned(),
            "Ann <[redacted:email]>, hi",
        ),
        ("(bob@ex-ample.org).".to_owned(), "([redacted:email])."),
        ("4111 1111 1111 1111".to_owned(), "[redacted:payment_card]"),
        (
            "card 4111-1111-1111-1111, ok".to_owned(),
            "card [redacted:payment_card], ok",
        ),
        ("378282246310005".to_owned(), "[redacted:payment_card]"),
        ("2223003122003222".to_owned(), "[redacted:payment_card]"),
        (format!("key={aws};"), "key=[redacted:aws_access_key];"),
        (format!("token {github}"), "token [redacted:github_token]"),
        (pat, "[redacted:github_token]"),
    ];
    for (text, expected) in cases {
        assert_eq!(
            masked(&format!("\"{text}\"")).0,
            format!("\"{expected}\""),
            "{text}"
        );
    }
}

#[test]
fn leaves_what_only_looks_alike() {
    for text in [
        "icon@2x.png is 1",
        "git@",
        "@handle",
        "user@localhost",
        "4111 1111 1111 1112",
        "41111111111111111111111",
        "order 1234567890123456",
        "AKIASHORT",
        "xAKIAIOSFODNN7EXAMPLE",
        "ghp_short",
        "0000000000000000",
    ] {
        let quoted = format!("\"{text}\"");
        assert_eq!(masked(&quoted).0, quoted);
    }
}

#[test]
fn splices_into_escaped_text_and_leaves_the_rest() {
    let text = r#"{ "a" : "x\n\u0061@example.com\ty" ,"n":1.10, "b":["\u00e9 a@b.io"]}"#;
    let expected =
        r#"{ "a" : "x\n[redacted:email]\ty" ,"n":1.10, "b":["\u00e9 [redacted:email]"]}"#;
    let (edited, findings) = masked(text);
    assert_eq!(edited, expected);
    let pointers: Vec<_> = findings.iter().map(|finding| &*finding.pointer).collect();
    assert_eq!(pointers, ["/a", "/b/0"]);
}

#[test]
fn masks_what_one_find_leaves_of_another() {
    let local = format!("4111111111111111'{}", "a".repeat(54));
    let (edited, _) = masked(&format!("\"{local}@example.com\""));
    assert_eq!(edited, "\"[redacted:payment_card]'[redacted:email]\"");
}

#[test]
fn counts_together_what_it_finds_beyond_the_limit() {
    let items = vec!["\"a@example.com\",\"4111 1111 1111 1111\""; 1_000].join(",");
    let (edited, findings) = masked(&format!("[{items}]"));
    assert!(!edited.contains('@') && !edited.contains("4111"));
    assert_eq!(findings.len(), MAX_FINDINGS + 2);
    let total: u32 = findings.iter().map(|finding| finding.count).sum();
    assert_eq!(total, 2_000);
    assert!(findings[..MAX_FINDINGS].iter().all(|f| f.count == 1));
    assert!(
        findings[MAX_FINDINGS..]
            .iter()
            .all(|f| f.pointer.is_empty())
    );
}
