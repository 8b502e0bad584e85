//! `chancery keygen`.

use std::{io, path::PathBuf};

use super::{
    console::Console,
    exit::{Exit, Failure},
};
use crate::signing::{SigningError, SigningKey};

/// Make a key that signs snapshots, or the record
///
/// Prints what filters that trust it need in `trust_keys` of their plugin configuration. A key that
/// is there already is kept, and its public half printed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery keygen signing.pem
  chancery keygen log.pem
  chancery serve --signing-key signing.pem --log-key log.pem --data-dir ./data --insecure-development")]
pub(crate) struct KeygenArgs {
    /// The private key: PKCS #8 in PEM, for its owner alone
    file: PathBuf,
}

pub(crate) fn run(args: &KeygenArgs, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let refused = |error: SigningError| Failure::Usage(error.to_string());
    let (key, what) = match SigningKey::read(&args.file) {
        Err(SigningError::File { path: _, error }) if error.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::generate().map_err(refused)?;
            key.write(&args.file).map_err(refused)?;
            (key, "made")
        }
        read => (read.map_err(refused)?, "kept"),
    };
    console.talk(format_args!("{what} {}", args.file.display()));
    console.json_line(&key.trust_key())?;
    Ok(Exit::Success)
}
