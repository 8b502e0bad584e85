//! Alters every record of a log in every way that somebody who has the files could, and verifies it
//! offline, with nothing but the public key and one checkpoint.
//!
//! `CHANCERY_TAMPER`: how many records the log has. The last line is the figure.

#![cfg(test)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
};

use chancery::{
    ledger::{
        Batch, Ledger,
        checkpoint::{Checkpoints, LogKeys, LogSigner, Signed},
        verify::{Fault, FaultKind, Report, VerifyError, verify},
    },
    signing::SigningKey,
};

/// Small enough for a few segments.
const SEGMENT_BYTES: u64 = 4_096;

/// How often what is the same for every record is tried.
const SAMPLES: usize = 40;

/// A log in files.
struct Log {
    folder: PathBuf,
    keys: LogKeys,
    /// Every frame of every segment.
    segments: Vec<(PathBuf, Vec<Vec<u8>>)>,
    /// A checkpoint of its first half, kept elsewhere.
    remembered: Signed,
}

impl Log {
    async fn write(folder: &Path, records: u64) -> Self {
        let ledger = Ledger::open_with(folder, SEGMENT_BYTES).unwrap();
        let signer = LogSigner::open(folder, Arc::new(SigningKey::from_secret(&[7; 32]))).unwrap();
        let keys = LogKeys::parse(&signer.public_key()).unwrap();
        let checkpoints = Checkpoints::open(&ledger, signer).unwrap();
        let half = records / 2;
        append(&ledger, 1..=half).await;
        let remembered = keys.open(&checkpoints.sign().unwrap()).unwrap();
        append(&ledger, half + 1..=records).await;
        checkpoints.sign().unwrap();
        drop((ledger, checkpoints));
        Self::read(folder, keys, remembered)
    }

    fn read(folder: &Path, keys: LogKeys, remembered: Signed) -> Self {
        let files = fs::read_dir(folder).unwrap();
        let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        paths.retain(|path| path.extension().is_some_and(|it| it == "segment"));
        paths.sort();
        let segments = paths.into_iter().map(|path| {
            let frames = frames(&fs::read(&path).unwrap());
            (path, frames)
        });
        Self {
            folder: folder.to_owned(),
            keys,
            remembered,
            segments: segments.collect(),
        }
    }

    /// Another one with the same files.
    fn copy(&self, folder: &Path) -> Self {
        for file in fs::read_dir(&self.folder).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
        Self::read(folder, self.keys.clone(), self.remembered.clone())
    }

    fn verify(&self) -> Result<Report, VerifyError> {
        verify(
            &self.folder,
            &self.keys,
            std::slice::from_ref(&self.remembered),
        )
    }

    fn fault(&self, what: &str) -> Fault {
        match self.verify() {
            Err(VerifyError::Fault(fault)) => fault,
            other => panic!("{what}: {other:?}"),
        }
    }

    fn restore(&self) {
        for (path, frames) in &self.segments {
            fs::write(path, frames.concat()).unwrap();
        }
    }

    fn size(&self) -> usize {
        self.segments.iter().map(|(_, frames)| frames.len()).sum()
    }

    /// In which segment a record is, and where.
    fn place(&self, mut record: usize) -> (usize, usize) {
        for (segment, (_, frames)) in self.segments.iter().enumerate() {
            if record < frames.len() {
                return (segment, record);
            }
            record -= frames.len();
        }
        panic!("there is no such record")
    }

    /// Writes the log with one segment's frames changed, and says what is found.
    fn with(&self, segment: usize, what: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Fault {
        let (path, frames) = &self.segments[segment];
        let mut frames = frames.clone();
        change(&mut frames);
        fs::write(path, frames.concat()).unwrap();
        let fault = self.fault(what);
        self.restore_one(segment);
        fault
    }

    fn restore_one(&self, segment: usize) {
        let (path, frames) = &self.segments[segment];
        fs::write(path, frames.concat()).unwrap();
    }
}

async fn append(ledger: &Ledger, sequences: std::ops::RangeInclusive<u64>) {
    // Each is an `Entry` with a time and an id, of different lengths.
    let entry = |sequence: u64| {
        let id =
            vec![u8::try_from(sequence % 251).unwrap(); 3 + usize::try_from(sequence % 9).unwrap()];
        [&[0x1a, u8::try_from(id.len()).unwrap()][..], &id].concat()
    };
    let all: Vec<_> = sequences
        .map(|sequence| (sequence, entry(sequence)))
        .collect();
    for entries in all.chunks(20) {
        let batch = Batch {
            source: ("node".to_owned(), vec![1; 16]),
            entries: entries.to_vec(),
        };
        ledger.append(batch).await.unwrap();
    }
}

/// Length and CRC-32, little endian, before each record.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut frames, mut rest) = (Vec::new(), bytes);
    while let Some((size, _)) = rest.split_first_chunk() {
        let (frame, behind) =
            rest.split_at(8 + usize::try_from(u32::from_le_bytes(*size)).unwrap());
        frames.push(frame.to_vec());
        rest = behind;
    }
    frames
}

