//! The official conformance suite of MCP, as `.setup/conformance` installs it.

mod checks;
mod comparison;
mod targets;

use std::{
    collections::BTreeSet,
    io,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::process::Command;

pub use checks::{Check, CheckKey, Checks, Status, Tally};
pub use comparison::{Compared, Comparison};
pub use targets::{Runs, Targets};

use crate::{
    artifacts::{self, Missing},
    control_plane::ControlPlaneError,
    envoy::EnvoyError,
    lab::StackError,
    mcp_server::ListenError,
};

/// Checks that claims about a message in HTTP headers are compared with the message.
pub const HEADER_VALIDATION: &str = "http-header-validation";

/// Far longer than any selection takes.
const LONGEST_RUN: Duration = Duration::from_mins(5);

/// Which checks are run.
#[derive(Clone, Debug)]
pub enum Selection {
    /// All server scenarios of the last stable release, which knows nothing of 2026-07-28.
    Stable,
    /// All server scenarios of the newest release that are about this version.
    Version(&'static str),
    /// What this version requires of servers, according to the newest release, and the extensions.
    Required(&'static str),
    /// One scenario of the newest release.
    Scenario(String),
}

impl Selection {
    /// Everything that tells something about a server.
    pub const ALL: [Self; 4] = [
        Self::Stable,
        Self::Version("2025-06-18"),
        Self::Required("2025-11-25"),
        Self::Required("2026-07-28"),
    ];

    /// Its name, as people read it.
    pub fn label(&self) -> &str {
        match self {
            Self::Stable => "last stable suite",
            Self::Version(version) | Self::Required(version) => version,
            Self::Scenario(scenario) => scenario,
        }
    }

    fn arguments(&self) -> Vec<&str> {
        match self {
            Self::Stable => Vec::new(),
            Self::Version(version) => vec!["--suite", "all", "--spec-version", version],
            Self::Required(version) => vec!["--requirements", version],
            Self::Scenario(scenario) => vec!["--scenario", scenario],
        }
    }

    /// The package of its release.
    fn package(&self) -> &'static str {
        match self {
            Self::Stable => "conformance-stable",
            Self::Version(_) | Self::Required(_) | Self::Scenario(_) => {
                "@modelcontextprotocol/conformance"
            }
        }
    }

    /// Runs it against the MCP endpoint at `url`.
    pub async fn run(&self, url: &str) -> Result<Checks, ConformanceError> {
        let results = tempfile::Builder::new().prefix("chancery-").tempdir()?;
        let mut command = Command::new(artifacts::node()?);
        command
            .arg(artifacts::conformance(self.package())?)
            .args(["server", "--url", url, "--output-dir"])
            .arg(results.path())
            .args(self.arguments())
            .current_dir(results.path())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let Ok(output) = tokio::time::timeout(LONGEST_RUN, command.output()).await else {
            return Err(ConformanceError::Late {
                selection: self.label().to_owned(),
            });
        };
        let output = output?;
        // It also fails where a check does, so that only the results tell whether it ran.
        let checks = Checks::read(results.path())?;
        if checks.is_empty() {
            return Err(ConformanceError::nothing(self, &output));
        }
        Ok(checks)
    }
}

/// Why there are no results.
#[derive(Debug, thiserror::Error)]
pub enum ConformanceError {
    /// Something is not installed.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// There is nothing to run it against.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Nothing governs it.
    #[error(transparent)]
    ControlPlane(#[from] ControlPlaneError),
    /// Nothing is between.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// Nothing is between where it should be.
    #[error(transparent)]
    Envoy(#[from] EnvoyError),
    /// It could not be run, or its results not be read.
    #[error("cannot run the conformance suite: {0}")]
    Run(#[from] io::Error),
    /// It did not end.
    #[error("the conformance suite ({selection}) did not end within {LONGEST_RUN:?}")]
    Late {
        /// What was run.
        selection: String,
    },
    /// It checked nothing.
    #[error("the conformance suite ({selection}) checked nothing:\n{said}")]
    Nothing {
        /// What was run.
        selection: String,
        /// What it wrote.
        said: String,
    },
    /// It ended before its end, on one side.
    #[error("the conformance suite ({selection}) ran only on one side: {scenarios:?}")]
    OneSided {
        /// What was run.
        selection: String,
        /// What was not run on both sides.
        scenarios: BTreeSet<String>,
    },
}

impl ConformanceError {
    fn nothing(selection: &Selection, output: &Output) -> Self {
        let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
        Self::Nothing {
            selection: selection.label().to_owned(),
            said: String::from_utf8_lossy(&said).into_owned(),
        }
    }
}
