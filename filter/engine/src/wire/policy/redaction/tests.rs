use super::*;
use crate::redact::Matcher;

const PROFILE: &str = "organizations/o/redactionProfiles/p";

fn custom(id: &str, matcher: pb::custom_detector::Matcher) -> pb::CustomDetector {
    pb::CustomDetector {
        name: format!("organizations/o/detectors/{id}"),
        matcher: Some(matcher),
    }
}

fn regex(pattern: &str) -> pb::custom_detector::Matcher {
    pb::custom_detector::Matcher::Regex(pattern.to_owned())
}

fn keywords<const N: usize>(words: [&str; N]) -> pb::custom_detector::Matcher {
    pb::custom_detector::Matcher::Keywords(pb::Keywords {
        words: words.map(str::to_owned).into(),
    })
}

fn fields<const N: usize>(paths: [&str; N]) -> pb::custom_detector::Matcher {
    pb::custom_detector::Matcher::Fields(pb::Fields {
        paths: paths.map(str::to_owned).into(),
    })
}

fn profile(change: impl FnOnce(&mut pb::RedactionProfile)) -> Result<Profile, Invalid> {
    let mut message = pb::RedactionProfile {
        name: PROFILE.to_owned(),
        choices: vec![pb::RedactionChoice {
            detectors: vec!["email".to_owned()],
            action: pb::RedactionAction::Replace.into(),
            ..pb::RedactionChoice::default()
        }],
        ..pb::RedactionProfile::default()
    };
    change(&mut message);
    Profile::try_from(message)
}

fn refused(change: impl FnOnce(&mut pb::RedactionProfile)) -> String {
    profile(change).unwrap_err().to_string()
}

#[test]
fn a_profile_does_at_each_place_what_is_most_protective() {
    let profile = profile(|message| {
        message.detectors = vec![custom("ticket", regex("T-[0-9]+"))];
        message.choices = vec![
            pb::RedactionChoice {
                detectors: vec!["personal".to_owned(), "ticket".to_owned()],
                action: pb::RedactionAction::Partial.into(),
                ..pb::RedactionChoice::default()
            },
            pb::RedactionChoice {
                detectors: vec!["email".to_owned()],
                direction: pb::RedactionDirection::ToServer.into(),
                places: vec!["arguments".to_owned()],
                action: pb::RedactionAction::Block.into(),
            },
        ];
    });
    let profile = profile.unwrap();
    let action = |direction, detector| profile.action(direction, Place::Arguments, detector);
    let to_server = Direction::ToServer;
    assert_eq!(action(to_server, Detector::Email), Some(Action::Block));
    assert_eq!(action(to_server, Detector::Phone), Some(Action::Partial));
    assert_eq!(action(to_server, Detector::Jwt), None);
    let to_client = Direction::ToClient;
    assert_eq!(action(to_client, Detector::Email), Some(Action::Partial));
    let ticket = profile.custom_action(to_client, Place::Results, 0);
    assert_eq!(ticket, Some(Action::Partial));
}

#[test]
fn a_profile_says_something_that_is_known() {
    for (found, expected) in [
        (refused(|it| it.choices.clear()), "choices: found none"),
        (
            refused(|it| it.choices[0].detectors = vec!["emial".to_owned()]),
            "choices[0].detectors[0]: found `emial`",
        ),
        (
            refused(|it| it.choices[0].detectors.push("email".to_owned())),
            "choices[0].detectors[1]: found `email`",
        ),
        (
            refused(|it| it.choices[0].detectors.clear()),
            "choices[0].detectors: found none",
        ),
        (refused(|it| it.choices[0].action = 0), "choices[0].action"),
        (
            refused(|it| it.choices[0].places = vec!["args".to_owned()]),
            "choices[0].places[0]: found `args`, expected one of `arguments`",
        ),
        (refused(|it| it.mode = 9), "mode: found 9"),
        (
            refused(|it| {
                it.media = Some(pb::Media {
                    images: 9,
                    ..pb::Media::default()
                });
            }),
            "media.images: found 9",
        ),
    ] {
        assert!(found.starts_with(expected), "{found}");
    }
}

