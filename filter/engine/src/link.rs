//! The stream between an instance and its control plane, as a machine without a transport.
//!
//! The host accepts anything that is sent and says nothing of what is lost, so nothing counts
//! until the other side has answered: entries until they are acknowledged, a connection until the
//! first message arrives.

use std::{collections::BTreeMap, sync::Arc};

use chancery_proto::node::v1::{self as pb, connect_request, connect_response};
use prost::Message as _;

use crate::{
    credential::{Answer, Asked, Credential, Credentials, Need, Question, Release},
    entry::{Entry, Event},
    id::{SnapshotVersion, Time},
    limits::Limits,
    policy::Policy,
    ring::{Lane, Ring, Ticket},
    seal::{Keyring, SealingKey},
    secret::Secret,
    shadow::Noticed,
    sightings::Sightings,
    snapshot::{FEATURES, InvalidSnapshot, Loader, Progress},
    token::{Ask, WantedKey, WantedKeys},
    trust::TrustKeys,
    wire::audit::{self, time_of, timestamp},
};

/// Who an instance says it is.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The Envoy, as its operator names it.
    pub node_id: String,
    /// Random, new with every VM.
    pub instance_id: [u8; 16],
    /// Free labels of the node.
    pub labels: BTreeMap<String, String>,
    /// The filter's version.
    pub filter_version: String,
}

/// What the shell is to do.
#[derive(Debug)]
pub enum Command {
    /// Open the stream.
    Open,
    /// Send a message on it.
    Send(Vec<u8>),
    /// Enforce a policy from now on, and keep these bytes for the next VM.
    Enforce {
        /// The policy.
        policy: Arc<Policy>,
        /// For [`Link::restore`].
        stored: Vec<u8>,
    },
    /// Seal and open handles with these keys from now on.
    UseKeys(Arc<Keyring>),
    /// Let an exchange that waits for a credential go on with this.
    Release(Release),
    /// A key was looked for; the policy to be enforced has it, if anyone has.
    KeyAnswered(WantedKey),
    /// Tell the operator.
    Warn(String),
}

/// The machine.
#[derive(Debug)]
pub struct Link {
    identity: Identity,
    loader: Loader,
    keys: Keyring,
    credentials: Credentials,
    wanted: WantedKeys,
    /// Answers that came while the snapshot before them was compiled.
    early_answers: Vec<(WantedKey, bool)>,
    ring: Ring,
    sightings: Sightings,
    noticed: Noticed,
    state: State,
    /// Since when nobody is there to take entries, as far as that is known. `None`: somebody is, or
    /// nobody was looked for yet.
    away_since: Option<Time>,
    /// Longest that anyone waits for an entry to be durable, in milliseconds.
    max_ahead_ms: u64,
    /// Failed attempts since the other side last answered.
    failures: u32,
    reported_drops: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// No stream; one is opened at this time.
    Down { retry_at: Time },
    /// A stream that has not been answered on, perhaps because it leads nowhere.
    Opened { since: Time, next_heartbeat: Time },
    /// A stream that works.
    Up { next_heartbeat: Time },
}

/// How much is compiled at once: less than two milliseconds in Wasm (see `tests/tests/slices.rs`).
const SLICE_UNITS: usize = 128;

/// More answers than this do not wait for the snapshot before them.
const MAX_EARLY_ANSWERS: usize = 1_024;

const HEARTBEAT_MS: u64 = 1_000;
const FIRST_RETRY_MS: u64 = 100;
const MAX_RETRY_MS: u64 = 2_000;

impl Link {
    /// A machine that opens its stream with the first tick, and takes snapshots by these keys.
    pub fn new(identity: Identity, limits: Limits, trust: TrustKeys) -> Self {
        Self {
            identity,
            loader: Loader::new(limits, trust),
            keys: Keyring::default(),
            credentials: Credentials::new(&limits),
            wanted: WantedKeys::default(),
            early_answers: Vec::new(),
            ring: Ring::new(limits),
            sightings: Sightings::default(),
            noticed: Noticed::default(),
            state: State::Down {
                retry_at: Time::default(),
            },
            away_since: None,
            max_ahead_ms: limits.max_ahead_ms,
            failures: 0,
            reported_drops: 0,
        }
    }

