//! A large snapshot is compiled in slices, so that no worker stalls: counted in wasmtime fuel.

#![cfg(test)]

use std::time::{Duration, Instant};

use chancery_engine::{
    limits::Limits,
    snapshot::{Loader, Progress},
    trust::TrustKeys,
};
use chancery_proto::node::v1::{self as node, connect_request::Message, connect_response};
use chancery_tests::{
    artifacts,
    clock::now_unix_ms,
    layer::{Snapshot, Wasm},
    scale::Scale,
    signing,
};
use sha2::{Digest as _, Sha256};

/// Fuel that one callback may use: less than 2 ms where a thread runs 5 G of it a second, which two
/// cores do that eight builds share (the test prints what it was here).
const MAX_FUEL: u64 = 10_000_000;

/// As the control plane cuts sections.
const CHUNK_BYTES: usize = 64 << 10;

/// What callbacks took.
#[derive(Default)]
struct Taken {
    callbacks: usize,
    fuel: u64,
    most_fuel: u64,
    time: Duration,
}

impl Taken {
    fn measure(&mut self, wasm: &mut Wasm, act: impl FnOnce(&mut Wasm)) {
        let (before, began) = (wasm.vm.fuel_used(), Instant::now());
        act(wasm);
        self.time += began.elapsed();
        let fuel = wasm.vm.fuel_used() - before;
        self.callbacks += 1;
        self.fuel += fuel;
        self.most_fuel = self.most_fuel.max(fuel);
    }

    fn print(&self, what: &str) {
        let fuel_per_ms = u128::from(self.fuel) / self.time.as_millis().max(1);
        println!(
            "slices: {what}: {} callbacks, {} fuel, most in one {} (about {} us here)",
            self.callbacks,
            self.fuel,
            self.most_fuel,
            u128::from(self.most_fuel) * 1_000 / fuel_per_ms.max(1)
        );
    }
}

/// Sends the sections that are not held, and ticks until the snapshot is in force.
fn push(wasm: &mut Wasm, snapshot: &Snapshot, held: &[Vec<u8>]) -> Taken {
    let mut taken = Taken::default();
    let manifest = connect_response::Message::Manifest(signing::signed(&snapshot.manifest));
    taken.measure(wasm, |wasm| wasm.say(manifest).unwrap());
    for section in snapshot.sections.iter().filter(|it| !held.contains(it)) {
        for (index, data) in section.chunks(CHUNK_BYTES).enumerate() {
            let chunk = connect_response::Message::SectionChunk(node::SectionChunk {
                digest: Sha256::digest(section).to_vec(),
                offset_bytes: (index * CHUNK_BYTES) as u64,
                data: data.to_vec().into(),
            });
            taken.measure(wasm, |wasm| wasm.say(chunk).unwrap());
        }
    }
    for _ in 0..10_000 {
        let answers = wasm.take_requests();
        if let Some(Message::SnapshotNack(nack)) = answers
            .iter()
            .find(|answer| matches!(answer, Message::SnapshotNack(_)))
        {
            panic!("refused: {}", nack.reason);
        }
        if answers
            .iter()
            .any(|answer| matches!(answer, Message::SnapshotAck(_)))
        {
            return taken;
        }
        taken.measure(wasm, |wasm| wasm.wait(Duration::from_millis(1)).unwrap());
    }
    panic!("never in force");
}

/// Puts a snapshot together natively, and says how long compiling it took.
fn load(loader: &mut Loader, snapshot: &Snapshot) -> Duration {
    loader.offer(signing::signed(&snapshot.manifest)).unwrap();
    for section in &snapshot.sections {
        let digest = Sha256::digest(section);
        loader.chunk(&digest, 0, section).unwrap();
    }
    let began = Instant::now();
    let progress = loader.proceed(usize::MAX).unwrap();
    assert!(matches!(progress, Progress::Applied(_)), "{progress:?}");
    began.elapsed()
}

/// Prints how long it takes natively: figures for a report, no test of them.
#[test]
fn a_changed_rule_is_compiled_without_the_others() {
    let mut loader = Loader::new(Limits::DEFAULT, TrustKeys::default());
    let whole = load(&mut loader, &Scale::LARGE.snapshot(1).unwrap());
    let changed = load(&mut loader, &Scale::LARGE.snapshot(2).unwrap());
    println!("compile: natively {whole:?} for all, {changed:?} for one changed rule");
    assert_eq!(loader.applied().map(|applied| applied.version), Some(2));
}

#[test]
fn no_slice_of_a_large_snapshot_stalls_a_worker() {
    let mut wasm = Wasm::start(&artifacts::filter().unwrap(), now_unix_ms()).unwrap();
    wasm.take_requests();
    let first = Scale::LARGE.snapshot(1).unwrap();
    let whole = push(&mut wasm, &first, &[]);
    whole.print("all of 1,000 rules");
    let second = Scale::LARGE.snapshot(2).unwrap();
    let changed = push(&mut wasm, &second, &first.sections);
    changed.print("one rule of them changed");
    for taken in [&whole, &changed] {
        assert!(taken.most_fuel <= MAX_FUEL, "{} fuel", taken.most_fuel);
    }
    assert!(
        changed.fuel < whole.fuel / 2,
        "what did not change is compiled again: {} of {} fuel",
        changed.fuel,
        whole.fuel
    );
}
