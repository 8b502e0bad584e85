//! Signed heads of the log, as C2SP's tlog-checkpoint and signed-note have them, so that others' tools
//! read them.
//!
//! A checkpoint is at most a second behind what is durable. It is the file `checkpoint` beside the
//! segments; kept elsewhere, too, it proves that nothing before it was taken away.

use std::{
    fmt, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chancery_engine::id::Hex;
use ed25519_dalek::{Signer as _, VerifyingKey};
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::Checkpoint;
use tokio::sync::watch;

use super::{
    Head, Ledger, LedgerError, io_error,
    segment::sync_folder,
    tree::{HashFile, tree_error},
};
use crate::signing::SigningKey;

/// How often a log that grows is signed.
const SIGNED_EVERY: Duration = Duration::from_secs(1);

/// The algorithm byte of Ed25519 in a verifier key (C2SP signed-note).
const ED25519: u8 = 1;

/// Why a checkpoint is not believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// It is none.
    #[error("it is no checkpoint: {0}")]
    Malformed(String),
    /// None of the keys that are believed signed it.
    #[error("it is signed by {found}, not by {expected}")]
    OtherKey {
        /// Who signed it, by name and key id.
        found: String,
        /// The keys that are believed.
        expected: String,
    },
    /// A key that is believed is said to have signed it, and did not.
    #[error("its signature is not that of {0}")]
    Forged(String),
    /// It is of another log.
    #[error("it is of the log `{found}`, not of `{expected}`")]
    OtherLog {
        /// Which.
        found: String,
        /// Which was looked for.
        expected: String,
    },
}

/// Why there is no verifier key.
#[derive(Debug, thiserror::Error)]
#[error(
    "found `{found}`, expected a log's public key, `NAME+HASH+KEY` as `chancery audit key` prints it: {problem}"
)]
pub struct KeyError {
    found: String,
    problem: signed_note::VerifierError,
}

/// Signs the heads of one log.
pub struct LogSigner {
    /// The log's origin, and the key's name.
    origin: String,
    key: Arc<SigningKey>,
}

impl LogSigner {
    /// The signer of the log in a folder, whose origin is made once and kept.
    ///
    /// # Errors
    /// Where the origin cannot be read or kept.
    pub fn open(folder: &Path, key: Arc<SigningKey>) -> Result<Self, LedgerError> {
        let origin = Origin::read_or_make(folder)?.0;
        Ok(Self { origin, key })
    }

    /// What the log is called in every checkpoint of it.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The public key, as others' tools take it (C2SP signed-note: a verifier key).
    pub fn public_key(&self) -> String {
        signed_note::new_ed25519_verifier_key(&self.origin, &self.key.public())
    }

    /// Signs a head.
    ///
    /// # Errors
    /// Where the origin is none.
    pub fn sign(&self, head: Head) -> Result<Vec<u8>, CheckpointError> {
        let malformed = |error: &dyn fmt::Display| CheckpointError::Malformed(error.to_string());
        let checkpoint = Checkpoint::new(&self.origin, head.size, head.root, "");
        let checkpoint = checkpoint.map_err(|error| malformed(&error))?;
        let note = Note::new(&checkpoint.to_bytes(), &[]);
        let mut note = note.map_err(|error| malformed(&error))?;
        note.add_sigs(&[self]).map_err(|error| malformed(&error))?;
        Ok(note.to_bytes())
    }
}

impl signed_note::Signer for LogSigner {
    fn name(&self) -> &str {
        &self.origin
    }

    fn key_id(&self) -> u32 {
        key_id(&self.origin, &self.key.public())
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ed25519_dalek::SignatureError> {
        Ok(self.key.secret().try_sign(message)?.to_vec())
    }
}

impl fmt::Debug for LogSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, key } = self;
        f.debug_struct("LogSigner")
            .field("origin", origin)
            .field("key", key)
            .finish()
    }
}

/// The keys whose checkpoints are believed.
#[derive(Clone, Debug)]
pub struct LogKeys(Vec<String>);

