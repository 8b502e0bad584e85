//! Metric names, all in one place. None carries a user, a tool or anything else that is unbounded.

use std::cell::RefCell;

use chancery_engine::{decide::Verdict, entry::DecisionEvent, reason::Reason};

use crate::host;

/// Ids of this VM's metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metrics {
    /// Requests and messages that went on.
    allowed: Option<u32>,
    /// Of these, those that rules in shadow would have refused.
    shadow_refused: Option<u32>,
    /// Requests and messages that were refused.
    refused: Option<u32>,
    /// Of these, those that rules in shadow would have allowed.
    shadow_allowed: Option<u32>,
    /// Of those refused, calls that a quota refused.
    over_quota: Option<u32>,
    /// Version of the snapshot in force; 0 for none.
    pub(crate) snapshot_version: Option<u32>,
    /// When the snapshot in force was applied, in seconds since the Unix epoch.
    pub(crate) snapshot_applied_seconds: Option<u32>,
    /// Snapshots that were refused.
    pub(crate) nacks: Option<u32>,
    /// Streams that were opened.
    pub(crate) stream_opens: Option<u32>,
    /// How long it took to read and verify each token that was not known, in microseconds.
    pub(crate) token_verified_us: Option<u32>,
    /// Requests that were held for the control plane's answer.
    pub(crate) held: Option<u32>,
    /// Calls that were allowed and refused all the same, since their decisions were not durable in time.
    pub(crate) ahead_refused: Option<u32>,
}

thread_local! {
    static METRICS: RefCell<Option<Metrics>> = const { RefCell::new(None) };
}

/// This VM's metrics, defined with the first use.
pub(crate) fn metrics() -> Metrics {
    METRICS.with_borrow_mut(|metrics| *metrics.get_or_insert_with(Metrics::define))
}

/// Counts a decision.
pub(crate) fn count(decision: &DecisionEvent) {
    let metrics = metrics();
    let (decided, otherwise) = match decision.verdict {
        Verdict::Allow => (metrics.allowed, metrics.shadow_refused),
        Verdict::Deny(_) => (metrics.refused, metrics.shadow_allowed),
    };
    host::increment(decided);
    if !decision.shadow_rules.is_empty() {
        host::increment(otherwise);
    }
    if decision.verdict == Verdict::Deny(Reason::QuotaExceeded) {
        host::increment(metrics.over_quota);
    }
}

impl Metrics {
    fn define() -> Self {
        Self {
            allowed: host::define_counter("chancery.decisions.allowed"),
            shadow_refused: host::define_counter("chancery.decisions.shadow_refused"),
            refused: host::define_counter("chancery.decisions.refused"),
            shadow_allowed: host::define_counter("chancery.decisions.shadow_allowed"),
            over_quota: host::define_counter("chancery.decisions.over_quota"),
            snapshot_version: host::define_gauge("chancery.snapshot.version"),
            snapshot_applied_seconds: host::define_gauge("chancery.snapshot.applied_seconds"),
            nacks: host::define_counter("chancery.snapshot.nacks"),
            stream_opens: host::define_counter("chancery.stream.opens"),
            token_verified_us: host::define_histogram("chancery.token.verified_us"),
            held: host::define_counter("chancery.requests.held"),
            ahead_refused: host::define_counter("chancery.ahead.refused"),
        }
    }
}
