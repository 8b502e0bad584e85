//! `chancery serve`.

use std::{io, net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use tracing_subscriber::EnvFilter;

use super::{
    console::{Console, has_colours},
    exit::Exit,
};
use crate::serve::{self, ServeError, ServeOptions};

/// Run the control plane
///
/// Logs go to standard error; the variable `RUST_LOG` says which (info). SIGINT and SIGTERM drain it and end
/// it.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery serve --data-dir ./data --insecure-development")]
pub(crate) struct ServeArgs {
    /// Where the store and the log are kept; made where it is not there
    #[arg(long, value_name = "DIR", env = "CHANCERY_DATA_DIR")]
    data_dir: PathBuf,
    /// The keys that seal secrets in the store; made by `chancery keys new`. In development: left
    /// out, one is made in the data folder
    #[arg(long, value_name = "FILE", env = "CHANCERY_STORE_KEY")]
    store_key: Option<PathBuf>,
    /// Where to listen; port 0 takes any
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "CHANCERY_LISTEN",
        default_value = "127.0.0.1:7400"
    )]
    listen: SocketAddr,
    /// A key that signs snapshots (see `chancery keygen`); repeatable, to replace one without a gap
    ///
    /// In development and without it one is made in the data folder; the log says what filters need
    /// to trust it.
    #[arg(
        long = "signing-key",
        value_name = "FILE",
        env = "CHANCERY_SIGNING_KEY"
    )]
    signing_keys: Vec<PathBuf>,
    /// The `iss` of assertions; their keys are at `/.well-known/jwks.json`
    #[arg(
        long,
        value_name = "ISSUER",
        env = "CHANCERY_ASSERTION_ISSUER",
        default_value = "chancery"
    )]
    assertion_issuer: String,
    /// A network that the issuers of tokens may be in beside the public internet; repeatable
    #[arg(long = "allow-network", value_name = "CIDR")]
    allowed_networks: Vec<IpNet>,
    /// Authenticate nobody; on loopback, for development only
    #[arg(long)]
    insecure_development: bool,
}

pub(crate) async fn run(args: ServeArgs, console: &mut Console<'_>) -> Exit {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(has_colours(&io::stderr()))
        .with_writer(io::stderr);
    if let Err(error) = subscriber.try_init() {
        console.talk(format_args!("warning: no logs: {error}"));
    }
    let ServeArgs {
        data_dir,
        store_key,
        listen,
        signing_keys,
        assertion_issuer,
        allowed_networks,
        insecure_development,
    } = args;
    match serve::run(ServeOptions {
        data_dir,
        store_key,
        listen,
        signing_keys,
        assertion_issuer,
        allowed_networks,
        insecure_development,
    })
    .await
    {
        Ok(()) => Exit::Success,
        Err(error) => {
            console.talk(format_args!("error: {error}"));
            exit_of(&error)
        }
    }
}

fn exit_of(error: &ServeError) -> Exit {
    match error {
        ServeError::NoAuthentication
        | ServeError::NotLoopback { .. }
        | ServeError::NoSigningKey
        | ServeError::NoStoreKey
        | ServeError::Signing(_)
        | ServeError::Key(_) => Exit::Invalid,
        ServeError::InUse { .. } => Exit::Conflict,
        ServeError::Io { .. }
        | ServeError::Egress(_)
        | ServeError::Ledger(_)
        | ServeError::Registry(_)
        | ServeError::Secrets(_)
        | ServeError::Store(_)
        | ServeError::Reflection(_) => Exit::Unavailable,
    }
}