    /// Takes snapshots by these keys from now on. What is in force stays.
    pub fn trust(&mut self, keys: TrustKeys) {
        self.loader.trust(keys);
    }

    /// Takes over what another VM enforced last.
    ///
    /// # Errors
    /// Where it does not compile here, or is by nobody who is trusted here.
    pub fn restore(&mut self, stored: &[u8]) -> Result<Option<Arc<Policy>>, InvalidSnapshot> {
        Ok(match self.loader.restore(stored)? {
            Progress::Applied(policy) => Some(policy),
            Progress::Waiting | Progress::Working => None,
        })
    }

    /// Keeps an entry until it is durable. A ticket for one about a call, unless there was no room.
    pub fn record(&mut self, mut entry: Entry) -> Option<Ticket> {
        let is_anonymous = entry.event.is_anonymous_refusal();
        if is_anonymous && !self.ring.admit_anonymous(entry.time) {
            return None;
        }
        // What strangers make must not displace what calls say.
        let mut lane = if is_anonymous {
            Lane::Anonymous
        } else {
            Lane::Calls
        };
        match &mut entry.event {
            Event::Drift(drift) if !self.sightings.is_new(drift) => return None,
            Event::Shadow(shadow) => {
                shadow.count = self.noticed.note(shadow, entry.time)?;
                lane = Lane::Anonymous;
            }
            Event::Decision(_) | Event::Outcome(_) | Event::Drift(_) | Event::Gap { .. } => {}
        }
        let bytes = chancery_proto::audit::v1::Entry::from(entry).encode_to_vec();
        self.ring.push(lane, bytes)
    }

    /// Whether an entry that is recorded now may be durable in time: not where nobody has been there to
    /// take it for as long as anyone waits.
    pub fn may_be_durable(&self, now: Time) -> bool {
        match self.state {
            State::Up { .. } => true,
            State::Down { .. } | State::Opened { .. } => {
                let since = self.away_since.unwrap_or(now);
                now.since_ms(since) <= self.max_ahead_ms
            }
        }
    }

    /// Sends what is recorded at once, where it can be, without waiting for time to pass.
    pub fn hurry(&mut self) -> Vec<Command> {
        let mut commands = Vec::new();
        match self.state {
            State::Down { .. } => {}
            State::Opened { .. } | State::Up { .. } => self.send_entries(&mut commands),
        }
        commands
    }

    /// The newest of the entries about calls that are durable, with all before it.
    pub fn durable(&self) -> Ticket {
        self.ring.durable()
    }

    /// Asks for a credential that an exchange needs: it is known, or the exchange waits for a
    /// [`Command::Release`] that names it.
    pub fn need(&mut self, need: &Need, waiter: u32, now: Time) -> (Option<Answer>, Vec<Command>) {
        match self.credentials.ask(need, waiter, now) {
            Asked::Answered(answer) => (Some(answer), Vec::new()),
            Asked::Waits(question) => match self.state {
                // It is asked when there is a stream.
                State::Down { .. } => (None, Vec::new()),
                State::Opened { .. } | State::Up { .. } => {
                    (None, question.iter().map(ask).collect())
                }
            },
        }
    }

    /// A server did not accept the credential that it was called with.
    pub fn refused(&mut self, need: &Need, credential: &Credential) {
        self.credentials.refused(need, credential);
    }

    /// Time passes.
    pub fn tick(&mut self, now: Time) -> Vec<Command> {
        let late = self.credentials.tick(now).into_iter();
        let mut commands: Vec<_> = late.map(Command::Release).collect();
        commands.extend(self.tick_stream(now));
        commands
    }

