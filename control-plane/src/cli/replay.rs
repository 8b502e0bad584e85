//! `chancery replay`.

use std::time::SystemTime;

use chancery_proto::{
    admin::v1::{
        ReplayCounts, ReplayDecisionsRequest, ReplaySample, replay_decisions_response::Part,
    },
    audit::v1::{Attribute, Verdict},
};

use super::{
    Context,
    candidate::CandidateArgs,
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    explanation::{short, why, word},
    output::Format,
    render, simulate,
    table::{self, Cell, Columns, heading},
    time::When,
};

const ACTION: &str = "replay the record";

/// No text takes more columns than this; `-o json` has all of it.
const COLUMNS: usize = 48;

const HEADING: [&str; 6] = ["WAS", "WOULD BE", "USER", "CALL", "WHY", "DECISION"];

/// The widths that most lines have, so that lines that come one by one stay aligned.
const WIDTHS: [usize; 6] = [5, 8, 17, 30, 32, 32];

/// Judge the record again by other rules
///
/// Every recorded decision is judged by the rules that would be, from what was recorded of it.
/// Prints examples of those that come out differently, and how many there are. Exits with 1 where
/// any does; with --strict also where nobody can tell.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery replay --candidate policy/ --since 7d
  chancery replay --without rule/old-exception --since 30d --strict
  chancery replay -f policy/ --since 1d -o json | jq -s '.[-1].counts'")]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    rules: CandidateArgs,
    /// Not older: a time, or how long ago, such as 15m, 1h, 7d
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    since: Option<When>,
    /// Older: a time, or how long ago
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    until: Option<When>,
    /// Count it as a failure where nobody can tell
    #[arg(long)]
    strict: bool,
    /// No more examples of each kind than this
    #[arg(long, value_name = "N", default_value_t = 20,
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    max_samples: u32,
}

pub(crate) async fn run(
    args: &ReplayArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let rules = args.rules.read(context)?;
    let now = SystemTime::now();
    let request = ReplayDecisionsRequest {
        candidate: rules.message.clone(),
        start_time: args.since.as_ref().map(|when| when.resolve(now)),
        end_time: args.until.as_ref().map(|when| when.resolve(now)),
        max_samples: args.max_samples,
    };
    let connection = Connection::open(&context.address).await?;
    let mut client = simulate::client(&connection);
    let answer = connection
        .answer(ACTION, client.replay_decisions(request))
        .await;
    let mut parts = answer.map_err(|failure| rules.explain(failure))?;
    let mut writer = Writer::new(format);
    loop {
        let part = parts.message().await;
        let part = part.map_err(|status| connection.refused(ACTION, status))?;
        match part.and_then(|response| response.part) {
            Some(Part::Sample(sample)) => writer.sample(&sample, console)?,
            Some(Part::Counts(counts)) => {
                writer.counts(&counts, console)?;
                return Ok(exit(&counts, args.strict));
            }
            None => {
                let ended = "the stream ended before the counts".to_owned();
                return Err(Failure::Nonsense(ended));
            }
        }
    }
}

fn exit(counts: &ReplayCounts, strict: bool) -> Exit {
    let flips = counts.newly_allowed.saturating_add(counts.newly_denied);
    if flips > 0 || (strict && counts.undecidable > 0) {
        Exit::Negative
    } else {
        Exit::Success
    }
}

/// Writes samples as they come, then the counts.
struct Writer {
    format: Format,
    columns: Columns,
    written: usize,
}

impl Writer {
    fn new(format: Format) -> Self {
        Self {
            format,
            columns: Columns::new(&WIDTHS),
            written: 0,
        }
    }

    fn sample(&mut self, sample: &ReplaySample, console: &mut Console<'_>) -> Result<(), Failure> {
        let rendered = || {
            let message = render::message("chancery.admin.v1.ReplaySample", sample)?;
            Ok::<_, Failure>(serde_json::json!({"sample": message}))
        };
        match self.format {
            Format::Json => console.json_line(&rendered()?)?,
            Format::Yaml => console.yaml(&rendered()?, self.written == 0)?,
            Format::Table | Format::Name => {
                if self.written == 0 {
                    self.columns.write(&heading(&HEADING), console)?;
                }
                self.columns.write(&row(sample), console)?;
            }
        }
        self.written = self.written.saturating_add(1);
        console.flush()
    }

    fn counts(&mut self, counts: &ReplayCounts, console: &mut Console<'_>) -> Result<(), Failure> {
        let rendered = || {
            let message = render::message("chancery.admin.v1.ReplayCounts", counts)?;
            Ok::<_, Failure>(serde_json::json!({"counts": message}))
        };
        match self.format {
            Format::Json => console.json_line(&rendered()?),
            Format::Yaml => console.yaml(&rendered()?, self.written == 0),
            Format::Table | Format::Name => {
                if self.written > 0 {
                    console.line("")?;
                }
                print(counts, console)
            }
        }
    }
}

fn row(sample: &ReplaySample) -> Vec<Cell> {
    let decision = sample.decision.clone().unwrap_or_default();
    let verdict = |verdict: Verdict| {
        let (word, tone) = word(verdict);
        Cell::new(word).tone(tone)
    };
    let user = decision
        .principal
        .as_ref()
        .and_then(|principal| principal.user.as_ref());
    let user = user
        .map(|Attribute { value, .. }| &**value)
        .filter(|user| !user.is_empty());
    let server = decision.server.rsplit('/').next().unwrap_or_default();
    let call = format!("{server} {} {}", decision.method, decision.capability);
    vec![
        verdict(decision.verdict()),
        verdict(sample.verdict()),
        Cell::cut(user.unwrap_or("anonymous"), COLUMNS),
        Cell::cut(call.trim(), COLUMNS),
        Cell::cut(&why(&sample.reason, &sample.rules), COLUMNS + COLUMNS / 2),
        // Whole: it is what `explain` is asked about.
        Cell::new(&render::hex(&sample.decision_id)).tone(Tone::Faint),
    ]
}

fn print(counts: &ReplayCounts, console: &mut Console<'_>) -> Result<(), Failure> {
    let ReplayCounts {
        same,
        newly_denied,
        newly_allowed,
        undecidable,
        passed_over,
        shadow,
    } = counts;
    let flip = |count: u64| if count > 0 { Tone::Bad } else { Tone::Plain };
    let rows = [
        ("same", *same, Tone::Plain),
        ("newly denied", *newly_denied, flip(*newly_denied)),
        ("newly allowed", *newly_allowed, flip(*newly_allowed)),
        ("undecidable", *undecidable, Tone::Plain),
        ("passed over", *passed_over, Tone::Faint),
    ];
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(name, count, tone)| vec![Cell::new(name), Cell::new(&count.to_string()).tone(tone)])
        .collect();
    table::write(&["DECISIONS", "COUNT"], &rows, console)?;
    if shadow.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = shadow
        .iter()
        .map(|count| {
            vec![
                Cell::new(&short(&count.rule)),
                Cell::new(&count.denied.to_string()),
                Cell::new(&count.allowed.to_string()),
            ]
        })
        .collect();
    console.line("")?;
    table::write(
        &["SHADOW RULE", "WOULD DENY", "WOULD ALLOW"],
        &rows,
        console,
    )
}
