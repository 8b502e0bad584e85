//! The parts put together: what `chancery-lab` does.

mod bench;
mod clients;
mod conformance;
mod console;
mod demo;
mod list;
mod redaction;
mod run;
mod stack;

use std::{io, path::PathBuf, process::ExitCode, sync::atomic::Ordering};

use clap::{Parser, Subcommand};
use rmcp::ServiceError;
use tokio::signal::unix::{SignalKind, signal};

pub use stack::{Stack, StackError};

use crate::{
    artifacts::Missing, client::ClientError, conformance::ConformanceError,
    control_plane::ControlPlaneError, envoy::EnvoyError, identity::IdentityError,
    matrix::StageError, mcp_server::ListenError, process::ProcessError, wait::TimedOut,
};

/// As shells have it for SIGINT.
const INTERRUPTED: u8 = 130;

/// Runs Chancery on this machine: Envoy with the filter, a control plane, and what they are shown
/// with.
#[derive(Debug, Parser)]
#[command(name = "chancery-lab", version)]
pub struct Lab {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Put Envoy with the filter in front of a running MCP server.
    Run(run::Run),
    /// A tour: a built-in MCP server, example rules, and a real client.
    Demo(demo::Demo),
    /// Run MCP's conformance suite directly and through Envoy with the filter, and compare.
    Conformance(conformance::Conformance),
    /// Compare plain Envoy, this filter, and Envoy's own MCP and RBAC filters.
    Bench(bench::Bench),
    /// Time the engine's redaction inside Envoy: dense, clean and hostile bodies.
    Redaction(redaction::Redaction),
    /// Time the check of a list of 500 pinned tools inside Envoy: seen before, and for the first time.
    List(list::List),
    /// Hold sessions of every real client with every real server, directly and through the filter.
    Clients(clients::Clients),
}

/// Why the lab gave up.
#[derive(Debug, thiserror::Error)]
enum LabError {
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Process(#[from] ProcessError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the client: {0}")]
    Call(#[from] Box<ServiceError>),
    #[error(transparent)]
    Missing(#[from] Missing),
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error(transparent)]
    Conformance(#[from] ConformanceError),
    #[error(transparent)]
    TimedOut(#[from] TimedOut),
    #[error(transparent)]
    Input(#[from] io::Error),
    #[error("cannot send a request: {0}")]
    Http(#[from] reqwest::Error),
    #[error(
        "UPSTREAM `{given}` is no URL of an MCP server; expected http://HOST[:PORT]/PATH or https://…"
    )]
    Upstream { given: String },
    #[error("RESOURCES `{}` is no file and no folder", path.display())]
    Resources { path: PathBuf },
    /// The command line has said why, in its own words.
    #[error("the resources were refused")]
    Refused,
    #[error("{0}")]
    Bench(String),
}

impl LabError {
    /// What the user gave us was wrong: as Clap ends then.
    fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Upstream { .. } | Self::Resources { .. } | Self::Refused
        )
    }
}

impl Lab {
    /// Does what was asked for, until it is done or a signal ends it. Nothing is left behind.
    pub async fn execute(self) -> ExitCode {
        let mut console = console::Console::stdout();
        let is_up = console.is_up();
        let task = async {
            match self.task {
                Task::Run(run) => run.execute(&mut console).await,
                Task::Demo(demo) => demo.execute(&mut console).await,
                Task::Conformance(conformance) => conformance.execute(&mut console).await,
                Task::Bench(bench) => bench.execute(&mut console).await,
                Task::Redaction(redaction) => redaction.execute(&mut console).await,
                Task::List(list) => list.execute(&mut console).await,
                Task::Clients(clients) => clients.execute(&mut console).await,
            }
        };
        // Ending the task drops all it started, which ends the processes and removes the folders.
        let ended = tokio::select! {
            ended = task => ended,
            stopped = interrupted() => {
                let is_regular = is_up.load(Ordering::Relaxed);
                let code = if is_regular { ExitCode::SUCCESS } else { ExitCode::from(INTERRUPTED) };
                stopped.map(|()| code).map_err(LabError::Input)
            }
        };
        ended.unwrap_or_else(|error| {
            if !matches!(error, LabError::Refused) {
                console::complain(&error);
            }
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        })
    }
}

/// Returns when this program is asked to end.
async fn interrupted() -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::select! {
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = hangup.recv() => Ok(()),
    }
}
