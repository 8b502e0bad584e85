//! Real clients and real servers, each at least once; `just clients` has all pairs.

#![cfg(test)]

use chancery_tests::matrix::{self, Stage};

#[tokio::test(flavor = "multi_thread")]
async fn every_client_works_as_directly_and_shows_what_is_refused() {
    let stage = Stage::set().await.unwrap();
    let outcomes = matrix::run(&stage, &matrix::short(), |_| ()).await;
    let unexpected: Vec<_> = outcomes
        .iter()
        .flat_map(|outcome| {
            let lines = outcome.unexpected.iter();
            lines.map(|line| format!("{}\n    {line}", outcome.row))
        })
        .collect();
    assert!(unexpected.is_empty(), "\n{}", unexpected.join("\n"));
}
