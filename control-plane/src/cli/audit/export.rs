//! `chancery audit export`: the record for other programs, oldest first.

use std::{
    fs::File,
    io::{self, BufWriter, Write as _},
    path::PathBuf,
};

use chancery_proto::audit::v1::{Entry, PositionedRecord, RecordFilter, TailRecordsRequest};
use clap::ValueEnum;
use prost::Message as _;
use serde_json::Value as Json;

use super::client;
use crate::{
    cli::{connect::Connection, console::Console, exit::Failure, render},
    ledger::Positioned,
    ocsf, otlp,
};

/// What is written, one JSON text a line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// API Activity (6003) of OCSF 1.8.0
    Ocsf,
    /// Records, as `search -o json` writes them
    Json,
    /// OTLP logs, a request a line
    OtlpJson,
}

/// How records are written.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    /// In whose words
    #[arg(long = "as", value_name = "FORMAT", value_enum, default_value = "ocsf")]
    words: ExportFormat,
    /// The file to write, which must not be there; the standard output where left out
    #[arg(long, value_name = "FILE")]
    to: Option<PathBuf>,
    /// Go on from here: what an export that broke off says
    #[arg(long, value_name = "N", default_value_t = 0)]
    from_position: u64,
}

/// Writes every record that matches.
pub(super) async fn run(
    args: &ExportArgs,
    filter: RecordFilter,
    connection: &Connection,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    const ACTION: &str = "export the record";
    let mut file = args.to.as_ref().map(create).transpose()?;
    let request = TailRecordsRequest {
        filter: Some(filter),
        whole: true,
        from_position: args.from_position,
        ..TailRecordsRequest::default()
    };
    let mut client = client(connection);
    let answer = client.tail_records(request);
    let mut records = connection.answer(ACTION, answer).await?;
    let (mut next, mut count) = (args.from_position, 0_u64);
    loop {
        let found = match records.message().await {
            Ok(Some(response)) => response.record.unwrap_or_default(),
            Ok(None) => break,
            Err(status) => {
                console.talk(format_args!(
                    "it broke off after {count} records: go on with --from-position {next}"
                ));
                return Err(connection.refused(ACTION, status));
            }
        };
        next = found.position.saturating_add(1);
        count = count.saturating_add(1);
        let line = line(args.words, found)?;
        match &mut file {
            Some(file) => writeln!(file, "{line}").map_err(Failure::Output)?,
            None => console.json_line(&line)?,
        }
    }
    if let Some(file) = file {
        let synced = file.into_inner().map_err(io::IntoInnerError::into_error);
        let synced = synced.and_then(|file| file.sync_all());
        synced.map_err(Failure::Output)?;
    }
    console.talk(format_args!("exported {count} records"));
    console.flush()
}

fn create(path: &PathBuf) -> Result<BufWriter<File>, Failure> {
    File::create_new(path).map(BufWriter::new).map_err(|error| {
        let error = io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        Failure::Output(error)
    })
}

fn line(format: ExportFormat, found: PositionedRecord) -> Result<Json, Failure> {
    match format {
        ExportFormat::Json => render::record(&found),
        ExportFormat::Ocsf => {
            let mut shown = render::record(&found)?;
            let record = found.record.unwrap_or_default();
            // What cannot be read is in the event as it is, too.
            let entry = Entry::decode(&*record.entry).unwrap_or_default();
            let entry_json = shown.get_mut("entry").map(Json::take).unwrap_or_default();
            Ok(ocsf::event(found.position, &record, &entry, &entry_json))
        }
        ExportFormat::OtlpJson => {
            let found = Positioned {
                position: found.position,
                record: found.record.unwrap_or_default(),
            };
            serde_json::to_value(otlp::request(&[found])).map_err(Failure::rendering)
        }
    }
}
