//! The public suites in `tests/corpora`, read; `SOURCES.md` there says where they are from.

mod wycheproof;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

pub use wycheproof::{Judgement, Vector, WycheproofError, vectors};

/// A file of `JSONTestSuite`.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its name; the first letter says what a parser must do: `y` accept, `n` refuse, `i` either.
    pub name: String,
    /// Its bytes, which may be no text.
    pub bytes: Vec<u8>,
}

/// Why a suite could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file.
    #[error("{path}: {error}")]
    File {
        /// Which.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// Its content.
    #[error("{path}: {error}")]
    Content {
        /// Which.
        path: String,
        /// Why.
        error: serde_json::Error,
    },
}

/// Every file of `JSONTestSuite`, by name.
///
/// # Errors
/// Where one cannot be read.
pub fn json_samples() -> Result<Vec<Sample>, SuiteError> {
    let folder = corpora().join("JSONTestSuite/test_parsing");
    let failed = |error| SuiteError::File {
        path: folder.display().to_string(),
        error,
    };
    let mut samples = Vec::new();
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        samples.push(Sample {
            name: entry.file_name().to_string_lossy().into_owned(),
            bytes: read(&entry.path())?,
        });
    }
    samples.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(samples)
}

/// Every string of the Big List of Naughty Strings.
///
/// # Errors
/// Where the list cannot be read.
pub fn naughty_strings() -> Result<Vec<String>, SuiteError> {
    read_json(&corpora().join("blns/blns.json"))
}

fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora")
}

fn read(path: &Path) -> Result<Vec<u8>, SuiteError> {
    fs::read(path).map_err(|error| SuiteError::File {
        path: path.display().to_string(),
        error,
    })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, SuiteError> {
    serde_json::from_slice(&read(path)?).map_err(|error| SuiteError::Content {
        path: path.display().to_string(),
        error,
    })
}
