//! One sample and what comes of it.

use std::borrow::Cow;

use chancery_engine::{
    entry::Direction,
    limits::Limits,
    principal::Principal,
    redact::{Finding, Plan, Redacted, Redactor},
    seal::{Binding, Keyring, SEALING_KEY_BYTES, SealingKey},
};
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::value::RawValue;

use super::{MAX_LINE_BYTES, Way};
use crate::cli::exit::Failure;

/// A sample.
#[derive(Deserialize)]
struct Sample<'l> {
    #[serde(borrow)]
    id: &'l RawValue,
    #[serde(borrow)]
    content_type: Cow<'l, str>,
    #[serde(borrow)]
    body: Cow<'l, str>,
}

/// What a message says of its way.
#[derive(Deserialize)]
struct Asking {
    method: Option<IgnoredAny>,
}

/// What is sent on.
#[derive(Debug, Serialize)]
pub(super) struct Answer<'l> {
    id: &'l RawValue,
    body: String,
    findings: Vec<Found>,
}

/// What was found at one place.
#[derive(Debug, Serialize)]
struct Found {
    detector: Cow<'static, str>,
    pointer: String,
    count: u32,
    action: &'static str,
}

/// Why nothing is sent on.
#[derive(Debug, Serialize)]
pub(super) struct Refused<'l> {
    id: Option<&'l RawValue>,
    error: String,
}

impl Answer<'_> {
    /// How often something was found.
    pub(super) fn found(&self) -> u64 {
        self.findings
            .iter()
            .map(|found| u64::from(found.count))
            .sum()
    }
}

impl From<Finding> for Found {
    fn from(finding: Finding) -> Self {
        let Finding {
            detector,
            pointer,
            count,
            action,
        } = finding;
        Self {
            detector,
            pointer,
            count,
            action: action.map_or("observe", |action| action.as_str()),
        }
    }
}

/// Whose samples they are.
const ORGANIZATION: &str = "organizations/samples";

/// What samples are tried on.
#[derive(Debug)]
pub(super) struct Bench {
    plan: Plan,
    way: Way,
    limits: Limits,
    /// For hashes and tokens, which look as a filter's do and are worth nothing outside.
    keys: Keyring,
    principal: Principal,
}

impl Bench {
    pub(super) fn new(plan: Plan, way: Way) -> Self {
        let mut keys = Keyring::default();
        let key = SealingKey::from_slice(&[0; SEALING_KEY_BYTES]);
        keys.insert(ORGANIZATION, key.into_iter().collect());
        Self {
            plan,
            way,
            limits: Limits::DEFAULT,
            keys,
            principal: Principal::anonymous(),
        }
    }

    /// What comes of a line, the `number`-th.
    pub(super) fn redact<'l>(
        &self,
        line: &'l [u8],
        number: u64,
    ) -> Result<Answer<'l>, Refused<'l>> {
        let unreadable = |found: String| Refused {
            id: None,
            error: format!(
                "line {number}: found {found}, expected {{\"id\", \"content_type\", \"body\"}} in JSON"
            ),
        };
        if line.len() as u64 > MAX_LINE_BYTES {
            return Err(unreadable(format!(
                "more than {} MiB",
                MAX_LINE_BYTES >> 20
            )));
        }
        let text = str::from_utf8(line).map_err(|error| unreadable(error.to_string()))?;
        let sample: Sample<'l> =
            serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        let redactor = Redactor {
            plan: &self.plan,
            direction: self.direction(&sample),
            binding: Some(Binding {
                keys: &self.keys,
                organization: ORGANIZATION,
                server: ORGANIZATION,
                principal: &self.principal,
            }),
        };
        let redacted = redactor.body(&sample.content_type, sample.body.as_bytes(), &self.limits);
        let Redacted { body, findings } = redacted.map_err(|error| Refused {
            id: Some(sample.id),
            error: error.to_string(),
        })?;
        Ok(Answer {
            id: sample.id,
            body,
            findings: findings.into_iter().map(Into::into).collect(),
        })
    }

    fn direction(&self, sample: &Sample<'_>) -> Direction {
        match self.way {
            Way::ToServer => Direction::ToServer,
            Way::ToClient => Direction::ToClient,
            Way::Auto => {
                let asks = !sample.content_type.starts_with("text/event-stream")
                    && serde_json::from_str::<Asking>(&sample.body)
                        .is_ok_and(|asking| asking.method.is_some());
                if asks {
                    Direction::ToServer
                } else {
                    Direction::ToClient
                }
            }
        }
    }
}

/// An answer as a line of JSON.
pub(super) fn written(answer: &Result<Answer<'_>, Refused<'_>>) -> Result<String, Failure> {
    let written = match answer {
        Ok(answer) => serde_json::to_string(answer),
        Err(refused) => serde_json::to_string(refused),
    };
    written.map_err(Failure::rendering)
}
