use std::sync::Arc;

use chancery_proto::policy::v1 as pb;

use super::*;
use crate::server::Server;

/// What a filter makes of a table; the first node is the whole.
fn schemas(nodes: Vec<pb::SchemaNode>) -> Result<Arc<Schemas>, String> {
    let server = pb::Server {
        name: "organizations/o/workspaces/w/servers/s".to_owned(),
        endpoints: vec![pb::Endpoint {
            cluster: "c".to_owned(),
            path: "/mcp".to_owned(),
            ..pb::Endpoint::default()
        }],
        authentication: pb::Authentication::Required.into(),
        on_denied: pb::OnDenied::Reveal.into(),
        input_schemas: vec![input("t", nodes)],
        ..pb::Server::default()
    };
    let server = Server::try_from(server).map_err(|error| error.to_string())?;
    Ok(server.schemas.unwrap())
}

fn input(tool: &str, nodes: Vec<pb::SchemaNode>) -> pb::ToolForm {
    pb::ToolForm {
        tool: tool.to_owned(),
        alternatives: vec![pb::Schema { nodes }],
        limit: None,
    }
}

/// What is said of a value that does not fit.
fn misfit(schemas: &Schemas, json: &str) -> Option<String> {
    let document = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT).unwrap();
    let input = schemas.input("t").unwrap();
    let checked = input.check(Some(document.root()), &Limits::DEFAULT);
    checked.err().map(|misfit| misfit.to_string())
}

const TOO_LONG: &str = "expected less: it takes too long to check";

fn node() -> pb::SchemaNode {
    pb::SchemaNode::default()
}

fn bounded(bounds: &[(pb::SchemaBoundKind, &str)]) -> pb::SchemaNode {
    let bound = |(kind, value): &(pb::SchemaBoundKind, &str)| pb::SchemaBound {
        kind: (*kind).into(),
        value: (*value).to_owned(),
    };
    pb::SchemaNode {
        bounds: bounds.iter().map(bound).collect(),
        ..node()
    }
}

fn referring(parts: &[(pb::SchemaPartKind, u32)]) -> pb::SchemaNode {
    let part = |(kind, node): &(pb::SchemaPartKind, u32)| pb::SchemaPart {
        kind: (*kind).into(),
        node: *node,
    };
    pb::SchemaNode {
        parts: parts.iter().map(part).collect(),
        ..node()
    }
}

#[test]
fn numbers_are_compared_exactly() {
    let bounded = bounded(&[
        (pb::SchemaBoundKind::Minimum, "0.1"),
        (pb::SchemaBoundKind::ExclusiveMaximum, "9007199254740993"),
    ]);
    let schemas = schemas(vec![bounded]).unwrap();
    for (number, fits) in [
        ("0.1", true),
        ("0.1000000000000000000", true),
        ("0.09999999999999999999", false),
        ("9007199254740992", true),
        ("9007199254740992.9", true),
        ("9007199254740993", false),
        ("9.007199254740993e15", false),
        ("1e-1", true),
    ] {
        assert_eq!(misfit(&schemas, number).is_none(), fits, "{number}");
    }
}

#[test]
fn multiples_are_exact() {
    for (divisor, number, is_multiple) in [
        ("0.01", "19.99", true),
        ("0.01", "19.999", false),
        ("0.1", "1e300", true),
        ("3", "1e300", false),
        ("7", "7000000000000000000000000000000000000", true),
        ("7", "7000000000000000000000000000000000001", false),
        ("1e2", "300", true),
        ("1e2", "350", false),
        ("1024", "1e10", true),
        ("1024", "1e9", false),
        ("2.5", "0", true),
        (
            "999999999999999999",
            "999999999999999998000000000000000001",
            true,
        ),
        ("5", "-15", true),
    ] {
        let multiple = bounded(&[(pb::SchemaBoundKind::MultipleOf, divisor)]);
        let schemas = schemas(vec![multiple]).unwrap();
        let found = misfit(&schemas, number).is_none();
        assert_eq!(found, is_multiple, "{number} of {divisor}");
    }
}

