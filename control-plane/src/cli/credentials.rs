//! `chancery credentials`.

use std::{path::PathBuf, time::Duration};

use chancery_proto::admin::v1::{
    RotateCredentialRequest, credential_service_client::CredentialServiceClient,
};
use clap::Subcommand;
use zeroize::Zeroizing;

use super::{
    Context,
    connect::Connection,
    console::Console,
    exit::{Exit, Failure},
    name::Kind,
    table::Cell,
    time,
};

/// Longest secret that is read.
const MAX_SECRET_BYTES: u64 = 16 << 10;

/// Look after the secrets that servers are called with
#[derive(Debug, Subcommand)]
pub(crate) enum CredentialsCommand {
    /// Replace the secret of a credential
    ///
    /// What is had from now on is had with the new one. Tokens that were had with the one before end
    /// at once, or after the overlap. An assertion needs no file: a new key is made, published at
    /// once, and signs after the overlap.
    #[command(after_help = "\
Examples:
  chancery credentials rotate github --secret-file ./new-secret
  chancery credentials rotate github --secret-file ./new-secret --overlap 1h")]
    Rotate {
        /// Which
        name: String,
        /// The file with the new secret; a line end after it is not part of it
        #[arg(long, value_name = "FILE")]
        secret_file: Option<PathBuf>,
        /// For how long what was had with the one before may still be used
        #[arg(long, value_name = "LENGTH", default_value = "0s", value_parser = time::parse_length)]
        overlap: Duration,
    },
}

pub(crate) async fn run(
    command: &CredentialsCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let CredentialsCommand::Rotate {
        name,
        secret_file,
        overlap,
    } = command;
    let whole = context.scope.read(Kind::Credential, name)?;
    let secret = match secret_file {
        Some(file) => read(file)?,
        None => Zeroizing::default(),
    };
    let connection = Connection::open(&context.address).await?;
    let mut client = CredentialServiceClient::new(connection.channel.clone());
    let call = client.rotate_credential(RotateCredentialRequest {
        name: whole.to_string(),
        secret: secret.to_string(),
        overlap: Some(prost_types::Duration {
            seconds: i64::try_from(overlap.as_secs()).unwrap_or(i64::MAX),
            nanos: 0,
        }),
        etag: String::new(),
    });
    connection.answer("rotate the credential", call).await?;
    console.talk(format_args!("{} has a new secret", Cell::new(name)));
    Ok(Exit::Success)
}

fn read(file: &PathBuf) -> Result<Zeroizing<String>, Failure> {
    use std::io::Read as _;
    let shown = || Cell::new(&file.display().to_string()).to_string();
    let unreadable =
        |error| Failure::Usage(format!("cannot read the secret from {}: {error}", shown()));
    let mut text = Zeroizing::new(String::new());
    let opened = std::fs::File::open(file).map_err(unreadable)?;
    let mut bounded = opened.take(MAX_SECRET_BYTES + 1);
    bounded.read_to_string(&mut text).map_err(unreadable)?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() || text.len() as u64 > MAX_SECRET_BYTES {
        let expected = format!("a secret of 1 to {MAX_SECRET_BYTES} bytes");
        return Err(Failure::Usage(format!(
            "{} holds no secret, expected {expected}",
            shown()
        )));
    }
    Ok(Zeroizing::new(secret.to_owned()))
}
