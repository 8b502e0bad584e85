//! What rules would do: the engine itself, driven as a filter drives it, with a principal that is
//! only assumed.
//!
//! Nothing of a decision is made here. A message goes through the same exchange as in a filter; the
//! token's check alone is left out, and the handles that it shows are sealed with a key that nobody
//! else has.

mod arguments;
mod bounds;
mod callers;
mod recall;
mod replay;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use chancery_engine::{
    credential::Credential,
    exchange::{
        self, Assumed, BodyStep, Context, CredentialStep, Exchange, HeadStep, Headers, Judged,
        RequestHead, ResponseHead, ResponseStep, Unmatched, Vouched,
    },
    explain,
    id::{DecisionId, Time},
    limits::Limits,
    policy::Policy,
    principal::Principal,
    seal::{Keyring, SEALING_KEY_BYTES, SealingKey},
    secret::Secret,
    server::Endpoint,
    snapshot::{InvalidSnapshot, compile},
};
use chancery_proto::{
    admin::v1::NearMiss,
    audit::v1::{Decision, Direction, entry::Event},
};
use prost_types::Timestamp;

pub use self::{
    bounds::Bounds,
    callers::Callers,
    recall::{Partial, Recall, Sent, recall},
    replay::{Replay, Sample},
};
use crate::{
    resource::Resource,
    snapshot::{self, BuildError, KeySets, Snapshot},
};

/// Rules, compiled, to be asked what they would do.
#[derive(Clone, Debug)]
pub struct Simulator {
    policy: Arc<Policy>,
    /// For what a message shows of earlier ones; they seal nothing outside.
    keys: Arc<Keyring>,
}

/// A call that nobody makes.
#[derive(Clone, Debug)]
pub struct Call {
    /// Where it goes.
    pub place: Place,
    /// Who makes it.
    pub principal: Arc<Principal>,
    /// The peer.
    pub source: Option<SocketAddr>,
    /// The JSON-RPC message. `None`: a request without a body.
    pub message: Option<String>,
    /// What the server answers.
    pub answer: Option<String>,
    /// When.
    pub time: Time,
    /// Whether to find out why rules do not apply.
    pub is_explained: bool,
}

/// Where a request goes, as Envoy would tell the filter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// `POST`, `GET` or `DELETE`.
    pub verb: String,
    /// `:authority`
    pub authority: String,
    /// `:path`
    pub path: String,
    /// The cluster that the route leads to.
    pub cluster: String,
    /// The server that the route's metadata names.
    pub route_server: Option<String>,
    /// The workspace that the token's audience stands for.
    pub workspace: Option<String>,
}

/// What would be decided, and what each side would get.
#[derive(Clone, Debug, PartialEq)]
pub struct Simulated {
    /// The decision as it would be recorded.
    pub decision: Decision,
    /// Rules that did not apply, nearest first, and what kept each from it.
    pub near_misses: Vec<NearMiss>,
    /// What the client would get, where it is refused.
    pub refusal: Option<String>,
    /// What the server would get, where that differs from the message.
    pub forwarded: Option<String>,
    /// What the client would get of the answer.
    pub answer: Option<String>,
}

/// There is no way to make a call.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Unreachable {
    /// No such server.
    #[error("there is no server `{0}`")]
    NoServer(String),
    /// No call to the server belongs to the workspace.
    #[error("no endpoint of `{server}` belongs to workspace `{workspace}`")]
    NoWorkspace {
        /// The server.
        server: String,
        /// The workspace.
        workspace: String,
    },
    /// The engine made no decision, as it does for what it does not govern.
    #[error("no decision was made")]
    Undecided,
}

impl Simulator {
    /// The rules of a snapshot.
    ///
    /// # Errors
    /// Where this control plane's engine does not compile it.
    pub fn of_snapshot(snapshot: &Snapshot) -> Result<Self, InvalidSnapshot> {
        let policy = compile(&snapshot.manifest, snapshot.sections.values())?;
        let mut keys = Keyring::default();
        for server in policy.servers() {
            let key = SealingKey::from_slice(&[0; SEALING_KEY_BYTES]);
            keys.insert(server.organization(), key.into_iter().collect());
        }
        Ok(Self {
            policy: Arc::new(policy),
            keys: Arc::new(keys),
        })
    }

    /// What resources come to that were never published.
    ///
    /// # Errors
    /// Where they come to nothing.
    pub fn of_resources(resources: &[Resource]) -> Result<Self, BuildError> {
        Self::of_version(resources, (0, 0))
    }

