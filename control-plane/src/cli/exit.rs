//! How a command ends.

use std::{fmt, io, process::ExitCode};

use tonic::{Code, Status};

use super::{connect::Address, problem::Problem, visible::visible};

/// The exit status; `--help` documents it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    Negative = 1,
    Invalid = 2,
    NotFound = 3,
    Denied = 4,
    Conflict = 5,
    Unavailable = 6,
}

/// What `--help` says of it.
pub(crate) const EXPLAINED: &str = "\
Exit status:
  0  done
  1  done, and the answer is no: `diff` and `review diff` found differences, `simulate` and `can-i`
     a call that would be refused, `who-can` nobody, `replay` decisions that would flip, `test`
     failures, `redact` samples that a filter would refuse, `review inspect` warnings above low,
     `audit verify` and `audit verify-proof` something that is not as it was signed,
     `audit reconcile` differences
  2  wrong usage, or invalid input; nothing was changed
  3  not found
  4  denied
  5  conflict with what is stored
  6  the control plane is out of reach, too slow, or failed";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a command could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// What was given to it is wrong, in these places.
    #[error("{}", Listed(.problems, .consequence))]
    Invalid {
        problems: Vec<Problem>,
        consequence: &'static str,
    },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Nobody answers at the address.
    #[error("cannot reach the control plane at {address}: {reason}\n{}", .address.advice(.reason))]
    Unreachable {
        address: Box<Address>,
        reason: String,
    },
    /// The control plane did not answer in time.
    #[error("{0}")]
    TooSlow(String),
    /// The control plane says no.
    #[error("cannot {action}: {}{}", visible(.status.message()), Of(.status.code()))]
    Refused { action: String, status: Box<Status> },
    /// The control plane says something that makes no sense.
    #[error("the control plane's answer makes no sense: {}", visible(.0))]
    Nonsense(String),
    /// The result cannot be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
}

impl Failure {
    /// A value cannot be written in a format.
    pub(crate) fn rendering(error: impl fmt::Display) -> Self {
        Self::Nonsense(error.to_string())
    }

    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Invalid { .. } | Self::Usage(_) => Exit::Invalid,
            Self::Refused { status, .. } => of_code(status.code()),
            // Whoever read the output has seen enough.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Success,
            Self::Unreachable { .. } | Self::TooSlow(_) | Self::Nonsense(_) | Self::Output(_) => {
                Exit::Unavailable
            }
        }
    }
}

fn of_code(code: Code) -> Exit {
    match code {
        Code::Ok => Exit::Success,
        Code::InvalidArgument | Code::OutOfRange => Exit::Invalid,
        Code::NotFound => Exit::NotFound,
        Code::PermissionDenied | Code::Unauthenticated => Exit::Denied,
        Code::AlreadyExists | Code::FailedPrecondition | Code::Aborted => Exit::Conflict,
        Code::Cancelled
        | Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Unimplemented
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => Exit::Unavailable,
    }
}

struct Of(Code);

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match of_code(self.0) {
            Exit::Unavailable => write!(f, " ({})", self.0.description()),
            Exit::Success
            | Exit::Negative
            | Exit::Invalid
            | Exit::NotFound
            | Exit::Denied
            | Exit::Conflict => Ok(()),
        }
    }
}

struct Listed<'a>(&'a [Problem], &'a str);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(problems, consequence) = self;
        let noun = if problems.len() == 1 {
            "problem"
        } else {
            "problems"
        };
        write!(f, "{} {noun}, {consequence}", problems.len())
    }
}