    fn tick_stream(&mut self, now: Time) -> Vec<Command> {
        match self.state {
            State::Down { retry_at } if retry_at <= now => {
                self.away_since.get_or_insert(now);
                self.state = State::Opened {
                    since: now,
                    next_heartbeat: now,
                };
                vec![Command::Open]
            }
            State::Down { .. } => Vec::new(),
            State::Opened { next_heartbeat, .. } | State::Up { next_heartbeat } => {
                self.report_losses(now);
                let mut commands = Vec::new();
                if next_heartbeat <= now {
                    commands.push(self.heartbeat(now));
                    let next = now.plus_ms(HEARTBEAT_MS);
                    self.state = match self.state {
                        State::Opened { since, .. } => State::Opened {
                            since,
                            next_heartbeat: next,
                        },
                        State::Up { .. } | State::Down { .. } => State::Up {
                            next_heartbeat: next,
                        },
                    };
                }
                self.send_entries(&mut commands);
                if self.is_working() {
                    commands.extend(self.compile(now));
                }
                commands
            }
        }
    }

    /// Whether the next tick should come soon, because there is something to compile.
    pub fn is_working(&self) -> bool {
        self.loader.is_working()
    }

    /// A token names a key that is not known here: until when to wait for it, and what to do.
    /// `None`: it is not worth waiting.
    pub fn want_key(&mut self, key: &WantedKey, now: Time) -> (Option<Time>, Vec<Command>) {
        match self.state {
            State::Down { .. } | State::Opened { .. } => return (None, Vec::new()),
            State::Up { .. } => {}
        }
        match self.wanted.want(key, now) {
            Ask::Never => (None, Vec::new()),
            Ask::Already(until) => (Some(until), Vec::new()),
            Ask::Now(until) => {
                let WantedKey {
                    identity_provider,
                    key_id,
                } = key.clone();
                let request = connect_request::Message::KeyRequest(pb::KeyRequest {
                    identity_provider: identity_provider.into(),
                    key_id: key_id.into(),
                });
                (Some(until), vec![send(request)])
            }
        }
    }

    /// The stream was opened, as far as the host can tell: the first message goes out.
    pub fn opened(&mut self, now: Time) -> Vec<Command> {
        self.state = State::Opened {
            since: now,
            next_heartbeat: now.plus_ms(HEARTBEAT_MS),
        };
        self.ring.rewind();
        let Identity {
            node_id,
            instance_id,
            labels,
            filter_version,
        } = self.identity.clone();
        let hello = pb::Hello {
            node_id,
            instance_id: instance_id.to_vec(),
            labels: labels.into_iter().collect(),
            filter_version,
            features: FEATURES
                .iter()
                .map(|feature| (*feature).to_owned())
                .collect(),
            applied: self.loader.applied().map(version),
            held_sections: self
                .loader
                .held_sections()
                .map(|d| d.as_bytes().to_vec())
                .collect(),
            next_sequence: self.ring.next_sequence(),
        };
        let mut commands = vec![send(connect_request::Message::Hello(hello))];
        commands.extend(self.credentials.questions().map(ask));
        self.send_entries(&mut commands);
        commands
    }

    /// The stream is gone, or could not be opened.
    pub fn closed(&mut self, now: Time) {
        let exponent = self.failures.min(5);
        let delay = FIRST_RETRY_MS
            .saturating_mul(1 << exponent)
            .min(MAX_RETRY_MS);
        // Instances of one node must not all come back in the same tick.
        let jitter = u64::from(self.identity.instance_id.first().copied().unwrap_or(0));
        self.failures = self.failures.saturating_add(1);
        self.away_since.get_or_insert(now);
        self.state = State::Down {
            retry_at: now.plus_ms(delay.saturating_add(jitter / 4)),
        };
        self.loader.abandon();
        self.wanted.disconnected();
        self.early_answers.clear();
        self.ring.rewind();
    }

