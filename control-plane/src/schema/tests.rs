use std::{fs, path::Path, sync::Arc};

use chancery_engine::{
    json::Document,
    limits::Limits,
    schema::{Misfit, Schemas},
    server::Server,
};
use serde_json::json;

use super::*;

fn compiled(schema: &str) -> Compiled {
    let document = Document::parse(schema.as_bytes(), schema.len(), &Limits::DEFAULT).unwrap();
    compile(document.root()).unwrap()
}

/// What a filter makes of it.
fn engine(schema: Option<policy::Schema>) -> Arc<Schemas> {
    let server = policy::Server {
        name: "organizations/o/workspaces/w/servers/s".to_owned(),
        endpoints: vec![policy::Endpoint {
            cluster: "c".to_owned(),
            path: "/mcp".to_owned(),
            ..policy::Endpoint::default()
        }],
        authentication: policy::Authentication::Required.into(),
        on_denied: policy::OnDenied::Reveal.into(),
        input_schemas: vec![policy::ToolForm {
            tool: "t".to_owned(),
            alternatives: schema.into_iter().collect(),
            limit: None,
        }],
        ..policy::Server::default()
    };
    Server::try_from(server).unwrap().schemas.unwrap()
}

fn check(schemas: &Schemas, json: &str) -> Result<(), Misfit> {
    let document = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT).unwrap();
    let input = schemas.input("t").unwrap();
    input.check(Some(document.root()), &Limits::DEFAULT)
}

fn unenforced(schema: &str) -> Vec<String> {
    let all = compiled(schema).unenforced.into_iter();
    all.map(|it| it.to_string()).collect()
}

/// The groups of a folder of the suite, each with its file.
fn groups(draft: &str) -> Vec<(String, serde_json::Value)> {
    let suite =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/corpora/JSON-Schema-Test-Suite");
    let mut all = Vec::new();
    for entry in fs::read_dir(suite.join(draft)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let groups: Vec<serde_json::Value> =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        all.extend(groups.into_iter().map(|group| (name.clone(), group)));
    }
    all
}

#[test]
fn the_public_suite_is_agreed_with_and_what_is_not_enforced_refuses_nothing_that_fits() {
    let (mut exact, mut weaker, mut missed) = (0, 0, 0);
    for draft in ["draft7", "draft2020-12"] {
        for (file, group) in groups(draft) {
            let mut schema = group["schema"].clone();
            if let Some(object) = schema.as_object_mut()
                && draft == "draft7"
            {
                let dialect = "http://json-schema.org/draft-07/schema#";
                object.entry("$schema").or_insert_with(|| json!(dialect));
            }
            let compiled = compiled(&schema.to_string());
            let is_exact = compiled.unenforced.is_empty();
            let schemas = engine(compiled.schema);
            for test in group["tests"].as_array().unwrap() {
                let fits = check(&schemas, &test["data"].to_string());
                let shown = format!("{draft}/{file}: {} {test} {fits:?}", group["description"]);
                if is_exact {
                    exact += 1;
                    assert_eq!(fits.is_ok(), test["valid"], "{shown} {schema}");
                } else if test["valid"] == true {
                    weaker += 1;
                    assert_eq!(fits, Ok(()), "{shown} {schema} {:?}", compiled.unenforced);
                } else if fits.is_ok() {
                    missed += 1;
                }
            }
        }
    }
    println!("{exact} exactly, {weaker} as those that fit, {missed} not refused and named");
    assert!(
        exact > 1_500 && weaker > 0 && missed > 0,
        "{exact} {weaker} {missed}"
    );
}

