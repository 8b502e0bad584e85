use proptest::prelude::*;

use super::*;
use crate::{canonical::DefinitionKind, json::Document, limits::Limits};

const TOOL: Pinned<'_> = Pinned::Capability {
    kind: DefinitionKind::Tool,
    name: "t",
};

fn variables(fields: &[(Pinned<'_>, &str, &str)]) -> Variables {
    let fields = fields.iter();
    let fields = fields.map(|(what, pointer, pattern)| {
        VariableField::check(pattern).unwrap();
        VariableField::new(*what, pointer, pattern).unwrap()
    });
    Variables::new(fields.collect()).unwrap()
}

fn pin(variables: &Variables, what: Pinned<'_>, definition: &str) -> Pin {
    let document = Document::parse(definition.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
    variables.pin(what, document.root()).unwrap()
}

#[test]
fn what_matches_may_vary_and_nothing_else() {
    let version = variables(&[(Pinned::ServerInfo, "/version", r"1\.4\.[0-9]+")]);
    let pinned = |text: &str| pin(&version, Pinned::ServerInfo, text);
    let approved = pinned(r#"{"name":"s","version":"1.4.1"}"#);
    for same in [
        r#"{"name":"s","version":"1.4.2"}"#,
        r#"{"version": "1.4.\u0032", "name":"\u0073"}"#,
    ] {
        assert_eq!(pinned(same), approved, "{same}");
    }
    for other in [
        r#"{"name":"s","version":"1.5.0"}"#,
        r#"{"name":"s","version":"1.4.1-rc"}"#,
        r#"{"name":"s","version":"v1.4.1"}"#,
        r#"{"name":"s","version":"1.4.1\n"}"#,
        r#"{"name":"s","version":"1.4.\u0000"}"#,
        r#"{"name":"s","version":""}"#,
        r#"{"name":"s","version":"\u0000"}"#,
        r#"{"name":"s","version":1.4}"#,
        r#"{"name":"s","version":["1.4.1"]}"#,
        r#"{"name":"s","version":null}"#,
        r#"{"name":"s"}"#,
        r#"{"name":"S","version":"1.4.1"}"#,
        r#"{"name":"s","version":"1.4.1","title":"1.4.1"}"#,
        r#"{"name":"s","Version":"1.4.1"}"#,
    ] {
        assert_ne!(pinned(other), approved, "{other}");
        // What does not match is pinned as it is.
        let plain = pin(&Variables::default(), Pinned::ServerInfo, other);
        assert_eq!(
            pinned(other) == plain,
            !other.contains("\"version\":\"1.4.1\""),
            "{other}"
        );
    }
}

#[test]
fn a_field_is_one_of_its_own_definitions() {
    let other = Pinned::Capability {
        kind: DefinitionKind::Prompt,
        name: "t",
    };
    let named = Pinned::Capability {
        kind: DefinitionKind::Tool,
        name: "u",
    };
    let variables = variables(&[
        (TOOL, "/a/1/b~1c", "x|xy"),
        (Pinned::Instructions, "", "Today is .*day"),
    ]);
    let [one, two] = [r#"{"a":[0,{"b/c":"x"}]}"#, r#"{"a":[0,{"b/c":"xy"}]}"#];
    assert_eq!(pin(&variables, TOOL, one), pin(&variables, TOOL, two));
    for what in [other, named, Pinned::Instructions, Pinned::ServerInfo] {
        assert_ne!(pin(&variables, what, one), pin(&variables, what, two));
    }
    let [one, two, three] = [
        "\"Today is Monday\"",
        "\"Today is Sunday\"",
        "\"Today is Mon\"",
    ];
    let said = |text| pin(&variables, Pinned::Instructions, text);
    assert_eq!(said(one), said(two));
    assert_ne!(said(one), said(three));
}

#[test]
fn refuses_what_cannot_be_meant() {
    for pattern in [
        "(",
        "a)|(?:.*",
        &"a".repeat(513),
        &"a".repeat(510),
        "(?x)a#",
    ] {
        assert!(VariableField::check(pattern).is_err(), "{pattern}");
    }
    let field = |pointer: &str| VariableField::new(TOOL, pointer, "a").unwrap();
    let twice = Variables::new(vec![field("/a"), field("/b"), field("/a")]);
    assert_eq!(twice, Err(VariablesError::Duplicate { position: 2 }));
    let fields = |count: usize| {
        let fields = (0..count).map(|number| field(&format!("/{number}")));
        Variables::new(fields.collect())
    };
    assert!(fields(MAX_VARIABLE_FIELDS).is_ok());
    let found = MAX_VARIABLE_FIELDS + 1;
    assert_eq!(fields(found), Err(VariablesError::TooMany { found }));
}

/// A definition with one text that may vary and others that may not.
fn definition(varying: &str, [key, text, item]: &[String; 3]) -> String {
    let shown = |text: &str| serde_json::Value::from(text).to_string();
    format!(
        "{{\"name\":\"t\",\"v\":{},{}:{},\"list\":[{}]}}",
        shown(varying),
        shown(&format!("k{key}")),
        shown(text),
        shown(item),
    )
}

fn texts() -> impl Strategy<Value = [String; 3]> {
    let text = || "[a0\\x00\"\\\\]{0,3}";
    (text(), text(), text()).prop_map(|(key, text, item)| [key, text, item])
}

proptest! {
    #[test]
    fn a_matching_change_keeps_the_pin_and_any_other_changes_it(
        [one, other] in prop::array::uniform2("[0-9]{1,4}"),
        free in "[a0\\x00\"\\\\]{0,3}",
        before in texts(),
        after in texts(),
    ) {
        let variables = variables(&[(TOOL, "/v", "[0-9]+")]);
        let pin_of = |varying: &str, rest| pin(&variables, TOOL, &definition(varying, rest));
        let approved = pin_of(&one, &before);
        prop_assert_eq!(pin_of(&other, &before), approved);
        prop_assert_eq!(pin_of(&other, &after) == approved, before == after);
        let matches = !free.is_empty() && free.bytes().all(|byte| byte.is_ascii_digit());
        prop_assert_eq!(pin_of(&free, &before) == approved, matches);
    }
}
