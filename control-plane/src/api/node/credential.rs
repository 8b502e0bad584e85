//! Looks for the credentials that an instance asks for, beside its stream and in bounds.

use std::sync::Arc;

use chancery_proto::node::v1::{CredentialAnswer, CredentialRequest};
use tokio::sync::{Semaphore, mpsc};

use crate::credential::{Broker, Lack};

/// Most that one instance has looked for at once.
const MAX_AT_ONCE: usize = 64;

/// Most that wait for their turn. An instance asks for no more than this.
const MAX_WAITING: usize = 1_024;

/// What was found.
pub(super) struct Found {
    pub(super) request: CredentialRequest,
    /// The credential's etag before it was looked for.
    pub(super) etag: Option<String>,
    pub(super) answer: CredentialAnswer,
}

/// Looks for credentials.
pub(super) struct Credentials {
    broker: Arc<Broker>,
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
    found: mpsc::UnboundedSender<Found>,
}

impl Credentials {
    /// What looks, and where it says what it found: never more than may wait.
    pub(super) fn new(broker: Arc<Broker>) -> (Self, mpsc::UnboundedReceiver<Found>) {
        let (found, receiver) = mpsc::unbounded_channel();
        let credentials = Self {
            broker,
            at_once: Arc::new(Semaphore::new(MAX_AT_ONCE)),
            waiting: Arc::new(Semaphore::new(MAX_WAITING)),
            found,
        };
        (credentials, receiver)
    }

    /// Looks for one. It ends with the stream.
    pub(super) fn find(&self, request: CredentialRequest) {
        let etag = self.broker.etag(&request.server);
        let found = self.found.clone();
        let Ok(waiting) = Arc::clone(&self.waiting).try_acquire_owned() else {
            let answer = CredentialAnswer {
                request_id: request.request_id,
                error: Lack::Overloaded.as_str().to_owned(),
                ..CredentialAnswer::default()
            };
            // Whoever listened is gone, and so is whoever asked.
            drop(found.send(Found {
                request,
                etag,
                answer,
            }));
            return;
        };
        let (broker, at_once) = (Arc::clone(&self.broker), Arc::clone(&self.at_once));
        tokio::spawn(async move {
            let looking = async {
                let turn = at_once.acquire().await;
                let answer = broker.answer(request.clone()).await;
                drop((turn, waiting));
                answer
            };
            tokio::select! {
                answer = looking => drop(found.send(Found { request, etag, answer })),
                () = found.closed() => {}
            }
        });
    }
}
