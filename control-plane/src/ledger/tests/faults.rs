//! Disks that are full, that break, and that write half of what they are given.

use std::{
    collections::VecDeque,
    fs::File,
    io,
    sync::{Mutex, PoisonError},
};

use proptest::prelude::*;

use super::*;
use crate::{
    ledger::{
        checkpoint::{Checkpoints, LogKeys, LogSigner},
        disk::{Disk, Disks},
        verify::verify,
    },
    signing::SigningKey,
};

/// What happens to one write, sync or cut.
#[derive(Clone, Copy, Debug)]
enum Fault {
    None,
    /// The disk is full after so many bytes.
    Full(usize),
    /// The device fails.
    Broken,
}

type Script = Arc<Mutex<VecDeque<Fault>>>;

#[derive(Debug)]
struct Faulty {
    file: File,
    script: Script,
}

impl Faulty {
    fn next(&self) -> Fault {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script.pop_front().unwrap_or(Fault::None)
    }
}

impl Disk for Faulty {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.next() {
            Fault::None => self.file.append(bytes),
            Fault::Full(written) => {
                self.file.append(&bytes[..written.min(bytes.len())])?;
                Err(io::ErrorKind::StorageFull.into())
            }
            Fault::Broken => Err(io::Error::other("input/output error")),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        match self.next() {
            Fault::None | Fault::Full(_) => self.file.sync(),
            Fault::Broken => Err(io::Error::other("input/output error")),
        }
    }

    fn cut(&mut self, length_bytes: u64) -> io::Result<()> {
        match self.next() {
            Fault::None | Fault::Full(_) => self.file.cut(length_bytes),
            Fault::Broken => Err(io::Error::other("input/output error")),
        }
    }
}

fn faults() -> impl Strategy<Value = Vec<Fault>> {
    let fault = prop_oneof![
        4 => Just(Fault::None),
        2 => (0..200_usize).prop_map(Fault::Full),
        1 => Just(Fault::Broken),
    ];
    prop::collection::vec(fault, 1..30)
}

/// Sends so many batches of three, again and again until each is acknowledged.
async fn send_all(folder: &Path, script: &Script, batches: u64) {
    let disks = || {
        let script = Arc::clone(script);
        Disks::new(move |file| {
            let script = Arc::clone(&script);
            Box::new(Faulty { file, script })
        })
    };
    // Opening records what was torn, which may fail as any write does.
    let open = || {
        let mut tries = std::iter::from_fn(|| Some(Ledger::open_on(folder, 600, disks())));
        tries.find_map(Result::ok).unwrap()
    };
    let mut ledger = open();
    for number in 0..batches {
        loop {
            let first = number * 3 + 1;
            match ledger.append(batch(first..=first + 2)).await {
                Ok(height) => {
                    assert_eq!(height, first + 2);
                    break;
                }
                // It takes nothing more until it is opened again.
                Err(error) if matches!(*error, LedgerError::Broken) => {
                    drop(ledger);
                    ledger = open();
                }
                Err(_) => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_a_disk_does_nothing_acknowledged_is_lost_or_twice(faults in faults()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let script: Script = Arc::new(Mutex::new(faults.into()));
        runtime.block_on(send_all(folder.path(), &script, 12));
        let ledger = Ledger::open(folder.path()).unwrap();
        let expected: Vec<_> = (1..=36).collect();
        prop_assert_eq!(sequences(&ledger), expected);
        let key = Arc::new(SigningKey::from_secret(&[1; 32]));
        let signer = LogSigner::open(folder.path(), key).unwrap();
        let keys = LogKeys::parse(&signer.public_key()).unwrap();
        Checkpoints::open(&ledger, signer).unwrap();
        drop(ledger);
        verify(folder.path(), &keys, &[]).unwrap();
    }
}
