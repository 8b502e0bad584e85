//! The laws that the fuzzers hold (`tests/laws`), on the corpus they start from, the case table and
//! the public suites.
//!
//! `CHANCERY_SEEDS=FOLDER` writes the latter two there, in a folder for each fuzz target.

#![cfg(test)]

use std::{fs, panic, path::PathBuf};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_laws::{LAWS, pieces};
use chancery_tests::{
    artifacts,
    case::{self, Case},
    fixture::Fixture,
    suite,
};

/// Bytes for a law.
struct Seed {
    law: &'static str,
    name: String,
    bytes: Vec<u8>,
}

/// Runs a law on a seed; what it says where it does not hold.
fn broken(seed: &Seed) -> Option<String> {
    let (_, law) = LAWS.iter().find(|(name, _)| *name == seed.law).unwrap();
    let ran = panic::catch_unwind(|| law(&seed.bytes));
    ran.err()
        .map(|_| format!("{} does not hold for {}", seed.law, seed.name))
}

fn hold(seeds: &[Seed]) {
    let broken: Vec<String> = seeds.iter().filter_map(broken).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
}

#[test]
fn laws_hold_for_the_corpus() {
    let folder = artifacts::root().join("filter/fuzz/corpus");
    for (law, _) in LAWS {
        let mut seeds = Vec::new();
        for entry in fs::read_dir(folder.join(law)).unwrap() {
            let path = entry.unwrap().path();
            seeds.push(Seed {
                law,
                name: path.display().to_string(),
                bytes: fs::read(&path).unwrap(),
            });
        }
        assert!(!seeds.is_empty(), "{law} has no seeds");
        hold(&seeds);
    }
}

#[test]
fn laws_hold_for_the_cases_and_the_suites() {
    let mut seeds = Vec::new();
    for case in case::all().unwrap() {
        seeds.extend(of_case(&case));
    }
    for sample in suite::json_samples().unwrap() {
        seeds.extend(of_sample(&sample.name, &sample.bytes));
    }
    for vector in suite::vectors().unwrap() {
        seeds.push(Seed {
            law: "token",
            name: vector.name,
            bytes: vector.token.into_bytes(),
        });
    }
    seeds.extend(of_fixture());
    if let Some(folder) = std::env::var_os("CHANCERY_SEEDS") {
        write(&PathBuf::from(folder), &seeds);
    }
    hold(&seeds);
}

fn of_case(case: &Case) -> Vec<Seed> {
    let (body, answer) = (case.request.bytes(), case.upstream.bytes());
    // A law asks for one server, whatever the case asks for.
    let head = |first: String, headers: &mut dyn Iterator<Item = (&str, &str)>| {
        let lines = headers.map(|(name, value)| format!("\n{name}: {value}"));
        [first, lines.collect()].concat().into_bytes()
    };
    let request = &case.request;
    let sent = head(
        format!("{} {}", request.method, request.path),
        &mut request.headers(),
    );
    let answered = head(
        format!("{} 7", case.upstream.status),
        &mut case
            .upstream
            .headers
            .iter()
            .map(|(name, value)| (&**name, &**value)),
    );
    let whole = [&*sent, &*body, &*answered, &*answer].join(&0x1e);
    let is_stream = case
        .upstream
        .headers
        .get("content-type")
        .is_some_and(|kind| kind.starts_with("text/event-stream"));
    let seed = |law, bytes| Seed {
        law,
        name: case.name.clone(),
        bytes,
    };
    let mut seeds = vec![
        seed("exchange", whole),
        seed("json", body.clone()),
        seed("request", body),
        seed("json", answer.clone()),
    ];
    for list in 0..4 {
        let choice = list | if is_stream { 4 } else { 0 };
        seeds.push(seed("answer", [&[choice], &*answer].concat()));
    }
    if is_stream {
        seeds.push(seed("sse", [&[6], &*answer].concat()));
    }
    // The suites make long bodies; a fuzzer is slowed by them.
    seeds.retain(|seed| seed.bytes.len() < 64 << 10);
    seeds
}

fn of_sample(name: &str, bytes: &[u8]) -> [Seed; 2] {
    let head = br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{"value":"#;
    let spliced = [head, bytes, b"}}}"].concat();
    [("json", bytes.to_vec()), ("request", spliced)].map(|(law, bytes)| Seed {
        law,
        name: name.to_owned(),
        bytes,
    })
}

fn of_fixture() -> Vec<Seed> {
    let fixture = Fixture::new().unwrap();
    let snapshot = fixture.snapshot(1).unwrap();
    let mut bytes = vec![200];
    for piece in std::iter::once(&snapshot.manifest).chain(&snapshot.sections) {
        let length = u16::try_from(piece.len()).unwrap();
        bytes.extend(length.to_be_bytes());
        bytes.extend(piece);
    }
    assert_eq!(pieces(&bytes[1..]).len(), snapshot.sections.len() + 1);
    let token = fixture.token("alice").unwrap();
    let mut parts: Vec<Vec<u8>> = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).unwrap())
        .collect();
    parts[2] = b"good".to_vec();
    let name = "the fixture".to_owned();
    let (snapshot, token) = (bytes, parts.join(&b'\n'));
    [("snapshot", snapshot), ("token", token)]
        .map(|(law, bytes)| Seed {
            law,
            name: name.clone(),
            bytes,
        })
        .into()
}

fn write(folder: &std::path::Path, seeds: &[Seed]) {
    for (position, seed) in seeds.iter().enumerate() {
        let folder = folder.join(seed.law);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("seed-{position}")), &seed.bytes).unwrap();
    }
}