    /// A message arrived.
    pub fn received(&mut self, bytes: &[u8], now: Time) -> Vec<Command> {
        self.failures = 0;
        self.away_since = None;
        if let State::Opened { next_heartbeat, .. } = self.state {
            self.state = State::Up { next_heartbeat };
            self.credentials.forget_all();
        }
        let message = match pb::ConnectResponse::decode(bytes) {
            Ok(pb::ConnectResponse { message }) => message,
            Err(error) => {
                let reason = format!("a message of the control plane cannot be decoded: {error}");
                return self.nack(&reason);
            }
        };
        let progress = match message {
            Some(connect_response::Message::Manifest(signed)) => self.loader.offer(signed),
            Some(connect_response::Message::SectionChunk(chunk)) => {
                let pb::SectionChunk {
                    digest,
                    offset_bytes,
                    data,
                } = chunk;
                self.loader.chunk(&digest, offset_bytes, &data)
            }
            Some(connect_response::Message::EntriesAck(pb::EntriesAck { sequence })) => {
                self.ring.acknowledge(sequence);
                let mut commands = Vec::new();
                self.send_entries(&mut commands);
                return commands;
            }
            Some(connect_response::Message::SealingKeys(keys)) => return self.use_keys(&keys),
            Some(connect_response::Message::CredentialAnswer(answer)) => {
                return self.credential_answered(answer, now);
            }
            Some(connect_response::Message::CredentialExpiry(pb::CredentialExpiry {
                server,
                expire_time,
            })) => {
                let until = expire_time.map_or(now, time_of);
                self.credentials.expire(&server, until);
                return Vec::new();
            }
            Some(connect_response::Message::KeyAnswer(answer)) => {
                let pb::KeyAnswer {
                    identity_provider,
                    key_id,
                    is_known,
                } = answer;
                let key = WantedKey {
                    identity_provider: identity_provider.into(),
                    key_id: key_id.into(),
                };
                if self.is_working() && self.early_answers.len() < MAX_EARLY_ANSWERS {
                    // It is about the snapshot that came before it.
                    self.early_answers.push((key, is_known));
                    return Vec::new();
                }
                return vec![self.key_answered(key, is_known, now)];
            }
            // A newer control plane may say more than is known here; none of it is policy.
            None => return Vec::new(),
        };
        match progress {
            Ok(Progress::Working) => self.compile(now),
            progress => self.concluded(progress, now),
        }
    }

    /// Compiles a slice of what is offered.
    fn compile(&mut self, now: Time) -> Vec<Command> {
        let progress = self.loader.proceed(SLICE_UNITS);
        self.concluded(progress, now)
    }

    fn concluded(
        &mut self,
        progress: Result<Progress, InvalidSnapshot>,
        now: Time,
    ) -> Vec<Command> {
        let mut commands = match progress {
            Ok(Progress::Waiting | Progress::Working) => return Vec::new(),
            Ok(Progress::Applied(policy)) => self.applied(policy, now),
            Err(error) => self.nack(&error.to_string()),
        };
        for (key, is_known) in std::mem::take(&mut self.early_answers) {
            commands.push(self.key_answered(key, is_known, now));
        }
        commands
    }

    fn key_answered(&mut self, key: WantedKey, is_known: bool, now: Time) -> Command {
        self.wanted.answered(&key, is_known, now);
        Command::KeyAnswered(key)
    }

    fn credential_answered(&mut self, answer: pb::CredentialAnswer, now: Time) -> Vec<Command> {
        let pb::CredentialAnswer {
            request_id,
            header_value,
            expire_time,
            error,
        } = answer;
        let answer = if header_value.is_empty() {
            Err(error.into())
        } else {
            Ok(Arc::new(Credential {
                value: Secret::new(header_value),
                expires: expire_time.map_or(now, time_of),
            }))
        };
        let released = self.credentials.answered(request_id, &answer, now);
        released.into_iter().map(Command::Release).collect()
    }

    /// Keys that cannot be read leave those before in use.
    fn use_keys(&mut self, message: &pb::SealingKeys) -> Vec<Command> {
        let pb::SealingKeys { organization, keys } = message;
        let read = keys.iter().map(|key| SealingKey::from_slice(key)).collect();
        let Some(keys) = read else {
            let warning =
                format!("refused the sealing keys of `{organization}`: one has another length");
            return vec![Command::Warn(warning)];
        };
        self.keys.insert(organization, keys);
        vec![Command::UseKeys(Arc::new(self.keys.clone()))]
    }

    /// The instance ends on purpose.
    pub fn goodbye(&mut self) -> Vec<Command> {
        match self.state {
            State::Down { .. } => Vec::new(),
            State::Opened { .. } | State::Up { .. } => {
                let mut commands = Vec::new();
                self.send_entries(&mut commands);
                let next_sequence = self.ring.next_sequence();
                commands.push(send(connect_request::Message::Goodbye(pb::Goodbye {
                    next_sequence,
                })));
                commands
            }
        }
    }

