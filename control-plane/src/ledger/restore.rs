//! Goes on with a log from a copy of it. What came after the copy is lost to it, and may have been signed:
//! so that nobody takes the two for one, the log has another name from then on.

use std::{fs, io, path::Path, sync::Arc};

use chancery_proto::audit::v1::{Restoration, entry::Event};

use super::{
    Head, Ledger, LedgerError,
    checkpoint::{self, Checkpoints, LogSigner},
    io_error,
};
use crate::signing::SigningKey;

/// What a log is from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct Restored {
    /// What it was called.
    pub before: String,
    /// What it is called now.
    pub origin: String,
    /// What the copy held.
    pub head: Head,
}

/// Begins a log anew from a copy of it, in the copy's folder.
///
/// # Errors
/// Where the copy cannot be read, or that it was made cannot be recorded.
pub async fn restore(folder: &Path, key: Arc<SigningKey>) -> Result<Restored, LedgerError> {
    let before = LogSigner::open(folder, Arc::clone(&key))?;
    let before = before.origin().to_owned();
    set_aside(folder)?;
    let ledger = Ledger::open(folder)?;
    let head = *ledger.head().borrow();
    let restoration = Event::Restoration(Restoration {
        origin: before.clone(),
        size: head.size,
        root: head.root.0.to_vec(),
    });
    let noted = ledger.note(restoration).await;
    noted.map_err(|error| io_error(folder)(io::Error::other(error.to_string())))?;
    let origin = checkpoint::rename(folder, &next(&before))?;
    Checkpoints::open(&ledger, LogSigner::open(folder, key)?)?;
    Ok(Restored {
        before,
        origin,
        head,
    })
}

/// The checkpoint of the copy, which may be of more than the copy has.
fn set_aside(folder: &Path) -> Result<(), LedgerError> {
    let path = checkpoint::path(folder);
    match fs::rename(&path, path.with_extension("before")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_error(&path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The name after a name: `log`, `log/2`, `log/3`.
fn next(origin: &str) -> String {
    let numbered = origin.rsplit_once('/').and_then(|(base, number)| {
        let number: u32 = number.parse().ok()?;
        Some((base, number.checked_add(1)?))
    });
    match numbered {
        // An id of digits alone is no number that was given here.
        Some((base, number)) if number < 1_000 => format!("{base}/{number}"),
        Some(_) | None => format!("{origin}/2"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{
        Batch,
        checkpoint::LogKeys,
        verify::{VerifyError, verify},
    };

    async fn append(ledger: &Ledger, sequences: std::ops::RangeInclusive<u64>) {
        let entry = |sequence| (sequence, vec![0x1a, 0x01, 0x61]);
        let batch = Batch {
            source: ("node".to_owned(), vec![1]),
            entries: sequences.map(entry).collect(),
        };
        ledger.append(batch).await.unwrap();
    }

    fn copy(from: &Path, to: &Path) {
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }

    #[tokio::test]
    async fn a_log_from_a_copy_has_another_name_and_says_what_it_lacks() {
        let (folder, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let key = Arc::new(SigningKey::from_secret(&[1; 32]));
        let ledger = Ledger::open(folder.path()).unwrap();
        let signer = LogSigner::open(folder.path(), Arc::clone(&key)).unwrap();
        let mut keys = signer.public_key();
        let checkpoints = Checkpoints::open(&ledger, signer).unwrap();
        append(&ledger, 1..=5).await;
        let early = checkpoints.sign().unwrap();
        append(&ledger, 6..=7).await;
        checkpoints.sign().unwrap();
        copy(folder.path(), backup.path());
        append(&ledger, 8..=9).await;
        let late = checkpoints.sign().unwrap();

        let restored = restore(backup.path(), Arc::clone(&key)).await.unwrap();
        assert_eq!(restored.head.size, 7);
        assert_eq!(restored.origin, format!("{}/2", restored.before));
        let ledger = Ledger::open(backup.path()).unwrap();
        append(&ledger, 8..=10).await;
        let signer = LogSigner::open(backup.path(), key).unwrap();
        keys = format!("{keys}\n{}", signer.public_key());
        Checkpoints::open(&ledger, signer).unwrap();
        let keys = LogKeys::parse(&keys).unwrap();
        let remembered = |note: &[u8]| [keys.open(note).unwrap()];
        let report = verify(backup.path(), &keys, &remembered(&early)).unwrap();
        assert_eq!(report.signed.head.size, 11);
        match verify(backup.path(), &keys, &remembered(&late)) {
            Err(VerifyError::Fault(fault)) => {
                assert!(
                    fault.to_string().starts_with("truncated: records 7 to 8"),
                    "{fault}"
                );
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_go_on() {
        for (before, after) in [
            ("chancery.dev/log/6eb9da16", "chancery.dev/log/6eb9da16/2"),
            ("chancery.dev/log/6eb9da16/2", "chancery.dev/log/6eb9da16/3"),
            ("chancery.dev/log/12345678", "chancery.dev/log/12345678/2"),
        ] {
            assert_eq!(next(before), after);
        }
    }
}
