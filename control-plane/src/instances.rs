//! What is known of every instance that has, or lately had, a stream.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chancery_proto::{admin::v1::Instance, node::v1 as node};

use crate::{access::NodeScope, ledger::Source, registry::now};

/// An instance lives if it was heard of within this.
const LIVE_FOR: Duration = Duration::from_secs(5);

/// A lost instance is shown for this long.
const SHOWN_FOR: Duration = Duration::from_hours(1);

/// The table.
#[derive(Debug, Default)]
pub struct Instances(Mutex<BTreeMap<Source, Row>>);

#[derive(Debug)]
struct Row {
    instance: Instance,
    heard: Instant,
    has_stream: bool,
    said_goodbye: bool,
    /// What the node serves.
    scope: NodeScope,
}

impl Instances {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<Source, Row>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A stream began.
    pub fn connected(&self, hello: &node::Hello, scope: NodeScope) {
        let mut features = hello.features.clone();
        features.sort();
        let instance = Instance {
            node_id: hello.node_id.clone(),
            instance_id: hello.instance_id.clone(),
            filter_version: hello.filter_version.clone(),
            features,
            live: true,
            applied: hello.applied.clone(),
            connect_time: Some(now()),
            last_seen_time: Some(now()),
            ..Instance::default()
        };
        let source = (hello.node_id.clone(), hello.instance_id.clone());
        let row = Row {
            instance,
            heard: Instant::now(),
            has_stream: true,
            said_goodbye: false,
            scope,
        };
        let mut rows = self.rows();
        rows.retain(|_, row| row.has_stream || row.heard.elapsed() < SHOWN_FOR);
        rows.insert(source, row);
    }

    /// An instance said something.
    pub fn heard(&self, source: &Source, change: impl FnOnce(&mut Instance)) {
        if let Some(row) = self.rows().get_mut(source) {
            row.heard = Instant::now();
            row.instance.last_seen_time = Some(now());
            change(&mut row.instance);
        }
    }

    /// A stream ended.
    pub fn disconnected(&self, source: &Source, said_goodbye: bool) {
        if let Some(row) = self.rows().get_mut(source) {
            row.has_stream = false;
            row.said_goodbye = said_goodbye;
        }
    }

    /// Whether an instance has, or lately had, a stream.
    pub fn was_here(&self, source: &Source) -> bool {
        self.rows().contains_key(source)
    }

    /// Whether an instance has a stream.
    pub fn has_stream(&self, source: &Source) -> bool {
        self.rows().get(source).is_some_and(|row| row.has_stream)
    }

    /// Every row that is to be shown, in the order of node and instance. Whoever says so may take
    /// from it what is not.
    pub fn list(&self, show: impl Fn(&NodeScope, &mut Instance) -> bool) -> Vec<Instance> {
        let rows = self.rows();
        let shown = |row: &&Row| !row.said_goodbye;
        let instance = |row: &Row| {
            let mut instance = Instance {
                live: row.has_stream && row.heard.elapsed() < LIVE_FOR,
                ..row.instance.clone()
            };
            show(&row.scope, &mut instance).then_some(instance)
        };
        rows.values().filter(shown).filter_map(instance).collect()
    }

    /// Whether every live instance enforces a snapshot, and there is one.
    pub fn converged(&self, published: Option<(u64, u64)>) -> bool {
        let live: Vec<_> = self
            .list(|_, _| true)
            .into_iter()
            .filter(|instance| instance.live)
            .collect();
        let applies = |instance: &Instance| {
            instance
                .applied
                .as_ref()
                .map(|applied| (applied.epoch, applied.version))
                == published
        };
        published.is_some() && !live.is_empty() && live.iter().all(applies)
    }
}

/// A filter's features as a set.
pub fn features(hello: &node::Hello) -> BTreeSet<String> {
    hello.features.iter().cloned().collect()
}