#[test]
fn what_is_not_enforced_is_named_where_it_stands() {
    for (schema, expected) in [
        (
            r#"{"properties": {"q": {"type": "string", "format": "uri"}}}"#,
            &[r#"$.properties.q.format "uri""#][..],
        ),
        (
            r#"{"$ref": "https://example.com/s.json"}"#,
            &[r#"$.$ref "https://example.com/s.json""#],
        ),
        (r#"{"pattern": "(?=a)"}"#, &[r#"$.pattern "(?=a)""#]),
        (
            r#"{"properties": {"a b": {"items": [{"type": "string"}]}}}"#,
            &[r#"$.properties["a b"].items […]"#],
        ),
        (
            r#"{"not": {"format": "uri"}}"#,
            &[
                "$.not for what is not enforced in it",
                r#"$.not.format "uri""#,
            ],
        ),
        (
            r#"{"patternProperties": {"\\p{L}": {}}, "additionalProperties": false}"#,
            &[
                "$.additionalProperties false",
                r#"$.patternProperties["\\\\p{L}"] {…}"#,
            ],
        ),
        (
            r##"{"allOf": [{"$ref": "#"}]}"##,
            &["$ a schema that refers to itself without end"],
        ),
        (
            r#"{"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 1}"#,
            &[r#"$.$schema "http://json-schema.org/draft-04/schema#""#],
        ),
        (r#"{"title": "t", "default": 1, "x-ours": {"a": 1}}"#, &[]),
    ] {
        assert_eq!(unenforced(schema), expected, "{schema}");
    }
}

#[test]
fn leaving_out_never_refuses_what_fits() {
    let formatted = r#"{"type": "string", "format": "uri"}"#;
    for (schema, fitting) in [
        (format!(r#"{{"not": {formatted}}}"#), r#""no uri""#),
        (
            format!(r#"{{"oneOf": [{formatted}, {{"type": "string", "minLength": 3}}]}}"#),
            r#""abc""#,
        ),
        (
            format!(r#"{{"anyOf": [true], "oneOf": [{formatted}, {{"minLength": 3}}]}}"#),
            r#""abc""#,
        ),
        (
            format!(r#"{{"if": {formatted}, "then": {{"minLength": 9}}}}"#),
            r#""abc""#,
        ),
        (
            format!(r#"{{"contains": {formatted}, "maxContains": 1}}"#),
            r#"["a:b", "c"]"#,
        ),
        (
            format!(
                r##"{{"$defs": {{"u": {formatted}}}, "not": {{"properties": {{"a": {{"$ref": "#/$defs/u"}}}}}}}}"##
            ),
            r#"{"a": "c"}"#,
        ),
    ] {
        let compiled = compiled(&schema);
        assert!(!compiled.unenforced.is_empty(), "{schema}");
        assert_eq!(check(&engine(compiled.schema), fitting), Ok(()), "{schema}");
    }
}

#[test]
fn a_schema_as_sdks_write_it_comes_to_few_nodes() {
    let schema = r##"{
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "repo": {"type": "string", "description": "Which"},
            "owner": {"type": "string", "description": "Whose"},
            "labels": {"type": "array", "items": {"$ref": "#/definitions/Label"}},
            "state": {"anyOf": [{"enum": ["open", "closed"]}, {"type": "null"}], "default": null}
        },
        "required": ["repo"],
        "additionalProperties": false,
        "definitions": {"Label": {"type": "string", "maxLength": 50}}
    }"##;
    let compiled = compiled(schema);
    assert_eq!(compiled.unenforced, []);
    // The whole, a string, the labels, a label, the state, its values, null, and nothing.
    assert_eq!(compiled.schema.as_ref().unwrap().nodes.len(), 8);
    let schemas = engine(compiled.schema);
    for (arguments, said) in [
        (r#"{"repo": "r", "labels": ["a"], "state": null}"#, None),
        ("{}", Some("expected the member `repo`")),
        (r#"{"repo": 7}"#, Some("at `/repo`, expected a string")),
        (
            r#"{"repo": "r", "secret": 1}"#,
            Some("expected no members but those that are listed"),
        ),
        (
            r#"{"repo": "r", "labels": ["a", 7]}"#,
            Some("at `/labels/1`, expected a string"),
        ),
        (
            r#"{"repo": "r", "state": "new"}"#,
            Some("at `/state`, expected one of the values that are listed"),
        ),
        ("[]", Some("expected an object")),
    ] {
        let found = check(&schemas, arguments)
            .err()
            .map(|misfit| misfit.to_string());
        assert_eq!(found.as_deref(), said, "{arguments}");
    }
}

#[test]
fn what_is_no_schema_or_too_large_is_not_compiled() {
    for json in ["7", "null", "[]", r#""string""#] {
        let document = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT).unwrap();
        assert_eq!(compile(document.root()), Err(NoSchema));
    }
    let of = |count: usize| {
        let parts: Vec<_> = (0..count).map(|n| json!({"minimum": n})).collect();
        compiled(&json!({"allOf": parts}).to_string())
    };
    assert_eq!(of(MAX_NODES - 1).unenforced, []);
    assert_eq!(of(MAX_NODES - 1).schema.unwrap().nodes.len(), MAX_NODES);
    let over = of(MAX_NODES);
    assert_eq!(over.schema, None);
    assert_eq!(
        over.unenforced[0].to_string(),
        "$ more than 4096 schemas in it"
    );
}

#[test]
fn a_pattern_means_what_it_means_in_javascript() {
    for (written, text, matches) in [
        ("^[a-z]+$", "abc", true),
        ("^[a-z]+$", "abc\n", false),
        ("b", "abc", true),
        ("", "", true),
        (r"^\d{3}$", "123", true),
        (r"^\d{3}$", "١٢٣", false),
        (r"^\s$", "\u{a0}", true),
        (r"^[\s]$", "\u{2003}", true),
        (r"^\S+$", "a\u{3000}", false),
        ("^.$", "\u{2028}", false),
        ("^.$", "é", true),
        (r"^https?:\/\/[\w.\-]+$", "https://a-b.test", true),
        (r"^[[&&]$", "[", true),
        (r"^[[&&]$", "&", true),
        (r"^\u00e9\x41\0$", "éA\0", true),
        (r"^(?:a|b){2}$", "ab", true),
        (r"^(?<year>\d{4})$", "2026", true),
    ] {
        let schemas = engine(compiled(&json!({"pattern": written}).to_string()).schema);
        let found = check(&schemas, &json!(text).to_string()).is_ok();
        assert_eq!(found, matches, "{written} in {text:?}");
    }
}