    fn applied(&mut self, policy: Arc<Policy>, _now: Time) -> Vec<Command> {
        self.sightings.forget();
        let applied = Some(version(policy.version()));
        let ack = connect_request::Message::SnapshotAck(pb::SnapshotAck { applied });
        let stored = self.loader.stored().unwrap_or_default();
        self.credentials.keep_for(&policy);
        // Enforced first: an acknowledgement must never be ahead of the truth.
        vec![Command::Enforce { policy, stored }, send(ack)]
    }

    fn nack(&mut self, reason: &str) -> Vec<Command> {
        let nack = pb::SnapshotNack {
            refused: self.loader.offered().map(version),
            reason: reason.to_owned(),
            applied: self.loader.applied().map(version),
        };
        self.loader.abandon();
        let warning = format!("refused a snapshot, keeping the one in force: {reason}");
        vec![
            Command::Warn(warning),
            send(connect_request::Message::SnapshotNack(nack)),
        ]
    }

    fn heartbeat(&self, now: Time) -> Command {
        send(connect_request::Message::Heartbeat(pb::Heartbeat {
            applied: self.loader.applied().map(version),
            next_sequence: self.ring.next_sequence(),
            dropped_entries: self.ring.dropped(),
            time: Some(timestamp(now)),
        }))
    }

    /// What was lost is itself an entry, once there is room for it.
    fn report_losses(&mut self, now: Time) {
        let lost = self.ring.dropped().saturating_sub(self.reported_drops);
        if lost > 0 {
            let before = self.ring.dropped();
            self.note_gap(now, "ring_full", lost);
            if self.ring.dropped() == before {
                self.reported_drops = before;
            }
        }
        match self.ring.take_coalesced() {
            0 => {}
            count => self.note_gap(now, "flood", count),
        }
        match self.sightings.take_coalesced() {
            0 => {}
            count => self.note_gap(now, "drift_flood", count),
        }
        match self.noticed.take_coalesced(now) {
            0 => {}
            count => self.note_gap(now, "shadow_flood", count),
        }
    }

    fn note_gap(&mut self, now: Time, reason: &'static str, count: u64) {
        let event = Event::Gap { reason, count };
        // Nobody waits for it.
        let _ticket = self.record(Entry {
            time: now,
            decision_id: None,
            event,
        });
    }

    fn send_entries(&mut self, commands: &mut Vec<Command>) {
        loop {
            let batch = self.ring.next_batch();
            if batch.is_empty() {
                return;
            }
            let entries = batch.into_iter().map(|entry| pb::SequencedEntry {
                sequence: entry.sequence,
                entry: entry.bytes,
            });
            let batch = pb::EntryBatch {
                entries: entries.collect(),
            };
            commands.push(send(connect_request::Message::Entries(batch)));
        }
    }
}

fn send(message: connect_request::Message) -> Command {
    Command::Send(
        pb::ConnectRequest {
            message: Some(message),
        }
        .encode_to_vec(),
    )
}

fn ask(question: &Question) -> Command {
    let Question {
        request_id,
        server,
        token,
        acting,
        refused,
    } = question;
    let token = token.as_ref().and_then(Secret::expose_text);
    let acting = acting.as_ref();
    let principal = acting.map(|it| audit::acting(&it.principal, server, &it.workspace));
    send(connect_request::Message::CredentialRequest(
        pb::CredentialRequest {
            request_id: *request_id,
            server: server.to_string(),
            subject_token: token.unwrap_or_default().to_owned(),
            principal,
            refused_digest: refused
                .map(|digest| digest.as_bytes().to_vec())
                .unwrap_or_default(),
        },
    ))
}

fn version(version: SnapshotVersion) -> pb::SnapshotVersion {
    let SnapshotVersion {
        epoch,
        version,
        digest,
    } = version;
    pb::SnapshotVersion {
        epoch,
        version,
        digest: digest.as_bytes().to_vec(),
    }
}