#[test]
fn a_flood_is_refused_and_not_waited_for() {
    let refers = |index| pb::SchemaMember {
        name: "a".to_owned(),
        node: Some(index),
        ..pb::SchemaMember::default()
    };
    // Each level is looked at twice as often as the one around it.
    let doubling = vec![
        referring(&[
            (pb::SchemaPartKind::OneOf, 1),
            (pb::SchemaPartKind::OneOf, 2),
        ]),
        pb::SchemaNode {
            members: vec![refers(0)],
            ..node()
        },
        pb::SchemaNode {
            members: vec![refers(0)],
            ..node()
        },
    ];
    let nested = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    let schemas_of_it = schemas(doubling).unwrap();
    assert_eq!(
        misfit(&schemas_of_it, &nested(60)).as_deref(),
        Some(TOO_LONG)
    );
    assert_ne!(
        misfit(&schemas_of_it, &nested(8)).as_deref(),
        Some(TOO_LONG)
    );

    let endless = referring(&[(pb::SchemaPartKind::AllOf, 0)]);
    let endless = schemas(vec![endless]).unwrap();
    assert_eq!(misfit(&endless, "1").as_deref(), Some(TOO_LONG));

    let searched = pb::SchemaNode {
        pattern: "(a|b)*c".to_owned(),
        ..node()
    };
    let searched = schemas(vec![searched]).unwrap();
    let text = |length: usize| format!("\"{}c\"", "a".repeat(length));
    assert_eq!(misfit(&searched, &text(60_000)), None);
    assert_eq!(misfit(&searched, &text(70_000)).as_deref(), Some(TOO_LONG));
}

#[test]
fn items_are_told_apart_by_value_whatever_their_number() {
    let unique = pb::SchemaNode {
        unique_items: true,
        ..node()
    };
    let schemas = schemas(vec![unique]).unwrap();
    let mut many: Vec<_> = (0..20_000).map(|n| format!("{{\"n\":{n}}}")).collect();
    assert_eq!(misfit(&schemas, &format!("[{}]", many.join(","))), None);
    many.push("{\"n\":1.77e2}".to_owned());
    let said = misfit(&schemas, &format!("[{}]", many.join(",")));
    assert_eq!(said.as_deref(), Some("expected items that all differ"));
    for (items, are_unique) in [
        (r#"[1, true, "1", null, [1], {"a": 1}]"#, true),
        (r#"[{"a": 1, "b": 2}, {"b": 2.0, "a": 1}]"#, false),
        (r#"["a", "\u0061"]"#, false),
        ("[[1, 2], [2, 1]]", true),
        (r#"[{"a": "b"}, {"b": "a"}]"#, true),
    ] {
        assert_eq!(misfit(&schemas, items).is_none(), are_unique, "{items}");
    }
}

#[test]
fn steps_have_a_limit() {
    let open = referring(&[(pb::SchemaPartKind::Items, 1)]);
    let schemas = schemas(vec![open, node()]).unwrap();
    let input = schemas.input("t").unwrap();
    let text = format!("[{}0]", "0,".repeat(98));
    let document = Document::parse(text.as_bytes(), text.len(), &Limits::DEFAULT).unwrap();
    let within = |max_schema_steps| {
        let limits = Limits {
            max_schema_steps,
            ..Limits::DEFAULT
        };
        input.check(Some(document.root()), &limits).is_ok()
    };
    assert!(within(100));
    assert!(!within(99));
}

#[test]
fn a_table_that_is_no_schema_is_refused() {
    let choices = |json: &str| pb::SchemaNode {
        choices: json.to_owned(),
        ..node()
    };
    let member = |name: &str| pb::SchemaMember {
        name: name.to_owned(),
        ..pb::SchemaMember::default()
    };
    for (nodes, said) in [
        (vec![], "1 to 4096 nodes"),
        (vec![node(); MAX_NODES + 1], "1 to 4096 nodes"),
        (
            vec![referring(&[(pb::SchemaPartKind::Items, 1)])],
            "a position below 1",
        ),
        (
            vec![pb::SchemaNode {
                types: vec![9],
                ..node()
            }],
            "types of JSON values",
        ),
        (vec![choices("{}")], "a JSON array"),
        (vec![choices("[1")], "a JSON array"),
        (
            vec![bounded(&[(pb::SchemaBoundKind::Minimum, "\"1\"")])],
            "a JSON number",
        ),
        (
            vec![bounded(&[(pb::SchemaBoundKind::MultipleOf, "0")])],
            "above 0",
        ),
        (
            vec![bounded(&[(pb::SchemaBoundKind::MinChars, "1.5")])],
            "a whole number of 32 bits",
        ),
        (
            vec![bounded(&[(pb::SchemaBoundKind::Unspecified, "1")])],
            "kinds of bounds",
        ),
        (
            vec![referring(&[(pb::SchemaPartKind::Unspecified, 0)])],
            "kinds of parts",
        ),
        (
            vec![pb::SchemaNode {
                members: vec![member("b"), member("a")],
                ..node()
            }],
            "in the order of their names",
        ),
    ] {
        let refused = schemas(nodes).unwrap_err();
        assert!(refused.contains(said), "{refused}");
    }
    assert!(schemas(vec![node(); MAX_NODES]).is_ok());
}
