//! Reaches the control plane.

use std::{error::Error, fmt, time::Duration};

use clap::parser::ValueSource;
use tonic::{
    Code, Response, Status,
    transport::{Channel, Endpoint},
};

use super::exit::Failure;

/// Nobody who is there takes longer to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Nobody who is well takes longer to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// An answer with a page of records and all their content is smaller.
pub(crate) const MAX_ANSWER_BYTES: usize = 256 << 20;

/// Where the control plane is, and who says so.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    url: String,
    setting: Setting,
}

#[derive(Clone, Copy, Debug)]
enum Setting {
    Flag,
    Environment,
    Default,
}

impl Address {
    pub(crate) fn new(url: String, source: Option<ValueSource>) -> Self {
        let setting = match source {
            Some(ValueSource::CommandLine) => Setting::Flag,
            Some(ValueSource::EnvVariable) => Setting::Environment,
            _ => Setting::Default,
        };
        Self { url, setting }
    }

    /// What to do where nobody answers.
    pub(crate) fn advice(&self) -> &'static str {
        match self.setting {
            Setting::Flag => "Is it running there? Check --server.",
            Setting::Environment => "Is it running there? Check CHANCERY_SERVER.",
            Setting::Default => {
                "Start one with `chancery serve`, or say where it is with --server URL or \
                 CHANCERY_SERVER."
            }
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let setting = match self.setting {
            Setting::Flag => "from --server",
            Setting::Environment => "from CHANCERY_SERVER",
            Setting::Default => "the default",
        };
        write!(f, "{} ({setting})", self.url)
    }
}

/// A connection to the control plane.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) channel: Channel,
    address: Address,
}

impl Connection {
    pub(crate) async fn open(address: &Address) -> Result<Self, Failure> {
        let unusable =
            |reason: &str| Failure::Usage(format!("cannot use the address {address}: {reason}"));
        if !address.url.starts_with("http://") {
            return Err(unusable(
                "expected http://HOST:PORT (an MCP server of the registry is meant by --mcp-server)",
            ));
        }
        let endpoint = Endpoint::from_shared(address.url.clone())
            .map_err(|error| unusable(&root_cause(&error)))?
            .connect_timeout(CONNECT_TIMEOUT);
        let channel = endpoint
            .connect()
            .await
            .map_err(|error| Failure::Unreachable {
                address: address.clone(),
                reason: root_cause(&error),
            })?;
        Ok(Self {
            channel,
            address: address.clone(),
        })
    }

    /// Waits for the answer to a call; `action` completes "cannot …".
    pub(crate) async fn answer<T>(
        &self,
        action: &str,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Result<T, Failure> {
        match tokio::time::timeout(ANSWER_TIMEOUT, call).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(self.refused(action, status)),
            Err(_) => Err(Failure::TooSlow(format!(
                "cannot {action}: the control plane at {} did not answer within {} s",
                self.address,
                ANSWER_TIMEOUT.as_secs()
            ))),
        }
    }

    /// Tells a refusal from a lost connection.
    pub(crate) fn refused(&self, action: &str, status: Status) -> Failure {
        if status.code() == Code::Unavailable && status.source().is_some() {
            return Failure::Unreachable {
                address: self.address.clone(),
                reason: root_cause(&status),
            };
        }
        Failure::Refused {
            action: action.to_owned(),
            status: Box::new(status),
        }
    }
}

/// The innermost cause, which alone says what happened.
fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    let message = cause.to_string();
    // "Connection refused (os error 111)"
    message
        .split_once(" (os error")
        .map_or(message.as_str(), |(message, _)| message)
        .to_lowercase()
}
