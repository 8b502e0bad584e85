//! What a file of tests says.

use std::path::{Path as FilePath, PathBuf};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Deserialize;
use serde_json::{Map, Value as Json, value::RawValue};

use super::CONSEQUENCE;
use crate::cli::{
    check::{self, Finding},
    document::{Id, WithoutNull},
    exit::Failure,
    files::{self, Text},
    locate::{Malformed, Node, Position},
    path::Path,
    problem::Problem,
};

/// Tests of rules.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Tests")]
pub(super) struct Tests {
    /// Files and folders of resource documents, from this file's folder on. What is neither is not
    /// known: no control plane is asked.
    #[schemars(length(min = 1))]
    pub(super) policy: Vec<String>,
    /// What must hold.
    #[schemars(length(min = 1))]
    pub(super) tests: Vec<Test>,
}

/// One thing that must hold: what becomes of a call, or what a list shows.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Test {
    /// What it shows.
    #[schemars(length(min = 1))]
    pub(super) name: String,
    /// Who acts; nobody is logged in where left out.
    #[serde(default)]
    pub(super) principal: Principal,
    /// What is called. Needs `expect`.
    pub(super) call: Option<Call>,
    /// What must be decided on the call.
    pub(super) expect: Option<Expect>,
    /// Exactly the rules that must decide, by their ids or whole names.
    pub(super) rules: Option<Vec<String>>,
    /// The reason that must be given, such as `no_matching_rule`.
    pub(super) reason: Option<String>,
    /// What a list of tools must show, in place of a call.
    pub(super) lists: Option<Lists>,
    /// When, in RFC 3339; now where left out.
    pub(super) time: Option<String>,
}

/// Who acts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Principal {
    /// The user id.
    pub(super) user: Option<String>,
    /// The groups.
    #[serde(default)]
    pub(super) groups: Vec<String>,
    /// The roles, as tokens name them.
    #[serde(default)]
    pub(super) roles: Vec<String>,
    /// The team.
    pub(super) team: Option<String>,
    /// The agent.
    pub(super) agent: Option<String>,
    /// The OAuth client.
    pub(super) client: Option<String>,
    /// The scopes of the token.
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    /// The peer's IP address.
    pub(super) source: Option<String>,
    /// Whether the token is known to leave groups out.
    #[serde(default, rename = "moreGroups")]
    pub(super) more_groups: bool,
}

/// What is called: a tool, or any message.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = tool_or_message)]
pub(super) struct Call {
    /// The server's id.
    pub(super) server: Id,
    /// The workspace that the call belongs to; the server's own where left out.
    pub(super) workspace: Option<Id>,
    /// The tool.
    pub(super) tool: Option<String>,
    /// The tool's arguments.
    #[schemars(with = "Option<Map<String, Json>>")]
    pub(super) arguments: Option<Box<RawValue>>,
    /// A JSON-RPC message in place of a tool.
    #[schemars(with = "Option<Map<String, Json>>")]
    pub(super) message: Option<Box<RawValue>>,
}

fn tool_or_message(schema: &mut schemars::Schema) {
    let one_of = serde_json::json!([{"required": ["tool"]}, {"required": ["message"]}]);
    schema.insert("anyOf".to_owned(), one_of);
}

/// What must be decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub(super) enum Expect {
    Allow,
    Deny,
}

/// What a list of tools must show and hide.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Lists {
    /// The server's id.
    pub(super) server: Id,
    /// The workspace that the call belongs to; the server's own where left out.
    pub(super) workspace: Option<Id>,
    /// Tools that must be shown.
    #[serde(default)]
    pub(super) shows: Vec<String>,
    /// Tools that must be hidden.
    #[serde(default)]
    pub(super) hides: Vec<String>,
}

/// The JSON Schema of a file.
pub(super) fn schema() -> Json {
    let settings = SchemaSettings::draft2020_12().with_transform(WithoutNull);
    settings
        .into_generator()
        .into_root_schema_for::<Tests>()
        .to_value()
}

/// Tests, and where they were written.
#[derive(Debug)]
pub(super) struct Suite {
    /// As messages name it.
    pub(super) file: String,
    pub(super) tests: Tests,
    node: Node,
}

