//! What one VM keeps, whichever of its root contexts is at work.
//!
//! Several plugin configurations on one `vm_id` are several root contexts in the same VM. The
//! oldest live one owns the stream and hands it over when it is done; policy, tokens and entries
//! belong to all.

use std::{
    cell::RefCell,
    hash::Hasher as _,
    sync::{Arc, Mutex},
};

use chancery_engine::{
    VERSION,
    canonical::ListMemory,
    credential::{Answer, Credential, Need},
    entry::Entry,
    id::{DecisionId, Time},
    link::{Command, Identity, Link},
    policy::Policy,
    ring::Ticket,
    seal::Keyring,
    token::{TokenCache, WantedKey},
};
use proxy_wasm::types::LogLevel;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::{
    config::Config,
    hold::{Awaited, Settled},
    host,
    metric::metrics,
};

/// Where the last good snapshot waits for the next VM of this `vm_id`.
const SNAPSHOT_KEY: &str = "chancery.snapshot";

/// Lists that are known to be approved as a whole: as many as servers and pages are busy at once.
const MAX_APPROVED_LISTS: usize = 64;

/// A VM's state.
pub(crate) struct Instance {
    link: Link,
    policy: Option<Arc<Policy>>,
    /// Whether there is another policy since this was last asked.
    policy_changed: bool,
    keys: Arc<Keyring>,
    pub(crate) tokens: TokenCache,
    lists: Arc<Mutex<ListMemory>>,
    owner: Option<Owner>,
    /// Bytes that all exchanges hold.
    held_bytes: usize,
    /// What requests may go on with, since this was last asked.
    settled: Settled,
    ids: DecisionIds,
}

struct Owner {
    context_id: u32,
    cluster: String,
    stream: Option<u32>,
}

/// Decision ids nobody can predict, without a call to the host for each.
struct DecisionIds {
    key: [u8; 16],
    counter: u64,
}

thread_local! {
    static INSTANCE: RefCell<Option<Instance>> = const { RefCell::new(None) };
}

/// Does something with the VM's state; `None` before the first configuration.
pub(crate) fn with<T>(act: impl FnOnce(&mut Instance) -> T) -> Option<T> {
    INSTANCE.with_borrow_mut(|instance| instance.as_mut().map(act))
}

/// Makes the VM's state with its first configuration, with what an earlier VM enforced.
///
/// The newest configuration says whose snapshots are taken; one that says nothing of it leaves that
/// as it is, so that no listener of a VM undoes what another asks for.
///
/// Whether it could: without randomness there is no safe instance id.
pub(crate) fn begin(config: &Config) -> bool {
    INSTANCE.with_borrow_mut(|instance| {
        match instance {
            None => *instance = Instance::new(config),
            Some(instance) if !config.trust.is_empty() => instance.link.trust(config.trust.clone()),
            Some(_) => {}
        }
        instance.is_some()
    })
}

impl Instance {
    fn new(config: &Config) -> Option<Self> {
        let identity = Identity {
            node_id: config.node_id.clone(),
            instance_id: host::random()?,
            labels: config.labels.clone(),
            filter_version: VERSION.to_owned(),
        };
        let token_key = (
            u64::from_le_bytes(host::random()?),
            u64::from_le_bytes(host::random()?),
        );
        let list_key = (
            u64::from_le_bytes(host::random()?),
            u64::from_le_bytes(host::random()?),
        );
        let lists = ListMemory::new(list_key, MAX_APPROVED_LISTS);
        let mut instance = Self {
            lists: Arc::new(Mutex::new(lists)),
            link: Link::new(identity, config.limits, config.trust.clone()),
            policy: None,
            policy_changed: false,
            keys: Arc::default(),
            tokens: TokenCache::new(token_key, config.limits.max_cached_tokens),
            owner: None,
            held_bytes: 0,
            settled: Settled::default(),
            ids: DecisionIds {
                key: host::random()?,
                counter: 0,
            },
        };
        instance.restore();
        Some(instance)
    }