impl LogKeys {
    /// Reads verifier keys, one a line.
    ///
    /// # Errors
    /// Where one of them is none, or there is none.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut keys = Vec::new();
        for line in lines {
            read_key(line)?;
            keys.push(line.to_owned());
        }
        if keys.is_empty() {
            read_key("")?;
        }
        Ok(Self(keys))
    }

    /// Opens a checkpoint that one of the keys has signed.
    ///
    /// # Errors
    /// Where it is none, or not signed by any of them.
    pub fn open(&self, note: &[u8]) -> Result<Signed, CheckpointError> {
        let malformed = |error: &dyn fmt::Display| CheckpointError::Malformed(error.to_string());
        let parsed = Note::from_bytes(note).map_err(|error| malformed(&error))?;
        let mut verifiers: Vec<Box<dyn signed_note::Verifier>> = Vec::new();
        for key in &self.0 {
            verifiers.push(Box::new(read_key(key).map_err(|error| malformed(&error))?));
        }
        let verified = parsed.verify(&VerifierList::new(verifiers));
        let (signatures, _) = verified.map_err(|error| match error {
            signed_note::NoteError::InvalidSignature { name, id } => {
                CheckpointError::Forged(format!("{name}+{id:08x}"))
            }
            signed_note::NoteError::UnverifiedNote => CheckpointError::OtherKey {
                found: signers(note),
                expected: self.names(),
            },
            other @ (signed_note::NoteError::MalformedNote
            | signed_note::NoteError::InvalidSigner
            | signed_note::NoteError::MismatchedVerifier
            | signed_note::NoteError::VerificationError(_)
            | signed_note::NoteError::SignatureError(_)) => malformed(&other),
        })?;
        let signed = Signed::of_text(parsed.text())?;
        // A key speaks for the log that has its name, and for no other.
        if let Some(other) = signatures.iter().find(|it| it.name() != signed.origin) {
            return Err(CheckpointError::OtherLog {
                found: signed.origin,
                expected: other.name().to_owned(),
            });
        }
        Ok(signed)
    }

    fn names(&self) -> String {
        let short = |key: &String| {
            let (name, _) = key.rsplit_once('+').unwrap_or((key, ""));
            name.to_owned()
        };
        self.0.iter().map(short).collect::<Vec<_>>().join(", ")
    }
}

fn read_key(text: &str) -> Result<StandardVerifier, KeyError> {
    StandardVerifier::new(text).map_err(|problem| KeyError {
        found: text.to_owned(),
        problem,
    })
}

fn key_id(name: &str, key: &VerifyingKey) -> u32 {
    let mut encoded = vec![ED25519];
    encoded.extend_from_slice(key.as_bytes());
    signed_note::key_id(name, &encoded)
}

/// Who a note says has signed it.
fn signers(note: &[u8]) -> String {
    let text = String::from_utf8_lossy(note);
    let signatures = text.lines().filter(|line| line.starts_with('—'));
    let signatures = signatures.filter_map(|line| {
        signed_note::Signature::from_bytes(line.as_bytes())
            .ok()
            .map(|it| format!("{}+{:08x}", it.name(), it.id()))
    });
    signatures.collect::<Vec<_>>().join(", ")
}

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq)]
pub struct Signed {
    /// Which log.
    pub origin: String,
    /// Its head.
    pub head: Head,
}

impl Signed {
    fn of_text(text: &[u8]) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::from_bytes(text)
            .map_err(|error| CheckpointError::Malformed(error.to_string()))?;
        Ok(Self {
            origin: checkpoint.origin().to_owned(),
            head: Head {
                size: checkpoint.size(),
                root: *checkpoint.hash(),
            },
        })
    }
}

/// What a log is called.
struct Origin(String);

impl Origin {
    /// The beginning of every origin, an URL without a scheme as the specification recommends.
    const PREFIX: &'static str = "chancery.dev/log/";

