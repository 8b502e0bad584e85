//! Control planes, instances and Envoys are killed under load; the record loses nothing that it acknowledged.
//!
//! `CHANCERY_TORTURE`: how many cycles. The last line is the figure.

#![cfg(test)]

use std::env;

use chancery_tests::torture::{self, Tally};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_twice_whoever_dies() {
    let number = |name| env::var(name).ok().map(|it| it.parse().unwrap());
    let cycles: u64 = number("CHANCERY_TORTURE").unwrap_or(24);
    let seed = number("CHANCERY_SEED").unwrap_or_else(rand::random);
    println!("seed {seed}: CHANCERY_SEED repeats its randomness");
    let Tally {
        cycles,
        control_planes,
        instances,
        envoys,
        acknowledged,
        records,
        losses,
    } = torture::run(cycles, seed, true).await.unwrap();
    assert!(acknowledged > 0 && control_planes > 0 && losses > 0);
    println!(
        "torture: {cycles} cycles, {control_planes} control planes, {instances} instances and {envoys} Envoys \
         killed; {acknowledged} entries acknowledged, 0 of them lost, 0 twice; {losses} losses recorded; \
         {records} records, verified after every crash"
    );
}
