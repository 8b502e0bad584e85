//! An instance without a proxy: it sends, keeps what is not acknowledged, and sends that again.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chancery_proto::{
    audit::v1::{Content, Decision, Direction, Entry, Verdict, entry::Event},
    node::v1::{
        ConnectRequest, EntryBatch, Goodbye, Hello, SequencedEntry, SnapshotAck, SnapshotVersion,
        connect_request::Message, connect_response, node_service_client::NodeServiceClient,
    },
    policy::v1::Manifest,
};
use prost::Message as _;
use prost_types::Timestamp;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::Instant,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;

/// How often it has something to send, and how much: some 2,000 entries a second with four of them.
const EVERY: Duration = Duration::from_millis(8);
const ENTRIES: usize = 4;

/// How soon it tries again to reach the control plane.
const AGAIN_AFTER: Duration = Duration::from_millis(5);

/// Most that it keeps.
const MAX_UNACKNOWLEDGED: usize = 20_000;

/// How an instance ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// Without a word, and with all it keeps.
    Death,
    /// Once all it has sent is acknowledged.
    Goodbye,
}

/// What an instance has sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sent {
    pub(super) instance_id: [u8; 16],
    /// The sequence of its newest entry.
    pub(super) newest: u64,
    /// The highest sequence that was acknowledged.
    pub(super) acknowledged: u64,
}

#[derive(Debug)]
pub(super) struct Instance {
    sent: Arc<Mutex<Sent>>,
    fate: oneshot::Sender<Fate>,
    task: JoinHandle<()>,
}

impl Instance {
    pub(super) fn start(address: SocketAddr, number: usize, seed: u64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let sent = Arc::new(Mutex::new(Sent {
            instance_id: random.r#gen(),
            ..Sent::default()
        }));
        let (fate, told) = oneshot::channel();
        let life = Life {
            sent: Arc::clone(&sent),
            node_id: format!("torture-{number}"),
            unacknowledged: VecDeque::new(),
            random,
            told,
            fate: None,
        };
        let task = tokio::spawn(life.live(address));
        Self { sent, fate, task }
    }

