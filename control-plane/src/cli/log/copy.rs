//! `chancery audit copy`.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

use chancery_proto::audit::v1::{CopyLogRequest, CopyLogResponse};

use super::client;
use crate::cli::{Context, connect::Connection, console::Console, exit::Failure};

#[derive(Debug, clap::Args)]
pub(crate) struct CopyArgs {
    /// Where: a folder that is not there yet, or empty
    folder: PathBuf,
    /// Leave out segments whose records all come before this position
    #[arg(long, value_name = "N", default_value_t = 0)]
    from: u64,
}

pub(super) async fn run(
    args: &CopyArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    const ACTION: &str = "copy the log";
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::Usage(format!("{}: {error}", args.folder.display()))
    };
    fs::create_dir_all(&args.folder).map_err(|error| unusable(&error))?;
    let mut there = fs::read_dir(&args.folder).map_err(|error| unusable(&error))?;
    if there.next().is_some() {
        return Err(unusable(&"found files, expected an empty folder"));
    }
    let connection = Connection::open(&context.address).await?;
    let mut client = client(&connection);
    let request = CopyLogRequest {
        from_position: args.from,
    };
    let mut parts = connection.answer(ACTION, client.copy_log(request)).await?;
    let mut files = Files::default();
    let copied = loop {
        match parts.message().await {
            Ok(Some(part)) => files.add(&args.folder, &part)?,
            Ok(None) => break files.finish(),
            Err(status) => return Err(connection.refused(ACTION, status)),
        }
    };
    console.talk(format_args!(
        "{} bytes in {}",
        copied?,
        args.folder.display()
    ));
    Ok(())
}

#[derive(Default)]
struct Files {
    open: BTreeMap<String, File>,
    bytes: usize,
}

impl Files {
    fn add(&mut self, folder: &Path, part: &CopyLogResponse) -> Result<(), Failure> {
        let CopyLogResponse { file, data } = part;
        // What the other side calls a file leads nowhere else.
        if Path::new(file).file_name() != Some(OsStr::new(file)) {
            return Err(Failure::Nonsense(format!("a file called `{file}`")));
        }
        if !self.open.contains_key(file) {
            let made = File::create_new(folder.join(file)).map_err(Failure::Output)?;
            self.open.insert(file.clone(), made);
        }
        if let Some(open) = self.open.get_mut(file) {
            open.write_all(data).map_err(Failure::Output)?;
        }
        self.bytes = self.bytes.saturating_add(data.len());
        Ok(())
    }

    /// How many bytes are durable by now.
    fn finish(self) -> Result<usize, Failure> {
        let mut files = self.open.values();
        files
            .try_for_each(File::sync_all)
            .map_err(Failure::Output)?;
        Ok(self.bytes)
    }
}
