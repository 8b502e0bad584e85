//! What it takes to hold the arguments of a call against a schema: those of a typical tool, ten
//! arguments of which one is a list, and 100 objects.

use std::{error::Error, hint::black_box, sync::Arc};

use chancery_engine::{json::Document, limits::Limits, schema::Schemas, server::Server};
use chancery_proto::policy::v1 as pb;
use criterion::Criterion;
use serde_json::json;

fn node(types: pb::SchemaType) -> pb::SchemaNode {
    pb::SchemaNode {
        types: vec![types.into()],
        ..pb::SchemaNode::default()
    }
}

fn part(kind: pb::SchemaPartKind, node: u32) -> pb::SchemaPart {
    pb::SchemaPart {
        kind: kind.into(),
        node,
    }
}

fn bound(kind: pb::SchemaBoundKind, value: &str) -> pb::SchemaBound {
    pb::SchemaBound {
        kind: kind.into(),
        value: value.to_owned(),
    }
}

/// Ten arguments, two of them required and no others: texts, numbers, a choice, a pattern, a list.
fn table() -> Vec<pb::SchemaNode> {
    let member = |(name, node): (&str, u32)| pb::SchemaMember {
        name: name.to_owned(),
        node: Some(node),
        required: ["owner", "repo"].contains(&name),
        ..pb::SchemaMember::default()
    };
    let members = [
        ("assignee", 1),
        ("body", 1),
        ("draft", 2),
        ("labels", 3),
        ("limit", 4),
        ("milestone", 4),
        ("owner", 5),
        ("repo", 5),
        ("state", 6),
        ("title", 1),
    ];
    vec![
        pb::SchemaNode {
            members: members.map(member).into(),
            parts: vec![part(pb::SchemaPartKind::OtherMembers, 7)],
            ..node(pb::SchemaType::Object)
        },
        node(pb::SchemaType::String),
        node(pb::SchemaType::Boolean),
        pb::SchemaNode {
            parts: vec![part(pb::SchemaPartKind::Items, 1)],
            ..node(pb::SchemaType::Array)
        },
        pb::SchemaNode {
            bounds: vec![
                bound(pb::SchemaBoundKind::Minimum, "1"),
                bound(pb::SchemaBoundKind::Maximum, "100"),
            ],
            ..node(pb::SchemaType::Integer)
        },
        pb::SchemaNode {
            bounds: vec![bound(pb::SchemaBoundKind::MaxChars, "100")],
            pattern: "^[A-Za-z0-9._-]+$".to_owned(),
            ..node(pb::SchemaType::String)
        },
        pb::SchemaNode {
            choices: r#"["open","closed","all"]"#.to_owned(),
            ..pb::SchemaNode::default()
        },
        pb::SchemaNode {
            never: true,
            ..pb::SchemaNode::default()
        },
        pb::SchemaNode {
            parts: vec![part(pb::SchemaPartKind::Items, 8)],
            ..node(pb::SchemaType::Array)
        },
    ]
}

fn schemas() -> Result<Arc<Schemas>, Box<dyn Error>> {
    let mut listed = table();
    // The whole is a list of what is the whole elsewhere.
    listed.swap(0, 8);
    let input = |tool: &str, nodes| pb::ToolForm {
        tool: tool.to_owned(),
        alternatives: vec![pb::Schema { nodes }],
        limit: None,
    };
    let server = pb::Server {
        name: "organizations/o/workspaces/w/servers/s".to_owned(),
        endpoints: vec![pb::Endpoint {
            cluster: "c".to_owned(),
            path: "/mcp".to_owned(),
            ..pb::Endpoint::default()
        }],
        authentication: pb::Authentication::Required.into(),
        on_denied: pb::OnDenied::Reveal.into(),
        input_schemas: vec![input("call", table()), input("list", listed)],
        ..pb::Server::default()
    };
    Ok(Server::try_from(server)?.schemas.ok_or("no schemas")?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let schemas = schemas()?;
    let call = json!({
        "owner": "acme", "repo": "chancery", "title": "Ten arguments", "state": "open",
        "body": "A text of some length, as people write them in issues.", "draft": false,
        "labels": ["bug", "help wanted", "good first issue"], "limit": 20, "milestone": 7,
        "assignee": "ann",
    });
    let list = json!(vec![call.clone(); 100]);
    for (tool, arguments) in [("call", call), ("list", list)] {
        let text = arguments.to_string();
        let document = Document::parse(text.as_bytes(), text.len(), &Limits::DEFAULT)?;
        let input = schemas.input(tool).ok_or("no schema")?;
        input
            .check(Some(document.root()), &Limits::DEFAULT)
            .map_err(|misfit| misfit.to_string())?;
        criterion.bench_function(&format!("schema/{tool}/{} bytes", text.len()), |bencher| {
            bencher.iter(|| input.check(Some(black_box(document.root())), &Limits::DEFAULT));
        });
    }
    criterion.final_summary();
    Ok(())
}