    pub(super) fn sent(&self) -> Sent {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn end(self, fate: Fate) -> Sent {
        // One that has ended by itself has nothing more to be told.
        let _untold = self.fate.send(fate);
        drop(self.task.await);
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Life {
    sent: Arc<Mutex<Sent>>,
    node_id: String,
    unacknowledged: VecDeque<SequencedEntry>,
    random: StdRng,
    told: oneshot::Receiver<Fate>,
    fate: Option<Fate>,
}

impl Life {
    async fn live(mut self, address: SocketAddr) {
        loop {
            let streamed = self.stream(address).await;
            match self.fate {
                Some(Fate::Death) => return,
                Some(Fate::Goodbye) if streamed.is_some() => return,
                Some(Fate::Goodbye) | None => tokio::time::sleep(AGAIN_AFTER).await,
            }
        }
    }

    /// One stream, until it breaks (`None`) or the instance has ended.
    async fn stream(&mut self, address: SocketAddr) -> Option<()> {
        let channel = Endpoint::try_from(format!("http://{address}")).ok()?;
        let channel = channel.connect().await.ok()?;
        let (requests, outgoing) = mpsc::channel(64);
        let hello = Hello {
            node_id: self.node_id.clone(),
            instance_id: self.sent().instance_id.to_vec(),
            next_sequence: self.sent().newest + 1,
            ..Hello::default()
        };
        say(&requests, Message::Hello(hello)).await?;
        let mut client = NodeServiceClient::new(channel);
        let answers = client.connect(ReceiverStream::new(outgoing)).await.ok()?;
        let mut answers = answers.into_inner();
        // Whatever was not acknowledged, once more.
        let again: Vec<_> = self.unacknowledged.iter().cloned().collect();
        for entries in again.chunks(500) {
            let batch = EntryBatch {
                entries: entries.to_vec(),
            };
            say(&requests, Message::Entries(batch)).await?;
        }
        let mut due = tokio::time::interval_at(Instant::now() + EVERY, EVERY);
        loop {
            let is_leaving = matches!(self.fate, Some(Fate::Goodbye));
            if is_leaving && self.unacknowledged.is_empty() {
                let next_sequence = self.sent().newest + 1;
                return say(&requests, Message::Goodbye(Goodbye { next_sequence })).await;
            }
            tokio::select! {
                answer = answers.message() => {
                    if let Some(said) = self.hear(answer.ok()??.message) {
                        say(&requests, said).await?;
                    }
                }
                _ = due.tick(), if !is_leaving => {
                    if let Some(batch) = self.make() {
                        say(&requests, Message::Entries(batch)).await?;
                    }
                }
                fate = &mut self.told, if self.fate.is_none() => {
                    self.fate = Some(fate.unwrap_or(Fate::Death));
                    if matches!(self.fate, Some(Fate::Death)) {
                        return None;
                    }
                }
            }
        }
    }

    /// Hears an answer, and what is to be said to it.
    fn hear(&mut self, message: Option<connect_response::Message>) -> Option<Message> {
        match message? {
            connect_response::Message::EntriesAck(ack) => {
                self.change(|sent| sent.acknowledged = sent.acknowledged.max(ack.sequence));
                self.unacknowledged
                    .retain(|entry| entry.sequence > ack.sequence);
                None
            }
            // It enforces nothing; whoever waits for all to enforce it need not wait for this one.
            connect_response::Message::Manifest(signed) => {
                let manifest = Manifest::decode(&*signed.manifest).ok()?;
                Some(Message::SnapshotAck(SnapshotAck {
                    applied: Some(SnapshotVersion {
                        epoch: manifest.epoch,
                        version: manifest.version,
                        digest: Vec::new(),
                    }),
                }))
            }
            connect_response::Message::SectionChunk(_)
            | connect_response::Message::SealingKeys(_)
            | connect_response::Message::KeyAnswer(_)
            | connect_response::Message::CredentialAnswer(_)
            | connect_response::Message::CredentialExpiry(_) => None,
        }
    }

    fn make(&mut self) -> Option<EntryBatch> {
        if self.unacknowledged.len() >= MAX_UNACKNOWLEDGED {
            return None;
        }
        let mut entries = Vec::new();
        for _ in 0..ENTRIES {
            let sequence = self.sent().newest + 1;
            self.change(|sent| sent.newest = sequence);
            let entry = self.entry(sequence);
            entries.push(SequencedEntry { sequence, entry });
        }
        self.unacknowledged.extend(entries.iter().cloned());
        Some(EntryBatch { entries })
    }

    /// A decision of any length, by a clock that jumps.
    fn entry(&mut self, sequence: u64) -> Vec<u8> {
        let seconds = 1_796_000_000 + self.random.gen_range(-100_000_000..100_000_000);
        let length = self.random.gen_range(0..1_200);
        let decision = Decision {
            direction: Direction::ToServer.into(),
            verdict: Verdict::Deny.into(),
            method: "tools/call".to_owned(),
            rpc_id: sequence.to_string(),
            arguments: Some(Content {
                data: vec![b'x'; length],
                ..Content::default()
            }),
            ..Decision::default()
        };
        let entry = Entry {
            schema_version: 1,
            time: Some(Timestamp { seconds, nanos: 0 }),
            decision_id: self.random.r#gen::<[u8; 16]>().to_vec(),
            event: Some(Event::Decision(decision)),
        };
        entry.encode_to_vec()
    }

    fn sent(&self) -> Sent {
        *self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Sent)) {
        change(&mut self.sent.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

async fn say(requests: &mpsc::Sender<ConnectRequest>, message: Message) -> Option<()> {
    let request = ConnectRequest {
        message: Some(message),
    };
    requests.send(request).await.ok()
}
