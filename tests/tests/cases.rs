//! The case table on every layer. Each must hold every case.

use std::time::{SystemTime, UNIX_EPOCH};

use chancery_engine::id::Time;
use chancery_tests::{
    artifacts,
    case::{self, Case, Observed, check},
    fixture::Fixture,
    layer::{Native, RealEnvoy, Wasm},
};

fn now_unix_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    elapsed.as_millis().try_into().unwrap()
}

/// Collects what differs, so that one run shows every broken case.
#[derive(Default)]
struct Report {
    cases: usize,
    differences: Vec<String>,
}

impl Report {
    fn add(&mut self, case: &Case, observed: &Observed) {
        self.cases += 1;
        let found = check(case, observed);
        self.differences.extend(
            found
                .into_iter()
                .map(|line| format!("{}\n    {line}", case.name)),
        );
    }

    fn finish(self) {
        assert!(self.cases > 80, "the table has only {} cases", self.cases);
        assert!(
            self.differences.is_empty(),
            "\n{}",
            self.differences.join("\n")
        );
    }
}

#[test]
fn native() {
    let fixture = Fixture::new().unwrap();
    let now = Time::from_unix_ms(now_unix_ms());
    let mut native = Native::new(&fixture.snapshot(1).unwrap(), now).unwrap();
    let mut report = Report::default();
    for case in case::all().unwrap() {
        let token = case
            .request
            .token
            .as_deref()
            .map(|name| fixture.token(name).unwrap());
        let observed = native.run(&case, token.as_deref());
        report.add(&case, &observed);
    }
    report.finish();
}

#[test]
fn wasmtime() {
    let fixture = Fixture::new().unwrap();
    let mut wasm = Wasm::start(&artifacts::filter().unwrap(), now_unix_ms()).unwrap();
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    let mut report = Report::default();
    for case in case::all().unwrap() {
        let token = case
            .request
            .token
            .as_deref()
            .map(|name| fixture.token(name).unwrap());
        let observed = wasm.run(&case, token.as_deref()).unwrap();
        report.add(&case, &observed);
    }
    report.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy() {
    let fixture = Fixture::new().unwrap();
    let mut envoy = RealEnvoy::start(&fixture.folder(), 1).await.unwrap();
    let mut report = Report::default();
    for case in case::all().unwrap() {
        let token = case
            .request
            .token
            .as_deref()
            .map(|name| fixture.token(name).unwrap());
        match envoy.run(&case, token.as_deref()).await {
            Ok(observed) => report.add(&case, &observed),
            Err(error) => report
                .differences
                .push(format!("{}\n    {error}", case.name)),
        }
    }
    report.finish();
}
