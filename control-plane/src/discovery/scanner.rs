//! Looks at registered servers again and again, so that drift is on record before anyone calls.
//!
//! What differs is recorded once, until it differs in another way or comes back. That something is
//! gone, which was there, is recorded once two complete scans in a row missed it: a page that failed
//! proves nothing, and one odd answer is no news.

mod schedule;
mod seen;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chancery_engine::{approved::Approved, wire::Invalid};
use chancery_proto::{
    admin::v1 as admin,
    audit::v1::{AdminChange, DriftSighting, entry::Event},
};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use tokio::{
    sync::{Mutex as AsyncMutex, Semaphore, watch},
    task::JoinSet,
};
use url::Url;

use self::{schedule::Schedule, seen::Seen};
use super::{
    DiscoveryError, Ways, client,
    conduit::Shown,
    difference::{Difference, compare},
    found::Found,
};
use crate::{
    credential::Broker,
    ledger::{Ledger, LedgerError},
    outbox::Outbox,
    registry::{Registry, RegistryError, now},
    resource::{self, Kind, Resource},
};

/// Servers that are asked at the same time, by the schedule and once more by callers; the rest waits.
const AT_ONCE: usize = 8;

/// How often it is looked which servers are due.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a server is not looked at. What is wrong with the server itself is in the report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScanError {
    /// There is none.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It is stored, and yet no filter would take it.
    #[error("its entry cannot be read: found {}, expected {}", .0.found, .0.expected)]
    Entry(Invalid),
    /// Nothing of it is approved.
    #[error("it is not pinned, so that nothing of it can drift: set `pinning`")]
    Unpinned,
    /// Nobody said where it is.
    #[error("its entry does not say where it is looked at: set `scan.url`")]
    Nowhere,
    /// The record does not take what was found.
    #[error(transparent)]
    Ledger(#[from] Arc<LedgerError>),
}

/// Looks at servers.
#[derive(Debug)]
pub struct Scanner {
    registry: Arc<Registry>,
    broker: Arc<Broker>,
    ledger: Arc<Ledger>,
    outbox: Arc<Outbox>,
    ways: Arc<Ways>,
    /// Of callers; the schedule keeps its own bound, so that servers that hang keep nobody waiting.
    turns: Semaphore,
    servers: Mutex<BTreeMap<String, Arc<AsyncMutex<Seen>>>>,
}

impl Scanner {
    /// One that looks at the servers of a registry, and writes into a record.
    pub fn new(
        (registry, broker): (Arc<Registry>, Arc<Broker>),
        (ledger, outbox): (Arc<Ledger>, Arc<Outbox>),
        ways: Ways,
    ) -> Self {
        Self {
            registry,
            broker,
            ledger,
            outbox,
            ways: Arc::new(ways),
            turns: Semaphore::new(AT_ONCE),
            servers: Mutex::default(),
        }
    }

    /// Reads the URL of a server that may be asked.
    ///
    /// # Errors
    /// Where it is none, or may not.
    pub fn url(&self, text: &str) -> Result<Url, DiscoveryError> {
        self.ways.url(text)
    }

    /// Asks a server that need not be registered for all that it offers, in its turn.
    ///
    /// # Errors
    /// As [`client::read`].
    pub async fn discover(
        &self,
        url: &str,
        bearer_token: Option<&str>,
    ) -> Result<Found, DiscoveryError> {
        // Never closed.
        let _turn = self.turns.acquire().await;
        let shown =
            bearer_token.and_then(|token| secret_header(AUTHORIZATION, &format!("Bearer {token}")));
        client::read(&self.ways, url, shown).await
    }

    /// Looks at a server in the caller's turn, and records what is new.
    ///
    /// # Errors
    /// Where there is nothing to look at, or the record does not take it.
    pub async fn scan(&self, name: &str) -> Result<admin::ScanReport, ScanError> {
        // Never closed.
        let _turn = self.turns.acquire().await;
        self.look(name).await
    }

    async fn look(&self, name: &str) -> Result<admin::ScanReport, ScanError> {
        let (url, approved) = self.subject(name)?;
        let seen = self.seen(name);
        // One after the other: a scan is compared with the one before.
        let mut seen = seen.lock().await;
        let found = match self.shown(name, &url).await {
            Ok(shown) => client::read(&self.ways, &url, shown).await,
            Err(error) => Err(error),
        };
        let mut report = admin::ScanReport {
            server: name.to_owned(),
            time: Some(now()),
            ..admin::ScanReport::default()
        };
        match found {
            Ok(found) => {
                seen.failures = 0;
                let comparison = compare(&approved, &found);
                let news = seen.take(&comparison).into_iter();
                let news: Vec<_> = news.map(|new| new.sighting(name, &approved)).collect();
                for sighting in &news {
                    self.ledger.note(Event::Drift(sighting.clone())).await?;
                }
                self.act_on(name, news, &comparison.differences).await;
                let differences = comparison.differences.iter();
                report.differences = differences.map(Difference::reported).collect();
                report.unchanged = comparison.unchanged;
            }
            Err(error) => {
                seen.failures = seen.failures.saturating_add(1);
                report.error = error.to_string();
                report.failures = seen.failures;
                if seen.failures == 1 {
                    self.note_failure(name, &report.error).await?;
                }
            }
        }
        seen.report = Some(report.clone());
        Ok(report)
    }

