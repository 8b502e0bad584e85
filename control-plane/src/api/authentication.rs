//! The layer in front of every service: who calls is known before anything is read.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, header::AUTHORIZATION},
    middleware::Next,
    response::Response,
};
use chancery_engine::id::Time;
use chancery_proto::audit::v1::{AdminChange, entry::Event};

use super::error;
use crate::{
    access::{Authenticator, Caller},
    ledger::Ledger,
    registry::now,
    tls::Peer,
};

/// What anyone may ask: whether the control plane is well, and what its assertions are verified with.
fn is_open(path: &str) -> bool {
    ["/healthz", "/.well-known/jwks.json"].contains(&path)
        || path.starts_with("/grpc.health.v1.Health/")
}

/// Strangers' attempts that are recorded one by one in each window; the others are counted.
const RECORDED_IN_A_WINDOW: u32 = 60;

/// How long a window is.
const WINDOW: Duration = Duration::from_mins(1);

/// What the layer works with.
#[derive(Clone, Debug)]
pub struct Doorkeeper {
    /// Proves callers.
    pub authenticator: Arc<Authenticator>,
    /// Takes down who could not be proven.
    pub attempts: Arc<Attempts>,
}

/// Lets a request in with its [`Caller`] beside it, or refuses it.
pub async fn authenticate(
    State(doorkeeper): State<Doorkeeper>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if is_open(path) {
        return next.run(request).await;
    }
    let headers = request.headers().get_all(AUTHORIZATION);
    let headers: Vec<_> = headers.iter().map(HeaderValue::as_bytes).collect();
    let now = now();
    let now = Time::from_unix_ms(now.seconds.unsigned_abs().saturating_mul(1_000));
    match doorkeeper.authenticator.caller(&peer, &headers, now).await {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(unproven) => {
            let message = unproven.to_string();
            let source = Caller {
                source: Some(peer.source),
                certificate: peer
                    .certificate
                    .map_or_else(Vec::new, |names| names.to_vec()),
                ..Caller::default()
            };
            doorkeeper.attempts.note(&source, path, &message).await;
            error::unauthenticated(message).into_http::<Body>()
        }
    }
}

/// Attempts of strangers on the record, as many as do not drown it.
#[derive(Debug)]
pub struct Attempts {
    ledger: Arc<Ledger>,
    window: Mutex<Window>,
}

#[derive(Debug)]
struct Window {
    began: Instant,
    recorded: u32,
    /// Counted only, since the last was recorded.
    more: u64,
}

impl Attempts {
    /// None yet.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        let window = Mutex::new(Window {
            began: Instant::now(),
            recorded: 0,
            more: 0,
        });
        Self { ledger, window }
    }

    /// Records an attempt, or counts it.
    pub(super) async fn note(&self, caller: &Caller, method: &str, error: &str) {
        let Some(more) = self.admit(Instant::now()) else {
            return;
        };
        // A path is a stranger's: only so much of it.
        let method = method.chars().take(256).collect();
        let change = AdminChange {
            principal: Some(caller.principal()),
            method,
            error: error.to_owned(),
            count: more.saturating_add(1),
            ..AdminChange::default()
        };
        if let Err(error) = self.ledger.note(Event::AdminChange(change)).await {
            tracing::error!(%error, "an attempt is not recorded");
        }
    }

    /// Whether this one is recorded, and for how many others it then stands.
    fn admit(&self, now: Instant) -> Option<u64> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(window.began) >= WINDOW {
            window.began = now;
            window.recorded = 0;
        }
        if window.recorded < RECORDED_IN_A_WINDOW {
            window.recorded += 1;
            Some(std::mem::take(&mut window.more))
        } else {
            window.more = window.more.saturating_add(1);
            None
        }
    }

    /// Records how many were only counted. Called now and then, so that a flood that ended is known.
    pub async fn settle(&self) {
        let more = {
            let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut window.more)
        };
        if more == 0 {
            return;
        }
        let change = AdminChange {
            principal: Some(Caller::default().principal()),
            error: "callers that could not be proven, counted only".to_owned(),
            count: more,
            ..AdminChange::default()
        };
        if let Err(error) = self.ledger.note(Event::AdminChange(change)).await {
            tracing::error!(%error, "attempts are not recorded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_attempts_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::open(folder.path()).unwrap());
        let attempts = Attempts::new(ledger);
        let start = Instant::now();
        let recorded = (0..1_000).filter(|_| attempts.admit(start).is_some());
        assert_eq!(recorded.count(), 60);
        assert_eq!(attempts.admit(start + WINDOW), Some(940));
        assert_eq!(attempts.admit(start + WINDOW), Some(0));
    }
}
