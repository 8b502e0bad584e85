//! `chancery-lab`: the harness by hand.

use std::process::ExitCode;

use chancery_tests::lab::Lab;
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    Lab::parse().execute().await
}
