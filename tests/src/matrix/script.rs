//! What is done in a session with each server, and what must come of it.

use serde_json::{Value, json};

use crate::{client::Era, mcp_server::samples};

/// The tools of all servers that the rule allows.
pub(super) const ALLOWED_TOOLS: [&str; 8] = [
    "announce",
    "count",
    "count_slowly",
    "echo",
    "export_customers",
    "get-sum",
    "toggle-simulated-logging",
    "trigger-long-running-operation",
];
pub(super) const ALLOWED_PROMPTS: [&str; 1] = ["summary"];
pub(super) const ALLOWED_RESOURCES: [&str; 1] = ["note://public/welcome"];

/// A real server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Server {
    /// On rmcp: 2026-07-28; older versions with sessions. Every answer is an event stream.
    Notes,
    /// server-everything: the older versions only, with sessions and event streams that can be
    /// resumed.
    Everything,
    /// On the Python SDK: 2026-07-28; older versions with sessions.
    Python,
    /// On the TypeScript SDK: 2026-07-28; older versions without sessions.
    TypeScriptV2,
}

impl Server {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Notes,
        Self::Everything,
        Self::Python,
        Self::TypeScriptV2,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Notes => "notes",
            Self::Everything => "everything",
            Self::Python => "python",
            Self::TypeScriptV2 => "typescript-v2",
        }
    }

    /// A call that no rule allows.
    pub(super) fn denied(self) -> Value {
        match self {
            Self::Everything => json!({"call": "get-env", "arguments": {}}),
            Self::Notes | Self::Python | Self::TypeScriptV2 => {
                json!({"call": "delete_note", "arguments": {"id": "roadmap"}})
            }
        }
    }
}

/// What must come of a step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Expectation {
    /// What comes of it directly.
    Same,
    /// No less than directly, though what is said differs from session to session.
    Alike,
    /// What comes of it directly, without what the rule does not allow.
    Pruned,
    /// What comes of it directly, with e-mail addresses masked; clients hold it to the tool's schema.
    Masked,
    /// It works directly, and is refused through the filter.
    Refused,
}

/// A step, and what must come of it.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) step: Value,
    pub(super) expectation: Expectation,
}

/// The steps of a session.
pub(super) fn of(server: Server, era: Era) -> Vec<Planned> {
    use Expectation::{Alike, Masked, Pruned, Refused, Same};
    let progress = json!({"await": "notifications/progress", "times": 3});
    let mut steps = vec![(json!({"list": "tools"}), Pruned)];
    match server {
        Server::Notes => steps.extend([
            (json!({"call": "echo", "arguments": {"text": "hi"}}), Same),
            (server.denied(), Refused),
            (
                json!({"call": "count_slowly", "arguments": {"steps": 3}}),
                Same,
            ),
            (progress, Same),
            (json!({"call": "export_customers"}), Masked),
            (json!({"list": "prompts"}), Pruned),
            (
                json!({"prompt": "summary", "arguments": {"id": "welcome"}}),
                Same,
            ),
            (json!({"prompt": "gossip"}), Refused),
            (json!({"list": "resources"}), Pruned),
            (json!({"read": "note://public/welcome"}), Same),
            (json!({"read": "note://private/salaries"}), Refused),
        ]),
        Server::Everything => steps.extend([
            (
                json!({"call": "get-sum", "arguments": {"a": 2, "b": 3}}),
                Same,
            ),
            (server.denied(), Refused),
            (
                json!({
                    "call": "trigger-long-running-operation",
                    "arguments": {"duration": 0.1, "steps": 3},
                }),
                Same,
            ),
            (progress, Same),
            (json!({"call": "toggle-simulated-logging"}), Alike),
            (json!({"await": "notifications/message"}), Alike),
        ]),
        Server::Python | Server::TypeScriptV2 => {
            steps.extend([
                (json!({"call": "echo", "arguments": {"text": "hi"}}), Same),
                (server.denied(), Refused),
                (json!({"call": "count", "arguments": {"steps": 3}}), Same),
                (progress, Same),
            ]);
            if era == Era::Auto {
                steps.push((json!({"listen": "tools"}), Same));
            }
            steps.extend([
                (json!({"call": "announce"}), Same),
                (json!({"await": "notifications/message"}), Same),
            ]);
            // Without a session nor a subscription there is nowhere to say it.
            if (server, era) != (Server::TypeScriptV2, Era::Legacy) {
                steps.push((json!({"await": "notifications/tools/list_changed"}), Same));
            }
        }
    }
    // A refusal does not end a session.
    if let Some((allowed, _)) = steps.get(1).cloned() {
        steps.push((allowed, Same));
    }
    let planned = |(step, expectation)| Planned { step, expectation };
    steps.into_iter().map(planned).collect()
}

/// The list of a line without what the rule does not allow.
pub(super) fn pruned(line: &Value) -> Value {
    let allowed = |name: &Value| {
        let names = ALLOWED_TOOLS
            .iter()
            .chain(&ALLOWED_PROMPTS)
            .chain(&ALLOWED_RESOURCES);
        names.into_iter().any(|allowed| name == allowed)
    };
    let mut line = line.clone();
    for list in line
        .as_object_mut()
        .into_iter()
        .flat_map(|line| line.values_mut())
    {
        if let Some(names) = list.as_array_mut() {
            names.retain(allowed);
        }
    }
    line
}

/// Whether lines differ by the mask of the samples' e-mail address, also in JSON within a string.
pub(super) fn is_masked(direct: &Value, through: &Value) -> bool {
    let [direct, through] = [direct, through].map(Value::to_string);
    through != direct && through == direct.replace(&samples().email, "[redacted:email]")
}
