//! An Envoy with the module that times: `tests/redaction-bench`.

use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{super::LabError, figures::Row};
use crate::{
    artifacts,
    envoy::{Envoy, EnvoyOptions, Filter, Upstream},
};

/// How long one kind of body is measured, where a round is not longer by itself.
const TIME: Duration = Duration::from_millis(400);
const ROUNDS: std::ops::RangeInclusive<usize> = 5..=100;
/// A request with more than this is sent in parts, to keep what the VM holds small.
const PART_BYTES: usize = 512 << 10;
/// A scan that is far slower than any that is acceptable.
const PATIENCE: Duration = Duration::from_mins(2);

/// What is redacted.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Body {
    pub(super) content_type: String,
    #[serde(alias = "body")]
    pub(super) text: String,
}

impl Body {
    pub(super) fn json(text: String) -> Self {
        Self {
            content_type: "application/json".to_owned(),
            text,
        }
    }
}

#[derive(Debug, Serialize)]
struct Work<'b> {
    rounds: usize,
    bodies: &'b [Body],
}

/// What the module answers.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    pub(super) bytes: usize,
    pub(super) findings: u64,
    pub(super) unreadable: usize,
    pub(super) redact_ns: Vec<u64>,
    pub(super) parse_ns: Vec<u64>,
    pub(super) memory_bytes: usize,
}

/// A running one.
#[derive(Debug)]
pub(in crate::lab) struct Probe {
    envoy: Envoy,
    client: reqwest::Client,
}

impl Probe {
    pub(in crate::lab) async fn start() -> Result<Self, LabError> {
        // Neither is ever called: the module answers everything itself.
        let nobody = ([127, 0, 0, 1], 9).into();
        let filter = Filter::Chancery(artifacts::redaction_bench()?);
        let options = EnvoyOptions::new(filter, vec![Upstream::local("nobody", nobody)], nobody);
        Ok(Self {
            envoy: Envoy::start(&options).await?,
            client: reqwest::Client::builder().timeout(PATIENCE).build()?,
        })
    }

    /// Goes through bodies so many times.
    pub(super) async fn run(&self, rounds: usize, bodies: &[Body]) -> Result<Report, LabError> {
        self.ask("", &Work { rounds, bodies }).await
    }

    /// Has the work of a path done, and says what it reports.
    pub(in crate::lab) async fn ask<R: DeserializeOwned>(
        &self,
        path: &str,
        work: &impl Serialize,
    ) -> Result<R, LabError> {
        let url = format!("http://{}/{path}", self.envoy.address()?);
        let request = self.client.post(url).json(work);
        let answer = request.send().await?;
        if answer.status() != 200 {
            let status = answer.status();
            let text = answer.text().await?;
            return Err(LabError::Bench(format!(
                "the module answered {status}: {text}"
            )));
        }
        Ok(answer.json().await?)
    }

    /// Measures one kind of bodies: once to warm up and to learn how long it takes, then for the figures.
    pub(super) async fn row(&self, label: &str, bodies: Vec<Body>) -> Result<Row, LabError> {
        let mut row = Row::new(label);
        for part in parts(&bodies) {
            let first = self.run(3, part).await?;
            let last_ns = first.redact_ns.last().copied().unwrap_or_default().max(1);
            let wanted = TIME.as_nanos() / u128::from(last_ns);
            let rounds = usize::try_from(wanted).unwrap_or(usize::MAX);
            let rounds = rounds.clamp(*ROUNDS.start(), *ROUNDS.end());
            row.add(&self.run(rounds, part).await?);
        }
        if row.unreadable > 0 {
            let text = format!(
                "{label}: the engine refuses {} of the bodies",
                row.unreadable
            );
            return Err(LabError::Bench(text));
        }
        Ok(row)
    }
}

/// Bodies in the order they come, in parts that are short enough, or of one body.
fn parts(bodies: &[Body]) -> Vec<&[Body]> {
    let mut parts = Vec::new();
    let mut rest = bodies;
    while !rest.is_empty() {
        let mut size_bytes = 0;
        let fitting = rest.iter().take_while(|body| {
            size_bytes += body.text.len();
            size_bytes <= PART_BYTES
        });
        let (part, others) = rest.split_at(fitting.count().clamp(1, rest.len()));
        parts.push(part);
        rest = others;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_body_is_in_one_part() {
        let body = |size_bytes: usize| Body::json("x".repeat(size_bytes));
        let bodies = [
            body(PART_BYTES),
            body(1),
            body(PART_BYTES - 1),
            body(2 * PART_BYTES),
            body(3),
        ];
        let counts: Vec<usize> = parts(&bodies).into_iter().map(<[_]>::len).collect();
        assert_eq!(counts, [1, 2, 1, 1]);
    }
}
