//! What the analyser finds of known attacks, and what of honest definitions.
//!
//! `just poisoning-score` prints it. The attacks of the bench were written by others; every second
//! of them was looked at while the rules were written, and the others were not.

use std::{collections::BTreeMap, env, fs};

use serde_json::{Value, json};

use super::*;

const NEGATIVES: &str = include_str!("negatives.json");
const ATTACKS: &str = include_str!("attacks.json");
/// Where the bench is; unset for a run without it.
const BENCH: &str = "CHANCERY_POISONING";

/// How many of how many were warned of.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    found: usize,
    all: usize,
}

impl Share {
    fn count(&mut self, is_found: bool) {
        self.all += 1;
        self.found += usize::from(is_found);
    }

    fn percent(self) -> f64 {
        if self.all == 0 {
            return 0.0;
        }
        let of = |count: usize| f64::from(u32::try_from(count).unwrap());
        of(self.found) * 100.0 / of(self.all)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.found, self.all)
    }
}

fn is_warned(document: &Value) -> bool {
    let inspected = inspect(document).unwrap();
    inspected
        .iter()
        .any(|one| one.severity() >= Some(Severity::Medium))
}

fn attacks() -> BTreeMap<String, Share> {
    let attacks: Vec<Value> = serde_json::from_str(ATTACKS).unwrap();
    let mut shares = BTreeMap::<String, Share>::new();
    for attack in attacks {
        let technique = attack["technique"].as_str().unwrap().to_owned();
        let is_found = is_warned(&attack);
        if !is_found {
            println!("  missed: {technique}: {}", attack["tools"]);
        }
        shares.entry(technique).or_default().count(is_found);
    }
    shares
}

fn negatives() -> Share {
    let servers: Vec<Value> = serde_json::from_str(NEGATIVES).unwrap();
    let mut share = Share::default();
    for server in servers {
        for one in inspect(&server).unwrap() {
            let strong = one
                .findings
                .iter()
                .find(|finding| finding.severity >= Severity::Medium);
            if let Some(Finding { rule, excerpt, .. }) = strong {
                println!("  false alarm: {}: {rule}: {excerpt}", one.name);
            }
            share.count(strong.is_some());
        }
    }
    share
}

/// What of a scenario is a definition: the tools that it offers.
fn offered(scenario: &Value) -> Value {
    let names = scenario["tool_names"].as_array().cloned();
    let describe = |name: Value| {
        let description = &scenario["description_override"][name.as_str().unwrap_or_default()];
        json!({"name": name, "description": description})
    };
    let tools: Vec<_> = names
        .unwrap_or_default()
        .into_iter()
        .map(describe)
        .collect();
    json!({ "tools": tools })
}

/// What tools of a scenario answer, as if a definition said it.
fn answered(scenario: &Value) -> Value {
    let outputs = scenario["tool_outputs"].as_object().cloned();
    let describe = |(name, text)| json!({"name": name, "description": text});
    let tools: Vec<_> = outputs
        .unwrap_or_default()
        .into_iter()
        .map(describe)
        .collect();
    json!({ "tools": tools })
}

#[derive(Debug, Default)]
struct Bench {
    seen: Share,
    held_out: Share,
    by_technique: BTreeMap<String, Share>,
    answers_seen: Share,
    answers_held_out: Share,
    controls: Share,
}

fn bench(lines: &str) -> Bench {
    let mut bench = Bench::default();
    for (number, line) in (1..).zip(lines.lines()) {
        let scenario: Value = serde_json::from_str(line).unwrap();
        let is_held_out = number % 2 == 1;
        let id = scenario["id"].as_str().unwrap();
        match scenario["category"].as_str().unwrap() {
            "control" => {
                bench.controls.count(is_warned(&offered(&scenario)));
                bench.controls.count(is_warned(&answered(&scenario)));
            }
            "tool_output_injection" => {
                let is_found = is_warned(&answered(&scenario));
                let share = if is_held_out {
                    &mut bench.answers_held_out
                } else {
                    &mut bench.answers_seen
                };
                share.count(is_found);
            }
            _ => {
                let is_found = is_warned(&offered(&scenario));
                let share = if is_held_out {
                    &mut bench.held_out
                } else {
                    &mut bench.seen
                };
                share.count(is_found);
                let technique = id.trim_start_matches("desc-inject-").to_owned();
                let technique = technique.split('#').next().unwrap_or_default().to_owned();
                bench
                    .by_technique
                    .entry(technique)
                    .or_default()
                    .count(is_found);
                if !is_found {
                    println!("  missed: {id}");
                }
            }
        }
    }
    bench
}

#[test]
fn attacks_are_warned_of_and_honest_definitions_are_not() {
    let bench = env::var(BENCH).ok().map(|path| {
        let lines = fs::read_to_string(&path)
            .unwrap_or_else(|error| panic!("found {error} at {path}, expected the scenarios"));
        bench(&lines)
    });
    let attacks = attacks();
    let ours = attacks.values().fold(Share::default(), |sum, share| Share {
        found: sum.found + share.found,
        all: sum.all + share.all,
    });
    for (technique, share) in &attacks {
        println!("attacks of our own, {technique}: {share}");
    }
    let negatives = negatives();
    println!("honest definitions warned of: {negatives}");
    if let Some(bench) = &bench {
        for (technique, share) in &bench.by_technique {
            println!("bench, {technique}: {share}");
        }
        let (seen, held_out) = (bench.answers_seen, bench.answers_held_out);
        println!(
            "bench, what tools answer (no definition; read as one): seen {seen}, held out {held_out}"
        );
        println!("bench, controls warned of: {}", bench.controls);
    }
    let of_bench = bench.map_or_else(
        || "no bench".to_owned(),
        |bench| format!("bench held out {}, seen {}", bench.held_out, bench.seen),
    );
    println!(
        "poisoning: {of_bench}; our own {ours}; honest {negatives} ({:.1} %)",
        negatives.percent()
    );
    assert!(negatives.all >= 60);
    assert!(negatives.percent() <= 2.0, "{negatives}");
    assert!(ours.percent() >= 90.0, "{ours}");
}
