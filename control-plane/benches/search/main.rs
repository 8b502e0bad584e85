//! How fast the index follows the record, and how fast records are found.
//!
//! The last line is the figure. `CHANCERY_RECORDS`: how many records there are.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "it measures a record it fills itself, and prints a figure"
)]

mod traffic;

use std::{
    env, fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use chancery::ledger::{Batch, Filter, Index, Ledger};
use chancery_engine::id::Hex;
use chancery_proto::audit::v1::RecordFilter;
use prost_types::Timestamp;

use crate::traffic::{DAYS, START_SECONDS, Traffic, decision_id, server, word};

/// Records that are made durable together.
const BATCH: u64 = 5_000;

/// How often each question is asked.
const ROUNDS: u64 = 200;

/// Records that a question is answered with at most.
const LIMIT: usize = 100;

/// Fills a record; the bytes of its entries.
fn fill(ledger: &Ledger, records: u64) -> u64 {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let mut traffic = Traffic::new(records);
    let mut bytes = 0;
    let mut position = 0;
    while position < records {
        let end = records.min(position + BATCH);
        let entries: Vec<_> = (position..end)
            .map(|at| (at + 1, traffic.entry(at)))
            .collect();
        bytes += entries.iter().map(|(_, entry)| entry.len()).sum::<usize>();
        let source = ("node".to_owned(), vec![1; 16]);
        runtime
            .block_on(ledger.append(Batch { source, entries }))
            .expect("room for it");
        position = end;
    }
    u64::try_from(bytes).expect("a number of bytes")
}

/// What so many of a hundred were not above, in milliseconds.
fn percentile(took: &[Duration], percent: usize) -> f64 {
    let mut sorted = took.to_vec();
    sorted.sort();
    let at = (sorted.len() * percent / 100).min(sorted.len() - 1);
    sorted[at].as_secs_f64() * 1_000.0
}

/// Asks many times; the p99 in milliseconds.
fn ask(index: &Index, name: &str, filter: impl Fn(u64) -> RecordFilter) -> f64 {
    let mut took = Vec::new();
    let mut found = 0;
    for round in 0..ROUNDS {
        let filter = Filter::new(filter(round * 7)).expect("a filter");
        let begin = Instant::now();
        let page = index
            .search(&filter, u64::MAX, LIMIT)
            .expect("an answer")
            .page;
        took.push(begin.elapsed());
        found += page.records.len();
    }
    let (p50, p99) = (percentile(&took, 50), percentile(&took, 99));
    let found = found / usize::try_from(ROUNDS).unwrap_or(1);
    println!("  {name:<36} p50 {p50:7.2} ms  p99 {p99:7.2} ms  ({found} records a page)");
    p99
}

fn expression(text: String) -> RecordFilter {
    RecordFilter {
        expression: text,
        ..RecordFilter::default()
    }
}

/// Asks what people ask; the p99 of a user and a day.
fn ask_all(index: &Index, records: u64) -> f64 {
    let day = |round: u64| {
        let start = START_SECONDS + i64::try_from(round).unwrap_or(0) % DAYS * 86_400;
        [start, start + 86_400].map(|seconds| Timestamp { seconds, nanos: 0 })
    };
    let user = |round: u64| format!("user = user{:04}@acme.example", round * 31 % 2_000);
    let figure = ask(index, "a user and a day", |round| {
        let [start, end] = day(round);
        RecordFilter {
            start_time: Some(start),
            end_time: Some(end),
            ..expression(user(round))
        }
    });
    ask(index, "a decision id", |round| {
        let id = decision_id(round * 7_919 % (records / 2));
        expression(format!("decision_id = {}", Hex(&id)))
    });
    ask(index, "a server and a tool", |round| {
        let server = server(round % 200);
        expression(format!(
            "server = {server} AND capability = tool_{}",
            round % 10
        ))
    });
    ask(index, "a server by its id, denied", |round| {
        expression(format!(
            "server = server-{:03} AND verdict = deny",
            round % 200
        ))
    });
    ask(index, "a frequent word", |round| {
        expression(word(round % 50))
    });
    ask(index, "two words", |round| {
        expression(format!(
            "{} {}",
            word(round % 200),
            word(1_000 + round % 3_000)
        ))
    });
    ask(index, "a word's beginning and a user", |round| {
        expression(format!("alal* {}", user(round)))
    });
    ask(index, "users by a pattern, denied", |round| {
        expression(format!(
            "user = *{:02}@acme.example AND verdict = deny",
            round % 100
        ))
    });
    ask(index, "everything", |_| RecordFilter::default());
    figure
}

fn size(path: &Path) -> u64 {
    let beside = ["", "-wal"].map(|end| format!("{}{end}", path.display()));
    beside
        .iter()
        .filter_map(|path| fs::metadata(path).ok())
        .map(|file| file.len())
        .sum()
}

/// Memory of this process, in MB; `field` is one of `/proc/self/status`.
fn memory(field: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes =
        line.and_then(|line| line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().ok());
    kibibytes.unwrap_or(0_u64) / 1024
}

fn main() {
    let records = env::var("CHANCERY_RECORDS").ok();
    let records: u64 = records
        .and_then(|records| records.parse().ok())
        .unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = Ledger::open(&folder.path().join("ledger")).expect("a log");
    let bytes = fill(&ledger, records);
    println!(
        "{records} records of {} bytes on the average:",
        bytes / records
    );
    let ledger = Arc::new(ledger);
    let path = folder.path().join("index.sqlite");
    let index = Index::open(&path, ledger).expect("an index");
    let begin = Instant::now();
    let mut slowest = Duration::ZERO;
    loop {
        let part = Instant::now();
        if !index.advance().expect("a part") {
            break;
        }
        slowest = slowest.max(part.elapsed());
    }
    let rate =
        f64::from(u32::try_from(records).unwrap_or(u32::MAX)) / begin.elapsed().as_secs_f64();
    let size_bytes = size(&path);
    println!(
        "  indexed at {rate:.0} records/s, the slowest part in {} ms",
        slowest.as_millis()
    );
    println!(
        "  {} MB on disk, {} bytes a record",
        size_bytes >> 20,
        size_bytes / records
    );
    println!(
        "  {} MB resident, {} MB at most",
        memory("VmRSS"),
        memory("VmHWM")
    );
    let figure = ask_all(&index, records);
    println!("  {} MB resident after that", memory("VmRSS"));
    println!(
        "search: {records} records indexed at {rate:.0}/s, a user and a day p99 {figure:.1} ms"
    );
}
