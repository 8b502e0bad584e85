//! `chancery-lab list`: what it takes in Envoy's V8 to tell that a list of tools is approved.

use std::process::ExitCode;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{LabError, console::Console, redaction::Probe};

const TOOLS: usize = 500;
const LIST_BYTES: usize = 300_000;
const ROUNDS: usize = 300;

/// Time the check of a list of 500 pinned tools inside Envoy: seen before, and for the first time.
#[derive(Args, Debug)]
pub(super) struct List {}

#[derive(Debug, Serialize)]
struct Work<'w> {
    rounds: usize,
    answer: &'w str,
}

/// What the module answers.
#[derive(Debug, Deserialize)]
struct Report {
    bytes: usize,
    tools: usize,
    hit_ns: Vec<u64>,
    miss_ns: Vec<u64>,
    parse_ns: Vec<u64>,
}

impl List {
    pub(super) async fn execute(&self, console: &mut Console) -> Result<ExitCode, LabError> {
        let probe = Probe::start().await?;
        let answer = answer();
        // Compiled by V8's better compiler by then.
        let work = |rounds| Work {
            rounds,
            answer: &answer,
        };
        let _warm: Report = probe.ask("list", &work(ROUNDS)).await?;
        let report: Report = probe.ask("list", &work(ROUNDS)).await?;
        let Report {
            bytes,
            tools,
            hit_ns,
            miss_ns,
            parse_ns,
        } = &report;
        console.line(&format!(
            "{tools} tools, {bytes} bytes: fastest and median, in ms"
        ));
        for (name, all) in [("reading", parse_ns), ("hit", hit_ns), ("miss", miss_ns)] {
            let [fastest, median] = figures(all);
            console.line(&format!("  {name:<8} {fastest:.3} {median:.3}"));
        }
        console.line("targets: hit 0.3 ms, miss 2 ms");
        let [[hit, _], [miss, _]] = [hit_ns, miss_ns].map(|all| figures(all));
        console.line(&format!("list: hit {hit:.3} ms, miss {miss:.3} ms"));
        Ok(ExitCode::SUCCESS)
    }
}

/// What a server answers `tools/list` with: tools as real ones are, each a little different.
fn answer() -> String {
    let tool = |number: usize| {
        let text = |description: &str| json!({"type": "string", "description": description});
        json!({
            "name": format!("tool_{number}"),
            "title": format!("Tool {number}"),
            "description": "Looks for issues, pull requests and \u{201c}discussions\u{201d} in a \
                repository.\nReturns a page of them, newest first, with who wrote each.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "repository": text("The owner and the name, such as `acme/shop`."),
                    "query": text("Words that must be in the title or the text."),
                    "state": {"type": "string", "enum": ["open", "closed", "all"], "default": "open"},
                    "page": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 1},
                },
                "required": ["repository", "query"],
            },
            "annotations": {"readOnlyHint": true},
        })
    };
    let mut tools: Vec<_> = (0..TOOLS).map(tool).collect();
    // Exactly as large as is asked.
    let size_bytes = serde_json::Value::from(tools.clone()).to_string().len();
    let missing = LIST_BYTES.saturating_sub(size_bytes);
    if let Some(last) = tools.last_mut() {
        last["_meta"] = json!({ "note": "x".repeat(missing.saturating_sub(20)) });
    }
    json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).to_string()
}

/// The fastest, which whatever else the machine does cannot make faster, and the median, in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn figures(nanoseconds: &[u64]) -> [f64; 2] {
    let mut sorted = nanoseconds.to_vec();
    sorted.sort_unstable();
    [0, sorted.len() / 2].map(|at| sorted.get(at).copied().unwrap_or_default() as f64 / 1e6)
}
