//! The stream of an instance: snapshots and acknowledgements down, entries up.

mod credential;
mod entries;
mod holdings;
mod offer;

use std::{collections::BTreeSet, pin::Pin, sync::Arc, time::Duration};

use chancery_proto::node::v1::{
    self as node, ConnectRequest, ConnectResponse, SealingKeys, connect_request, connect_response,
    node_service_server::NodeService,
};
use tokio::{
    sync::{broadcast::error::RecvError, mpsc, watch},
    task::JoinSet,
    time::Instant,
};
use tokio_stream::{Stream, StreamExt as _, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

use self::{
    credential::{Credentials, Found},
    entries::acknowledge,
    holdings::Holdings,
};
use super::{ControlPlane, error};
use crate::{
    access::{Caller, NodeScope, node::NodeRefusal},
    credential::Lack,
    instances,
    ledger::Source,
    registry::Expiry,
    resource::Kind,
};

/// An instance says hello at once.
const HELLO_WITHIN: Duration = Duration::from_secs(10);

/// How often a stream looks for a sealing key that is due.
const KEYS_CHECKED_EVERY: Duration = Duration::from_hours(1);

/// An instance that misses a key gets an answer within this: it holds a request up for a second.
const KEY_ANSWER_WITHIN: Duration = Duration::from_millis(950);

/// Keys that an instance may miss at once; more are answered with no.
const MAX_LOOKUPS: usize = 32;

type Out = mpsc::Sender<Result<ConnectResponse, Status>>;

#[tonic::async_trait]
impl NodeService for ControlPlane {
    type ConnectStream =
        Pin<Box<dyn Stream<Item = Result<ConnectResponse, Status>> + Send + 'static>>;

    async fn connect(
        &self,
        request: Request<Streaming<ConnectRequest>>,
    ) -> Result<Response<Self::ConnectStream>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| {
            error::unauthenticated("nobody is known to have made this call".to_owned())
        })?;
        let incoming = request.into_inner();
        let (out, outgoing) = mpsc::channel(64);
        let control_plane = self.clone();
        tokio::spawn(async move {
            if let Err(status) = Session::run(control_plane, caller, incoming, &out).await {
                tracing::info!(code = ?status.code(), message = status.message(), "a node's stream ended");
                drop(out.send(Err(status)).await);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(outgoing))))
    }
}

/// One stream.
struct Session {
    control_plane: ControlPlane,
    source: Source,
    /// What the node may have to do with.
    scope: NodeScope,
    features: BTreeSet<String>,
    holdings: Holdings,
    /// The sealing keys it was last sent.
    keys: Vec<SealingKeys>,
    /// The snapshot it was last offered or enforces.
    offered: Option<(u64, u64)>,
    /// Looks for credentials.
    credentials: Credentials,
    out: Out,
    goodbye: Option<node::Goodbye>,
}

impl Session {
    async fn run(
        control_plane: ControlPlane,
        caller: Caller,
        mut incoming: Streaming<ConnectRequest>,
        out: &Out,
    ) -> Result<(), Status> {
        let hello = first_message(&mut incoming).await?;
        let scope = match control_plane
            .nodes
            .scope(&caller.certificate, &hello.node_id)
        {
            Ok(scope) => scope,
            Err(refusal) => return Err(control_plane.refuse_node(&caller, &refusal).await),
        };
        let source = (hello.node_id.clone(), hello.instance_id.clone());
        control_plane.instances.connected(&hello, scope.clone());
        tracing::info!(node = %hello.node_id, version = %hello.filter_version, "an instance connected");
        let (credentials, found) = Credentials::new(Arc::clone(&control_plane.broker));
        let mut session = Self {
            features: instances::features(&hello),
            holdings: Holdings::new(hello.held_sections),
            offered: hello
                .applied
                .map(|applied| (applied.epoch, applied.version)),
            keys: Vec::new(),
            credentials,
            control_plane,
            source,
            scope,
            out: out.clone(),
            goodbye: None,
        };
        let (highest, acked) = watch::channel(0_u64);
        let highest = Arc::new(highest);
        tokio::spawn(acknowledge(acked, out.clone()));
        let ended = session.talk(incoming, found, &highest).await;
        // However it ended.
        let acked = *highest.borrow();
        session.finish(acked).await;
        ended
    }

