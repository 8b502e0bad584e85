//! The command line.
//!
//! It talks to a control plane through the admin and audit APIs alone, as any other client could;
//! only `serve`, `test`, `redact` and parts of `review` and `audit` know the control plane's inside, the
//! one to run it and the others to judge without it.

mod alone;
mod apply;
mod audit;
mod batch;
mod block;
mod can_i;
mod candidate;
mod check;
mod config;
mod connect;
mod console;
mod credentials;
mod delete;
mod diff;
mod document;
mod exit;
mod explain;
mod explanation;
mod export;
mod files;
mod get;
mod keygen;
mod keys;
mod locate;
mod log;
mod name;
mod nodes;
mod output;
mod path;
mod principal;
mod problem;
mod proposals;
mod redact;
mod registry;
mod render;
mod replay;
mod review;
mod schema;
mod secret;
mod serve;
mod simulate;
mod snapshot;
mod store;
mod stored;
mod table;
mod test;
mod time;
mod violation;
mod warning;
mod webhooks;
mod which;
mod who_can;
mod yaml;

use std::{
    env,
    ffi::OsString,
    fmt::Display,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use chancery_proto::admin::v1::resource;
use clap::{
    ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, parser::ValueSource,
};
use clap_complete::Shell;

pub use self::batch::{UnreadableDocuments, read_documents};
use self::{
    connect::{Address, Login},
    console::{Console, has_colours},
    exit::{EXPLAINED, Exit, Failure},
    name::{Kind, Scope},
    output::Format,
};
use crate::visible;

/// MCP governance in Envoy: the control plane and its command line
#[derive(Debug, Parser)]
#[command(name = "chancery", version, after_help = EXPLAINED)]
struct Cli {
    #[command(flatten)]
    global: GlobalArgs,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
struct GlobalArgs {
    /// Where the control plane is
    #[arg(
        long,
        global = true,
        value_name = "URL",
        env = "CHANCERY_SERVER",
        default_value = "http://127.0.0.1:7400"
    )]
    server: String,
    /// Certificates of the CAs that the control plane's may come from; the system's where left out
    #[arg(long, global = true, value_name = "FILE", env = "CHANCERY_CA")]
    ca: Option<PathBuf>,
    /// Your certificate, where you show one
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CHANCERY_CERT",
        requires = "key"
    )]
    cert: Option<PathBuf>,
    /// Your certificate's private key
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CHANCERY_KEY",
        requires = "cert"
    )]
    key: Option<PathBuf>,
    /// A file with your token, where you show one
    #[arg(long, global = true, value_name = "FILE", env = "CHANCERY_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// How results are written; `name` is for get, and table where left out
    #[arg(
        short,
        long,
        alias = "format",
        global = true,
        value_enum,
        value_name = "FORMAT"
    )]
    output: Option<Format>,
    /// The organization of names that do not say it
    #[arg(long, global = true, value_name = "ID", default_value = Scope::DEFAULT)]
    organization: String,
    /// The workspace of servers that do not say it
    #[arg(long, global = true, value_name = "ID", default_value = Scope::DEFAULT)]
    workspace: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Keygen(keygen::KeygenArgs),
    #[command(subcommand)]
    Proposals(proposals::ProposalsCommand),
    Apply(apply::ApplyArgs),
    Diff(diff::DiffArgs),
    Get(get::GetArgs),
    Delete(delete::DeleteArgs),
    #[command(subcommand)]
    Registry(registry::RegistryCommand),
    #[command(subcommand)]
    Export(export::ExportCommand),
    Block(block::BlockArgs),
    Unblock(block::UnblockArgs),
    Simulate(simulate::SimulateArgs),
    Explain(explain::ExplainArgs),
    WhoCan(who_can::WhoCanArgs),
    CanI(can_i::CanIArgs),
    Replay(replay::ReplayArgs),
    Test(test::TestArgs),
    Redact(redact::RedactArgs),
    #[command(subcommand)]
    Review(review::ReviewCommand),
    Nodes(nodes::NodesArgs),
    #[command(subcommand)]
    Snapshot(snapshot::SnapshotCommand),
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    #[command(subcommand)]
    Credentials(credentials::CredentialsCommand),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    #[command(subcommand)]
    Store(store::StoreCommand),
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Print the JSON Schema of the resource documents
    #[command(after_help = "\
Examples:
  chancery schema rule > rule.schema.json")]
    Schema {
        /// Which kind; all of them where left out
        #[arg(value_enum)]
        kind: Option<Kind>,
    },
    /// Print a completion script
    #[command(after_help = "\
Examples:
  chancery completion bash > /etc/bash_completion.d/chancery")]
    Completion {
        /// For which shell
        shell: Shell,
    },
}

/// What a command needs to know besides its own arguments.
#[derive(Debug)]
struct Context {
    address: Address,
    scope: Scope,
    output: Option<Format>,
}

impl Context {
    /// The format to write.
    fn format(&self) -> Format {
        self.output.unwrap_or(Format::Table)
    }

