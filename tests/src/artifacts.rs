//! Where the things under test are: what was built, and Envoy.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Something that has to be built or installed first.
#[derive(Debug, thiserror::Error)]
#[error("there is no {what} at `{}`; {remedy}", path.display())]
pub struct Missing {
    what: &'static str,
    path: PathBuf,
    remedy: &'static str,
}

/// The repository's root.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// The filter as Envoy loads it: `CHANCERY_FILTER`, else what `just wasm` builds.
pub fn filter() -> Result<PathBuf, Missing> {
    let built = || target().join("wasm32-wasip1/wasm/chancery_filter.wasm");
    let path = env::var_os("CHANCERY_FILTER").map_or_else(built, PathBuf::from);
    present(path, "filter", "run `just wasm`")
}

/// The module that times redaction in Envoy, as `just redaction-speed` builds it.
pub fn redaction_bench() -> Result<PathBuf, Missing> {
    let path = target().join("wasm32-wasip1/wasm/chancery_redaction_bench.wasm");
    present(
        path,
        "module that times redaction",
        "run `just redaction-speed`",
    )
}

/// The control plane: `CHANCERY_BIN`, else what was built beside the running program.
pub fn control_plane() -> Result<PathBuf, Missing> {
    let path = env::var_os("CHANCERY_BIN").map_or_else(beside_us, PathBuf::from);
    present(
        path,
        "control plane",
        "run `just build`; for `just bench`, `cargo build --release`",
    )
}

/// Envoy: `ENVOY`, else what `just setup` installs.
pub fn envoy() -> Result<PathBuf, Missing> {
    let installed = || root().join(".tools/bin/envoy");
    let path = env::var_os("ENVOY").map_or_else(installed, PathBuf::from);
    present(path, "Envoy", "run `just setup`, or let `ENVOY` name one")
}

/// A Python that has the MCP SDK: `CHANCERY_PYTHON`, else what `just setup` installs.
pub fn python() -> Result<PathBuf, Missing> {
    let installed = || root().join(".tools/python/bin/python");
    let path = env::var_os("CHANCERY_PYTHON").map_or_else(installed, PathBuf::from);
    present(path, "Python with the MCP SDK", "run `just setup`")
}

/// Node 22, which the conformance suite needs: `CHANCERY_NODE`, else what `just setup` installs.
pub fn node() -> Result<PathBuf, Missing> {
    let installed = || node_packages().join("node/bin/node");
    let path = env::var_os("CHANCERY_NODE").map_or_else(installed, PathBuf::from);
    present(path, "Node 22", "run `just setup`")
}

/// The program of MCP's conformance suite, from the package that has the release.
pub fn conformance(package: &str) -> Result<PathBuf, Missing> {
    let path = node_packages().join(package).join("dist/index.js");
    present(path, "conformance suite", "run `.setup/conformance`")
}

fn node_packages() -> PathBuf {
    root().join(".tools/node/node_modules")
}

fn present(path: PathBuf, what: &'static str, remedy: &'static str) -> Result<PathBuf, Missing> {
    if path.is_file() {
        Ok(path)
    } else {
        Err(Missing { what, path, remedy })
    }
}

/// Where Cargo puts what it builds.
pub fn target() -> PathBuf {
    // A relative CARGO_TARGET_DIR is relative to where Cargo ran: the root, under our recipes.
    root().join(env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from))
}

/// `target/debug/chancery` for `target/debug/chancery-lab` and `target/debug/deps/some_test-…`.
fn beside_us() -> PathBuf {
    let us = env::current_exe().unwrap_or_default();
    let folder = us.parent().unwrap_or_else(|| Path::new("."));
    let profile = if folder.ends_with("deps") {
        folder.parent()
    } else {
        None
    };
    profile.unwrap_or(folder).join("chancery")
}
