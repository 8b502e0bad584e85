//! The part of `chancery audit` that proves things: most of it needs no control plane.

mod copy;

use std::{
    fs,
    path::{Path, PathBuf},
};

use chancery_proto::audit::v1::{
    GetCheckpointRequest, GetCheckpointResponse, PositionedRecord, ProveRecordsRequest,
    ProveRecordsResponse, log_service_client::LogServiceClient, prove_records_request::Which,
};
use serde_json::json;

use super::{
    Context, audit,
    connect::{Channel, Connection, MAX_ANSWER_BYTES},
    console::{Console, Tone},
    exit::{Exit, Failure},
    explain,
    output::Format,
    render,
};
use crate::ledger::{
    checkpoint::{LogKeys, Signed},
    proof::{Proof, Proven},
    verify::{Report, VerifyError, verify},
};

/// Prove what is on the record
#[derive(Debug, clap::Subcommand)]
pub(crate) enum LogCommand {
    /// Print the log's public key, which everything else is verified with
    #[command(after_help = "\
Examples:
  chancery audit key > log.pub

Keep it where whoever can write the log cannot.")]
    Key,
    /// Print the signed head of the log, to be kept elsewhere
    #[command(after_help = "\
Examples:
  chancery audit checkpoint > /mnt/worm/$(date +%F).checkpoint

With it `audit verify` finds that records at the end were taken away. It is what C2SP calls a
tlog-checkpoint: others' tools read it.")]
    Checkpoint,
    /// Verify a log offline: that no record was altered, taken away, added or moved
    ///
    /// It names the first record that is not as it was signed, and exits with 1.
    #[command(after_help = "\
Examples:
  chancery audit copy ./log && chancery audit verify ./log --public-key log.pub
  chancery audit verify /backup/ledger --public-key log.pub --checkpoint /mnt/worm/2026-12-01.checkpoint")]
    Verify(VerifyArgs),
    /// Print the proof that a decision and its outcome are in the log
    #[command(after_help = "\
Examples:
  chancery audit prove 3f2a9c1b5d6e7f8091a2b3c4d5e6f708 > call.tlog-proof

The file stands for itself: it has the records, and is what C2SP calls a tlog-proof.")]
    Prove(ProveArgs),
    /// Check a proof offline, and show what it proves
    #[command(after_help = "\
Examples:
  chancery audit verify-proof call.tlog-proof --public-key log.pub")]
    VerifyProof(VerifyProofArgs),
    /// Copy the log as the files that verify it
    #[command(after_help = "\
Examples:
  chancery audit copy ./log
  chancery audit copy ./log --from 1000000    # of what is older, the hashes")]
    Copy(copy::CopyArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// The folder: a copy by `audit copy`, or the folder `ledger` of a control plane's data
    folder: PathBuf,
    #[command(flatten)]
    key: KeyArg,
    /// A checkpoint that was kept elsewhere; repeatable
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct ProveArgs {
    /// A decision id, 32 hexadecimal digits
    #[arg(value_parser = explain::decision_id, required_unless_present = "position")]
    decision: Option<String>,
    /// Instead of a decision: the record at this position
    #[arg(long, value_name = "N", conflicts_with = "decision")]
    position: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct VerifyProofArgs {
    /// The proof
    file: PathBuf,
    #[command(flatten)]
    key: KeyArg,
}

#[derive(Debug, clap::Args)]
struct KeyArg {
    /// A file with the log's public key, as `audit key` prints it; after a change of keys with several, one a line
    #[arg(long, value_name = "FILE")]
    public_key: PathBuf,
}

impl KeyArg {
    fn read(&self) -> Result<LogKeys, Failure> {
        let text = read(&self.public_key)?;
        LogKeys::parse(&text)
            .map_err(|error| Failure::Usage(format!("{}: {error}", self.public_key.display())))
    }
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}

pub(crate) async fn run(
    command: &LogCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    match command {
        LogCommand::Key => console.line(head(context).await?.public_key)?,
        LogCommand::Checkpoint => console.text(&head(context).await?.checkpoint)?,
        LogCommand::Verify(args) => return verify_log(args, context, console),
        LogCommand::Prove(args) => prove(args, context, console).await?,
        LogCommand::VerifyProof(args) => return verify_proof(args, context, console),
        LogCommand::Copy(args) => copy::run(args, context, console).await?,
    }
    Ok(Exit::Success)
}

fn client(connection: &Connection) -> LogServiceClient<Channel> {
    LogServiceClient::new(connection.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
}

async fn head(context: &Context) -> Result<GetCheckpointResponse, Failure> {
    let connection = Connection::open(&context.address).await?;
    let mut client = client(&connection);
    let call = client.get_checkpoint(GetCheckpointRequest {});
    connection.answer("get a checkpoint", call).await
}

async fn prove(
    args: &ProveArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let decision = args.decision.clone().map(Which::DecisionId);
    let which = decision.or_else(|| args.position.map(Which::Position));
    let connection = Connection::open(&context.address).await?;
    let mut client = client(&connection);
    let call = client.prove_records(ProveRecordsRequest { which });
    let ProveRecordsResponse { proofs } = connection.answer("prove it", call).await?;
    proofs.iter().try_for_each(|proof| console.text(proof))
}

fn verify_log(
    args: &VerifyArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json])?;
    let keys = args.key.read()?;
    let mut remembered = Vec::new();
    for path in &args.checkpoints {
        let signed = keys.open(read(path)?.as_bytes());
        let signed =
            signed.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
        remembered.push(signed);
    }
    let fault = match verify(&args.folder, &keys, &remembered) {
        Ok(report) => {
            show(&report, &remembered, format, console)?;
            return Ok(Exit::Success);
        }
        Err(VerifyError::Fault(fault)) => fault,
        Err(error @ VerifyError::Ledger(_)) => return Err(Failure::Usage(error.to_string())),
    };
    match format {
        Format::Json => console.json(&json!({
            "verified": false,
            "fault": fault.kind.word(),
            "position": fault.position,
            "end": fault.end,
            "message": fault.to_string(),
        }))?,
        Format::Table | Format::Yaml | Format::Name => {
            let word = console.paint("not verified", Tone::Bad);
            console.line(format_args!("{word}: {fault}"))?;
        }
    }
    Ok(Exit::Negative)
}

fn show(
    report: &Report,
    remembered: &[Signed],
    format: Format,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let Report {
        signed,
        first,
        unsigned,
        sources,
        missing_sequences,
        gaps,
    } = report;
    let Signed { origin, head } = signed;
    if format == Format::Json {
        return console.json(&json!({
            "verified": true,
            "log": origin,
            "size": head.size,
            "root": head.root.to_string(),
            "first": first,
            "unsigned": unsigned,
            "checkpoints": remembered.len(),
            "sources": sources,
            "missing_sequences": missing_sequences,
            "gaps": gaps,
        }));
    }
    let word = console.paint("verified", Tone::Good);
    console.line(format_args!(
        "{word}: {} records of {origin}, each as it was signed",
        head.size
    ))?;
    if *first > 0 {
        console.line(format_args!(
            "those before {first} were dropped, which is on the record; their hashes are there"
        ))?;
    }
    if *unsigned > 0 {
        console.line(format_args!("{unsigned} behind them are not signed yet"))?;
    }
    if remembered.is_empty() {
        console.talk(
            "note: that nothing was taken away at the end shows only a checkpoint that was kept elsewhere \
             (--checkpoint)",
        );
    }
    console.line(format_args!(
        "{sources} sources; {missing_sequences} of their entries never came, {gaps} records say so"
    ))
}

fn verify_proof(
    args: &VerifyProofArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let keys = args.key.read()?;
    let text = read(&args.file)?;
    let checked = Proof::parse_all(&text).and_then(|proofs| {
        let checked = proofs.iter().map(|proof| proof.check(&keys));
        checked.collect::<Result<Vec<_>, _>>()
    });
    let proven = match checked {
        Ok(proven) => proven,
        Err(error) => {
            let word = console.paint("not proven", Tone::Bad);
            console.line(format_args!("{word}: {error}"))?;
            return Ok(Exit::Negative);
        }
    };
    match format {
        Format::Json => proven.iter().try_for_each(|it| {
            let shown = shown(it)?;
            console.json_line(&shown)
        })?,
        Format::Yaml => {
            for (number, it) in proven.iter().enumerate() {
                console.yaml(&shown(it)?, number == 0)?;
            }
        }
        Format::Table | Format::Name => {
            let records: Vec<_> = proven.iter().map(positioned).collect();
            audit::write_lines(&records, console)?;
            for it in &proven {
                let word = console.paint("proven", Tone::Good);
                let Signed { origin, head } = &it.signed;
                console.line(format_args!(
                    "{word}: record {} of {origin}, under its signed head over {} records",
                    it.position, head.size
                ))?;
            }
        }
    }
    Ok(Exit::Success)
}

fn positioned(proven: &Proven) -> PositionedRecord {
    PositionedRecord {
        position: proven.position,
        record: Some(proven.record.clone()),
    }
}

fn shown(proven: &Proven) -> Result<serde_json::Value, Failure> {
    let mut shown = render::record(&positioned(proven))?;
    let Signed { origin, head } = &proven.signed;
    if let serde_json::Value::Object(fields) = &mut shown {
        let under = json!({ "log": origin, "size": head.size, "root": head.root.to_string() });
        fields.insert("proven_under".to_owned(), under);
    }
    Ok(shown)
}
