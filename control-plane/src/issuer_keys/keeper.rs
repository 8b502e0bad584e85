//! Reads issuers' keys when they are due or one is missed.

use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::Instant,
};

use super::{
    KeyHolder, KeyMissing, Missed,
    due::{self, Budget, MAX_UNCONFIRMED},
    fetch::{self, FetchError, Fetched},
};
use crate::{
    egress::Egress,
    registry::now,
    store::{IssuerKeySet, KeySource},
};

/// Missed keys of one provider that wait at once; more are answered with no.
const MAX_WAITING: usize = 256;

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

impl Kept {
    /// What is said of a key that is not there: nobody knows while the issuer cannot be asked.
    fn why_missing(&self, otherwise: KeyMissing) -> KeyMissing {
        if self.failures > 0 {
            KeyMissing::Unreadable
        } else {
            otherwise
        }
    }
}

pub(super) struct Keeper<H> {
    holder: Arc<H>,
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
    #[error("they are not taken: {0}")]
    Unfit(Box<dyn Error + Send + Sync>),
    #[error(transparent)]
    Task(#[from] tokio::task::JoinError),
}

impl<H: KeyHolder> Keeper<H> {
    pub(super) fn new(holder: Arc<H>, egress: Egress) -> Self {
        Self {
            holder,
            egress,
            began: Instant::now(),
            kept: BTreeMap::new(),
            reading: JoinSet::new(),
        }
    }

    pub(super) async fn run<T>(
        mut self,
        mut asking: mpsc::Receiver<Missed>,
        mut changes: watch::Receiver<T>,
    ) {
        self.reconcile().await;
        loop {
            let due = self.next_due();
            tokio::select! {
                change = changes.changed() => match change {
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
        let sources = self.holder.key_sources();
        self.kept.retain(|_, kept| sources.contains(&kept.source));
        for source in sources {
            if !self.kept.contains_key(&source.identity_provider) {
                let kept = self.take_up(&source);
                self.kept.insert(source.identity_provider.clone(), kept);
            }
        }
        let holder = Arc::clone(&self.holder);
        let forgotten = tokio::task::spawn_blocking(move || holder.forget_stray_keys()).await;
        if let Ok(Err(error)) = forgotten {
            tracing::error!(%error, "the keys of providers that are gone were not forgotten");
        }
    }

    /// With the keys of before a restart, so that they need not be had again at once.
    fn take_up(&self, source: &KeySource) -> Kept {
        let set = self.holder.key_set(source);
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
        let (holder, egress) = (Arc::clone(&self.holder), self.egress.clone());
        self.reading.spawn(async move {
            let read = read_and_hand_over(holder, egress, source.clone()).await;
            (source, read)
        });
    }

    fn look_for(&mut self, missed: Missed) {
        let now = self.elapsed();
        let Some(kept) = self.kept.get_mut(&missed.identity_provider) else {
            return answer(missed, Err(KeyMissing::Unpublished));
        };
        if kept.key_ids.contains(&missed.key_id) {
            return answer(missed, Ok(()));
        }
        if kept.waiting.len().saturating_add(kept.late.len()) >= MAX_WAITING {
            return answer(missed, Err(KeyMissing::Busy));
        }
        if kept.is_read {
            kept.late.push(missed);
        } else if kept.budget.take(now) {
            kept.waiting.push(missed);
            kept.is_read = true;
            let source = kept.source.clone();
            self.start_reading(source);
        } else {
            let why = kept.why_missing(KeyMissing::Busy);
            answer(missed, Err(why));
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
            let found = kept.key_ids.contains(&missed.key_id).then_some(());
            let why = kept.why_missing(KeyMissing::Unpublished);
            answer(missed, found.ok_or(why));
        }
        let late = std::mem::take(&mut kept.late).into_iter();
        let (known, late): (Vec<_>, Vec<_>) =
            late.partition(|missed| kept.key_ids.contains(&missed.key_id));
        for missed in known {
            answer(missed, Ok(()));
        }
        if !late.is_empty() && kept.failures == 0 && kept.budget.take(now) {
            kept.waiting = late;
            kept.is_read = true;
            self.start_reading(source.clone());
        } else {
            let why = kept.why_missing(KeyMissing::Busy);
            for missed in late {
                answer(missed, Err(why));
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
        let holder = Arc::clone(&self.holder);
        let set = IssuerKeySet {
            source: source.clone(),
            keys: Vec::new(),
            read_seconds: 0,
            due_seconds: 0,
        };
        let put = tokio::task::spawn_blocking(move || holder.put_key_set(set)).await;
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

async fn read_and_hand_over<H: KeyHolder>(
    holder: Arc<H>,
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
    let has_changed = tokio::task::spawn_blocking(move || holder.put_key_set(put)).await?;
    let has_changed = has_changed.map_err(|error| ReadError::Unfit(error.into()))?;
    if has_changed {
        let provider = &set.source.identity_provider;
        tracing::info!(%provider, keys = set.keys.len(), "an issuer's keys are others than before");
    }
    Ok(set)
}

fn key_ids(set: &IssuerKeySet) -> Vec<String> {
    set.keys.iter().map(|key| key.key_id.clone()).collect()
}

fn now_seconds() -> u64 {
    now().seconds.unsigned_abs()
}

fn answer(missed: Missed, found: Result<(), KeyMissing>) {
    // Whoever asked may have given up.
    missed.answer.send(found).unwrap_or_default();
}