    /// Hears and answers until the stream ends.
    async fn talk(
        &mut self,
        mut incoming: Streaming<ConnectRequest>,
        mut found: mpsc::UnboundedReceiver<Found>,
        highest: &Arc<watch::Sender<u64>>,
    ) -> Result<(), Status> {
        let mut published = self.control_plane.registry.published();
        let mut expiries = self.control_plane.registry.expiries();
        let mut draining = self.control_plane.draining.clone();
        self.send_keys().await?;
        self.offer(&mut published).await?;
        let first = Instant::now() + KEYS_CHECKED_EVERY;
        let mut lookups = JoinSet::new();
        let mut keys_due = tokio::time::interval_at(first, KEYS_CHECKED_EVERY);
        loop {
            tokio::select! {
                message = incoming.next() => match message {
                    Some(message) => self.take(message?, highest, &mut lookups).await?,
                    None => return Ok(()),
                },
                changed = published.changed() => {
                    if changed.is_err() { return Ok(()) }
                    self.send_keys().await?;
                    self.offer(&mut published).await?;
                }
                Some(looked) = lookups.join_next() => {
                    let answer = looked.map_err(|error| error::task(&error))?;
                    // The snapshot with the key comes first.
                    self.offer(&mut published).await?;
                    self.say(connect_response::Message::KeyAnswer(answer)).await?;
                }
                Some(found) = found.recv() => self.hand_over(found).await?,
                expiry = expiries.recv() => self.expire(expiry).await?,
                _ = keys_due.tick() => self.send_keys().await?,
                () = until(&mut draining) => {
                    return Err(Status::unavailable("the control plane is shutting down; connect again"));
                }
            }
        }
    }

    /// Hands over a credential, or looks again where it changed while it was looked for.
    async fn hand_over(&self, found: Found) -> Result<(), Status> {
        let Found {
            request,
            etag,
            answer,
        } = found;
        if self.control_plane.broker.etag(&request.server) != etag {
            self.credentials.find(request);
            return Ok(());
        }
        self.say(connect_response::Message::CredentialAnswer(answer))
            .await
    }

    /// Ends what was handed over; all of it, where it is not known what has changed.
    async fn expire(&self, expiry: Result<Expiry, RecvError>) -> Result<(), Status> {
        let (servers, until_seconds) = match expiry {
            Ok(expiry) => (expiry.servers, expiry.until_seconds),
            Err(RecvError::Lagged(_)) => (self.control_plane.registry.names(Kind::Server), 0),
            Err(RecvError::Closed) => return Ok(()),
        };
        let served = servers.into_iter().filter(|name| self.serves(name));
        for server in served {
            let expiry = node::CredentialExpiry {
                server,
                expire_time: Some(prost_types::Timestamp {
                    seconds: i64::try_from(until_seconds).unwrap_or(i64::MAX),
                    nanos: 0,
                }),
            };
            self.say(connect_response::Message::CredentialExpiry(expiry))
                .await?;
        }
        Ok(())
    }

    async fn say(&self, message: connect_response::Message) -> Result<(), Status> {
        let response = ConnectResponse {
            message: Some(message),
        };
        self.out
            .send(Ok(response))
            .await
            .map_err(|_gone| Status::cancelled("the stream is gone"))
    }

    async fn take(
        &mut self,
        request: ConnectRequest,
        highest: &Arc<watch::Sender<u64>>,
        lookups: &mut JoinSet<node::KeyAnswer>,
    ) -> Result<(), Status> {
        if let Some(name) = subject(&request)
            && !self.scope.covers(name)
        {
            let message = format!("the node `{}` does not serve `{name}`", self.source.0);
            return Err(error::permission_denied(message, "node", name));
        }
        let instances = &self.control_plane.instances;
        match request.message {
            Some(connect_request::Message::Entries(batch)) => {
                instances.heard(&self.source, |_| {});
                self.append(batch, Arc::clone(highest));
            }
            Some(connect_request::Message::Heartbeat(heartbeat)) => {
                instances.heard(&self.source, |instance| {
                    instance.applied = heartbeat.applied;
                    instance.dropped_entries = heartbeat.dropped_entries;
                });
            }
            Some(connect_request::Message::SnapshotAck(ack)) => {
                if let Some(applied) = &ack.applied {
                    self.holdings.acknowledged((applied.epoch, applied.version));
                }
                instances.heard(&self.source, |instance| {
                    instance.applied = ack.applied;
                    instance.nack_reason.clear();
                });
            }
            Some(connect_request::Message::SnapshotNack(nack)) => {
                tracing::warn!(node = %self.source.0, reason = %nack.reason, "an instance refused a snapshot");
                self.holdings.refused();
                instances.heard(&self.source, |instance| {
                    instance.applied = nack.applied;
                    instance.nack_reason = nack.reason;
                });
            }
            Some(connect_request::Message::Goodbye(goodbye)) => self.goodbye = Some(goodbye),
            Some(connect_request::Message::Hello(_)) => {
                return Err(Status::invalid_argument("a second hello on one stream"));
            }
            Some(connect_request::Message::CredentialRequest(request)) => {
                self.find(request).await?;
            }
            Some(connect_request::Message::KeyRequest(request)) => {
                self.look_for(request, lookups).await?;
            }
            None => {
                return Err(Status::invalid_argument("a message that is not known here"));
            }
        }
        Ok(())
    }

