//! The programs in `tests/servers`: MCP servers on SDKs that are not Rust.

use std::{io, net::SocketAddr, path::Path, process::Command};

use tempfile::TempDir;

use crate::{
    artifacts::{self, Missing},
    process::{Process, ProcessError},
};

const READY: &str = "listening on ";

/// Which program.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Program {
    /// server-everything, on the SDK of TypeScript before 2026-07-28.
    Everything,
    /// On the SDK of Python.
    Python,
    /// On the SDK of TypeScript.
    TypeScriptV2,
}

impl Program {
    fn command(self) -> Result<Command, Missing> {
        let (runtime, file) = match self {
            Self::Everything => (artifacts::node()?, "everything.mjs"),
            Self::Python => (artifacts::python()?, "python_server.py"),
            Self::TypeScriptV2 => (artifacts::node()?, "ts_v2_server.mjs"),
        };
        let mut command = Command::new(runtime);
        command.arg(artifacts::root().join("tests/servers").join(file));
        Ok(command)
    }
}

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It is not installed.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// Its folder could not be made.
    #[error("cannot make a server's folder: {0}")]
    Folder(#[from] io::Error),
    /// It did not start, or ended.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// A running one. Dropping it ends it.
#[derive(Debug)]
pub struct ServerProgram {
    // Before the folder, so that it ends before its folder goes.
    process: Process,
    address: SocketAddr,
    _folder: TempDir,
}

impl ServerProgram {
    /// Starts it on a free port of 127.0.0.1 and waits until it listens.
    pub async fn start(program: Program) -> Result<Self, ProgramError> {
        let folder = tempfile::Builder::new()
            .prefix("chancery-server-")
            .tempdir()?;
        let log: &Path = &folder.path().join("log");
        let mut process = Process::start(&format!("{program:?}"), program.command()?, log)?;
        let address = process
            .until("it to listen", async |process| listening(&process.log()))
            .await?;
        Ok(Self {
            process,
            address,
            _folder: folder,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// All that it wrote.
    pub fn log(&self) -> String {
        self.process.log()
    }
}

/// The address, once the line that has it is whole.
pub(crate) fn listening(log: &str) -> Option<SocketAddr> {
    let address = |line: &str| line.strip_suffix('\n')?.strip_prefix(READY)?.parse().ok();
    log.split_inclusive('\n').find_map(address)
}
