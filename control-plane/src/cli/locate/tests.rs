use super::*;

fn read(text: &str) -> String {
    match Node::read_all(text) {
        Ok(nodes) => {
            let shown: Vec<String> = nodes
                .iter()
                .map(|node| format!("{} {}", node.at, node.to_json()))
                .collect();
            shown.join(" | ")
        }
        Err(Malformed { at, message }) => format!("{at} {message}"),
    }
}

#[test]
fn reads_documents_and_leaves_empty_ones_out() {
    for (text, expected) in [
        ("a: 1\n", r#"1:1 {"a":1}"#),
        (
            "---\n\n---\na: 1\n---\n# nothing\n---\nb: [x]\n",
            r#"4:1 {"a":1} | 8:1 {"b":["x"]}"#,
        ),
        ("", ""),
        ("# nothing\n", ""),
        ("\u{feff}a: 1\n", r#"1:1 {"a":1}"#),
        (
            "{\n\t\"a\": \"\\ud83d\\ude00\",\n\t\"b\": null}",
            r#"1:1 {"a":"😀","b":null}"#,
        ),
        ("a: &x [1]\nb: *x\n", r#"1:1 {"a":[1],"b":[1]}"#),
        // YAML 1.2: these are texts.
        (
            "- no\n- 007\n- 1_000\n- 1:30\n",
            r#"1:1 ["no","007","1_000","1:30"]"#,
        ),
        ("- 1\n- -1.5\n- true\n- ~\n", r"1:1 [1,-1.5,true,null]"),
    ] {
        assert_eq!(read(text), expected, "{text:?}");
    }
}

#[test]
fn says_where_a_text_is_no_yaml() {
    for (text, expected) in [
        (
            "a:\n\tb: 1\n",
            "2:2 tabs disallowed within this context (block indentation)",
        ),
        ("a: \"x\n", "1:4 unclosed quote"),
        (
            "a: b: c\n",
            "1:5 mapping values are not allowed in this context",
        ),
        ("a: *x\n", "1:4 alias references unknown anchor"),
        ("a: !x 1\n", "1:7 unsupported tag `!x`"),
        (
            "a: .inf\n",
            "1:4 non-finite float `.inf` rejected by the configured policy",
        ),
        (
            "<<: {a: 1}\n",
            "1:1 YAML merge keys are not allowed by configured policy",
        ),
        ("? [a]\n: 1\n", "1:3 expected string scalar"),
    ] {
        assert_eq!(read(text), expected, "{text:?}");
    }
}

#[test]
fn refuses_what_would_exhaust_it() {
    let deep = "[".repeat(1000);
    assert!(Node::read_all(&deep).is_err());
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let before = level - 1;
        let aliases = vec![format!("*a{before}"); 10].join(", ");
        bomb = format!("{bomb}a{level}: &a{level} [{aliases}]\n");
    }
    assert!(Node::read_all(&bomb).is_err());
}

#[test]
fn finds_the_place_of_a_path_or_of_what_is_nearest() {
    let text =
        "spec:\n  endpoints:\n    - cluster: a\n      path: /x\n    - {cluster: b}\n  n: 1\n";
    let nodes = Node::read_all(text).unwrap();
    let node = nodes.first().unwrap();
    for (path, expected) in [
        ("", "1:1"),
        ("spec", "1:1"),
        ("spec.n", "6:6"),
        ("spec.endpoints", "2:3"),
        ("spec.endpoints[0]", "3:7"),
        ("spec.endpoints[0].path", "4:13"),
        ("spec.endpoints[1].cluster", "5:17"),
        ("spec.endpoints[1].path", "5:7"),
        ("spec.endpoints[7].path", "2:3"),
        ("spec.nothing.here", "1:1"),
        ("elsewhere", "1:1"),
    ] {
        assert_eq!(
            node.locate(&Path::parse(path).unwrap()).to_string(),
            expected,
            "{path}"
        );
    }
}
