//! A compiled filter.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use wasmtime::{Config, Engine, InstancePre};

use super::state::Host;
use super::{HostError, imports};

/// What tells two files apart: path, modification time, bytes.
type FileKey = (PathBuf, Option<SystemTime>, u64);

/// Every module of this process, so that tests in one binary compile a file once.
static COMPILED: Mutex<BTreeMap<FileKey, Module>> = Mutex::new(BTreeMap::new());

/// A filter, compiled and linked against the host functions. Cheap to clone.
#[derive(Clone)]
pub struct Module {
    pub(super) engine: Engine,
    pub(super) linked: InstancePre<Host>,
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").finish_non_exhaustive()
    }
}

impl Module {
    /// Compiles the `.wasm` at `path`, or returns the module that this process compiled before
    /// from the same unchanged file.
    ///
    /// Fails if the file is missing, is not Wasm, or imports what Envoy does not offer.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, HostError> {
        let path = path.as_ref();
        let unreadable = |error: std::io::Error| HostError::Load {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let found = path.metadata().map_err(unreadable)?;
        let file = path.canonicalize().map_err(unreadable)?;
        let key = (file, found.modified().ok(), found.len());
        let mut compiled = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = compiled.get(&key) {
            return Ok(module.clone());
        }
        let bytes = std::fs::read(path).map_err(unreadable)?;
        let module = Self::compile(&bytes).map_err(|reason| HostError::Load {
            path: path.to_owned(),
            reason,
        })?;
        compiled.insert(key, module.clone());
        Ok(module)
    }

    fn compile(bytes: &[u8]) -> Result<Self, String> {
        let describe = |error: wasmtime::Error| format!("{error:#}");
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).map_err(describe)?;
        let module = wasmtime::Module::new(&engine, bytes).map_err(describe)?;
        let imports = imports::linker(&engine).map_err(describe)?;
        let linked = imports.instantiate_pre(&module).map_err(describe)?;
        Ok(Self { engine, linked })
    }
}