    /// The format to write, if the command has it.
    fn format_of(&self, known: &[Format]) -> Result<Format, Failure> {
        let wanted = self.format();
        if known.contains(&wanted) {
            return Ok(wanted);
        }
        let known = known.iter().map(|format| format.word()).collect::<Vec<_>>();
        Err(Failure::Usage(format!(
            "`-o {}` makes no sense here, expected {}",
            wanted.word(),
            problem::alternatives(&known)
        )))
    }
}

/// A resource as `get -o yaml` shows it.
pub(crate) fn render_document(message: resource::Kind) -> Result<String, impl Display> {
    get::document(message).and_then(|document| yaml::to_string(&document))
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let colour = has_colours(&io::stdout());
    let (mut out, mut err) = (io::stdout(), io::stderr());
    run(env::args_os(), &mut out, &mut err, colour)
}

/// Runs the program with these arguments, the first of which is its name.
pub fn run<I>(args: I, out: &mut dyn Write, err: &mut dyn Write, colour: bool) -> ExitCode
where
    I: IntoIterator<Item: Into<OsString> + Clone>,
{
    let mut console = Console::new(out, err, colour);
    let parsed = Cli::command()
        .try_get_matches_from(args)
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    let exit = match parsed {
        Ok((cli, matches)) => start(cli, &matches, &mut console),
        Err(error) => usage(&error, &mut console),
    };
    exit.into()
}

/// Help, the version, or what is wrong with the arguments.
fn usage(error: &clap::Error, console: &mut Console<'_>) -> Exit {
    if error.use_stderr() {
        console.talk(error.render().to_string().trim_end());
        return Exit::Invalid;
    }
    match console.text(&error.render().to_string()) {
        Ok(()) => Exit::Success,
        Err(failure) => failure.exit(),
    }
}

fn start(cli: Cli, matches: &ArgMatches, console: &mut Console<'_>) -> Exit {
    let mut runtime = if matches!(cli.command, Command::Serve(_)) {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    match runtime.enable_all().build() {
        Ok(runtime) => runtime.block_on(dispatch(cli, matches, console)),
        Err(error) => {
            console.talk(format_args!("error: cannot start: {error}"));
            Exit::Unavailable
        }
    }
}

async fn dispatch(cli: Cli, matches: &ArgMatches, console: &mut Console<'_>) -> Exit {
    let GlobalArgs {
        server,
        ca,
        cert,
        key,
        token_file,
        output,
        organization,
        workspace,
    } = cli.global;
    let login = Login {
        ca,
        identity: cert.zip(key),
        token_file,
    };
    let context = Context {
        address: Address::new(server, matches.value_source("server"), login),
        scope: Scope {
            is_chosen: matches.value_source("organization") == Some(ValueSource::CommandLine),
            organization,
            workspace,
        },
        output,
    };
    let done = match cli.command {
        Command::Serve(args) => return serve::run(args, console).await,
        Command::Keygen(args) => keygen::run(&args, console),
        Command::Apply(args) => apply::run(&args, &context, console).await,
        Command::Diff(args) => diff::run(&args, &context, console).await,
        Command::Get(args) => get::run(&args, &context, console).await,
        Command::Delete(args) => delete::run(&args, &context, console).await,
        Command::Registry(command) => registry::run(&command, &context, console).await,
        Command::Export(command) => export::run(&command, &context, console).await,
        Command::Block(args) => block::run(&args, &context, console).await,
        Command::Unblock(args) => block::lift(&args, &context, console).await,
        Command::Simulate(args) => simulate::run(&args, &context, console).await,
        Command::Explain(args) => explain::run(&args, &context, console).await,
        Command::WhoCan(args) => who_can::run(&args, &context, console).await,
        Command::CanI(args) => can_i::run(&args, &context, console).await,
        Command::Replay(args) => replay::run(&args, &context, console).await,
        Command::Test(args) => test::run(&args, &context, console),
        Command::Redact(args) => redact::run(&args, &context, console).await,
        Command::Nodes(args) => nodes::run(&args, &context, console).await,
        Command::Proposals(command) => proposals::run(&command, &context, console).await,
        Command::Review(command) => review::run(&command, &context, console).await,
        Command::Credentials(command) => credentials::run(&command, &context, console).await,
        Command::Snapshot(command) => snapshot::run(&command, &context, console).await,
        Command::Keys(command) => keys::run(&command, &context, console).await,
        Command::Audit(command) => audit::run(&command, &context, console).await,
        Command::Store(command) => store::run(&command, console).await,
        Command::Webhooks(command) => webhooks::run(&command, &context, console).await,
        Command::Schema { kind } => schema::run(kind, console),
        Command::Completion { shell } => completion(shell, console),
    };
    match done.and_then(|exit| console.flush().map(|()| exit)) {
        Ok(exit) => exit,
        Err(failure) => fail(&failure, console),
    }
}

fn completion(shell: Shell, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "chancery", &mut script);
    console.text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Success)
}

fn fail(failure: &Failure, console: &mut Console<'_>) -> Exit {
    let exit = failure.exit();
    if let Failure::Invalid { problems, .. } = failure {
        for problem in problems {
            console.talk(problem);
        }
    }
    if exit != Exit::Success {
        for (number, line) in failure.to_string().lines().enumerate() {
            let prefix = if number == 0 { "error: " } else { "" };
            console.talk(format_args!("{prefix}{line}"));
        }
    }
    exit
}
