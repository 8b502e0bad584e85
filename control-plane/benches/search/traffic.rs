//! A record as a busy company writes one: decisions and what came of them.

use chancery_proto::audit::v1::{
    Attribute, CapabilityKind, Content, Decision, Direction, Entry, Fact, Outcome, OutcomeStatus,
    Principal, Provenance, Session, Verdict, entry::Event,
};
use prost::Message as _;
use prost_types::{Duration, Timestamp};

const USERS: u64 = 2_000;
const SERVERS: u64 = 200;
const TOOLS: u64 = 10;
const WORDS: u64 = 20_000;

/// When the first record was made.
pub(crate) const START_SECONDS: i64 = 1_780_000_000;

/// How long it takes to make them all.
pub(crate) const DAYS: i64 = 10;

/// Makes entries, the same ones each time.
pub(crate) struct Traffic {
    pub(crate) records: u64,
    state: u64,
}

/// A server's name.
pub(crate) fn server(number: u64) -> String {
    format!(
        "organizations/acme/workspaces/w{}/servers/server-{number:03}",
        number % 5
    )
}

/// The id of the decision that a pair of records is about.
pub(crate) fn decision_id(pair: u64) -> Vec<u8> {
    let id = u128::from(mixed(pair)) << 64 | u128::from(mixed(!pair));
    id.to_be_bytes().to_vec()
}

/// A number that looks like any other.
fn mixed(number: u64) -> u64 {
    let mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// One of many words, the first of them much more often.
pub(crate) fn word(number: u64) -> String {
    const PARTS: [&str; 16] = [
        "al", "ber", "con", "dis", "en", "for", "gra", "hol", "in", "just", "kit", "lo", "man",
        "nor", "or", "per",
    ];
    let part = |shift: u32| PARTS[usize::try_from(number >> shift & 15).unwrap_or(0)];
    [part(0), part(4), part(8), part(12)].concat()
}

impl Traffic {
    pub(crate) fn new(records: u64) -> Self {
        Self { records, state: 7 }
    }

    fn random(&mut self, below: u64) -> u64 {
        self.state = self.state.wrapping_add(1);
        mixed(self.state) % below
    }

    fn words(&mut self, count: usize) -> String {
        let mut words = Vec::new();
        for _ in 0..count {
            // The product of two is small more often than it is large.
            let number = self.random(WORDS) * self.random(WORDS) / WORDS;
            words.push(word(number));
        }
        words.join(" ")
    }

    pub(crate) fn entry(&mut self, position: u64) -> Vec<u8> {
        let pair = position / 2;
        let seconds = i64::try_from(position).unwrap_or(0) * DAYS * 86_400;
        let seconds = seconds / i64::try_from(self.records).unwrap_or(1);
        let event = if position.is_multiple_of(2) {
            Event::Decision(self.decision())
        } else {
            Event::Outcome(self.outcome())
        };
        let entry = Entry {
            schema_version: 1,
            time: Some(Timestamp {
                seconds: START_SECONDS + seconds,
                nanos: 123_456_789,
            }),
            decision_id: decision_id(pair),
            event: Some(event),
        };
        entry.encode_to_vec()
    }

    fn decision(&mut self) -> Decision {
        let user = self.random(USERS);
        let is_denied = self.random(20) == 0;
        let session = format!("{:016x}", mixed(user * 1_000 + self.random(20)));
        let arguments = format!(
            "{{\"repo\":\"acme/{}\",\"title\":\"{}\",\"id\":{}}}",
            self.words(1),
            self.words(12),
            self.random(1 << 40)
        );
        Decision {
            request_id: format!(
                "{:016x}-{:016x}",
                self.random(u64::MAX),
                self.random(u64::MAX)
            ),
            trace_parent: format!("00-{:032x}-{:016x}-01", self.random(u64::MAX), 7),
            principal: Some(principal(user)),
            session: Some(Session {
                id: session,
                source: 1,
            }),
            direction: Direction::ToServer.into(),
            protocol_version: "2025-11-25".to_owned(),
            method: "tools/call".to_owned(),
            rpc_id: "42".to_owned(),
            server: server(self.random(SERVERS)),
            capability_kind: CapabilityKind::Tool.into(),
            capability: format!("tool_{}", self.random(TOOLS)),
            pin: vec![9; 32],
            arguments: Some(Content {
                size_bytes: u64::try_from(arguments.len()).unwrap_or(0),
                data: arguments.into_bytes(),
                digest: vec![3; 32],
                ..Content::default()
            }),
            verdict: if is_denied {
                Verdict::Deny
            } else {
                Verdict::Allow
            }
            .into(),
            reason: if is_denied {
                "no_matching_rule"
            } else {
                "allowed_by_rule"
            }
            .to_owned(),
            rules: vec![format!("organizations/acme/rules/rule-{}", self.random(50))],
            facts: vec![Fact {
                key: "$.repo".to_owned(),
                value: "\"acme/x\"".to_owned(),
                ..Fact::default()
            }],
            snapshot_epoch: 1_780_000_000,
            snapshot_version: 42,
            snapshot_digest: vec![5; 32],
            engine_version: "0.1.0".to_owned(),
            size_bytes: 400,
            count: 1,
            ..Decision::default()
        }
    }

    fn outcome(&mut self) -> Outcome {
        let is_error = self.random(10) == 0;
        let result = format!(
            "{{\"content\":[{{\"type\":\"text\",\"text\":\"{}\"}}]}}",
            self.words(35)
        );
        Outcome {
            status: if is_error {
                OutcomeStatus::ToolError
            } else {
                OutcomeStatus::Result
            }
            .into(),
            http_status: 200,
            result: Some(Content {
                size_bytes: u64::try_from(result.len()).unwrap_or(0),
                data: result.into_bytes(),
                digest: vec![4; 32],
                ..Content::default()
            }),
            latency: Some(Duration {
                seconds: 0,
                nanos: 12_000_000,
            }),
            size_bytes: 300,
            server: server(self.random(SERVERS)),
            ..Outcome::default()
        }
    }
}

fn principal(user: u64) -> Principal {
    let attribute = |value: String| {
        Some(Attribute {
            value,
            provenance: Provenance::Verified.into(),
        })
    };
    Principal {
        user: attribute(format!("user{user:04}@acme.example")),
        issuer: attribute("https://login.acme.example".to_owned()),
        token_id_digest: vec![7; 32],
        groups: vec!["engineering".to_owned(), format!("team-{}", user % 40)],
        workspace: attribute(format!("w{}", user % 5)),
        organization: attribute("acme".to_owned()),
        agent: attribute(format!("agent-{}", user % 30)),
        source: attribute(format!("10.0.{}.{}", user % 200, user % 250)),
        ..Principal::default()
    }
}