/// A frame with one bit of its record changed, and a checksum that says nothing of it.
fn flipped(frame: &[u8], salt: usize) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let body = &mut frame[8..];
    let bit = salt.wrapping_mul(0x9e37_79b9) % (body.len() * 8);
    body[bit / 8] ^= 1 << (bit % 8);
    let checksum = crc32fast::hash(body);
    frame[4..8].copy_from_slice(&checksum.to_le_bytes());
    frame
}

fn expect(fault: &Fault, kinds: &[FaultKind], position: usize, what: &str) {
    assert!(kinds.contains(&fault.kind), "{what} {position}: {fault}");
    assert_eq!(fault.position, Some(position as u64), "{what}: {fault}");
}

/// Every way to alter one record. The answer is how many there were.
fn alter(log: &Log, record: usize) -> usize {
    let (segment, at) = log.place(record);
    let in_segment = log.segments[segment].1.len();
    // A segment behind it says where that begins, though it may be empty.
    let is_last = at + 1 == in_segment && segment + 1 == log.segments.len();
    let mut tried = 4;

    let fault = log.with(segment, "flip", |frames| {
        frames[at] = flipped(&frames[at], record);
    });
    expect(&fault, &[FaultKind::Altered], record, "flip");

    let fault = log.with(segment, "flip without its checksum", |frames| {
        let bits = frames[at].len() * 8;
        let bit = record.wrapping_mul(31) % bits;
        frames[at][bit / 8] ^= 1 << (bit % 8);
    });
    expect(
        &fault,
        &[FaultKind::Altered],
        record,
        "flip without its checksum",
    );

    let fault = log.with(segment, "delete", |frames| drop(frames.remove(at)));
    let kind = if is_last {
        FaultKind::Truncated
    } else {
        FaultKind::Missing
    };
    expect(&fault, &[kind], record, "delete");

    let fault = log.with(segment, "duplicate", |frames| {
        let frame = frames[at].clone();
        frames.insert(at, frame);
    });
    expect(&fault, &[FaultKind::Duplicated], record + 1, "duplicate");

    if at + 1 < in_segment {
        tried += 1;
        let fault = log.with(segment, "swap", |frames| frames.swap(at, at + 1));
        expect(&fault, &[FaultKind::Reordered], record, "swap");
    }
    tried + cut(log, record, (segment, at))
}

/// Takes away everything behind a record and the record, and everything before it.
fn cut(log: &Log, record: usize, (segment, at): (usize, usize)) -> usize {
    let (path, frames) = &log.segments[segment];
    let (before, behind) = frames.split_at(at);
    fs::write(path, before.concat()).unwrap();
    let gone = &log.segments[segment + 1..];
    for (path, _) in gone {
        fs::remove_file(path).unwrap();
    }
    let fault = log.fault("truncate the tail");
    expect(&fault, &[FaultKind::Truncated], record, "truncate the tail");
    log.restore();
    if record == 0 {
        return 1;
    }
    let gone = &log.segments[..=segment];
    for (path, _) in gone {
        fs::remove_file(path).unwrap();
    }
    let begun = log.folder.join(format!("{record:020}.segment"));
    fs::write(&begun, behind.concat()).unwrap();
    let fault = log.fault("truncate the head");
    expect(&fault, &[FaultKind::Missing], 0, "truncate the head");
    fs::remove_file(&begun).unwrap();
    log.restore();
    2
}

/// An altered record with all that can be made anew from it: hashes, and a checkpoint by another key.
fn cover_up(log: &Log, record: usize, scratch: &Path) -> usize {
    let copy = log.copy(scratch);
    let (segment, at) = copy.place(record);
    let (path, frames) = &copy.segments[segment];
    let mut frames = frames.clone();
    frames[at] = flipped(&frames[at], record);
    fs::write(path, frames.concat()).unwrap();
    let checkpoint = fs::read(copy.folder.join("checkpoint")).unwrap();
    fs::remove_file(copy.folder.join("checkpoint")).unwrap();
    fs::remove_file(copy.folder.join("tree")).unwrap();
    let ledger = Ledger::open_with(&copy.folder, SEGMENT_BYTES).unwrap();
    let other = Arc::new(SigningKey::from_secret(&[8; 32]));
    let signer = LogSigner::open(&copy.folder, other).unwrap();
    Checkpoints::open(&ledger, signer).unwrap();
    drop(ledger);
    assert_eq!(copy.fault("re-sign").kind, FaultKind::Resigned);
    // With the log's own checkpoint, which does not fit the hashes that were made anew.
    fs::write(copy.folder.join("checkpoint"), checkpoint).unwrap();
    let fault = copy.fault("make hashes anew");
    let first = fault.position.unwrap();
    if fault.kind == FaultKind::Duplicated {
        // Its sequence was altered: by that it, or the one behind it, comes twice.
        assert!(
            (record as u64..=record as u64 + 1).contains(&first),
            "{fault}"
        );
        return 2;
    }
    assert_eq!(fault.kind, FaultKind::Altered, "{fault}");
    // One that cannot be read any more is known exactly.
    let found = first..fault.end.unwrap_or(first + 1);
    assert!(found.contains(&(record as u64)), "{fault}");
    // It is narrowed down by the checkpoint that was kept.
    let half = copy.remembered.head.size;
    assert!(found.end <= half || found.start >= half, "{fault}");
    2
}

