//! `chancery keys`.

use std::path::PathBuf;

use chancery_proto::admin::v1::{
    ListStoreKeysRequest, ListStoreKeysResponse, RotateStoreKeyRequest, RotateStoreKeyResponse,
    StoreKey, store_key_service_client::StoreKeyServiceClient,
};
use clap::Subcommand;

use super::{
    Context,
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    output::Format,
    render,
    table::{self, Cell},
    time,
};
use crate::{registry::now, secrets::key_file::KeyFile};

/// Look after the keys that seal secrets in the store
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a file with a new store key, for `chancery serve --store-key`
    #[command(after_help = "\
Examples:
  chancery keys new /etc/chancery/store.key

Keep a copy where the backups of the store are not: without the key they do not open.")]
    New {
        /// Where; nothing is there yet
        file: PathBuf,
    },
    /// Show the store keys, their age, and how many secrets each wraps
    List,
    /// Have a new store key seal from now on
    ///
    /// Everything is wrapped anew in the background; the key before it opens until then, and an
    /// hour longer.
    Rotate,
}

pub(crate) async fn run(
    command: &KeysCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    match command {
        KeysCommand::New { file } => {
            KeyFile::create(file, now().seconds.unsigned_abs())
                .map_err(|error| Failure::Usage(error.to_string()))?;
            console.talk(format_args!(
                "made {}; only you can read it",
                Cell::new(&file.display().to_string())
            ));
        }
        KeysCommand::List => list(context, console).await?,
        KeysCommand::Rotate => {
            let connection = Connection::open(&context.address).await?;
            let mut client = StoreKeyServiceClient::new(connection.channel.clone());
            let call = client.rotate_store_key(RotateStoreKeyRequest {});
            let RotateStoreKeyResponse { store_key } =
                connection.answer("rotate the store key", call).await?;
            let name = store_key.map(|key| key.name).unwrap_or_default();
            console.talk(format_args!("{} seals from now on", Cell::new(&name)));
        }
    }
    Ok(Exit::Success)
}

async fn list(context: &Context, console: &mut Console<'_>) -> Result<(), Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let connection = Connection::open(&context.address).await?;
    let mut client = StoreKeyServiceClient::new(connection.channel.clone());
    let call = client.list_store_keys(ListStoreKeysRequest {});
    let ListStoreKeysResponse { store_keys } =
        connection.answer("list the store keys", call).await?;
    let rendered = || {
        let keys = store_keys.iter();
        let keys = keys.map(|key| render::message("chancery.admin.v1.StoreKey", key));
        keys.collect::<Result<Vec<_>, _>>()
    };
    match format {
        Format::Json => console.json(&rendered()?),
        Format::Yaml => console.yaml(&rendered()?, true),
        Format::Table | Format::Name => {
            let seals = store_keys.len().saturating_sub(1);
            let rows: Vec<_> = store_keys
                .iter()
                .enumerate()
                .map(|(position, key)| row(key, position == seals))
                .collect();
            table::write(&["NAME", "MADE", "AGE", "SECRETS", "STATE"], &rows, console)
        }
    }
}

fn row(key: &StoreKey, seals: bool) -> Vec<Cell> {
    let made = key.create_time.as_ref();
    let (state, tone) = if seals {
        ("seals", Tone::Good)
    } else {
        ("opens", Tone::Plain)
    };
    vec![
        Cell::new(&key.name),
        Cell::new(&made.map_or_else(|| "-".to_owned(), time::seconds)).tone(Tone::Faint),
        Cell::new(&made.map_or_else(|| "-".to_owned(), |made| time::age(made, &now()))),
        Cell::new(&key.secret_count.to_string()),
        Cell::new(state).tone(tone),
    ]
}