    /// What the resources of a version that was published came to.
    ///
    /// # Errors
    /// Where they come to nothing any more.
    pub fn of_version(resources: &[Resource], version: (u64, u64)) -> Result<Self, BuildError> {
        // Principals are given, so nobody's token is verified.
        let (keys, time) = (KeySets::new(), Timestamp::default());
        let snapshot = snapshot::build(resources, &keys, version, time, None)?;
        Ok(Self::of_snapshot(&snapshot)?)
    }

    /// The rules.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Where a call to a server goes that belongs to a workspace. Where none is named: its own, or
    /// that of its first endpoint where it has none there.
    ///
    /// # Errors
    /// Where there is no such server, or no such way to it.
    pub fn place(&self, server: &str, workspace: &str) -> Result<Place, Unreachable> {
        let found = self.policy.find(server);
        let found = found.and_then(|index| self.policy.server(index));
        let found = found.ok_or_else(|| Unreachable::NoServer(server.to_owned()))?;
        let belongs = |endpoint: &&Endpoint| *endpoint.workspace == *workspace;
        let by_audience = |endpoint: &&Endpoint| {
            let mut audiences = endpoint.audiences.iter();
            audiences.any(|audience| audience.workspace.as_deref() == Some(workspace))
        };
        let mut endpoints = found.endpoints.iter();
        let endpoint = if workspace.is_empty() {
            let is_own = |endpoint: &&Endpoint| *endpoint.workspace == *found.workspace();
            endpoints.clone().find(is_own).or_else(|| endpoints.next())
        } else {
            let by_itself = endpoints.clone().find(belongs);
            by_itself.or_else(|| endpoints.find(by_audience))
        };
        let endpoint = endpoint.ok_or_else(|| Unreachable::NoWorkspace {
            server: server.to_owned(),
            workspace: workspace.to_owned(),
        })?;
        // An endpoint for any host is also reached by one that no other endpoint has (RFC 2606).
        let authority = endpoint.host.as_deref().unwrap_or("simulated.invalid");
        Ok(Place {
            verb: "POST".to_owned(),
            authority: authority.to_owned(),
            path: endpoint.path.to_string(),
            cluster: endpoint.cluster.to_string(),
            route_server: None,
            workspace: (!workspace.is_empty()).then(|| workspace.to_owned()),
        })
    }

    fn context(&self, call: &Call, limits: Limits) -> Context {
        Context {
            policy: Some(Arc::clone(&self.policy)),
            keys: Arc::clone(&self.keys),
            limits,
            unmatched: Unmatched::Refuse,
            decision_id: DecisionId::new([0; 16]),
            now: call.time,
            may_wait: false,
            lists: None,
            conversation_keys: Arc::default(),
        }
    }

    /// Judges a call, and the server's answer where one is given.
    ///
    /// # Errors
    /// [`Unreachable::Undecided`], which no governed place comes to.
    pub fn judge(&self, call: &Call) -> Result<Simulated, Unreachable> {
        let limits = Limits::DEFAULT;
        let body = call.message.as_deref().unwrap_or_default();
        let headers = match call.message {
            Some(_) => exchange::headers_with(body.as_bytes(), &limits),
            None => Vec::new(),
        };
        let source = call.source.map(|source| source.to_string());
        let head = RequestHead {
            method: call.place.verb.as_bytes(),
            authority: call.place.authority.as_bytes(),
            path: call.place.path.as_bytes(),
            headers: Headers::new(&headers),
            cluster: &call.place.cluster,
            route_server: call.place.route_server.as_deref(),
            source: source.as_deref(),
            vouched: Vouched::default(),
            ends: call.message.is_none(),
        };
        let assumed = Assumed {
            principal: Arc::clone(&call.principal),
            workspace: call.place.workspace.as_deref().map(Box::from),
            is_explained: call.is_explained,
        };
        let (mut exchange, step) = Exchange::assume(self.context(call, limits), &head, &assumed);
        let (refusal, forwarded) = match step {
            HeadStep::Reply(reply) => (Some(reply.body), None),
            HeadStep::Forward(_) => (None, None),
            HeadStep::AwaitCredential(_) => (self.go_on(&mut exchange, call.time), None),
            // An assumed principal has no signature to check, and nothing unmatched passes.
            HeadStep::Pass | HeadStep::Watch(_) | HeadStep::Verify | HeadStep::AwaitKey(_) => {
                return Err(Unreachable::Undecided);
            }
            HeadStep::AwaitBody => match judge_body(&mut exchange, body) {
                BodyStep::Reply(reply) => (Some(reply.body), None),
                BodyStep::Forward { headers: _, body } => (None, body),
                BodyStep::AwaitCredential { headers: _, body } => {
                    match self.go_on(&mut exchange, call.time) {
                        Some(refusal) => (Some(refusal), None),
                        None => (None, body),
                    }
                }
                BodyStep::AwaitRecord { headers: _, body } => {
                    match self.record_ahead(&mut exchange, call.time) {
                        Some(refusal) => (Some(refusal), None),
                        None => (None, body),
                    }
                }
                BodyStep::Spend(_) => return Err(Unreachable::Undecided),
            },
        };
        let answer = call.answer.as_deref().filter(|_| refusal.is_none());
        let answer = answer.map(|answer| delivered(&mut exchange, answer, call.time));
        let near_misses = exchange.take_near_misses().into_iter();
        let near_misses = near_misses.map(near_miss).collect();
        let entries = exchange.take_entries().into_iter();
        let decision = entries
            .map(chancery_proto::audit::v1::Entry::from)
            .find_map(|entry| match entry.event {
                Some(Event::Decision(decision)) if decision.direction() == Direction::ToServer => {
                    Some(decision)
                }
                _ => None,
            });
        Ok(Simulated {
            decision: decision.ok_or(Unreachable::Undecided)?,
            near_misses,
            refusal,
            forwarded,
            answer,
        })
    }

