//! `chancery registry verify`: whether what runs is what the entry says.

use std::{fs::File, io, path::PathBuf};

use chancery_proto::admin::v1::{ServerPackage, resource};
use sha2::{Digest as _, Sha256};

use super::super::{
    Context,
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    name::Kind,
    render::hex,
    stored,
    visible::visible,
};

/// Check whether a package or image that runs is one that a server's entry names
///
/// The digest of an image is its manifest's, as the runtime says it: `kubectl get pod -o
/// jsonpath={..imageID}`, or `docker inspect --format {{.RepoDigests}}`. Exits with 1 where it is
/// another.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery registry verify search --digest sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
  chancery registry verify search --digest registry.example/search@sha256:9f86…
  chancery registry verify search --file search-1.4.2.tgz")]
pub(crate) struct VerifyArgs {
    /// Which server
    mcp_server: String,
    /// The digest of what runs, or an image reference that ends with it; repeatable
    #[arg(
        long = "digest",
        value_name = "DIGEST",
        required_unless_present = "files"
    )]
    digests: Vec<String>,
    /// The archive that runs; repeatable
    #[arg(long = "file", value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub(super) async fn run(
    args: &VerifyArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let mut running = Vec::new();
    for text in &args.digests {
        let digest = text.rsplit('@').next().unwrap_or_default();
        let is_digest = digest
            .strip_prefix("sha256:")
            .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        if !is_digest {
            return Err(Failure::Usage(format!(
                "found digest `{}`, expected `sha256:` and 64 hexadecimal digits",
                visible(text)
            )));
        }
        running.push((text.clone(), digest.to_ascii_lowercase()));
    }
    for file in &args.files {
        let shown = file.display().to_string();
        let digest = digest_of(file)
            .map_err(|error| Failure::Usage(format!("cannot read `{shown}`: {error}")))?;
        running.push((shown, digest));
    }
    let name = context.scope.read(Kind::Server, &args.mcp_server)?;
    let connection = Connection::open(&context.address).await?;
    let resource::Kind::Server(server) = stored::get(&connection, &name).await? else {
        return Err(Failure::Nonsense("it is no server".to_owned()));
    };
    let named: Vec<_> = server
        .packages
        .iter()
        .filter(|package| !package.digest.is_empty())
        .collect();
    if named.is_empty() {
        return Err(Failure::Usage(format!(
            "the entry of {} names no digest: write one into its `packages`",
            name.short()
        )));
    }
    let mut exit = Exit::Success;
    for (shown, digest) in running {
        let found = named.iter().find(|package| package.digest == digest);
        if let Some(package) = found {
            let word = console.paint("approved", Tone::Good);
            let package = said(package);
            console.line(format_args!("{} {word}: {package}", visible(&shown)))?;
            continue;
        }
        exit = Exit::Negative;
        let word = console.paint("not approved", Tone::Bad);
        let expected: Vec<_> = named
            .iter()
            .map(|package| format!("{} ({})", package.digest, said(package)))
            .collect();
        console.line(format_args!(
            "{} {word}: found {digest}, expected {}",
            visible(&shown),
            expected.join(" or ")
        ))?;
    }
    Ok(exit)
}

fn said(package: &ServerPackage) -> String {
    let said = format!(
        "{} {} {}",
        package.registry_type, package.identifier, package.version
    );
    visible(said.trim_end()).into_owned()
}

fn digest_of(file: &PathBuf) -> io::Result<String> {
    let mut digest = Sha256::new();
    let mut file = File::open(file)?;
    let mut chunk = vec![0; 64 << 10];
    loop {
        let read = io::Read::read(&mut file, &mut chunk)?;
        if read == 0 {
            return Ok(format!("sha256:{}", hex(&digest.finalize())));
        }
        digest.update(chunk.get(..read).unwrap_or_default());
    }
}