    fn restore(&mut self) {
        let Some(stored) = host::shared(SNAPSHOT_KEY) else {
            return;
        };
        match self.link.restore(&stored) {
            Ok(policy) => self.policy = policy,
            Err(error) => {
                let message = format!("chancery: cannot take up the last snapshot: {error}");
                host::log(LogLevel::Warn, &message);
            }
        }
    }

    pub(crate) fn policy(&self) -> Option<Arc<Policy>> {
        self.policy.as_ref().map(Arc::clone)
    }

    /// Whether there is another policy since this was last asked.
    pub(crate) fn take_policy_change(&mut self) -> bool {
        std::mem::take(&mut self.policy_changed)
    }

    pub(crate) fn keys(&self) -> Arc<Keyring> {
        Arc::clone(&self.keys)
    }

    pub(crate) fn lists(&self) -> Arc<Mutex<ListMemory>> {
        Arc::clone(&self.lists)
    }

    pub(crate) fn next_decision_id(&mut self) -> DecisionId {
        self.ids.counter = self.ids.counter.wrapping_add(1);
        let mut hasher = SipHasher13::new_with_key(&self.ids.key);
        hasher.write_u64(self.ids.counter);
        DecisionId::new(hasher.finish128().as_u128().to_le_bytes())
    }

    /// Books bytes that an exchange holds; whether there was room for them.
    pub(crate) fn hold(&mut self, bytes: usize, max_bytes: usize) -> bool {
        let with = self.held_bytes.saturating_add(bytes);
        let has_room = with <= max_bytes;
        if has_room {
            self.held_bytes = with;
        }
        has_room
    }

    pub(crate) fn release(&mut self, bytes: usize) {
        self.held_bytes = self.held_bytes.saturating_sub(bytes);
    }

    /// Keeps entries until they are durable. A ticket for the last of them about a call, if there was
    /// room.
    pub(crate) fn record(&mut self, entries: Vec<Entry>) -> Option<Ticket> {
        let kept = entries.into_iter().map(|entry| self.link.record(entry));
        kept.last().flatten()
    }

    /// Whether what is recorded now may be durable in time.
    pub(crate) fn may_be_durable(&self, now: Time) -> bool {
        self.link.may_be_durable(now)
    }

    /// Sends what is recorded at once, in the callback of context `own`.
    pub(crate) fn hurry(&mut self, own: u32, now: Time) {
        // The stream is the owner's: to any other context the host denies that it is there.
        if let Some(owner) = self.owner.as_ref().map(|owner| owner.context_id) {
            let commands = self.link.hurry();
            host::in_context(owner, own, || self.perform(commands, now));
        }
    }

    /// Asks for a key in the callback of context `own`: until when to wait for it. `None`: it is not
    /// worth waiting.
    pub(crate) fn want_key(&mut self, key: &WantedKey, own: u32, now: Time) -> Option<Time> {
        // The stream is the owner's: to any other context the host denies that it is there.
        let owner = self.owner.as_ref()?.context_id;
        let (until, commands) = self.link.want_key(key, now);
        host::in_context(owner, own, || self.perform(commands, now))?;
        until
    }

    /// Asks for a credential in the callback of context `own`: it is known, or the context is
    /// released with it.
    pub(crate) fn need(&mut self, need: &Need, own: u32, now: Time) -> Option<Answer> {
        let (known, commands) = self.link.need(need, own, now);
        if let Some(owner) = self.owner.as_ref().map(|owner| owner.context_id) {
            host::in_context(owner, own, || self.perform(commands, now));
        }
        known
    }

    /// A server did not accept what it was called with.
    pub(crate) fn refused(&mut self, need: &Need, credential: &Credential) {
        self.link.refused(need, credential);
    }

    /// What requests may go on with, since this was last asked.
    pub(crate) fn take_settled(&mut self) -> Settled {
        Settled {
            durable: Some(self.link.durable()),
            ..std::mem::take(&mut self.settled)
        }
    }