    /// Goes on as if there were a credential for the server. What is simulated reaches nobody, so none
    /// is had; the refusal, where one is given all the same.
    fn go_on(&self, exchange: &mut Exchange, now: Time) -> Option<String> {
        let stand_in = Credential {
            value: Secret::new("simulated"),
            expires: Time::from_unix_ms(u64::MAX),
        };
        match exchange.credential(Ok(Arc::new(stand_in))) {
            CredentialStep::Forward(_) => None,
            CredentialStep::AwaitRecord(_) => self.record_ahead(exchange, now),
            CredentialStep::Reply(reply) => Some(reply.body),
        }
    }

    /// Goes on as if the record were durable at once.
    fn record_ahead(&self, exchange: &mut Exchange, now: Time) -> Option<String> {
        exchange.record_ahead();
        let recorded = exchange.recorded(Some(&self.policy), now);
        recorded.err().map(|reply| reply.body)
    }
}

fn near_miss(near_miss: explain::NearMiss) -> NearMiss {
    let explain::NearMiss {
        rule,
        field,
        found,
        expected,
        ..
    } = near_miss;
    NearMiss {
        rule: rule.into(),
        field,
        found,
        expected,
    }
}

/// A time as the engine has it.
pub fn unix_time(time: &Timestamp) -> Time {
    let seconds = u64::try_from(time.seconds).unwrap_or(0);
    let milliseconds = u64::try_from(time.nanos).unwrap_or(0) / 1_000_000;
    Time::from_unix_ms(seconds.saturating_mul(1_000).saturating_add(milliseconds))
}

/// The peer's address in a text: an address alone, or with a port.
pub fn peer(text: &str) -> Option<SocketAddr> {
    let address = text.parse::<IpAddr>();
    let address = address.map(|address| SocketAddr::new(address, 0));
    address.or_else(|_not_alone| text.parse()).ok()
}

/// Judges a body as if nobody had called anything yet: quotas are full.
fn judge_body(exchange: &mut Exchange, body: &str) -> BodyStep {
    match exchange.body(body.as_bytes()) {
        BodyStep::Spend(_) => exchange.spent(Ok(())),
        step @ (BodyStep::Reply(_)
        | BodyStep::Forward { .. }
        | BodyStep::AwaitCredential { .. }
        | BodyStep::AwaitRecord { .. }) => step,
    }
}

/// What of a server's answer reaches the client.
fn delivered(exchange: &mut Exchange, answer: &str, now: Time) -> String {
    let headers = [("content-type".to_owned(), b"application/json".to_vec())];
    let head = ResponseHead {
        status: 200,
        headers: Headers::new(&headers),
        ends: answer.is_empty(),
    };
    match exchange.response_head(&head, now) {
        ResponseStep::Pass(_) => answer.to_owned(),
        ResponseStep::Reply(reply) => reply.body,
        ResponseStep::Hold(_) => match exchange.response_body(answer.as_bytes(), now) {
            Judged::Unchanged => answer.to_owned(),
            Judged::Rewritten(text) => text,
            Judged::Reply(reply) => reply.body,
        },
        ResponseStep::Stream(_) => {
            let bytes = exchange.response_chunk(answer.as_bytes(), true, now);
            String::from_utf8_lossy(&bytes).into_owned()
        }
    }
}
