use std::sync::Arc;

use regex_lite::Regex;

use super::*;
use crate::{
    entry::Direction,
    glob::Glob,
    json::Edits,
    redact::{
        Allowlist, Choice, CustomDetector, Detectors, FieldPath, Matcher, Media, Place, Plan,
        Profile, ProfileMode, ProfileParts,
    },
};

fn parts() -> ProfileParts {
    let built_in = Profile::built_in();
    ProfileParts {
        name: "p".into(),
        mode: ProfileMode::Enforce,
        choices: vec![Choice {
            detectors: built_in.detectors(Direction::ToClient, Place::Results),
            custom: vec!["c".into()],
            directions: vec![Direction::ToClient],
            places: Place::ALL.into(),
            action: Action::Replace,
        }],
        custom: Vec::new(),
        allowlists: Vec::new(),
        media: Media::BLOCKED,
    }
}

fn redact(parts: ProfileParts, text: &str) -> Result<(String, Vec<Finding>), Blocked> {
    let mut plan = Plan::default();
    plan.add(&Arc::new(Profile::new(parts)));
    let redactor = Redactor {
        plan: &plan,
        direction: Direction::ToClient,
        binding: None,
    };
    let document = Document::parse(text.as_bytes(), text.len(), &Limits::DEFAULT).unwrap();
    let (mut edits, mut findings) = (Edits::default(), Vec::new());
    let all = (document.root(), document.root());
    redactor.redact(Place::Results, all, &mut edits, &mut findings)?;
    Ok((edits.apply(text).unwrap(), findings))
}

fn redacted(text: &str) -> String {
    redact(parts(), text).unwrap().0
}

fn custom(matcher: Matcher) -> ProfileParts {
    ProfileParts {
        custom: vec![CustomDetector {
            id: "c".into(),
            matcher,
        }],
        ..parts()
    }
}