    /// Time passes for a root context. The first to ask owns the stream.
    pub(crate) fn tick(&mut self, context_id: u32, cluster: &str, now: Time) {
        let owner = self.owner.get_or_insert_with(|| Owner {
            context_id,
            cluster: cluster.to_owned(),
            stream: None,
        });
        if owner.context_id == context_id {
            let commands = self.link.tick(now);
            self.perform(commands, now);
        }
    }

    /// Whether a root context owns the stream and its next tick should come soon.
    pub(crate) fn is_working(&self, context_id: u32) -> bool {
        let owner = self.owner.as_ref();
        owner.is_some_and(|owner| owner.context_id == context_id) && self.link.is_working()
    }

    pub(crate) fn received(&mut self, stream: u32, message: &[u8], now: Time) {
        if self.is_own(stream) {
            let commands = self.link.received(message, now);
            self.perform(commands, now);
        }
    }

    pub(crate) fn closed(&mut self, stream: u32, now: Time) {
        if self.is_own(stream) {
            self.lose_stream(now);
        }
    }

    /// A root context is done: its stream ends, and the next one to tick takes over.
    pub(crate) fn leave(&mut self, context_id: u32, now: Time) {
        if self
            .owner
            .as_ref()
            .is_none_or(|owner| owner.context_id != context_id)
        {
            return;
        }
        let commands = self.link.goodbye();
        self.perform(commands, now);
        if let Some(stream) = self.owner.take().and_then(|owner| owner.stream) {
            host::close_stream(stream);
        }
        self.settled.stream_lost = true;
        self.link.closed(now);
    }

    fn is_own(&self, stream: u32) -> bool {
        self.owner
            .as_ref()
            .is_some_and(|owner| owner.stream == Some(stream))
    }

    fn lose_stream(&mut self, now: Time) {
        if let Some(owner) = &mut self.owner {
            owner.stream = None;
        }
        self.settled.stream_lost = true;
        self.link.closed(now);
    }

    fn perform(&mut self, commands: Vec<Command>, now: Time) {
        for command in commands {
            match command {
                Command::Open => self.open(now),
                Command::Send(message) => self.send(&message, now),
                Command::Enforce { policy, stored } => self.enforce(policy, &stored, now),
                Command::UseKeys(keys) => self.keys = keys,
                Command::Release(release) => self.settled.released.push(release),
                Command::KeyAnswered(key) => self.settled.answered.push(Awaited::Key(key)),
                Command::Warn(message) => {
                    host::increment(metrics().nacks);
                    host::log(LogLevel::Warn, &format!("chancery: {message}"));
                }
            }
        }
    }

    fn open(&mut self, now: Time) {
        let Some(owner) = &mut self.owner else { return };
        host::increment(metrics().stream_opens);
        owner.stream = host::open_stream(&owner.cluster);
        if owner.stream.is_some() {
            let commands = self.link.opened(now);
            self.perform(commands, now);
        } else {
            let message = format!("chancery: there is no cluster `{}`", owner.cluster);
            host::log(LogLevel::Error, &message);
            self.link.closed(now);
        }
    }

    fn send(&mut self, message: &[u8], now: Time) {
        let stream = self.owner.as_ref().and_then(|owner| owner.stream);
        if let Some(stream) = stream
            && !host::send(stream, message)
        {
            self.lose_stream(now);
        }
    }

    fn enforce(&mut self, policy: Arc<Policy>, stored: &[u8], now: Time) {
        let version = policy.version();
        self.policy = Some(policy);
        self.policy_changed = true;
        self.tokens.clear();
        if !host::set_shared(SNAPSHOT_KEY, stored) {
            host::log(
                LogLevel::Warn,
                "chancery: cannot keep the snapshot for the next VM",
            );
        }
        host::record(metrics().snapshot_version, version.version);
        host::record(metrics().snapshot_applied_seconds, now.unix_ms() / 1_000);
        let message = format!(
            "chancery: enforcing snapshot {}.{}",
            version.epoch, version.version
        );
        host::log(LogLevel::Info, &message);
    }
}
