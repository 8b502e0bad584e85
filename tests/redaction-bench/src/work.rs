//! What is timed.

use std::sync::Arc;

use chancery_engine::{
    entry::Direction,
    limits::Limits,
    message,
    redact::{Plan, Profile, Redactor},
};
use serde::{Deserialize, Serialize};

use crate::clock::{nanoseconds_since, now};

const WASM_PAGE_BYTES: usize = 65_536;

/// Bodies, and how often to go through all of them.
#[derive(Debug, Deserialize)]
pub(crate) struct Work {
    rounds: usize,
    bodies: Vec<Body>,
}

#[derive(Debug, Deserialize)]
struct Body {
    content_type: String,
    text: String,
}

/// What came of it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Of one round, in bytes.
    bytes: usize,
    /// Values found in one round.
    findings: u64,
    /// Bodies that the engine refuses, which are timed too.
    unreadable: usize,
    /// How long each round of reading, scanning and rewriting took, in nanoseconds.
    redact_ns: Vec<u64>,
    /// How long each round of reading alone took, in nanoseconds. Streams are not read alone.
    parse_ns: Vec<u64>,
    /// The VM's linear memory now, in bytes. It never shrinks.
    memory_bytes: usize,
}

/// The engine with the built-in profile, as a rule that names it has it.
#[derive(Debug)]
pub(crate) struct Bench {
    plan: Plan,
    limits: Limits,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let mut plan = Plan::default();
        plan.add(&Arc::new(Profile::built_in()));
        Self {
            plan,
            limits: Limits::default(),
        }
    }

    pub(crate) fn run(&self, work: &Work) -> Report {
        let mut report = Report {
            bytes: work.bodies.iter().map(|body| body.text.len()).sum(),
            findings: 0,
            unreadable: 0,
            redact_ns: Vec::with_capacity(work.rounds),
            parse_ns: Vec::with_capacity(work.rounds),
            memory_bytes: 0,
        };
        for _ in 0..work.rounds {
            let begun = now();
            (report.findings, report.unreadable) = self.redact(&work.bodies);
            report.redact_ns.push(nanoseconds_since(begun));
            let begun = now();
            self.parse(&work.bodies);
            report.parse_ns.push(nanoseconds_since(begun));
        }
        report.memory_bytes = memory_bytes();
        report
    }

    fn redact(&self, bodies: &[Body]) -> (u64, usize) {
        let (mut found, mut unreadable) = (0, 0);
        let redactor = Redactor {
            plan: &self.plan,
            direction: Direction::ToClient,
            binding: None,
        };
        for body in bodies {
            match redactor.body(&body.content_type, body.text.as_bytes(), &self.limits) {
                Ok(redacted) => {
                    let counts = redacted.findings.iter().map(|finding| finding.count);
                    found += counts.map(u64::from).sum::<u64>();
                    std::hint::black_box(redacted.body);
                }
                Err(_) => unreadable += 1,
            }
        }
        (found, unreadable)
    }

    fn parse(&self, bodies: &[Body]) {
        for body in bodies {
            let limit = self.limits.max_response_bytes;
            let parsed = message::parse(body.text.as_bytes(), limit, &self.limits);
            std::hint::black_box(parsed.is_ok());
        }
    }
}

fn memory_bytes() -> usize {
    core::arch::wasm32::memory_size::<0>() * WASM_PAGE_BYTES
}