#[test]
fn a_profile_holds_what_is_its_organizations_once_and_not_too_much() {
    let ticket = || custom("ticket", keywords(["t"]));
    let foreign = || pb::CustomDetector {
        name: "organizations/other/detectors/ticket".to_owned(),
        ..ticket()
    };
    let allowlist = |id: &str, count: usize| pb::Allowlist {
        name: format!("organizations/o/allowlists/{id}"),
        values: (0..count).map(|value| value.to_string()).collect(),
        ..pb::Allowlist::default()
    };
    for (found, expected) in [
        (
            refused(|it| it.detectors = vec![ticket(), ticket()]),
            "detectors[1].name",
        ),
        (
            refused(|it| it.detectors = vec![foreign()]),
            "detectors[0].name",
        ),
        (
            refused(|it| {
                let ids = 0..=MAX_CUSTOM_DETECTORS;
                it.detectors = ids
                    .map(|id| custom(&format!("d{id}"), keywords(["t"])))
                    .collect();
            }),
            "detectors: found 101, expected at most 100",
        ),
        (
            refused(|it| it.allowlists = vec![allowlist("a", 600), allowlist("b", 401)]),
            "allowlists: found 1001, expected at most 1000",
        ),
        (
            refused(|it| it.allowlists = vec![allowlist("a", 0)]),
            "allowlists[0].values: found none",
        ),
    ] {
        assert!(found.starts_with(expected), "{found}");
    }
    let full = profile(|it| it.allowlists = vec![allowlist("a", 600), allowlist("b", 400)]);
    assert!(full.is_ok(), "{full:?}");
}

#[test]
fn a_pattern_finds_something_and_is_bounded() {
    for (pattern, expected) in [
        ("(", "regex: found `(`: "),
        ("x*", "which matches the empty string in ``"),
        ("", "which matches the empty string in ``"),
        ("a|", "which matches the empty string in ``"),
        (r"\b", "which matches the empty string in `a`"),
        (r"\bx*\b", "which matches the empty string in `a`"),
        ("(?m)^x?$", "which matches the empty string in ``"),
        ("(?:[a-z]{100}){100}", "16 KiB compiled"),
        ("((a{50}){50}){50}", "16 KiB compiled"),
        (&"a".repeat(1025), "found 1025 bytes, expected at most 1024"),
    ] {
        let found = CustomDetector::try_from(custom("d", regex(pattern))).unwrap_err();
        assert!(found.to_string().contains(expected), "{pattern}: {found}");
        assert_eq!(found.field, "regex");
    }
    for pattern in ["EMP-[0-9]{6}", r"(?i)\bproject-[a-z]+\b", &"a".repeat(255)] {
        let found = CustomDetector::try_from(custom("d", regex(pattern)));
        assert!(found.is_ok(), "{pattern}: {found:?}");
    }
}

#[test]
fn words_and_fields_are_there_once_and_are_bounded() {
    let long = "x".repeat(129);
    let deep = vec!["a"; 17].join(".");
    for (matcher, expected) in [
        (keywords([]), "keywords.words: found none"),
        (keywords([""]), "keywords.words[0]: found ``"),
        (keywords([" a"]), "keywords.words[0]: found ` a`"),
        (
            keywords(["Ab", "aB"]),
            "keywords.words[1]: found `ab` a second time",
        ),
        (keywords([&long]), "keywords.words[0]"),
        (fields([]), "fields.paths: found none"),
        (
            fields(["a", "a"]),
            "fields.paths[1]: found `a` a second time",
        ),
        (
            fields(["a..b"]),
            "fields.paths[0]: found `a..b`, in which a key is empty",
        ),
        (
            fields(["$."]),
            "fields.paths[0]: found `$.`, in which a key is empty",
        ),
        (
            fields(["*"]),
            "fields.paths[0]: found `*`, which names no key",
        ),
        (fields([&deep]), "fields.paths[0]"),
        (fields([&long]), "fields.paths[0]"),
    ] {
        let found = CustomDetector::try_from(custom("d", matcher)).unwrap_err();
        assert!(found.to_string().starts_with(expected), "{found}");
    }
    let found = CustomDetector::try_from(custom("d", fields(["$.a.*", "b.c"]))).unwrap();
    let Matcher::Fields(paths) = found.matcher else {
        panic!("{found:?}")
    };
    let anchored: Vec<_> = paths.iter().map(|path| path.is_anchored).collect();
    assert_eq!(anchored, [true, false]);
}

#[test]
fn a_detector_is_called_like_no_other() {
    for id in ["email", "iban", "personal", "secrets", "all", "blob"] {
        let found = CustomDetector::try_from(custom(id, keywords(["t"]))).unwrap_err();
        assert_eq!(found.field, "name", "{id}");
    }
}

#[test]
fn an_allowlist_leaves_finds_of_a_group_alone() {
    let allowlist = |detectors: &[&str]| {
        Allowlist::try_from(pb::Allowlist {
            name: "organizations/o/allowlists/a".to_owned(),
            detectors: detectors.iter().map(|&id| id.to_owned()).collect(),
            globs: vec!["*@example.com".to_owned()],
            ..pb::Allowlist::default()
        })
    };
    let secrets = allowlist(&["secrets", "ticket"]).unwrap().detectors;
    assert!(secrets.contains(&"jwt".into()) && secrets.contains(&"ticket".into()));
    assert!(!secrets.contains(&"email".into()));
    assert_eq!(allowlist(&["all"]).unwrap_err().field, "detectors");
}