    /// Looks for a credential, where the server is still one of the node's.
    async fn find(&self, request: node::CredentialRequest) -> Result<(), Status> {
        if self.serves(&request.server) {
            self.credentials.find(request);
            return Ok(());
        }
        let answer = node::CredentialAnswer {
            request_id: request.request_id,
            error: Lack::NoCredential.as_str().to_owned(),
            ..node::CredentialAnswer::default()
        };
        self.say(connect_response::Message::CredentialAnswer(answer))
            .await
    }

    fn serves(&self, name: &str) -> bool {
        self.control_plane.registry.serves(&self.scope, name)
    }

    /// Looks for a key without holding up the stream.
    async fn look_for(
        &self,
        request: node::KeyRequest,
        lookups: &mut JoinSet<node::KeyAnswer>,
    ) -> Result<(), Status> {
        let node::KeyRequest {
            identity_provider,
            key_id,
        } = request;
        let mut answer = node::KeyAnswer {
            identity_provider,
            key_id,
            is_known: false,
        };
        let is_served = self.serves(&answer.identity_provider);
        if lookups.len() >= MAX_LOOKUPS || !is_served {
            return self.say(connect_response::Message::KeyAnswer(answer)).await;
        }
        let issuer_keys = self.control_plane.issuer_keys.clone();
        lookups.spawn(async move {
            let (provider, key_id) = (&answer.identity_provider, &answer.key_id);
            let found = issuer_keys.find(provider, key_id, KEY_ANSWER_WITHIN).await;
            answer.is_known = found.is_ok();
            answer
        });
        Ok(())
    }

    async fn finish(&self, acked: u64) {
        self.control_plane
            .instances
            .disconnected(&self.source, self.goodbye.is_some());
        let is_draining = *self.control_plane.draining.borrow();
        let ledger = &self.control_plane.ledger;
        let noted = match self.goodbye {
            Some(node::Goodbye { next_sequence }) => {
                ledger.note_end(&self.source, next_sequence).await
            }
            // Who goes on without this control plane is seen by it, or by the next, when it is back.
            None if is_draining => return,
            None => ledger.note_lost(&self.source, acked).await,
        };
        if let Err(error) = noted {
            tracing::error!(%error, "the end of an instance is not recorded");
        }
    }
}

/// The resource that an instance speaks of, where it asks for something or says something of it.
fn subject(request: &ConnectRequest) -> Option<&str> {
    match request.message.as_ref()? {
        connect_request::Message::KeyRequest(request) => Some(&request.identity_provider),
        connect_request::Message::CredentialRequest(request) => Some(&request.server),
        connect_request::Message::Hello(_)
        | connect_request::Message::Heartbeat(_)
        | connect_request::Message::SnapshotAck(_)
        | connect_request::Message::SnapshotNack(_)
        | connect_request::Message::Entries(_)
        | connect_request::Message::Goodbye(_) => None,
    }
}

impl ControlPlane {
    /// Records that a node may not connect, and says so.
    async fn refuse_node(&self, caller: &Caller, refusal: &NodeRefusal) -> Status {
        let message = refusal.to_string();
        self.attempts.note(caller, "Connect", &message).await;
        match refusal {
            NodeRefusal::NoCertificate => error::unauthenticated(message),
            NodeRefusal::Unknown(_) | NodeRefusal::OtherNode { .. } => {
                error::permission_denied(message, "node", "this control plane")
            }
        }
    }
}

/// Waits for a flag.
async fn until(flag: &mut watch::Receiver<bool>) {
    // Whoever could raise it being gone is as good as raised.
    drop(flag.wait_for(|raised| *raised).await);
}

async fn first_message(incoming: &mut Streaming<ConnectRequest>) -> Result<node::Hello, Status> {
    let first = tokio::time::timeout(HELLO_WITHIN, incoming.next()).await;
    let first = first.map_err(|_elapsed| Status::deadline_exceeded("no hello within 10 s"))?;
    match first.transpose()?.and_then(|request| request.message) {
        Some(connect_request::Message::Hello(hello)) => {
            if hello.node_id.is_empty() || hello.instance_id.len() != 16 {
                let message = "a hello needs a node id and an instance id of 16 bytes";
                return Err(Status::invalid_argument(message));
            }
            Ok(hello)
        }
        Some(_) | None => Err(Status::invalid_argument(
            "the first message must be a hello",
        )),
    }
}
