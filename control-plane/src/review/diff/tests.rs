mod laws;
mod schemas;

use serde_json::json;

use super::*;

/// `outcome kind name`, and each change as `weight kind pointer`.
fn told(old: &Value, new: &Value) -> Vec<String> {
    let (old, new) = (Listing::read(old).unwrap(), Listing::read(new).unwrap());
    let diff = Diff::new(&old, &new);
    let mut told = Vec::new();
    for compared in &diff.capabilities {
        let (outcome, kind) = (compared.outcome.as_str(), compared.kind.as_str());
        told.push(format!("{outcome} {kind} {}", compared.name));
        for change in compared.changes() {
            let kind = serde_json::to_value(change.kind).unwrap();
            let (weight, kind) = (change.weight.as_str(), kind.as_str().unwrap());
            told.push(format!("{weight} {kind} {}", change.pointer));
        }
    }
    told
}

/// The changes of a tool from one definition to another.
fn changes(old: &Value, new: &Value) -> Vec<String> {
    let named = |definition: &Value| {
        let mut definition = definition.clone();
        definition["name"] = json!("t");
        json!({"tools": [definition]})
    };
    told(&named(old), &named(new)).split_off(1)
}

/// The one sentence about a change of a tool.
fn sentence(old: Value, new: Value) -> String {
    let list = |definition: Value| json!([definition]);
    let (old, new) = (list(old), list(new));
    let (old, new) = (Listing::read(&old).unwrap(), Listing::read(&new).unwrap());
    let diff = Diff::new(&old, &new);
    let [change] = diff.capabilities[0].changes() else {
        panic!("{diff:?}");
    };
    change.sentence.clone()
}

#[test]
fn capabilities_are_added_removed_changed_or_the_same() {
    let old = json!({"tools": [
        {"name": "kept", "inputSchema": {"type": "object"}},
        {"name": "gone", "inputSchema": {}},
        {"name": "other", "description": "a"},
    ]});
    let new = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [
        {"name": "other", "description": "b"},
        {"inputSchema": {"type": "object"}, "name": "kept"},
        {"name": "new", "inputSchema": {"type": "object", "properties": {"a": {}}, "required": ["a"]}},
    ]}});
    let expected = [
        "changed tool other",
        "text text /description",
        "added tool new",
        "widening annotation /annotations",
        "widening property_added /inputSchema/properties/a",
        "removed tool gone",
        "same tool kept",
    ];
    assert_eq!(told(&old, &new), expected);
}

#[test]
fn annotations_count_with_the_defaults_of_mcp() {
    let hint = |name: &str, value: &Value| {
        if value.is_null() {
            json!({"annotations": {}})
        } else {
            json!({"annotations": {name: value}})
        }
    };
    for (name, old, new, expected) in [
        ("readOnlyHint", json!(true), json!(false), "risk"),
        ("readOnlyHint", json!(true), json!(null), "risk"),
        ("readOnlyHint", json!(null), json!(true), "widening"),
        ("readOnlyHint", json!(null), json!(false), "neutral"),
        ("destructiveHint", json!(false), json!(true), "risk"),
        ("destructiveHint", json!(false), json!(null), "risk"),
        ("destructiveHint", json!(null), json!(true), "neutral"),
        ("destructiveHint", json!(true), json!(false), "widening"),
        ("idempotentHint", json!(true), json!(null), "widening"),
        ("openWorldHint", json!(false), json!(null), "risk"),
        ("openWorldHint", json!(null), json!(false), "widening"),
        ("readOnlyHint", json!(true), json!("true"), "risk"),
    ] {
        let told = changes(&hint(name, &old), &hint(name, &new));
        let expected = format!("{expected} annotation /annotations/{name}");
        assert_eq!(told, [expected], "{name} {old} {new}");
    }
    let gone = changes(&json!({"annotations": {"readOnlyHint": true}}), &json!({}));
    assert_eq!(gone, ["risk annotation /annotations/readOnlyHint"]);
    assert_eq!(
        sentence(
            json!({"name": "t", "annotations": {"readOnlyHint": true}}),
            json!({"name": "t"}),
        ),
        "It promised to change nothing, and does not any more. Left out, it counts as false, MCP's \
         default."
    );
}

#[test]
fn a_property_says_whether_it_is_required() {
    let tool = |properties: Value, required: Value| json!({"name": "t", "inputSchema": {"properties": properties, "required": required}});
    assert_eq!(
        sentence(
            tool(json!({}), json!([])),
            tool(json!({"a": {}}), json!(["a"]))
        ),
        "Agents must send `a` now: it is required."
    );
    assert_eq!(
        sentence(
            tool(json!({}), json!([])),
            tool(json!({"a": {}}), json!([]))
        ),
        "Agents may send `a` now."
    );
    assert_eq!(
        sentence(
            tool(json!({"a": {}}), json!([])),
            tool(json!({"a": {}}), json!(["a"]))
        ),
        "Agents must send `a`; it could be left out."
    );
    let output =
        |properties: Value| json!({"name": "t", "outputSchema": {"properties": properties}});
    assert_eq!(
        sentence(output(json!({})), output(json!({"a": {}}))),
        "Results may hold `a` now."
    );
}

