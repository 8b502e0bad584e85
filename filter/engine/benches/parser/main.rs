//! The strict parser beside two ways in which serde reads the same bytes: whole, into a tree that
//! borrows, and as a skim that leaves arguments raw.
//!
//! Every round times all three one after the other, so that what else the machine does falls on
//! all; a ratio is the median over the rounds. Freeing what was read is part of reading it.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "it measures time and prints a table"
)]

mod bodies;
mod readers;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bodies::Body;

const ROUNDS: usize = 61;
const ROUND: Duration = Duration::from_millis(1);

type Reader = fn(&[u8]) -> bool;

/// Above either of these in any row, the run fails.
const MOST_OF_TREE: f64 = 1.3;
const MOST_OF_SKIM: f64 = 2.5;

struct Row {
    ns: [f64; 3],
    of_tree: f64,
    of_skim: f64,
}

fn main() {
    println!(
        "{:<26} {:>7} {:>10} {:>10} {:>10} {:>8} {:>8}",
        "body", "bytes", "ours ns", "tree ns", "skim ns", "of tree", "of skim"
    );
    let rows: Vec<Row> = bodies::all().iter().map(measure).collect();
    let (tree, worst_tree) = median_and_most(rows.iter().map(|row| row.of_tree));
    let (skim, worst_skim) = median_and_most(rows.iter().map(|row| row.of_skim));
    println!(
        "parser: {tree:.2}x of a borrowed tree (worst {worst_tree:.2}x), \
         {skim:.2}x of a skim (worst {worst_skim:.2}x)"
    );
    if worst_tree > MOST_OF_TREE || worst_skim > MOST_OF_SKIM {
        eprintln!("the worst may be {MOST_OF_TREE}x of the tree and {MOST_OF_SKIM}x of the skim");
        std::process::exit(1);
    }
}

fn measure(body: &Body) -> Row {
    let bytes = body.text.as_bytes();
    let readers: [Reader; 3] = [readers::ours, readers::tree, body.skim];
    for reader in readers {
        assert!(reader(bytes), "{}", body.name);
    }
    let times = readers.map(|reader| times_per_round(reader, bytes));
    let mut rounds: Vec<[f64; 3]> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let mut round = [0.0; 3];
        for ((ns, reader), times) in round.iter_mut().zip(readers).zip(times) {
            *ns = ns_each(reader, bytes, times);
        }
        rounds.push(round);
    }
    let row = Row {
        ns: [0, 1, 2].map(|reader| median_and_most(rounds.iter().map(|ns| nth(ns, reader))).0),
        of_tree: median_and_most(rounds.iter().map(|ns| nth(ns, 0) / nth(ns, 1))).0,
        of_skim: median_and_most(rounds.iter().map(|ns| nth(ns, 0) / nth(ns, 2))).0,
    };
    let [ours, tree, skim] = row.ns;
    println!(
        "{:<26} {:>7} {ours:>10.0} {tree:>10.0} {skim:>10.0} {:>7.2}x {:>7.2}x",
        body.name,
        bytes.len(),
        row.of_tree,
        row.of_skim
    );
    row
}

fn nth(ns: &[f64; 3], reader: usize) -> f64 {
    ns.get(reader).copied().unwrap_or(f64::NAN)
}

/// How often a reader can read these bytes in a round.
fn times_per_round(reader: Reader, bytes: &[u8]) -> u32 {
    let mut times = 1;
    loop {
        let each = Duration::from_nanos(1).mul_f64(ns_each(reader, bytes, times).max(1.0));
        if each * times >= ROUND / 4 {
            return (ROUND.as_nanos() / each.as_nanos().max(1))
                .try_into()
                .unwrap_or(u32::MAX)
                .max(1);
        }
        times *= 2;
    }
}

fn ns_each(reader: Reader, bytes: &[u8], times: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        black_box(reader(black_box(bytes)));
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

fn median_and_most(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let median = sorted.get(sorted.len() / 2).copied();
    let most = sorted.last().copied();
    (median.unwrap_or(f64::NAN), most.unwrap_or(f64::NAN))
}
