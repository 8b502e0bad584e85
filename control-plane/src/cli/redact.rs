//! `chancery redact`.
//!
//! The engine is in this program, so what it does to samples is what a filter does.

mod profile;
mod sample;

use std::{
    io::{self, BufRead, BufReader},
    path::PathBuf,
};

use chancery_engine::redact::Detector;
use clap::ValueEnum;
use serde_json::json;

use self::sample::Bench;
use super::{
    Context,
    console::Console,
    exit::{Exit, Failure},
    output::Format,
    table::{self, Cell},
};

/// A longer line is refused: what a filter holds of a body at most, each byte escaped, and room for
/// the rest.
const MAX_LINE_BYTES: u64 = 32 << 20;

/// Output that is held back to be written at once.
const HELD_BYTES: usize = 64 << 10;

/// Try a redaction profile on samples
///
/// Reads JSON lines `{"id", "content_type", "body"}` from the standard input: a JSON-RPC message, or an
/// event stream of them where the content type is `text/event-stream`. Writes for each a line `{"id",
/// "body", "findings"}` as a filter with this profile would send it on, or `{"id", "error"}` where it
/// would refuse it. Hashes and tokens look as a filter's do and are worth nothing elsewhere. The
/// built-in profile `default` and profiles of `-f` documents need no control plane; others are read
/// from it, and so is `default` where --server says which.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery redact --profile default < samples.jsonl > redacted.jsonl
  chancery redact --profile support -f policy/ < samples.jsonl
  chancery redact --list")]
pub(crate) struct RedactArgs {
    /// Which profile
    #[arg(long, value_name = "NAME", required_unless_present = "list")]
    profile: Option<String>,
    /// Look for it in these resource documents; a file or a folder; repeatable
    #[arg(short, long = "filename", value_name = "FILE|DIR")]
    files: Vec<PathBuf>,
    /// Which way the samples go; `auto`: requests and notifications in JSON to the server, all else
    /// to the client
    #[arg(long, value_enum, default_value = "auto")]
    direction: Way,
    /// Print the detectors that are built in
    #[arg(long, conflicts_with_all = ["profile", "files"])]
    list: bool,
}

/// Which way samples go.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Way {
    Auto,
    ToServer,
    ToClient,
}

pub(crate) async fn run(
    args: &RedactArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    if args.list {
        return list(context, console);
    }
    let name = args.profile.as_deref().unwrap_or_default();
    let profile = profile::find(name, &args.files, context).await?;
    let bench = Bench::new(profile, args.direction);
    stream(&bench, &mut BufReader::new(io::stdin().lock()), console)
}

/// What came of all samples.
#[derive(Debug, Default)]
struct Tally {
    samples: u64,
    found: u64,
    refused: u64,
}

/// One line after the other, whatever the size of all of them.
fn stream(
    bench: &Bench,
    input: &mut BufReader<impl io::Read>,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut tally = Tally::default();
    let mut line = Vec::new();
    let mut held = String::new();
    let mut number: u64 = 0;
    while read_line(input, &mut line).map_err(|error| unreadable(&error))? {
        number = number.saturating_add(1);
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = bench.redact(&line, number);
        tally.samples = tally.samples.saturating_add(1);
        match &answer {
            Ok(answer) => tally.found = tally.found.saturating_add(answer.found()),
            Err(_refused) => tally.refused = tally.refused.saturating_add(1),
        }
        held.push_str(&sample::written(&answer)?);
        held.push('\n');
        // Who waits for an answer before the next sample gets it.
        if held.len() >= HELD_BYTES || input.buffer().is_empty() {
            console.text(&held)?;
            console.flush()?;
            held.clear();
        }
    }
    console.text(&held)?;
    let Tally {
        samples,
        found,
        refused,
    } = tally;
    console.talk(format_args!(
        "{samples} samples, {found} finds, {refused} refused"
    ));
    Ok(if refused == 0 {
        Exit::Success
    } else {
        Exit::Negative
    })
}

/// Reads a line, without its end, of which no more than one byte above the limit is kept. Whether
/// there was one.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut limited = io::Read::take(&mut *input, MAX_LINE_BYTES.saturating_add(1));
    if limited.read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 > MAX_LINE_BYTES {
        input.skip_until(b'\n')?;
    }
    Ok(true)
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::Usage(format!("cannot read the standard input: {error}"))
}

/// What is built in.
fn list(context: &Context, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Name])?;
    match format {
        Format::Json => {
            let of = |detector: Detector| {
                json!({
                    "id": detector.as_str(),
                    "group": detector.group().as_str(),
                    "version": detector.version(),
                })
            };
            console.json(&Detector::ALL.map(of).as_slice())?;
        }
        Format::Name => {
            for detector in Detector::ALL {
                console.line(detector.as_str())?;
            }
        }
        Format::Table | Format::Yaml => {
            let row = |detector: Detector| {
                vec![
                    Cell::new(detector.as_str()),
                    Cell::new(detector.group().as_str()),
                    Cell::new(&detector.version().to_string()),
                ]
            };
            let rows = Detector::ALL.map(row);
            table::write(&["DETECTOR", "GROUP", "VERSION"], &rows, console)?;
        }
    }
    Ok(Exit::Success)
}
