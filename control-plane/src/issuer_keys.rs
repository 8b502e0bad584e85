//! Keeps the keys that issuers publish: reads them when they are due or one is missed, keeps them
//! through restarts, and has them published.
//!
//! A key that its issuer no longer publishes is gone with the next reading, at the latest after 24
//! hours; while the issuer cannot be asked its last keys stay, for 48 hours.

pub mod due;
pub mod fetch;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};

use self::{
    due::{Budget, MAX_UNCONFIRMED},
    fetch::{FetchError, Fetched},
};
use crate::{
    egress::Egress,
    registry::{Registry, RegistryError, now},
    store::{IssuerKeySet, KeySource},
};

/// Whoever misses a key gets an answer within this.
const ANSWER_WITHIN: Duration = Duration::from_millis(950);

/// Missed keys of one provider that wait at once; more are answered with no.
const MAX_WAITING: usize = 256;

/// Missed keys that have not been looked at yet; more are answered with no.
const MAX_QUEUED: usize = 1_024;

/// A key that a token names and that is not known.
#[derive(Debug)]
struct Missed {
    identity_provider: String,
    key_id: String,
    answer: oneshot::Sender<bool>,
}

/// Asks for keys that are missed.
#[derive(Clone, Debug)]
pub struct IssuerKeys(mpsc::Sender<Missed>);

impl IssuerKeys {
    /// Starts to keep the keys of a registry's identity providers, until the last handle is gone.
    pub fn start(registry: Arc<Registry>, egress: Egress) -> Self {
        let (asked, asking) = mpsc::channel(MAX_QUEUED);
        tokio::spawn(Keeper::new(registry, egress).run(asking));
        Self(asked)
    }

    /// Whether a provider's issuer publishes a key, which is then in the newest snapshot. Within a
    /// second; what takes longer goes on and is answered with no.
    pub async fn knows(&self, identity_provider: &str, key_id: &str) -> bool {
        let (answer, answered) = oneshot::channel();
        let missed = Missed {
            identity_provider: identity_provider.to_owned(),
            key_id: key_id.to_owned(),
            answer,
        };
        if self.0.try_send(missed).is_err() {
            return false;
        }
        let answered = tokio::time::timeout(ANSWER_WITHIN, answered).await;
        matches!(answered, Ok(Ok(true)))
    }
}

/// A provider whose keys are kept.
struct Kept {
    source: KeySource,
    key_ids: Vec<String>,
    /// When its keys were last read, in seconds since the Unix epoch.
    read_seconds: u64,
    due: Instant,
    is_read: bool,
    failures: u32,
    budget: Budget,
    waiting: Vec<Missed>,
    /// Those that came while it was being read, and may be of a newer key.
    late: Vec<Missed>,
}

struct Keeper {
    registry: Arc<Registry>,
    egress: Egress,
    began: Instant,
    kept: BTreeMap<String, Kept>,
    reading: JoinSet<(KeySource, Result<IssuerKeySet, ReadError>)>,
}

/// Why keys were not read, or not published.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

impl Keeper {
    fn new(registry: Arc<Registry>, egress: Egress) -> Self {
        Self {
            registry,
            egress,
            began: Instant::now(),
            kept: BTreeMap::new(),
            reading: JoinSet::new(),
        }
    }

    async fn run(mut self, mut asking: mpsc::Receiver<Missed>) {
        let mut published = self.registry.published();
        self.reconcile().await;
        loop {
            let due = self.next_due();
            tokio::select! {
                changed = published.changed() => match changed {
                    Ok(()) => self.reconcile().await,
                    Err(_gone) => return,
                },
                missed = asking.recv() => match missed {
                    Some(missed) => self.look_for(missed),
                    None => return,
                },
                Some(read) = self.reading.join_next() => match read {
                    Ok((source, read)) => self.read(&source, read).await,
                    Err(error) => tracing::error!(%error, "an issuer's keys were not read"),
                },
                () = tokio::time::sleep_until(due) => self.read_what_is_due(),
            }
        }
    }

