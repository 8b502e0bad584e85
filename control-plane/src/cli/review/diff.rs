//! `chancery review diff`.

mod flow;
mod print;

use std::path::{Path, PathBuf};

use chancery_engine::{json::Document, limits::Limits};
use serde_json::Value;

use crate::{
    cli::{
        Context,
        console::Console,
        exit::{Exit, Failure},
        files::{self, Text},
        locate::Position,
        output::Format,
        problem::Problem,
    },
    review::diff::{Diff, Listing, Written},
};

const CONSEQUENCE: &str = "nothing was compared";

const EXPECTED: &str = "a list's result, an array of definitions, or one definition, as JSON";

/// Compare what a server said of itself before with what it says now
///
/// Each file has the result of `tools/list`, `prompts/list`, `resources/list`,
/// `resources/templates/list`, `initialize` or `server/discover`, several of them in one object, an
/// array of definitions, or one definition. Says for each tool, prompt, resource and template what
/// changed, field by field and heaviest first, and what that means for who calls it. Exits with 0 if
/// nothing changed and with 1 if something did.
///
/// What a change means: `risk`, it is what attacks are made of or a promise of safety is gone; `text`,
/// a text that agents read and may obey; `unclear`, a person must read it; `widening` and
/// `narrowing`, more or less may be sent, returned or done than before; `neutral`, none of these.
///
/// As JSON: `summary` counts the capabilities by their outcome; `capabilities` have `kind`, `name`,
/// `outcome` (added, removed, changed, same), `weight` and `changes`, each of these `pointer` (JSON
/// pointer into the definition), `kind`, `weight`, `sentence`, and where there are such `old`, `new`,
/// `words` (objects with `kept`, `removed`, `added`, or how many words were `skipped`) and `unseen`
/// (`character`, `kind`, `count`); `renames` have `kind`, `old`, `new` and what is the `same` (all,
/// description, arguments).
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery review diff approved.json offered.json
  chancery review diff approved.json - -o json < offered.json")]
pub(crate) struct DiffArgs {
    /// What it said before; `-` is the standard input
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// What it says now; `-` is the standard input
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

pub(crate) fn run(
    args: &DiffArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    if [&args.old, &args.new]
        .iter()
        .all(|path| *path == Path::new("-"))
    {
        let said =
            "found `-` twice, expected a file for one of both: the standard input is read once";
        return Err(Failure::Usage(said.to_owned()));
    }
    let read = |path: &Path| {
        files::read_one(path, EXPECTED).and_then(|text| Ok((parse(&text)?, text.file)))
    };
    let ((old, old_file), (new, new_file)) = match (read(&args.old), read(&args.new)) {
        (Ok(old), Ok(new)) => (old, new),
        (old, new) => return Err(invalid([old.err(), new.err()])),
    };
    let (before, after) = match (listing(&old, &old_file), listing(&new, &new_file)) {
        (Ok(before), Ok(after)) => (before, after),
        (before, after) => return Err(invalid([before.err(), after.err()])),
    };
    for (listing, file) in [(&before, &old_file), (&after, &new_file)] {
        if listing.has_more {
            let said = "found `nextCursor`, expected all pages in one: what is on others was not \
                        compared";
            let warning = Problem::with_file(file, said.to_owned());
            console.talk(format_args!("warning: {warning}"));
        }
    }
    let diff = Diff::new(&before, &after);
    write(&diff, format, console)?;
    Ok(if diff.is_empty() {
        Exit::Success
    } else {
        Exit::Negative
    })
}

pub(super) fn write(
    diff: &Diff<'_>,
    format: Format,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    match format {
        Format::Json => console.json(&Written::of(diff)),
        Format::Yaml => console.yaml(&Written::of(diff), true),
        Format::Table | Format::Name => print::print(diff, console),
    }
}

fn invalid(problems: [Option<Problem>; 2]) -> Failure {
    Failure::Invalid {
        problems: problems.into_iter().flatten().collect(),
        consequence: CONSEQUENCE,
    }
}

/// Reads JSON as strictly as a filter would.
fn parse(text: &Text) -> Result<Value, Problem> {
    let Text { file, content } = text;
    let value = serde_json::from_str(content).map_err(|error| Problem {
        file: file.clone(),
        at: Some(Position {
            line: error.line() as u64,
            column: error.column() as u64,
        }),
        field: "JSON".to_owned(),
        message: format!("found broken JSON, expected {EXPECTED}: {error}"),
        hint: None,
    })?;
    // Readers differ in which of two members with one key counts.
    let limits = Limits {
        max_json_depth: 100,
        max_json_nodes: usize::MAX,
        ..Limits::DEFAULT
    };
    Document::parse(content.as_bytes(), usize::MAX, &limits).map_err(|error| {
        let message = format!("found JSON that readers do not agree on, expected none: {error}");
        Problem::with_file(file, message)
    })?;
    Ok(value)
}

fn listing<'v>(value: &'v Value, file: &str) -> Result<Listing<'v>, Problem> {
    Listing::read(value).map_err(|error| Problem::with_file(file, error.to_string()))
}

#[cfg(test)]
mod tests;
