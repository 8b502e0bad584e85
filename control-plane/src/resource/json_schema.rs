//! What the arguments and results of a pinned server's tools must fit: the schemas of their
//! definitions, and what reviewers ask for beyond.

use std::collections::BTreeMap;

use chancery_engine::{
    json::{Document, Value},
    limits::Limits,
    wire::Invalid,
};
use chancery_proto::{admin::v1 as admin, policy::v1 as policy};

use super::invalid;
use crate::schema::{NoSchema, Unenforced, compile};

/// The schemas of a server's tools; none where it is not pinned.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    pub(super) inputs: Vec<policy::ToolForm>,
    pub(super) outputs: Vec<policy::ToolForm>,
}

/// The key of a definition that holds a schema.
const INPUT: &str = "inputSchema";
const OUTPUT: &str = "outputSchema";

/// What filters get of the schemas in a server's document.
pub(super) fn of(server: &admin::Server) -> Result<Schemas, Invalid> {
    if server.pinning() == policy::Pinning::Unspecified {
        return match server.argument_schemas.first() {
            None => Ok(Schemas::default()),
            Some(asked) => Err(invalid(
                "argument_schemas",
                format!("one of `{}` where `pinning` is off", asked.tool),
                "`pinning: enforce`, or no schemas for arguments",
            )),
        };
    }
    let mut limits = limits(server)?;
    let inputs = by_tool(server, INPUT)?;
    let outputs = by_tool(server, OUTPUT)?.into_iter();
    let mut all: BTreeMap<&str, policy::ToolForm> = BTreeMap::new();
    for (tool, alternatives) in inputs {
        let limit = limits.remove(tool);
        if !alternatives.is_empty() || limit.is_some() {
            let tool_name = tool.to_owned();
            let schema = policy::ToolForm {
                tool: tool_name,
                alternatives,
                limit,
            };
            all.insert(tool, schema);
        }
    }
    if let Some(tool) = limits.into_keys().next() {
        let expected = "the name of one of its `tools`";
        return Err(invalid("argument_schemas", format!("`{tool}`"), expected));
    }
    let outputs = outputs.filter(|(_, alternatives)| !alternatives.is_empty());
    Ok(Schemas {
        inputs: all.into_values().collect(),
        outputs: outputs
            .map(|(tool, alternatives)| policy::ToolForm {
                tool: tool.to_owned(),
                alternatives,
                limit: None,
            })
            .collect(),
    })
}

/// The schemas of each tool's definitions under a key; none where one of them takes whatever there is.
fn by_tool<'s>(
    server: &'s admin::Server,
    key: &str,
) -> Result<BTreeMap<&'s str, Vec<policy::Schema>>, Invalid> {
    let mut by_tool: BTreeMap<&str, Option<Vec<policy::Schema>>> = BTreeMap::new();
    for (position, tool) in server.tools.iter().enumerate() {
        let field = || format!("tools[{position}].definition");
        let document = Document::parse(
            tool.definition.as_bytes(),
            tool.definition.len(),
            &Limits::DEFAULT,
        );
        let document = document
            .map_err(|error| invalid(field(), error.to_string(), "a definition as JSON"))?;
        let schema = document.root().get(key).map(compile).transpose();
        let schema = schema.map_err(|error: NoSchema| {
            let expected = format!("a JSON schema as `{key}`, an object or a boolean");
            invalid(field(), format!("{error} as `{key}`"), expected)
        })?;
        let schema = schema.and_then(|compiled| compiled.schema);
        let known = by_tool
            .entry(&tool.name)
            .or_insert_with(|| Some(Vec::new()));
        match (known.as_mut(), schema) {
            (Some(known), Some(schema)) if !known.contains(&schema) => known.push(schema),
            (Some(_), Some(_)) | (None, _) => {}
            (Some(_), None) => *known = None,
        }
    }
    let by_tool = by_tool.into_iter();
    Ok(by_tool
        .map(|(tool, schemas)| (tool, schemas.unwrap_or_default()))
        .collect())
}

/// What reviewers ask for beyond the definitions: all of it, or it is refused.
fn limits(server: &admin::Server) -> Result<BTreeMap<&str, policy::Schema>, Invalid> {
    let mut limits = BTreeMap::new();
    for (position, asked) in server.argument_schemas.iter().enumerate() {
        let field = |part: &str| format!("argument_schemas[{position}].{part}");
        let expected = "a JSON schema of which every keyword can be enforced";
        let length = asked.schema.len();
        let document = Document::parse(asked.schema.as_bytes(), length, &Limits::DEFAULT);
        let document =
            document.map_err(|error| invalid(field("schema"), error.to_string(), expected))?;
        let compiled = compile(document.root());
        let compiled =
            compiled.map_err(|error| invalid(field("schema"), error.to_string(), expected))?;
        if let Some(unenforced) = compiled.unenforced.first() {
            let found = format!("what is not enforced: {unenforced}");
            return Err(invalid(field("schema"), found, expected));
        }
        let schema = compiled.schema.unwrap_or_else(|| policy::Schema {
            nodes: vec![policy::SchemaNode::default()],
        });
        if limits.insert(&*asked.tool, schema).is_some() {
            let found = format!("`{}` a second time", asked.tool);
            return Err(invalid(field("tool"), found, "every tool once"));
        }
    }
    Ok(limits)
}

/// What of a definition's schemas is not enforced, as reviewers read it.
pub(crate) fn unenforced(definition: Value<'_>) -> Vec<Unenforced> {
    let mut all = Vec::new();
    for (key, of) in [(INPUT, ""), (OUTPUT, "result ")] {
        let compiled = definition.get(key).map(compile);
        let unenforced = match compiled {
            None => Vec::new(),
            Some(Ok(compiled)) => compiled.unenforced,
            Some(Err(error)) => vec![Unenforced {
                place: "$".to_owned(),
                what: error.to_string(),
            }],
        };
        all.extend(unenforced.into_iter().map(|it| Unenforced {
            place: format!("{of}{}", it.place),
            ..it
        }));
    }
    all
}