    fn next_due(&self) -> Instant {
        let waiting = self.kept.values().filter(|kept| !kept.is_read);
        let next = waiting.map(|kept| kept.due).min();
        next.unwrap_or_else(|| Instant::now() + Duration::from_hours(1))
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Takes up providers that are new, and forgets those that are gone.
    async fn reconcile(&mut self) {
        let sources = self.registry.key_sources();
        self.kept.retain(|_, kept| sources.contains(&kept.source));
        for source in sources {
            if !self.kept.contains_key(&source.identity_provider) {
                let kept = self.take_up(&source);
                self.kept.insert(source.identity_provider.clone(), kept);
            }
        }
        let registry = Arc::clone(&self.registry);
        let forgotten = tokio::task::spawn_blocking(move || registry.forget_stray_keys()).await;
        if let Ok(Err(error)) = forgotten {
            tracing::error!(%error, "the keys of providers that are gone were not forgotten");
        }
    }

    /// With the keys of before a restart, so that they need not be had again at once.
    fn take_up(&self, source: &KeySource) -> Kept {
        let set = self.registry.key_set(source);
        let wait = set
            .as_ref()
            .map_or(0, |set| set.due_seconds.saturating_sub(now_seconds()));
        Kept {
            source: source.clone(),
            key_ids: set.as_ref().map(key_ids).unwrap_or_default(),
            read_seconds: set.map_or_else(now_seconds, |set| set.read_seconds),
            due: Instant::now() + Duration::from_secs(wait),
            is_read: false,
            failures: 0,
            budget: Budget::full(self.elapsed()),
            waiting: Vec::new(),
            late: Vec::new(),
        }
    }

    fn read_what_is_due(&mut self) {
        let now = Instant::now();
        let due = self.kept.values_mut();
        let due = due.filter(|kept| !kept.is_read && kept.due <= now);
        let sources: Vec<_> = due
            .map(|kept| {
                kept.is_read = true;
                kept.source.clone()
            })
            .collect();
        for source in sources {
            self.start_reading(source);
        }
    }

    fn start_reading(&mut self, source: KeySource) {
        let (registry, egress) = (Arc::clone(&self.registry), self.egress.clone());
        self.reading.spawn(async move {
            let read = read_and_publish(registry, egress, source.clone()).await;
            (source, read)
        });
    }

    fn look_for(&mut self, missed: Missed) {
        let now = self.elapsed();
        let Some(kept) = self.kept.get_mut(&missed.identity_provider) else {
            return answer(missed, false);
        };
        if kept.key_ids.contains(&missed.key_id) {
            return answer(missed, true);
        }
        if kept.waiting.len().saturating_add(kept.late.len()) >= MAX_WAITING {
            return answer(missed, false);
        }
        if kept.is_read {
            kept.late.push(missed);
        } else if kept.budget.take(now) {
            kept.waiting.push(missed);
            kept.is_read = true;
            let source = kept.source.clone();
            self.start_reading(source);
        } else {
            answer(missed, false);
        }
    }

    async fn read(&mut self, source: &KeySource, read: Result<IssuerKeySet, ReadError>) {
        let now = self.elapsed();
        let kept = self.kept.get_mut(&source.identity_provider);
        let Some(kept) = kept.filter(|kept| kept.source == *source) else {
            return;
        };
        kept.is_read = false;
        let mut is_expired = false;
        match read {
            Ok(set) => {
                kept.failures = 0;
                kept.key_ids = key_ids(&set);
                kept.read_seconds = set.read_seconds;
                let wait = set.due_seconds.saturating_sub(now_seconds());
                kept.due = Instant::now() + Duration::from_secs(wait);
            }
            Err(error) => {
                kept.failures = kept.failures.saturating_add(1);
                kept.due = Instant::now() + due::retry_after(kept.failures);
                let age_seconds = now_seconds().saturating_sub(kept.read_seconds);
                is_expired = age_seconds > MAX_UNCONFIRMED.as_secs() && !kept.key_ids.is_empty();
                tracing::warn!(
                    provider = %source.identity_provider, %error, age_seconds,
                    "the issuer's keys cannot be read; the last ones stay"
                );
            }
        }
        for missed in std::mem::take(&mut kept.waiting) {
            let is_known = kept.key_ids.contains(&missed.key_id);
            answer(missed, is_known);
        }
        let late = std::mem::take(&mut kept.late).into_iter();
        let (known, late): (Vec<_>, Vec<_>) =
            late.partition(|missed| kept.key_ids.contains(&missed.key_id));
        for missed in known {
            answer(missed, true);
        }
        if !late.is_empty() && kept.failures == 0 && kept.budget.take(now) {
            kept.waiting = late;
            kept.is_read = true;
            self.start_reading(source.clone());
        } else {
            for missed in late {
                answer(missed, false);
            }
        }
        if is_expired {
            self.expire(source).await;
        }
    }

    /// Nobody can say any more that these keys are the issuer's.
    async fn expire(&mut self, source: &KeySource) {
        tracing::error!(
            provider = %source.identity_provider,
            "the issuer's keys could not be read for 48 hours and are used no more"
        );
        let registry = Arc::clone(&self.registry);
        let set = IssuerKeySet {
            source: source.clone(),
            keys: Vec::new(),
            read_seconds: 0,
            due_seconds: 0,
        };
        let put = tokio::task::spawn_blocking(move || registry.put_key_set(set)).await;
        match put {
            Ok(Ok(_)) => {
                if let Some(kept) = self.kept.get_mut(&source.identity_provider) {
                    kept.key_ids.clear();
                }
            }
            Ok(Err(error)) => tracing::error!(%error, "expired keys are still published"),
            Err(error) => tracing::error!(%error, "expired keys are still published"),
        }
    }
}

async fn read_and_publish(
    registry: Arc<Registry>,
    egress: Egress,
    source: KeySource,
) -> Result<IssuerKeySet, ReadError> {
    let Fetched { keys, fresh_for } = fetch::keys(&egress, &source).await?;
    let read_seconds = now_seconds();
    let set = IssuerKeySet {
        source,
        keys,
        read_seconds,
        due_seconds: read_seconds.saturating_add(due::clamp(fresh_for).as_secs()),
    };
    let put = set.clone();
    let has_changed = tokio::task::spawn_blocking(move || registry.put_key_set(put)).await??;
    if has_changed {
        let provider = &set.source.identity_provider;
        tracing::info!(%provider, keys = set.keys.len(), "an issuer's keys are published");
    }
    Ok(set)
}

fn key_ids(set: &IssuerKeySet) -> Vec<String> {
    set.keys.iter().map(|key| key.key_id.clone()).collect()
}

fn now_seconds() -> u64 {
    now().seconds.unsigned_abs()
}

fn answer(missed: Missed, is_known: bool) {
    // Whoever asked may have given up.
    missed.answer.send(is_known).unwrap_or_default();
}