    /// What a server is shown, where its credential may be shown at that address.
    async fn shown(&self, name: &str, url: &str) -> Result<Option<Shown>, DiscoveryError> {
        let url = self.ways.url(url)?;
        let shown = self.broker.for_scan(name, &url).await;
        let shown = shown.map_err(|lack| DiscoveryError::Credential(lack.as_str()))?;
        Ok(shown.and_then(|(header, value)| secret_header(header, value.expose_text()?)))
    }

    /// What the last scan of a server found; `None` where there was none yet.
    pub async fn report(&self, name: &str) -> Option<admin::ScanReport> {
        let seen = self.servers().get(name).cloned()?;
        let seen = seen.lock().await;
        seen.report.clone()
    }

    fn servers(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<AsyncMutex<Seen>>>> {
        // Entries are put in and taken out whole, so a panic leaves them as they were.
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self, name: &str) -> Arc<AsyncMutex<Seen>> {
        let mut servers = self.servers();
        Arc::clone(servers.entry(name.to_owned()).or_default())
    }

    /// Where a server is looked at, and what of it is approved.
    fn subject(&self, name: &str) -> Result<(String, Approved), ScanError> {
        let Resource::Server(server) = self.registry.find(Kind::Server, name)? else {
            let name = name.to_owned();
            return Err(RegistryError::NotFound { name }.into());
        };
        let approved = resource::approved(&server).map_err(ScanError::Entry)?;
        let approved = approved.ok_or(ScanError::Unpinned)?;
        let url = server.scan.map(|scan| scan.url).unwrap_or_default();
        if url.is_empty() {
            return Err(ScanError::Nowhere);
        }
        Ok((url, approved))
    }

    /// Has what is not as it was approved blocked: a scan is witness enough.
    /// What is back is not gone any more.
    async fn act_on(&self, name: &str, news: Vec<DriftSighting>, differences: &[Difference]) {
        let gone = differences.iter().filter(|it| it.is_removal());
        let gone: BTreeSet<_> = gone.map(Difference::named).collect();
        let (registry, name) = (Arc::clone(&self.registry), name.to_owned());
        let act = move || {
            let is_gone =
                |id: &admin::DriftId| gone.contains(&(id.definition_kind(), id.capability.clone()));
            if let Err(error) = registry.returned(&name, is_gone) {
                tracing::error!(%error, "what is back waits for a review");
            }
            registry.sighted_all(&news, "")
        };
        match tokio::task::spawn_blocking(act).await {
            Ok(false) => {}
            Ok(true) => {
                if let Err(error) = self.outbox.drain().await {
                    tracing::error!(%error, "changes wait in the store to be recorded");
                }
            }
            Err(error) => tracing::error!(%error, "a sighting is not acted upon"),
        }
    }

    async fn note_failure(&self, name: &str, error: &str) -> Result<(), ScanError> {
        let failed = AdminChange {
            method: "ScanServer".to_owned(),
            resource: name.to_owned(),
            error: error.to_owned(),
            ..AdminChange::default()
        };
        self.ledger.note(Event::AdminChange(failed)).await?;
        Ok(())
    }

    /// Looks at every server when it is due, until told to stop.
    pub async fn run(self: Arc<Self>, mut draining: watch::Receiver<bool>) {
        let mut changes = self.registry.published();
        let mut schedule = Schedule::new(self.ways.scan_interval);
        schedule.follow(self.registry.scanned());
        let mut look = tokio::time::interval(LOOK_EVERY);
        let mut running: JoinSet<(String, u32)> = JoinSet::new();
        loop {
            tokio::select! {
                _ = draining.wait_for(|draining| *draining) => return,
                Some(ended) = running.join_next() => {
                    // A scan that panicked is not begun again.
                    if let Ok((name, failures)) = ended {
                        schedule.ended(&name, failures);
                    }
                }
                _ = look.tick() => {
                    if changes.has_changed().unwrap_or_default() {
                        changes.mark_unchanged();
                        let scanned = self.registry.scanned();
                        self.forget_strays(&scanned);
                        schedule.follow(scanned);
                    }
                }
            }
            while running.len() < AT_ONCE
                && let Some(name) = schedule.next_due()
            {
                let scanner = Arc::clone(&self);
                running.spawn(async move {
                    let failures = match scanner.look(&name).await {
                        Ok(report) => report.failures,
                        Err(error) => {
                            tracing::warn!(server = name, %error, "a server is not looked at");
                            1
                        }
                    };
                    (name, failures)
                });
            }
        }
    }

    /// What is known of servers that are not looked at any more is of no use.
    fn forget_strays(&self, scanned: &[(String, Option<Duration>)]) {
        let names: BTreeSet<_> = scanned.iter().map(|(name, _)| name).collect();
        self.servers().retain(|name, _| names.contains(name));
    }
}

/// A header that no log shows; `None` where it cannot be one.
fn secret_header(name: HeaderName, value: &str) -> Option<Shown> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}