/// Every hash, and every bit of the checkpoint.
fn alter_beside(log: &Log) -> usize {
    let mut tried = 0;
    let tree = log.folder.join("tree");
    let hashes = fs::read(&tree).unwrap();
    for hash in 0..hashes.len() / 32 {
        let mut altered = hashes.clone();
        altered[hash * 32 + hash % 32] ^= 1 << (hash % 8);
        fs::write(&tree, altered).unwrap();
        assert_eq!(log.fault("alter a hash").kind, FaultKind::Hashes, "{hash}");
        tried += 1;
    }
    fs::write(&tree, hashes).unwrap();
    let path = log.folder.join("checkpoint");
    let checkpoint = fs::read(&path).unwrap();
    for bit in 0..checkpoint.len() * 8 {
        let mut altered = checkpoint.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, altered).unwrap();
        let fault = log.fault("alter the checkpoint");
        assert_eq!(fault.kind, FaultKind::Resigned, "bit {bit}: {fault}");
        tried += 1;
    }
    fs::write(&path, checkpoint).unwrap();
    tried
}

#[tokio::test]
async fn whatever_is_done_to_one_record_is_found() {
    let records = env::var("CHANCERY_TAMPER").ok();
    let records: u64 = records.map_or(300, |records| records.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let log = Log::write(folder.path(), records).await;
    let size = log.size();
    assert_eq!(size as u64, records);
    let report = log.verify().unwrap();
    assert_eq!((report.signed.head.size, report.unsigned), (records, 0));
    assert!(log.segments.len() > 2, "records are in several segments");

    let workers = thread::available_parallelism().map_or(1, usize::from);
    let mut tried: usize = thread::scope(|scope| {
        let log = &log;
        let work = (0..workers).map(|worker| {
            scope.spawn(move || {
                let folder = tempfile::tempdir().unwrap();
                let log = log.copy(folder.path());
                let mine = (worker..size).step_by(workers);
                mine.map(|record| alter(&log, record)).sum::<usize>()
            })
        });
        let work: Vec<_> = work.collect();
        work.into_iter().map(|work| work.join().unwrap()).sum()
    });
    for record in (0..size).step_by(size.div_ceil(SAMPLES)) {
        let scratch = tempfile::tempdir().unwrap();
        tried += cover_up(&log, record, scratch.path());
    }
    if records <= 1_000 {
        tried += alter_beside(&log);
    }
    log.verify().unwrap();
    println!("tamper: {tried} alterations of a log of {records} records, all found");
}

#[tokio::test]
async fn an_older_copy_of_all_of_it_is_found_with_a_newer_checkpoint() {
    let (folder, older) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for folder in [&folder, &older] {
        fs::write(folder.path().join("origin"), "example.com/log\n").unwrap();
    }
    let log = Log::write(folder.path(), 40).await;
    let newer = log
        .keys
        .open(&fs::read(folder.path().join("checkpoint")).unwrap())
        .unwrap();
    let older = Log::write(older.path(), 20).await;
    // By itself it is what was signed.
    verify(&older.folder, &older.keys, &[]).unwrap();
    match verify(&older.folder, &older.keys, &[newer]) {
        Err(VerifyError::Fault(fault)) => {
            assert_eq!(fault.to_string(), "truncated: records 20 to 39");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn nothing_is_opened_that_is_not_what_was_signed() {
    let folder = tempfile::tempdir().unwrap();
    let log = Log::write(folder.path(), 60).await;
    let (path, frames) = log.segments.last().unwrap();
    fs::write(path, frames[..frames.len() - 1].concat()).unwrap();
    let refused = Ledger::open(folder.path()).unwrap_err().to_string();
    assert!(
        refused.starts_with("60 records of the log were signed, and 59 are there"),
        "{refused}"
    );
    let mut altered = frames.clone();
    altered[0] = flipped(&altered[0], 3);
    fs::write(path, altered.concat()).unwrap();
    let refused = Ledger::open(folder.path()).unwrap_err().to_string();
    assert!(refused.contains("they are not as they were"), "{refused}");
    log.restore();
    Ledger::open(folder.path()).unwrap();
}
