//! What the log takes, on disk and with every acknowledgement durable, and how fast it is verified.
//!
//! Instances send batches of 100 entries, a window of them at a time, all on the core that the log has as
//! well. The last line is the figure.
//!
//! `CHANCERY_RECORDS`: how many entries of each size.
#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "it measures a log it fills itself, and prints a figure"
)]

mod entry;

use std::{
    env, fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chancery::{
    ledger::{
        Batch, Ledger,
        checkpoint::{Checkpoints, LogKeys, LogSigner},
        verify::verify,
    },
    signing::SigningKey,
};
use tokio::task::JoinSet;

/// Entries in a batch.
const BATCH: u64 = 100;

/// Instances that send at once.
const INSTANCES: u64 = 64;

/// Batches that an instance sends before the first is acknowledged.
const WINDOW: usize = 4;

/// A row of the table.
struct Row {
    name: &'static str,
    record_bytes: usize,
    records_per_second: f64,
    worst_ack: Duration,
    memory_bytes: u64,
    verified_per_second: f64,
}

fn main() {
    let records = env::var("CHANCERY_RECORDS").ok();
    let records: u64 = records.map_or(2_000_000, |records| {
        records.parse().expect("CHANCERY_RECORDS is a number")
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    println!(
        "{records} entries of each size, batches of {BATCH}, {INSTANCES} instances, on disk\n"
    );
    println!("entry         bytes   records/s   worst ack   memory    verified/s");
    let mut rows = Vec::new();
    for (name, entry) in [("200 B", entry::plain()), ("a decision", entry::decision())] {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let row = runtime.block_on(measure(name, entry, records, folder.path()));
        println!(
            "{:12} {:6} {:11.0} {:8.0} ms {:5} MiB {:13.0}",
            row.name,
            row.record_bytes,
            row.records_per_second,
            row.worst_ack.as_secs_f64() * 1e3,
            row.memory_bytes >> 20,
            row.verified_per_second,
        );
        rows.push(row);
    }
    let figures = rows.iter().map(|row| {
        format!(
            "{} ({} B) {:.0}k/s, worst {:.0} ms, {} MiB, verified {:.0}k/s",
            row.name,
            row.record_bytes,
            row.records_per_second / 1e3,
            row.worst_ack.as_secs_f64() * 1e3,
            row.memory_bytes >> 20,
            row.verified_per_second / 1e3,
        )
    });
    println!("\nlog: {}", figures.collect::<Vec<_>>().join("; "));
}

async fn measure(name: &'static str, entry: Vec<u8>, records: u64, folder: &Path) -> Row {
    let record_bytes = entry.len();
    let ledger = Arc::new(Ledger::open(folder).expect("a log"));
    let signer = LogSigner::open(folder, Arc::new(SigningKey::from_secret(&[1; 32])));
    let signer = signer.expect("a signer");
    let keys = LogKeys::parse(&signer.public_key()).expect("its key");
    let checkpoints = Arc::new(Checkpoints::open(&ledger, signer).expect("a checkpoint"));
    let (_stop, draining) = tokio::sync::watch::channel(false);
    tokio::spawn(Arc::clone(&checkpoints).run(draining));
    reset_peak();
    let begin = Instant::now();
    let mut instances = JoinSet::new();
    for instance in 0..INSTANCES {
        let ledger = Arc::clone(&ledger);
        let entry = entry.clone();
        let mine = records / INSTANCES;
        instances.spawn(async move { send(&ledger, instance, &entry, mine).await });
    }
    let mut worst_ack = Duration::ZERO;
    while let Some(worst) = instances.join_next().await {
        worst_ack = worst_ack.max(worst.expect("an instance that sends"));
    }
    let took = begin.elapsed();
    let memory_bytes = peak_bytes();
    checkpoints.sign().expect("a checkpoint");
    let size = *ledger.length().borrow();
    let begin = Instant::now();
    let report = verify(folder, &keys, &[]).expect("a log that is as it was signed");
    assert_eq!(report.signed.head.size, size, "all of it is signed");
    Row {
        name,
        record_bytes,
        records_per_second: rate(size, took),
        worst_ack,
        memory_bytes,
        verified_per_second: rate(size, begin.elapsed()),
    }
}

/// Sends an instance's entries. The answer is how long the slowest acknowledgement took.
async fn send(ledger: &Ledger, instance: u64, entry: &[u8], records: u64) -> Duration {
    let source = ("node".to_owned(), instance.to_be_bytes().repeat(2));
    let mut worst = Duration::ZERO;
    let mut waiting = std::collections::VecDeque::new();
    for first in (1..=records).step_by(usize::try_from(BATCH).expect("a small number")) {
        let last = records.min(first + BATCH - 1);
        let batch = Batch {
            source: source.clone(),
            entries: (first..=last).map(|it| (it, entry.to_vec())).collect(),
        };
        waiting.push_back((Instant::now(), ledger.enqueue(batch)));
        if waiting.len() < WINDOW {
            continue;
        }
        if let Some((sent, done)) = waiting.pop_front() {
            done.await.expect("a durable batch");
            worst = worst.max(sent.elapsed());
        }
    }
    for (sent, done) in waiting {
        done.await.expect("a durable batch");
        worst = worst.max(sent.elapsed());
    }
    worst
}

#[expect(clippy::cast_precision_loss, reason = "a rate needs no more")]
fn rate(records: u64, took: Duration) -> f64 {
    records as f64 / took.as_secs_f64()
}

/// Forgets how much memory was used at most (proc(5): `clear_refs`).
fn reset_peak() {
    // Without it the peak is that of the rows before, too.
    drop(fs::write("/proc/self/clear_refs", "5"));
}

/// How much memory was used at most (proc(5): `VmHWM`).
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}