impl Suite {
    /// Reads files and folders of tests, or says everything that is wrong with any.
    pub(super) fn read_all(sources: &[PathBuf]) -> Result<Vec<Self>, Failure> {
        let (texts, mut problems) = files::read(sources);
        let schema = schema();
        let mut suites = Vec::new();
        for text in &texts {
            match read(text, &schema) {
                Ok(read) => suites.extend(read),
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() {
            return Ok(suites);
        }
        problems.sort();
        Err(Failure::Invalid {
            problems,
            consequence: CONSEQUENCE,
        })
    }

    /// What the tests are about, from the file's own folder on.
    pub(super) fn policy(&self) -> Vec<PathBuf> {
        let folder = FilePath::new(&self.file).parent();
        let folder = folder.unwrap_or_else(|| FilePath::new(""));
        let policy = self.tests.policy.iter();
        policy.map(|source| folder.join(source)).collect()
    }

    /// Something is wrong with a field of a test.
    pub(super) fn problem(&self, test: usize, field: &[&str], message: String) -> Problem {
        let path = Path::default().field("tests").index(test);
        let path = field.iter().fold(path, |path, key| path.field(key));
        problem_at(&self.file, self.node.locate(&path), &path, message)
    }

    fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, test) in self.tests.tests.iter().enumerate() {
            let mut say = |field: &[&str], message: &str| {
                problems.push(self.problem(index, field, message.to_owned()));
            };
            match (&test.call, &test.lists) {
                (None, None) => say(&[], "found neither, expected `call` or `lists`"),
                (Some(_), Some(_)) => say(&["lists"], "found `call` too, expected one of both"),
                (Some(_), None) if test.expect.is_none() => {
                    say(&["expect"], "found nothing, expected `allow` or `deny`");
                }
                (None, Some(_)) if test.expect.is_some() => {
                    say(
                        &["expect"],
                        "found it beside `lists`, expected it beside `call`",
                    );
                }
                (Some(_), None) | (None, Some(_)) => {}
            }
            if let Some(Call {
                tool: Some(_),
                message: Some(_),
                ..
            }) = &test.call
            {
                say(
                    &["call", "message"],
                    "found `tool` too, expected one of both",
                );
            }
            if let Some(Call {
                message: Some(_),
                arguments: Some(_),
                ..
            }) = &test.call
            {
                say(
                    &["call", "arguments"],
                    "found `message` too, expected `tool`",
                );
            }
            if test
                .time
                .as_ref()
                .is_some_and(|time| time.parse::<prost_types::Timestamp>().is_err())
            {
                say(
                    &["time"],
                    "found no time, expected one such as 2026-07-03T10:15:00Z",
                );
            }
        }
        problems
    }
}

fn problem_at(file: &str, at: Position, path: &Path, message: String) -> Problem {
    let field = if path.steps().is_empty() {
        "document".to_owned()
    } else {
        path.to_string()
    };
    Problem {
        file: file.to_owned(),
        at: Some(at),
        field,
        message,
        hint: None,
    }
}

fn read(text: &Text, schema: &Json) -> Result<Vec<Suite>, Vec<Problem>> {
    let one = |at, path: &Path, message| vec![problem_at(&text.file, at, path, message)];
    let root = Path::default();
    let nodes = Node::read_all(&text.content).map_err(|Malformed { at, message }| {
        one(
            at,
            &root,
            format!("found broken YAML, expected tests: {message}"),
        )
    })?;
    if nodes.is_empty() {
        let message = "found nothing, expected `policy` and `tests`".to_owned();
        return Err(one(Position::START, &root, message));
    }
    let mut suites = Vec::new();
    let mut problems = Vec::new();
    for node in nodes {
        let findings = check::check(&node, schema);
        if !findings.is_empty() {
            problems.extend(findings.into_iter().map(|finding| {
                let Finding {
                    at,
                    path,
                    message,
                    hint,
                } = finding;
                Problem {
                    hint,
                    ..problem_at(&text.file, at, &path, message)
                }
            }));
            continue;
        }
        match serde_json::from_str(&node.to_json()) {
            Ok(tests) => {
                let suite = Suite {
                    file: text.file.clone(),
                    tests,
                    node,
                };
                problems.extend(suite.problems());
                suites.push(suite);
            }
            Err(error) => {
                let message = format!("found what the schema allows, and yet: {error}");
                problems.extend(one(node.at, &root, message));
            }
        }
    }
    if problems.is_empty() {
        Ok(suites)
    } else {
        Err(problems)
    }
}
