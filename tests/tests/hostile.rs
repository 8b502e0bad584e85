//! The adversary against the whole stack: `just hostile`.

#![cfg(test)]

use chancery_tests::hostile::{
    answers, benign,
    stage::{Stage, check_hostile, is_unrecorded},
    table::{self, Refuser},
};

/// Collects what is wrong, so that one run shows every broken row.
#[derive(Default)]
struct Report {
    good: usize,
    all: usize,
    faults: Vec<String>,
}

impl Report {
    fn add(&mut self, name: &str, faults: &[String]) {
        self.all += 1;
        if faults.is_empty() {
            self.good += 1;
        } else {
            self.faults
                .push(format!("{name}\n    {}", faults.join("\n    ")));
        }
    }
}

async fn hostile(stage: &Stage, token: &str) -> Report {
    let rows = table::hostile(token).unwrap();
    let answers = stage.send_all(&rows).await;
    let decisions = rows.iter().filter(|row| row.expect.by == Refuser::Filter);
    let record = stage
        .record(decisions.map(|row| row.expect.answers).sum())
        .await
        .unwrap();
    let received = stage.received();
    let mut unrecorded = Vec::new();
    let mut report = Report::default();
    for (row, answers) in rows.iter().zip(&answers) {
        let recorded = record.of(&row.trace);
        if is_unrecorded(row, &recorded) {
            unrecorded.push(&*row.name);
        }
        let reached = received.get(&row.trace).map_or(&[][..], Vec::as_slice);
        let faults = match answers {
            Ok(answers) => check_hostile(row, answers, reached, &recorded),
            Err(error) => vec![error.to_string()],
        };
        report.add(&row.name, &faults);
    }
    if unrecorded.len() > record.coalesced {
        let (found, names) = (record.coalesced, unrecorded.join("\n    "));
        report.faults.push(format!(
            "{found} refusals were only counted, but there is no entry of\n    {names}"
        ));
    }
    report
}

async fn benign(stage: &Stage, token: &str) -> Report {
    let rows = benign::rows(token).unwrap();
    let mut answers = Vec::new();
    for row in &rows {
        answers.push(stage.send_benign(row).await);
    }
    let record = stage
        .record_of(rows.iter().map(|row| &*row.trace))
        .await
        .unwrap();
    let received = stage.received();
    let mut report = Report::default();
    for (row, answer) in rows.iter().zip(&answers) {
        let reached = received.get(&row.trace).map_or(&[][..], Vec::as_slice);
        let faults = match answer {
            Ok(answer) => row.check(answer, reached, &record.of(&row.trace)),
            Err(error) => vec![error.to_string()],
        };
        report.add(&row.name, &faults);
    }
    report
}

async fn answers(stage: &Stage, token: &str) -> Report {
    let rows = answers::rows(token).unwrap();
    let mut heard = Vec::new();
    for row in &rows {
        heard.push(stage.ask(row).await);
    }
    let record = stage
        .record_of(rows.iter().map(|row| &*row.trace))
        .await
        .unwrap();
    let mut report = Report::default();
    for (row, answer) in rows.iter().zip(&heard) {
        let faults = match answer {
            Ok(answer) => row.check(answer, &record.of(&row.trace)),
            Err(error) => vec![error.to_string()],
        };
        report.add(&row.name, &faults);
    }
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_gets_a_refused_call_through_and_every_legal_oddity_passes() {
    let stage = Stage::start().await.unwrap();
    let token = stage
        .provider
        .token("alice@example.test", &["dev"])
        .unwrap();
    let hostile = hostile(&stage, &token).await;
    let benign = benign(&stage, &token).await;
    let answers = answers(&stage, &token).await;
    let faults = [hostile.faults, benign.faults, answers.faults].concat();
    println!("{}", faults.join("\n"));
    println!(
        "hostile: {}/{} refused, {}/{} benign passed byte-identical, {}/{} answers",
        hostile.good, hostile.all, benign.good, benign.all, answers.good, answers.all
    );
    assert!(faults.is_empty(), "{} rows are broken", faults.len());
}