#[test]
fn characters_that_nobody_sees_are_a_risk_wherever_they_are_new() {
    for (old, new, expected) in [
        (
            json!({"description": "a"}),
            json!({"description": "a\u{200b}"}),
            &["risk text /description"][..],
        ),
        (
            json!({"description": "a\u{200b}"}),
            json!({"description": "b\u{200b}"}),
            &["text text /description"],
        ),
        (
            json!({}),
            json!({"_meta": {"k\u{202e}": [1]}}),
            &["risk field /_meta"],
        ),
        (
            json!({"inputSchema": {}}),
            json!({"inputSchema": {"properties": {"p\u{430}th": {}}}}),
            &[
                "risk name /inputSchema/properties/p\u{430}th",
                "widening property_added /inputSchema/properties/p\u{430}th",
            ],
        ),
    ] {
        assert_eq!(changes(&old, &new), expected, "{new}");
    }
    let added = told(
        &json!([]),
        &json!([{"name": "re\u{430}d", "inputSchema": {}}]),
    );
    assert_eq!(added[1], "risk name /name");
}

#[test]
fn prompts_resources_and_servers_are_compared_too() {
    let old = json!({
        "instructions": "Be kind.",
        "serverInfo": {"name": "s", "version": "1"},
        "prompts": [{"name": "p", "arguments": [{"name": "a"}, {"name": "b", "required": true}]}],
        "resources": [{"uri": "file:///a", "name": "a", "mimeType": "text/plain"}],
        "resourceTemplates": [{"uriTemplate": "file:///{p}", "name": "t"}],
    });
    let new = json!({
        "instructions": "Be quick.",
        "serverInfo": {"name": "s", "version": "2"},
        "prompts": [{"name": "p", "arguments": [{"name": "b"}, {"name": "c"}]}],
        "resources": [{"uri": "file:///a", "name": "a", "mimeType": "text/html"}],
        "resourceTemplates": [{"uriTemplate": "file:///{p}", "name": "u"}],
    });
    let expected = [
        "changed server ",
        "text text /instructions",
        "neutral field /serverInfo/version",
        "changed resource_template file:///{p}",
        "text text /name",
        "changed prompt p",
        "widening required_removed /arguments/0/required",
        "widening property_added /arguments/1",
        "narrowing property_removed /arguments/0",
        "changed resource file:///a",
        "neutral field /mimeType",
    ];
    assert_eq!(told(&old, &new), expected);
}

#[test]
fn a_prompt_in_a_bare_array_is_one_with_or_without_arguments() {
    let old = json!([{"name": "p", "description": "a"}]);
    let new = json!([{"name": "p", "description": "a", "arguments": []}]);
    assert_eq!(
        told(&old, &new),
        ["changed prompt p", "unclear field /arguments"]
    );
}

#[test]
fn a_field_that_looks_like_a_list_hides_no_definition() {
    let tool = |text: &str| json!({"name": "t", "description": text, "tools": [], "result": {}});
    let expected = ["changed tool t", "text text /description"];
    assert_eq!(told(&tool("a"), &tool("b")), expected);
}

#[test]
fn what_is_there_under_another_name_is_pointed_out() {
    let schema = json!({"properties": {"a": {}}});
    let old = json!([
        {"name": "a1", "description": "A.", "inputSchema": schema},
        {"name": "b1", "description": "B.", "inputSchema": {}},
        {"name": "c1", "description": "C.", "inputSchema": {"properties": {"c": {}}}},
    ]);
    let new = json!([
        {"name": "a2", "description": "A.", "inputSchema": schema},
        {"name": "b2", "description": "B.", "inputSchema": {"type": "object"}},
        {"name": "c2", "description": "D.", "inputSchema": {"properties": {"c": {}}}},
        {"name": "d2", "description": "E.", "inputSchema": {}},
    ]);
    let (old, new) = (Listing::read(&old).unwrap(), Listing::read(&new).unwrap());
    let renames = Diff::new(&old, &new).renames;
    let pairs: Vec<_> = renames
        .iter()
        .map(|one| (one.old, one.new, one.same))
        .collect();
    let expected = [
        ("a1", "a2", Likeness::All),
        ("b1", "b2", Likeness::Description),
        ("c1", "c2", Likeness::Arguments),
    ];
    assert_eq!(pairs, expected);
}

#[test]
fn what_is_no_listing_is_refused_with_its_place() {
    for (value, said) in [
        (
            json!("x"),
            "found a text, expected a list's result, an array of definitions, or one definition",
        ),
        (
            json!({"tools": {}}),
            "`/tools`: found an object, expected a list of definitions",
        ),
        (
            json!({"result": {"tools": [1]}}),
            "`/result/tools/0`: found a number, expected a definition, an object",
        ),
        (
            json!([{"name": 1}]),
            "`/0/name`: found a number, expected a text",
        ),
        (json!({}), "found no `name`, expected the `name` of a tool"),
        (
            json!([{"name": "t"}, {"name": "t"}]),
            "found tool `t` twice, expected each once: which of both counts is anyone's guess",
        ),
    ] {
        let error = Listing::read(&value).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn many_tools_are_compared_in_time() {
    let tools = |word: &str| {
        let text = |tool: usize| format!("{word} {tool} ").repeat(300);
        let tools: Vec<_> = (0..500)
            .map(|tool| json!({"name": format!("t{tool}"), "description": text(tool)}))
            .collect();
        Value::Array(tools)
    };
    let (old, new) = (tools("a"), tools("b"));
    let (old, new) = (Listing::read(&old).unwrap(), Listing::read(&new).unwrap());
    assert_eq!(Diff::new(&old, &new).capabilities.len(), 500);
}
