//! `chancery-lab run`: Envoy with the filter in front of a server that already runs.

use std::{
    env,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
};

use clap::Args;
use reqwest::Url;

use super::{LabError, Stack, console::Console};
use crate::{
    artifacts,
    control_plane::ControlPlane,
    envoy::{EnvoyOptions, Filter, Route, Upstream},
};

/// The cluster's name, which Server resources use.
const CLUSTER: &str = "upstream";
const WORKERS: u32 = 2;

/// Put Envoy with the filter in front of a running MCP server.
#[derive(Args, Debug)]
pub(super) struct Run {
    /// The server's MCP endpoint: `http://HOST[:PORT]/PATH` or https.
    upstream: String,
    /// Resources to apply: a YAML file, or a folder of them. The server's cluster is `upstream`.
    resources: PathBuf,
    /// Envoy's port on 127.0.0.1. Left out: a free one.
    #[arg(default_value_t = 0)]
    port: u16,
}

impl Run {
    pub(super) async fn execute(self, console: &mut Console) -> Result<ExitCode, LabError> {
        let target = Target::parse(&self.upstream)?;
        if !self.resources.exists() {
            return Err(LabError::Resources {
                path: self.resources,
            });
        }
        let filter = Filter::Chancery(artifacts::filter()?);
        artifacts::envoy()?;

        let control_plane = ControlPlane::start().await?;
        apply(&control_plane, &self.resources).await?;
        let options = EnvoyOptions {
            routes: vec![Route {
                host: Some(target.authority),
                ..Route::everything(CLUSTER)
            }],
            concurrency: WORKERS,
            port: self.port,
            ..EnvoyOptions::new(filter, vec![target.upstream], control_plane.address())
        };
        let mut stack = Stack::start(control_plane, &options).await?;

        let url = stack.url(&target.path)?;
        addresses(
            console,
            &stack,
            &format!("{url}  (Envoy, before {})", self.upstream),
        );
        let instances = options.instances();
        console.ready(&format!("{instances} instances enforce the rules"));
        Err(stack.failed().await)
    }
}

/// Prints where everything is, and the line that makes the command line work.
pub(super) fn addresses(console: &mut Console, stack: &Stack, mcp: &str) {
    let Stack {
        envoy,
        control_plane,
        ..
    } = stack;
    let program = shown(control_plane.program());
    let nodes = format!("CHANCERY_SERVER={} {program} nodes", control_plane.url());
    console.table(
        2,
        &[
            ("MCP server", mcp.to_owned()),
            ("Control plane", control_plane.url()),
            ("Envoy's admin", format!("http://{}", envoy.admin())),
            ("Envoy's folder", envoy.folder().display().to_string()),
            ("Command line", nodes),
        ],
    );
}

/// A path as one would type it here.
pub(super) fn shown(path: &Path) -> String {
    let here = env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}

async fn apply(control_plane: &ControlPlane, resources: &Path) -> Result<(), LabError> {
    let mut command = control_plane.command(["apply", "-f"]);
    command
        .arg(resources)
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    let status = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .status()
        .await;
    if status?.success() {
        Ok(())
    } else {
        Err(LabError::Refused)
    }
}

/// Where the server is, in Envoy's terms.
#[derive(Debug)]
struct Target {
    upstream: Upstream,
    authority: String,
    path: String,
}

impl Target {
    fn parse(given: &str) -> Result<Self, LabError> {
        let invalid = || LabError::Upstream {
            given: given.to_owned(),
        };
        let Ok(url) = Url::parse(given) else {
            return Err(invalid());
        };
        let tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(invalid()),
        };
        let host = url.host_str().ok_or_else(invalid)?.to_owned();
        let port = url.port_or_known_default().ok_or_else(invalid)?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.clone(),
        };
        let upstream = Upstream {
            cluster: CLUSTER.to_owned(),
            host,
            port,
            tls,
        };
        Ok(Self {
            upstream,
            authority,
            path: url.path().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upstream_is_split_as_envoy_needs_it() {
        let target = Target::parse("https://mcp.example.com/v1/mcp").unwrap();
        assert_eq!(target.authority, "mcp.example.com");
        assert_eq!((target.upstream.port, target.upstream.tls), (443, true));
        assert_eq!(target.path, "/v1/mcp");
        assert_eq!(
            Target::parse("http://[::1]:3000/mcp").unwrap().authority,
            "[::1]:3000"
        );
    }

    #[test]
    fn what_is_no_url_of_a_server_is_refused() {
        for given in ["", "localhost:3000", "ftp://a/", "http://"] {
            assert!(
                matches!(Target::parse(given), Err(LabError::Upstream { .. })),
                "{given}"
            );
        }
    }
}