#[test]
fn edits_json_in_strings_through_every_level() {
    let cases = [
        (
            r#"{"t":"{\"a\": \"x@b.io\", \"n\": 1.10}"}"#,
            r#"{"t":"{\"a\": \"[redacted:email]\", \"n\": 1.10}"}"#,
        ),
        (
            r#"{"t":"{\"a\":\"x\\u0040b.io \\n\u00e9\"}"}"#,
            r#"{"t":"{\"a\":\"[redacted:email] \\n\u00e9\"}"}"#,
        ),
        (
            r#"{"t":"[\"{\\\"first_name\\\":\\\"Ann\\\"}\"]"}"#,
            r#"{"t":"[\"{\\\"first_name\\\":\\\"[redacted:person]\\\"}\"]"}"#,
        ),
        (
            r#"{"patient":"{\"name\":\"Ann Lee\"}"}"#,
            r#"{"patient":"{\"name\":\"[redacted:person]\"}"}"#,
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(redacted(text), expected);
    }
}

#[test]
fn numbers_stay_numbers() {
    let text = r#"{"card":4111111111111111,"ssn":536506131,"n":4111111111111112,"id":536506131}"#;
    let expected = r#"{"card":0,"ssn":0,"n":4111111111111112,"id":536506131}"#;
    assert_eq!(redacted(text), expected);
}

#[test]
fn renamed_keys_stay_apart() {
    let text = r#"{"a@b.io":1,"c@d.io":{"x":2},"[redacted:email] 2":3}"#;
    let expected = r#"{"[redacted:email]":1,"[redacted:email] 3":{"x":2},"[redacted:email] 2":3}"#;
    assert_eq!(redacted(text), expected);
}

#[test]
fn what_names_a_value_may_stand_elsewhere() {
    for (text, expected) in [
        (
            r#"{"columns":["id","ssn"],"rows":[[536506131,"536506131"]]}"#,
            r#"{"columns":["id","ssn"],"rows":[[536506131,"[redacted:us_ssn]"]]}"#,
        ),
        (
            r#"[["id","first_name"],["1","Ann"]]"#,
            r#"[["id","first_name"],["1","[redacted:person]"]]"#,
        ),
        (
            r#"{"name":"Authorization","value":"Bearer abc123DEF"}"#,
            r#"{"name":"Authorization","value":"Bearer [redacted:auth_header]"}"#,
        ),
        (
            r#"{"ssn":{"S":"536506131"},"name":{"first":"Ann"},"passport":{"number":"X1234567"}}"#,
            r#"{"ssn":{"S":"[redacted:us_ssn]"},"name":{"first":"[redacted:person]"},"passport":{"number":"[redacted:passport]"}}"#,
        ),
    ] {
        assert_eq!(redacted(text), expected);
    }
}

#[test]
fn pointers_lead_into_the_json_of_strings() {
    let (_, findings) = redact(parts(), r#"{"a/b":["{\"x\":\"a@b.io c@d.io\"}"]}"#).unwrap();
    let found: Vec<_> = findings
        .iter()
        .map(|one| (&*one.pointer, one.count))
        .collect();
    assert_eq!(found, [("/a~1b/0#/x", 2)]);
}

#[test]
fn custom_detectors_find_what_they_say() {
    let path = |keys: &[&str], is_anchored| FieldPath {
        keys: keys.iter().map(|key| (*key).into()).collect(),
        is_anchored,
    };
    for (matcher, text, expected) in [
        (
            Matcher::Regex(Regex::new("EMP-[0-9]{4}").unwrap()),
            r#"["EMP-1234, XEMP-9"]"#,
            r#"["[redacted:c], XEMP-9"]"#,
        ),
        (
            Matcher::Keywords(vec!["project x".into()]),
            r#"["Project X, projects xs, a project x1"]"#,
            r#"["[redacted:c], projects xs, a project x1"]"#,
        ),
        (
            Matcher::Fields(vec![path(&["pay", "*"], false)]),
            r#"{"a":[{"pay":{"base":"lots","n":12345678}}],"b":"lots"}"#,
            r#"{"a":[{"pay":{"base":"[redacted:c]","n":0}}],"b":"lots"}"#,
        ),
        (
            Matcher::Fields(vec![path(&["x"], true)]),
            r#"{"x":"y","z":{"x":"y"},"t":"{\"x\":\"y\"}"}"#,
            r#"{"x":"[redacted:c]","z":{"x":"y"},"t":"{\"x\":\"[redacted:c]\"}"}"#,
        ),
    ] {
        assert_eq!(redact(custom(matcher), text).unwrap().0, expected);
    }
}

#[test]
fn what_is_allowed_is_left_alone() {
    let allowlist = Allowlist {
        detectors: vec!["email".into()],
        values: vec!["Help@Corp.io".into()],
        globs: vec![Glob::parse("*@example.com").unwrap()],
    };
    let allowing = ProfileParts {
        allowlists: vec![allowlist],
        ..parts()
    };
    let (text, findings) = redact(allowing, r#"["help@corp.io a@example.com b@c.io"]"#).unwrap();
    assert_eq!(text, r#"["help@corp.io a@example.com [redacted:email]"]"#);
    assert_eq!(findings.len(), 1);
}

#[test]
fn what_is_observed_is_recorded_and_left() {
    let observing = ProfileParts {
        mode: ProfileMode::Observe,
        ..parts()
    };
    let (text, findings) = redact(observing, r#"["a@b.io"]"#).unwrap();
    assert_eq!(text, r#"["a@b.io"]"#);
    assert_eq!((findings.len(), findings[0].action), (1, None));
}

#[test]
fn what_blocks_is_said() {
    let mut blocking = parts();
    let mut cards = Detectors::default();
    cards.insert(crate::redact::Detector::PaymentCard);
    blocking.choices.push(Choice {
        detectors: cards,
        action: Action::Block,
        ..blocking.choices[0].clone()
    });
    let blocked = redact(blocking, r#"["a@b.io","4111 1111 1111 1111"]"#).unwrap_err();
    assert_eq!(&*blocked.detector, "payment_card");
}

#[test]
fn pointers_tell_no_key_that_is_found() {
    let text = r#"{"a@b.io":{"k":"c@d.io"},"x":"{\"e@f.io\":4111111111111111}"}"#;
    let mut observed = parts();
    observed.mode = ProfileMode::Observe;
    for (parts, is_changed) in [(parts(), true), (observed, false)] {
        let (redacted, findings) = redact(parts, text).unwrap();
        assert_eq!(redacted != text, is_changed);
        let pointers: Vec<_> = findings.iter().map(|one| &*one.pointer).collect();
        assert_eq!(pointers, ["/*", "/*/k", "/x#/*", "/x#/*"]);
    }
}

#[test]
fn a_name_is_of_whom_the_keys_beside_it_are() {
    for (text, expected) in [
        (
            r#"{"nombre":"Ana","apellidos":"Ruiz"}"#,
            r#"{"nombre":"[redacted:person]","apellidos":"[redacted:person]"}"#,
        ),
        (
            r#"{"author":{"name":"Ann Lee","email":"a@b.io"}}"#,
            r#"{"author":{"name":"[redacted:person]","email":"[redacted:email]"}}"#,
        ),
        (
            r#"{"company":{"name":"Acme Rockets","email":"a@b.io"}}"#,
            r#"{"company":{"name":"Acme Rockets","email":"[redacted:email]"}}"#,
        ),
        (
            r#"{"name":"Hello-World","full_name":"octocat/Hello-World"}"#,
            r#"{"name":"Hello-World","full_name":"octocat/Hello-World"}"#,
        ),
    ] {
        assert_eq!(redacted(text), expected);
    }
}

#[test]
fn json_after_a_few_words_is_walked() {
    let text = r#"["of a@b.io: {\"columns\":[\"ssn\"],\"rows\":[[\"536506131\"]]} to c@d.io"]"#;
    let expected = r#"["of [redacted:email]: {\"columns\":[\"ssn\"],\"rows\":[[\"[redacted:us_ssn]\"]]} to [redacted:email]"]"#;
    assert_eq!(redacted(text), expected);
    assert_eq!(
        redacted("[4155550132.0,4111111111111111.0]"),
        "[4155550132.0,0]"
    );
}
