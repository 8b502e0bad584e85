//! The case table on every layer. Each must hold every case.

#![cfg(test)]

use chancery_engine::id::Time;
use chancery_tests::{
    artifacts,
    case::{self, Case, Observed, check},
    clock::now_unix_ms,
    fixture::Fixture,
    layer::{Native, RealEnvoy, Wasm},
};

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

/// Runs every case of the table, each after the exchanges before it.
macro_rules! run_all {
    ($fixture:ident, |$case:ident, $token:ident| $run:expr) => {{
        let mut report = Report::default();
        for case in case::all().unwrap() {
            let mut before: Option<Observed> = None;
            for step in case.steps() {
                let step = before
                    .as_ref()
                    .map_or(step.clone(), |seen| step.after(seen));
                let token = step.request.token.as_deref();
                let token = token.map(|name| $fixture.token(name).unwrap());
                let ($case, $token) = (&step, token.as_deref());
                let observed: Observed = $run;
                report.add(&step, &observed);
                before = Some(observed);
            }
        }
        report.finish();
    }};
}

#[test]
fn native() {
    let fixture = Fixture::new().unwrap();
    let now = Time::from_unix_ms(now_unix_ms());
    let mut native = Native::new(&fixture.snapshot(1).unwrap(), now).unwrap();
    run_all!(fixture, |case, token| native.run(case, token));
}

#[test]
fn wasmtime() {
    let fixture = Fixture::new().unwrap();
    let mut wasm = Wasm::start(&artifacts::filter().unwrap(), now_unix_ms()).unwrap();
    wasm.push(&fixture.snapshot(1).unwrap()).unwrap();
    run_all!(fixture, |case, token| wasm.run(case, token).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy() {
    let fixture = Fixture::new().unwrap();
    let mut envoy = RealEnvoy::start(&fixture.folder(), 1).await.unwrap();
    run_all!(fixture, |case, token| match envoy.run(case, token).await {
        Ok(observed) => observed,
        Err(error) => panic!("{}: {error}", case.name),
    });
}