    /// Two logs that one key signs are told apart by their names, so a name is random.
    fn read_or_make(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join("origin");
        match fs::read_to_string(&path) {
            Ok(text) if signed_note::is_key_name_valid(text.trim()) => {
                Ok(Self(text.trim().to_owned()))
            }
            Ok(text) => Err(LedgerError::Malformed {
                path,
                problem: format!("found `{}`, expected the name of a log", text.trim()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let mut random = [0; 8];
                let drawn = getrandom::getrandom(&mut random).map_err(io::Error::from);
                drawn.map_err(io_error(&path))?;
                let origin = Self(format!("{}{}", Self::PREFIX, Hex(&random)));
                fs::create_dir_all(folder).map_err(io_error(folder))?;
                replace(&path, format!("{}\n", origin.0).as_bytes())?;
                Ok(origin)
            }
            Err(error) => Err(io_error(&path)(error)),
        }
    }
}

/// Gives a log another name.
pub(super) fn rename(folder: &Path, origin: &str) -> Result<String, LedgerError> {
    replace(&folder.join("origin"), format!("{origin}\n").as_bytes())?;
    Ok(origin.to_owned())
}

/// The file that the newest checkpoint is in.
pub(super) fn path(folder: &Path) -> PathBuf {
    folder.join("checkpoint")
}

/// The head that was signed last, whoever signed it.
pub(super) fn last_signed(folder: &Path) -> Result<Option<Head>, LedgerError> {
    let path = path(folder);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(&path)(error)),
    };
    head_of(&bytes)
        .map(Some)
        .map_err(|problem| LedgerError::Malformed { path, problem })
}

/// What a checkpoint says, whoever signed it.
pub(super) fn head_of(note: &[u8]) -> Result<Head, String> {
    let note = Note::from_bytes(note).map_err(|error| error.to_string())?;
    let signed = Signed::of_text(note.text()).map_err(|error| error.to_string())?;
    Ok(signed.head)
}

/// Whether a log still has what was signed.
pub(super) fn compare(hashes: &HashFile, signed: Head) -> Result<(), LedgerError> {
    let root = tlog_tiles::tree_hash(signed.size, hashes);
    let root = root.map_err(tree_error(Path::new("tree")))?;
    if root == signed.root {
        return Ok(());
    }
    Err(LedgerError::NotAsSigned {
        signed: signed.size,
        found: "they are not as they were".to_owned(),
    })
}

/// Signs the head of a log as it grows, until the log is closed.
#[derive(Debug)]
pub struct Checkpoints {
    signer: LogSigner,
    path: PathBuf,
    head: watch::Receiver<Head>,
    newest: watch::Sender<Arc<[u8]>>,
    /// One at a time: a later checkpoint is never replaced by an earlier one.
    turn: Mutex<()>,
}

impl Checkpoints {
    /// Signs what is there.
    ///
    /// # Errors
    /// Where the checkpoint cannot be written.
    pub fn open(ledger: &Ledger, signer: LogSigner) -> Result<Self, LedgerError> {
        let checkpoints = Self {
            signer,
            path: path(&ledger.folder),
            head: ledger.head(),
            newest: watch::Sender::new(Arc::default()),
            turn: Mutex::new(()),
        };
        checkpoints.sign()?;
        Ok(checkpoints)
    }

    /// Who signs.
    pub fn signer(&self) -> &LogSigner {
        &self.signer
    }

    /// The newest checkpoint, and every later one.
    pub fn newest(&self) -> watch::Receiver<Arc<[u8]>> {
        self.newest.subscribe()
    }

    /// Signs what is durable by now.
    ///
    /// # Errors
    /// Where the checkpoint cannot be written.
    pub fn sign(&self) -> Result<Arc<[u8]>, LedgerError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let head = *self.head.borrow();
        let note = self
            .signer
            .sign(head)
            .map_err(|error| LedgerError::Malformed {
                path: self.path.clone(),
                problem: error.to_string(),
            })?;
        replace(&self.path, &note)?;
        let note: Arc<[u8]> = note.into();
        self.newest.send_replace(Arc::clone(&note));
        Ok(note)
    }

    /// Signs once a second what has grown, until told to stop, and then once more.
    pub async fn run(self: Arc<Self>, mut draining: watch::Receiver<bool>) {
        let mut head = self.head.clone();
        let mut is_last = false;
        while !is_last {
            let grown = async {
                if head.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(SIGNED_EVERY).await;
            };
            tokio::select! {
                () = grown => {}
                _ = draining.wait_for(|draining| *draining) => is_last = true,
            }
            head.mark_unchanged();
            let checkpoints = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || checkpoints.sign()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::error!(%error, "the log is not signed"),
                Err(error) => tracing::error!(%error, "the log is not signed"),
            }
        }
    }
}

/// Replaces a small file as a whole, durably.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), LedgerError> {
    let new = path.with_extension("new");
    let write = || {
        let mut file = fs::File::create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)
    };
    write().map_err(io_error(path))?;
    path.parent().map_or(Ok(()), sync_folder)
}

#[cfg(test)]
mod tests;
