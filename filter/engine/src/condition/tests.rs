use super::*;
use crate::{glob::Glob, json::Document, limits::Limits};

fn evaluate(condition: &Condition, arguments: &str) -> Truth {
    let document = Document::parse(arguments.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
    condition.evaluate(&Arguments::new(Some(document.root())))
}

fn one_of(scalars: &[&str]) -> Test {
    let scalars = scalars.iter().map(|scalar| Scalar::parse(scalar).unwrap());
    Test::OneOf(scalars.collect())
}

fn condition(path: &str, test: Test) -> Condition {
    Condition {
        argument: ArgumentPath::parse(path).unwrap(),
        requirement: Requirement::Pass {
            test,
            normalisation: None,
            quantifier: Quantifier::All,
            on_missing: None,
        },
    }
}

fn as_normal(normalisation: Normalisation, path: &str, test: Test) -> Condition {
    let mut condition = condition(path, test);
    if let Requirement::Pass {
        normalisation: of, ..
    } = &mut condition.requirement
    {
        *of = Some(normalisation);
    }
    condition
}

fn quantified(quantifier: Quantifier, on_missing: Option<bool>) -> Condition {
    Condition {
        argument: ArgumentPath::parse("$.l[*]").unwrap(),
        requirement: Requirement::Pass {
            test: one_of(&["1", "2"]),
            normalisation: None,
            quantifier,
            on_missing,
        },
    }
}

fn globs(patterns: &[&str]) -> Test {
    Test::Glob(
        patterns
            .iter()
            .map(|p| Glob::over_text(p).unwrap())
            .collect(),
    )
}

#[test]
fn values_pass_fail_or_cannot_be_tested() {
    use Truth::{Fails, Holds, Unknown};
    let ranges = |texts: &[&str]| Test::InRange(texts.iter().map(|t| t.parse().unwrap()).collect());
    let bounds = |bounds| Test::Number(Bounds::new(bounds).unwrap());
    for (test, value, expected) in [
        (one_of(&["1"]), "1.0", Holds),
        (one_of(&["100"]), "1e2", Holds),
        (one_of(&["9007199254740993"]), "9007199254740991", Fails),
        // The same to those who read doubles.
        (one_of(&["9007199254740993"]), "9007199254740992", Unknown),
        (one_of(&["7"]), "7.0000000000000000001", Unknown),
        (one_of(&["7", "8"]), "8", Holds),
        (one_of(&["1"]), r#""1""#, Unknown),
        (one_of(&["1", r#""1""#]), r#""1""#, Holds),
        (one_of(&[r#""a""#]), r#""\u0061""#, Holds),
        (one_of(&[r#""a""#]), "null", Unknown),
        (one_of(&["null", r#""a""#]), "null", Holds),
        (one_of(&["true"]), "false", Fails),
        (one_of(&["true"]), "0", Unknown),
        (one_of(&["1"]), "1e1000000000000000", Unknown),
        (one_of(&["1"]), "[1]", Unknown),
        (globs(&["acme/*", "a b*"]), r#""acme/x""#, Holds),
        (globs(&["acme/*", "a b*"]), r#""a b c""#, Holds),
        (globs(&["acme/*"]), r#""acme""#, Fails),
        (globs(&["*"]), "1", Unknown),
        (
            Test::Matches(Pattern::parse("^rel-[0-9]+$").unwrap()),
            r#""rel-12""#,
            Holds,
        ),
        (
            Test::Matches(Pattern::parse("^rel-[0-9]+$").unwrap()),
            r#""rel-x""#,
            Fails,
        ),
        (Test::Matches(Pattern::parse("x").unwrap()), "true", Unknown),
        (ranges(&["10.0.0.0/8"]), r#""10.1.2.3""#, Holds),
        (ranges(&["10.0.0.0/8"]), r#""::ffff:10.1.2.3""#, Holds),
        (ranges(&["10.0.0.0/8"]), r#""11.1.2.3""#, Fails),
        (ranges(&["10.0.0.0/8"]), r#""10.1.2.03""#, Unknown),
        (ranges(&["10.0.0.0/8"]), r#""host""#, Unknown),
        (bounds(["10", "", "", "0"]), "9.99", Holds),
        (bounds(["10", "", "", "0"]), "10.0", Fails),
        (bounds(["10", "", "", "0"]), "-1", Fails),
        (bounds(["", "10", "9", ""]), "1e1", Holds),
        (bounds(["10", "", "", ""]), r#""9""#, Unknown),
        (bounds(["", "", "0", ""]), "1e-400", Unknown),
        (bounds(["", "", "", "0"]), "1e-400", Holds),
        (
            bounds(["100", "", "", ""]),
            "99.99999999999999999999",
            Unknown,
        ),
        (bounds(["", "", "0", ""]), "1e400", Unknown),
    ] {
        let arguments = format!(r#"{{"v":{value}}}"#);
        let found = evaluate(&condition("$.v", test.clone()), &arguments);
        assert_eq!(found, expected, "{test} of {value}");
    }
}

#[test]
fn several_values_are_taken_as_the_quantifier_says() {
    use Truth::{Fails, Holds, Unknown};
    for (values, all, any, none) in [
        ("[1,2]", Holds, Holds, Fails),
        ("[1,3]", Fails, Holds, Fails),
        ("[3]", Fails, Fails, Holds),
        (r#"[1,"x"]"#, Unknown, Holds, Fails),
        (r#"[3,"x"]"#, Fails, Unknown, Unknown),
        ("[]", Unknown, Unknown, Unknown),
    ] {
        let arguments = format!(r#"{{"l":{values}}}"#);
        let found = |quantifier| evaluate(&quantified(quantifier, None), &arguments);
        assert_eq!(found(Quantifier::All), all, "all of {values}");
        assert_eq!(found(Quantifier::Any), any, "any of {values}");
        assert_eq!(found(Quantifier::None), none, "none of {values}");
    }
    for quantifier in [Quantifier::All, Quantifier::Any, Quantifier::None] {
        for missing in ["{}", r#"{"l":[]}"#, r#"{"l":{}}"#] {
            assert_eq!(
                evaluate(&quantified(quantifier, Some(true)), missing),
                Holds
            );
            assert_eq!(
                evaluate(&quantified(quantifier, Some(false)), missing),
                Fails
            );
        }
        // What is there and cannot be tested is not missing.
        let odd = evaluate(&quantified(quantifier, Some(true)), r#"{"l":["x"]}"#);
        assert_eq!(odd, Unknown);
    }
    let list = |count: usize| format!(r#"{{"l":[{}]}}"#, vec!["1"; count].join(","));
    let all = quantified(Quantifier::All, None);
    assert_eq!(evaluate(&all, &list(MAX_VALUES)), Holds);
    assert_eq!(evaluate(&all, &list(MAX_VALUES + 1)), Unknown);
}

#[test]
fn whether_a_value_exists_is_known_where_it_is_read_one_way() {
    let exists = |expected| Condition {
        argument: ArgumentPath::parse("$.a").unwrap(),
        requirement: Requirement::Exists(expected),
    };
    for (arguments, is_there) in [("{}", false), (r#"{"a":null}"#, true), ("null", false)] {
        assert_eq!(evaluate(&exists(true), arguments), is_there.into());
        assert_eq!(evaluate(&exists(false), arguments), (!is_there).into());
    }
    for arguments in ["[]", r#""{\"a\":1}""#, r#"{"A":1}"#] {
        assert_eq!(evaluate(&exists(true), arguments), Truth::Unknown);
        assert_eq!(evaluate(&exists(false), arguments), Truth::Unknown);
    }
    assert_eq!(exists(true).evaluate(&Arguments::new(None)), Truth::Fails);
}

#[test]
fn spellings_of_one_thing_are_one_and_ambiguous_ones_are_unknown() {
    use Normalisation::{Casefold, Host, Path, Url};
    use Truth::{Fails, Holds, Unknown};
    let public = || globs(&["/srv/public/*"]);
    let acme = || globs(&["acme.com", "*.acme.com"]);
    for (normalisation, test, value, expected) in [
        (Path, public(), "/srv//x/../public/a", Holds),
        (Path, public(), "/srv/public/../private/a", Fails),
        (Path, public(), "/srv/public/%2e%2e/private/a", Unknown),
        (Path, public(), "/srv/private/%2e%2e/public/a", Unknown),
        (Path, public(), "/srv/public/a%20b", Holds),
        (Path, public(), "../../etc/passwd", Unknown),
        (
            Path,
            public(),
            r"/srv/private/..\\public\\x/../secret",
            Unknown,
        ),
        (
            Path,
            public(),
            "/srv/public/%2e%2e/private/%252e%252e%252fpublic%252fx/../secret",
            Unknown,
        ),
        (Path, globs(&["/srv/*"]), r"\\\\srv\\share\\x", Unknown),
        (Host, acme(), "https://API.acme.com/x", Holds),
        (Host, acme(), "https://acme.com.evil.test/", Fails),
        (Host, acme(), "https://acme.com\\\\@evil.test/", Unknown),
        (
            Host,
            Test::InRange(vec!["127.0.0.0/8".parse().unwrap()]),
            "http://127.0.0.1/",
            Holds,
        ),
        (
            Host,
            Test::InRange(vec!["::1/128".parse().unwrap()]),
            "http://[::1]/",
            Holds,
        ),
        (
            Url,
            globs(&["https://acme.com/*"]),
            "HTTPS://ACME.com:443/a",
            Holds,
        ),
        (
            Url,
            globs(&["https://evil.test/*"]),
            "https://:@evil.test/",
            Holds,
        ),
        // Who is named does not change the place; a rule about either may be meant.
        (
            Url,
            globs(&["https://evil.test/*"]),
            "https://u@evil.test/",
            Unknown,
        ),
        (Url, globs(&["https://*"]), "https://u@evil.test/", Holds),
        (
            Url,
            globs(&["https://acme.com/admin*"]),
            "https://acme.com/%61dmin",
            Holds,
        ),
        (
            Url,
            globs(&["https://acme.com/public/*"]),
            "https://acme.com/public/..%2fprivate",
            Unknown,
        ),
        (Casefold, one_of(&[r#""main""#]), "ＭＡＩＮ", Holds),
    ] {
        let arguments = format!(r#"{{"v":"{value}"}}"#);
        let condition = as_normal(normalisation, "$.v", test);
        assert_eq!(
            evaluate(&condition, &arguments),
            expected,
            "{value} {condition}"
        );
    }
    let number = as_normal(Casefold, "$.v", one_of(&["1"]));
    assert_eq!(evaluate(&number, r#"{"v":1}"#), Unknown);
}

#[test]
fn a_long_string_is_compared_and_not_searched() {
    let text = |bytes: usize| format!(r#"{{"v":"{}"}}"#, "a".repeat(bytes));
    let any = condition("$.v", globs(&["*"]));
    assert_eq!(evaluate(&any, &text(64 << 10)), Truth::Holds);
    assert_eq!(evaluate(&any, &text((64 << 10) + 1)), Truth::Unknown);
    let other = condition("$.v", one_of(&[r#""b""#]));
    assert_eq!(evaluate(&other, &text((64 << 10) + 1)), Truth::Fails);
}

#[test]
fn a_large_pattern_is_not_looked_for_in_a_long_string() {
    let found = |pattern: &str, bytes: usize| {
        let test = Test::Matches(Pattern::parse(pattern).unwrap());
        let arguments = format!(r#"{{"v":"{}"}}"#, "a".repeat(bytes));
        evaluate(&condition("$.v", test), &arguments)
    };
    let large = "[a-z0-9]{0,400}y";
    assert_eq!(found(large, 4 << 10), Truth::Fails);
    assert_eq!(found(large, (4 << 10) + 1), Truth::Unknown);
    assert_eq!(
        found("(?i)(drop|truncate)\\s+table", 64 << 10),
        Truth::Fails
    );
}
