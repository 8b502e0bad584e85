//! `chancery audit`.

mod export;
mod line;
mod reconcile;
mod shadow;

use std::time::SystemTime;

use chancery_proto::audit::v1::{
    PositionedRecord, RecordFilter, SearchRecordsRequest, TailRecordsRequest, Verdict,
    audit_service_client::AuditServiceClient,
};
use clap::ValueEnum;

use self::{export::ExportArgs, line::Lines, reconcile::ReconcileArgs, shadow::Tally};
use super::{
    Context,
    connect::{Channel, Connection, MAX_ANSWER_BYTES},
    console::Console,
    exit::{Exit, Failure},
    explain, log,
    output::Format,
    render,
    time::When,
};

/// As many as the control plane gives at once.
const MAX_PAGE_SIZE: u32 = 1000;

/// Read the record, and prove what is on it
#[derive(Debug, clap::Subcommand)]
pub(crate) enum AuditCommand {
    /// Follow the record, oldest first
    #[command(after_help = "\
Examples:
  chancery audit tail
  chancery audit tail -n 100 --follow=false -o json | jq .entry.decision
  chancery audit tail 'verdict = deny AND (agent = crawler OR user = svc-*)'")]
    Tail {
        #[command(flatten)]
        filter: FilterArgs,
        /// Begin with this many of the newest records
        #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 10)]
        backlog: u32,
        /// Wait for more
        #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true",
              num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
        follow: bool,
    },
    /// Find records, newest first
    #[command(after_help = "\
Examples:
  chancery audit search --user alice@example.com --verdict deny --since 1h
  chancery audit search 'user = *@example.com AND verdict = deny AND NOT reason = blocked'
  chancery audit search 'kind = admin_change AND server = notes' --since 7d
  chancery audit search 'delete_repo production'
  chancery audit search --decision 3f2a9c1b5d6e7f8091a2b3c4d5e6f708 -o yaml")]
    Search {
        #[command(flatten)]
        filter: FilterArgs,
        #[command(flatten)]
        times: Times,
        /// No more than this many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: u32,
    },
    /// Write every record that matches, oldest first, for other programs
    #[command(after_help = "\
Examples:
  chancery audit export --since 1d > yesterday.ocsf.jsonl
  chancery audit export --as otlp-json 'kind = decision AND verdict = deny' --to denied.jsonl")]
    Export {
        #[command(flatten)]
        filter: FilterArgs,
        #[command(flatten)]
        times: Times,
        #[command(flatten)]
        export: ExportArgs,
    },
    /// Count what each rule in shadow would have decided otherwise
    #[command(after_help = "\
Examples:
  chancery audit shadow --since 7d
  chancery audit search --shadow --since 7d")]
    Shadow {
        #[command(flatten)]
        times: Times,
    },
    #[command(flatten)]
    Log(log::LogCommand),
    Reconcile(ReconcileArgs),
}

/// From when records are.
#[derive(Debug, clap::Args)]
pub(crate) struct Times {
    /// Not older: a time, or how long ago, such as 15m, 1h, 7d
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    since: Option<When>,
    /// Older: a time, or how long ago
    #[arg(long, value_name = "TIME", value_parser = When::parse)]
    until: Option<When>,
}

impl Times {
    /// What a filter asks for, of these times alone.
    fn of(&self, filter: RecordFilter) -> RecordFilter {
        let now = SystemTime::now();
        let resolve = |when: &Option<When>| when.as_ref().map(|when| when.resolve(now));
        RecordFilter {
            start_time: resolve(&self.since),
            end_time: resolve(&self.until),
            ..filter
        }
    }
}

