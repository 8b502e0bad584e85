//! `chancery test`.
//!
//! The engine is in this program, so rules are tested without a control plane.

mod file;
mod junit;
mod run;

use std::path::PathBuf;

use serde_json::json;

use self::{
    file::Suite,
    run::{Outcome, Ran},
};
use super::{
    Context,
    console::{Console, Tone},
    exit::{Exit, Failure},
    output::Format,
    visible::visible,
};

const CONSEQUENCE: &str = "nothing was tested";

/// Test rules, without a control plane
///
/// Each file names resource documents and says what they must allow, deny, show and hide. The engine
/// that runs in the filters judges every call. Exits with 1 where a test fails.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery test policy/tests.yaml
  chancery test policy/*_test.yaml --junit report.xml
  chancery test --schema > tests.schema.json

A file:
  policy: [.]
  tests:
    - name: developers file issues in acme
      principal: {user: ann@example.com, groups: [dev]}
      call: {server: github, tool: create_issue, arguments: {repo: acme/x}}
      expect: allow
      rules: [dev-issues]
    - name: developers see what they can call
      principal: {user: ann@example.com, groups: [dev]}
      lists: {server: github, shows: [create_issue], hides: [delete_repo]}")]
pub(crate) struct TestArgs {
    /// Files of tests, or folders with them
    #[arg(value_name = "FILE|DIR", required_unless_present = "schema")]
    files: Vec<PathBuf>,
    /// Write a report for CI systems too, as `JUnit` does
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Print the JSON Schema of the files
    #[arg(long, conflicts_with_all = ["files", "junit"])]
    schema: bool,
}

pub(crate) fn run(
    args: &TestArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    if args.schema {
        console.json(&file::schema())?;
        return Ok(Exit::Success);
    }
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let suites = Suite::read_all(&args.files)?;
    let ran = suites
        .iter()
        .map(|suite| run::suite(suite, &context.scope))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(path) = &args.junit {
        junit::write(path, &ran)?;
    }
    match format {
        Format::Json => console.json(&rendered(&ran))?,
        Format::Yaml => console.yaml(&rendered(&ran), true)?,
        Format::Table | Format::Name => print(&ran, console)?,
    }
    let has_failures = ran.iter().any(|ran| ran.failures() > 0);
    Ok(if has_failures {
        Exit::Negative
    } else {
        Exit::Success
    })
}

fn print(ran: &[Ran], console: &mut Console<'_>) -> Result<(), Failure> {
    for Ran { file, outcomes } in ran {
        console.line(console.paint(&visible(file), Tone::Heading))?;
        for Outcome { name, problems } in outcomes {
            let (word, tone) = if problems.is_empty() {
                ("ok", Tone::Good)
            } else {
                ("FAIL", Tone::Bad)
            };
            let word = console.paint(&format!("{word:<4}"), tone);
            console.line(format_args!("  {word}  {}", visible(name)))?;
            for problem in problems {
                console.line(format_args!("        {}", visible(problem)))?;
            }
        }
    }
    let all: usize = ran.iter().map(|ran| ran.outcomes.len()).sum();
    let failed: usize = ran.iter().map(Ran::failures).sum();
    console.line("")?;
    console.line(format_args!(
        "{} passed, {failed} failed",
        all.saturating_sub(failed)
    ))
}

fn rendered(ran: &[Ran]) -> serde_json::Value {
    let outcome = |Outcome { name, problems }: &Outcome| json!({"name": name, "passed": problems.is_empty(), "problems": problems});
    let file = |Ran { file, outcomes }: &Ran| {
        let tests: Vec<_> = outcomes.iter().map(outcome).collect();
        json!({"file": file, "tests": tests})
    };
    ran.iter().map(file).collect()
}
