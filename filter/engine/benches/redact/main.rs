//! How fast bodies are redacted: clean, dense with what is found, and floods of what a scanner
//! might look at again and again. Each figure is the best of the rounds; the last line is the sum.
#![expect(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "it measures time and prints a table"
)]

mod bodies;

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use chancery_engine::{
    entry::Direction,
    limits::Limits,
    redact::{Plan, Profile, Redactor},
};

const ROUNDS: usize = 60;

/// A flood slower than this part of the mean of clean and dense bodies fails the run.
const MOST_BELOW_MEAN: f64 = 5.0;

fn main() {
    let mut plan = Plan::default();
    plan.add(&Arc::new(Profile::built_in()));
    let redactor = Redactor {
        plan: &plan,
        direction: Direction::ToClient,
        binding: None,
    };
    let rate = |body: &str| {
        let mut best = Duration::MAX;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            let redacted = redactor.body("application/json", body.as_bytes(), &Limits::DEFAULT);
            assert!(black_box(redacted).is_ok());
            best = best.min(start.elapsed());
        }
        body.len() as f64 / best.as_secs_f64() / 1e6
    };
    let print = |name: &str, body: &str| {
        let rate = rate(body);
        println!("{name:<28} {:>9} B {rate:>9.1} MB/s", body.len());
        rate
    };
    let clean = bodies::clean().map(|(name, body)| print(name, &body));
    let dense = bodies::dense().map(|(name, body)| print(name, &body));
    let mut floods: Vec<_> = bodies::floods()
        .into_iter()
        .map(|(name, body)| (print(name, &body), name))
        .collect();
    floods.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let least = |rates: &[f64]| rates.iter().copied().fold(f64::MAX, f64::min);
    let all: Vec<f64> = clean.iter().chain(&dense).copied().collect();
    let mean = all.len() as f64 / all.iter().map(|rate| 1.0 / rate).sum::<f64>();
    let (slowest, name) = floods.first().copied().unwrap_or((mean, "none"));
    println!(
        "redact: clean {:.0} MB/s, dense {:.0} MB/s, slowest flood ({name}) {slowest:.0} MB/s, {:.1}x below the mean of {mean:.0}",
        least(&clean),
        least(&dense),
        mean / slowest
    );
    if mean / slowest > MOST_BELOW_MEAN {
        eprintln!("a flood is more than {MOST_BELOW_MEAN}x below the mean");
        std::process::exit(1);
    }
}
