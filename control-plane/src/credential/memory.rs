//! What was had, until it expires: in memory alone, bounded, and had once for all who ask together.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chancery_engine::{id::Digest, secret::Secret};
use tokio::time::Instant;

use super::{Had, Lack};

/// That there is none is believed for this long.
const BELIEVED_FOR: Duration = Duration::from_secs(5);

/// A server that refuses everything has a new one no more often than this.
const RENEWED_AFTER: Duration = Duration::from_secs(5);

/// A credential is used until this long before it expires, or for half its life where that is short.
const MARGIN: Duration = Duration::from_secs(30);

/// Which: a digest of everything that it depends on.
pub(super) type Key = Digest;

/// A credential that can be used for a while.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) value: Secret,
    /// For how much longer.
    pub(super) usable_for: Duration,
}

#[derive(Debug)]
struct Known {
    had: Result<Secret, Lack>,
    at: Instant,
    until: Instant,
}

type Slot = Arc<tokio::sync::Mutex<Option<Known>>>;

/// The memory.
#[derive(Debug)]
pub(super) struct Memory {
    slots: Mutex<BTreeMap<Key, Slot>>,
    max_slots: usize,
}

impl Memory {
    pub(super) fn new(max_slots: usize) -> Self {
        Self {
            slots: Mutex::default(),
            max_slots,
        }
    }

    /// What is known, or else what `have` comes to. Whoever asks meanwhile waits for the same.
    /// `refused` is the digest of a value that a server did not accept.
    pub(super) async fn find(
        &self,
        key: Key,
        refused: &[u8],
        have: impl Future<Output = Result<Had, Lack>>,
    ) -> Result<Kept, Lack> {
        let slot = self.slot(key)?;
        let mut known = slot.lock().await;
        let now = Instant::now();
        if let Some(known) = known.as_ref().filter(|known| known.is_usable(refused, now)) {
            return known.kept(now);
        }
        let had = have.await;
        let now = Instant::now();
        let known = known.insert(Known::new(had, now));
        known.kept(now)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Key, Slot>> {
        // Every change to the map is one call, so a panic leaves it whole.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: Key) -> Result<Slot, Lack> {
        let mut slots = self.lock();
        if slots.len() >= self.max_slots && !slots.contains_key(&key) {
            let now = Instant::now();
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || !is_over(slot, now));
            let idle = slots.iter().find(|(_, slot)| Arc::strong_count(slot) == 1);
            match idle.map(|(key, _)| *key) {
                Some(idle) if slots.len() >= self.max_slots => {
                    slots.remove(&idle);
                }
                None if slots.len() >= self.max_slots => return Err(Lack::Overloaded),
                Some(_) | None => {}
            }
        }
        Ok(Arc::clone(slots.entry(key).or_default()))
    }
}

/// Whether nobody needs what is in a slot that nobody uses.
fn is_over(slot: &Slot, now: Instant) -> bool {
    slot.try_lock()
        .is_ok_and(|known| known.as_ref().is_none_or(|known| known.until <= now))
}

impl Known {
    fn new(had: Result<Had, Lack>, now: Instant) -> Self {
        let (had, usable_for) = match had {
            Ok(Had {
                value,
                lifetime_seconds,
            }) => {
                let lifetime = Duration::from_secs(lifetime_seconds);
                let margin = MARGIN.min(lifetime / 2);
                (Ok(value), lifetime.saturating_sub(margin))
            }
            Err(lack) => (Err(lack), BELIEVED_FOR),
        };
        Self {
            had,
            at: now,
            until: now + usable_for,
        }
    }

    fn is_usable(&self, refused: &[u8], now: Instant) -> bool {
        let is_refused = !refused.is_empty()
            && now >= self.at + RENEWED_AFTER
            && self
                .had
                .as_ref()
                .is_ok_and(|value| Digest::of(value.expose()).as_bytes() == refused);
        self.until > now && !is_refused
    }

    fn kept(&self, now: Instant) -> Result<Kept, Lack> {
        let value = self.had.clone()?;
        Ok(Kept {
            value,
            usable_for: self.until.saturating_duration_since(now),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn key(text: &str) -> Key {
        Digest::of(text.as_bytes())
    }

    struct Source(AtomicU32);

    impl Source {
        async fn have(&self, lifetime_seconds: u64) -> Result<Had, Lack> {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok(Had {
                value: Secret::new(count.to_string()),
                lifetime_seconds,
            })
        }
    }

    async fn find(memory: &Memory, source: &Source, name: &str, refused: &[u8]) -> String {
        let kept = memory.find(key(name), refused, source.have(100)).await;
        kept.unwrap().value.expose_text().unwrap().to_owned()
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_had_once_for_all_and_again_before_it_expires() {
        let (memory, source) = (Memory::new(10), Source(AtomicU32::new(0)));
        let together = tokio::join!(
            find(&memory, &source, "a", &[]),
            find(&memory, &source, "a", &[]),
            find(&memory, &source, "b", &[]),
        );
        assert_eq!(together.0, together.1);
        assert_ne!(together.0, together.2);
        assert_eq!(source.0.load(Ordering::Relaxed), 2);
        tokio::time::advance(Duration::from_secs(69)).await;
        assert_eq!(find(&memory, &source, "a", &[]).await, together.0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(find(&memory, &source, "a", &[]).await, "2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_no_is_believed_for_a_moment() {
        let memory = Memory::new(10);
        let no = memory
            .find(key("a"), &[], async { Err(Lack::Refused) })
            .await;
        assert_eq!(no.unwrap_err(), Lack::Refused);
        let source = Source(AtomicU32::new(0));
        let still = memory.find(key("a"), &[], source.have(9)).await;
        assert_eq!(still.unwrap_err(), Lack::Refused);
        tokio::time::advance(BELIEVED_FOR).await;
        let kept = memory.find(key("a"), &[], source.have(9)).await.unwrap();
        assert!(kept.usable_for < Duration::from_secs(5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_one_is_renewed_and_not_all_the_time() {
        let (memory, source) = (Memory::new(10), Source(AtomicU32::new(0)));
        assert_eq!(find(&memory, &source, "a", &[]).await, "0");
        let refused = *Digest::of(b"0").as_bytes();
        assert_eq!(find(&memory, &source, "a", &refused).await, "0");
        tokio::time::advance(RENEWED_AFTER).await;
        assert_eq!(find(&memory, &source, "a", &refused).await, "1");
        tokio::time::advance(RENEWED_AFTER).await;
        assert_eq!(find(&memory, &source, "a", &refused).await, "1");
    }

    #[tokio::test(start_paused = true)]
    async fn the_memory_is_bounded() {
        let (memory, source) = (Memory::new(2), Source(AtomicU32::new(0)));
        for name in ["a", "b", "c", "d"] {
            find(&memory, &source, name, &[]).await;
        }
        assert_eq!(memory.lock().len(), 2);
        let never = std::future::pending::<Result<Had, Lack>>;
        let busy = [key("x"), key("y")].map(|key| memory.find(key, &[], never()));
        let [mut x, mut y] = busy.map(Box::pin);
        tokio::select! {
            biased;
            _ = &mut x => {}
            _ = &mut y => {}
            () = std::future::ready(()) => {}
        }
        let full = memory.find(key("z"), &[], source.have(100)).await;
        assert_eq!(full.unwrap_err(), Lack::Overloaded);
    }
}
