//! The programs in `tests/clients`: one for each SDK that is not Rust.

use std::process::Stdio;

use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::{ClientError, Era};
use crate::artifacts;

#[derive(Clone, Copy, Debug)]
enum Runtime {
    Node,
    Python,
}

/// A program, by its file and what runs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program(&'static str, Runtime);

pub(super) const PYTHON: Program = Program("mcp_session.py", Runtime::Python);
pub(super) const FASTMCP: Program = Program("fastmcp_session.py", Runtime::Python);
pub(super) const TYPESCRIPT_V1: Program = Program("ts_v1_session.mjs", Runtime::Node);
pub(super) const TYPESCRIPT_V2: Program = Program("ts_v2_session.mjs", Runtime::Node);

/// Runs it over these steps and gives its lines.
pub(super) async fn run(
    Program(program, runtime): Program,
    url: &str,
    era: Era,
    token: Option<&str>,
    steps: &[Value],
) -> Result<Vec<Value>, ClientError> {
    let failed = |source| ClientError::Run { program, source };
    let mut command = Command::new(match runtime {
        Runtime::Node => artifacts::node()?,
        Runtime::Python => artifacts::python()?,
    });
    command.arg(artifacts::root().join("tests/clients").join(program));
    command.args(["--era", era.name()]);
    if let Some(token) = token {
        command.args(["--token", token]);
    }
    command
        .arg(url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.kill_on_drop(true).spawn().map_err(failed)?;
    if let Some(mut input) = child.stdin.take() {
        for step in steps {
            let line = format!("{step}\n");
            input.write_all(line.as_bytes()).await.map_err(failed)?;
        }
    }
    let output = child.wait_with_output().await.map_err(failed)?;
    if !output.status.success() {
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(ClientError::Failed { program, message });
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let parsed = lines.lines().map(serde_json::from_str);
    parsed
        .collect::<Result<_, _>>()
        .map_err(|source| ClientError::Line { program, source })
}