/// Which records. All that is given must match.
#[derive(Debug, clap::Args)]
pub(crate) struct FilterArgs {
    /// A filter expression (AIP-160), in which OR binds closer than AND, and words that stand alone
    /// are looked for in what was said
    #[arg(value_name = "EXPRESSION")]
    expression: Option<String>,
    /// A user id
    #[arg(long)]
    user: Option<String>,
    /// A server's id or whole name (--server says where the control plane is)
    #[arg(long, value_name = "NAME")]
    mcp_server: Option<String>,
    /// A tool's or prompt's name, or a resource's URI
    #[arg(long, value_name = "NAME")]
    capability: Option<String>,
    /// A method, such as tools/call
    #[arg(long)]
    method: Option<String>,
    /// What was decided; leaves outcomes out
    #[arg(long, value_enum)]
    verdict: Option<VerdictArg>,
    /// A decision id, 32 hexadecimal digits: the decision and its outcome
    #[arg(long, value_name = "ID", value_parser = explain::decision_id)]
    decision: Option<String>,
    /// Only what rules in shadow would have decided otherwise
    #[arg(long)]
    shadow: bool,
    /// Only what servers offer that nobody has approved
    #[arg(long)]
    drift: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum VerdictArg {
    Allow,
    Deny,
    RequireApproval,
}

impl FilterArgs {
    fn message(&self) -> RecordFilter {
        let verdict = match self.verdict {
            None => Verdict::Unspecified,
            Some(VerdictArg::Allow) => Verdict::Allow,
            Some(VerdictArg::Deny) => Verdict::Deny,
            Some(VerdictArg::RequireApproval) => Verdict::RequireApproval,
        };
        let given = |text: &Option<String>| text.clone().unwrap_or_default();
        RecordFilter {
            user: given(&self.user),
            server: given(&self.mcp_server),
            capability: given(&self.capability),
            method: given(&self.method),
            verdict: verdict.into(),
            decision_id: given(&self.decision),
            start_time: None,
            end_time: None,
            shadow: self.shadow,
            drift: self.drift,
            expression: given(&self.expression),
        }
    }
}

pub(crate) async fn run(
    command: &AuditCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    if let AuditCommand::Log(command) = command {
        return log::run(command, context, console).await;
    }
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let connection = Connection::open(&context.address).await?;
    match command {
        AuditCommand::Tail {
            filter,
            backlog,
            follow: true,
        } => {
            let request = TailRecordsRequest {
                filter: Some(filter.message()),
                backlog: *backlog,
                ..TailRecordsRequest::default()
            };
            follow(&connection, request, Writer::new(format), console).await?;
        }
        AuditCommand::Tail {
            filter,
            backlog,
            follow: false,
        } => {
            let mut records = search(&connection, filter.message(), *backlog).await?;
            records.reverse();
            Writer::new(format).write_all(&records, console)?;
        }
        AuditCommand::Search {
            filter,
            times,
            limit,
        } => {
            let filter = times.of(filter.message());
            let records = search(&connection, filter, *limit).await?;
            Writer::new(format).write_all(&records, console)?;
        }
        AuditCommand::Export {
            filter,
            times,
            export,
        } => {
            let filter = times.of(filter.message());
            export::run(export, filter, &connection, console).await?;
        }
        AuditCommand::Shadow { times } => {
            let filter = times.of(RecordFilter {
                shadow: true,
                ..RecordFilter::default()
            });
            let mut tally = Tally::default();
            search_each(&connection, filter, u32::MAX, |found| tally.add(&found)).await?;
            tally.write(format, console)?;
        }
        AuditCommand::Log(_) => {}
        AuditCommand::Reconcile(args) => {
            return reconcile::run(args, &connection, format, console).await;
        }
    }
    Ok(Exit::Success)
}

fn client(connection: &Connection) -> AuditServiceClient<Channel> {
    AuditServiceClient::new(connection.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
}

async fn search(
    connection: &Connection,
    filter: RecordFilter,
    limit: u32,
) -> Result<Vec<PositionedRecord>, Failure> {
    let mut found = Vec::new();
    search_each(connection, filter, limit, |record| found.push(record)).await?;
    Ok(found)
}

/// Hands over records that are found, newest first; no more than one page is held.
pub(super) async fn search_each(
    connection: &Connection,
    filter: RecordFilter,
    limit: u32,
    mut each: impl FnMut(PositionedRecord),
) -> Result<(), Failure> {
    let mut wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut client = client(connection);
    let mut page_token = String::new();
    while wanted > 0 {
        let request = SearchRecordsRequest {
            filter: Some(filter.clone()),
            page_size: i32::try_from(limit.min(MAX_PAGE_SIZE)).unwrap_or(i32::MAX),
            page_token: page_token.clone(),
        };
        let page = connection
            .answer("search the record", client.search_records(request))
            .await?;
        let found = page.records.into_iter().take(wanted);
        wanted -= found.len();
        found.for_each(&mut each);
        if page.next_page_token.is_empty() || page.next_page_token == page_token {
            break;
        }
        page_token = page.next_page_token;
    }
    Ok(())
}

/// Shows records as they come, until interrupted.
async fn follow(
    connection: &Connection,
    request: TailRecordsRequest,
    mut writer: Writer,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    const ACTION: &str = "follow the record";
    let mut client = client(connection);
    let mut records = connection
        .answer(ACTION, client.tail_records(request))
        .await?;
    loop {
        let next = tokio::select! {
            next = records.message() => next,
            _ = tokio::signal::ctrl_c() => return Ok(()),
        };
        match next {
            Ok(Some(response)) => {
                if let Some(record) = response.record {
                    writer.write_all(&[record], console)?;
                }
            }
            Ok(None) => {
                return Err(Failure::TooSlow(
                    "the control plane ended the stream".to_owned(),
                ));
            }
            Err(status) => return Err(connection.refused(ACTION, status)),
        }
    }
}

/// Writes records as lines for a person.
pub(super) fn write_lines(
    records: &[PositionedRecord],
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    Lines::default().write_all(records, console)
}

/// Writes records in one format.
struct Writer {
    format: Format,
    lines: Lines,
    first: bool,
}

impl Writer {
    fn new(format: Format) -> Self {
        Self {
            format,
            lines: Lines::default(),
            first: true,
        }
    }

    fn write_all(
        &mut self,
        records: &[PositionedRecord],
        console: &mut Console<'_>,
    ) -> Result<(), Failure> {
        match self.format {
            Format::Table | Format::Name => self.lines.write_all(records, console)?,
            Format::Json => {
                for record in records {
                    console.json_line(&render::record(record)?)?;
                }
            }
            Format::Yaml => {
                for record in records {
                    console.yaml(&render::record(record)?, self.first)?;
                    self.first = false;
                }
            }
        }
        console.flush()
    }
}
