//! Keys in a file, read again when it changes.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use super::TokenKeysError;
use crate::access::token::{KeysAs, TokenRules, Tokens};

/// What is in the file.
pub(super) struct FileKeys {
    rules: TokenRules,
    file: PathBuf,
    current: RwLock<(Vec<u8>, Arc<Tokens>)>,
}

impl fmt::Debug for FileKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileKeys")
            .field("rules", &self.rules)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl FileKeys {
    /// Reads the keys.
    pub(super) fn open(rules: TokenRules, file: PathBuf) -> Result<Self, TokenKeysError> {
        let read = read(&file)?;
        let tokens = parse(&rules, &file, &read)?;
        Ok(Self {
            rules,
            file,
            current: RwLock::new((read, Arc::new(tokens))),
        })
    }

    /// Reads the file again. True where there is something else in it than before.
    pub(super) fn reload(&self) -> Result<bool, TokenKeysError> {
        let read = read(&self.file)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.0 == read {
            return Ok(false);
        }
        let tokens = parse(&self.rules, &self.file, &read)?;
        *current = (read, Arc::new(tokens));
        Ok(true)
    }

    pub(super) fn current(&self) -> Arc<Tokens> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current.1)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TokenKeysError> {
    fs::read(path).map_err(|error| TokenKeysError::File {
        path: path.to_owned(),
        error,
    })
}

fn parse(rules: &TokenRules, path: &Path, bytes: &[u8]) -> Result<Tokens, TokenKeysError> {
    let text = String::from_utf8_lossy(bytes);
    Tokens::new(rules, KeysAs::Written(&text)).map_err(|error| TokenKeysError::Unfit {
        path: path.to_owned(),
        error: Box::new(error),
    })
}
