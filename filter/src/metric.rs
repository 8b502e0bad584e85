//! Metric names, all in one place. None carries a user, a tool or anything else that is unbounded.

use std::cell::RefCell;

use crate::host;

/// Ids of this VM's metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metrics {
    /// Requests and messages that went on.
    pub(crate) allowed: Option<u32>,
    /// Requests and messages that were refused.
    pub(crate) refused: Option<u32>,
    /// Of these, calls that a quota refused.
    pub(crate) over_quota: Option<u32>,
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
}

thread_local! {
    static METRICS: RefCell<Option<Metrics>> = const { RefCell::new(None) };
}

/// This VM's metrics, defined with the first use.
pub(crate) fn metrics() -> Metrics {
    METRICS.with_borrow_mut(|metrics| *metrics.get_or_insert_with(Metrics::define))
}

impl Metrics {
    fn define() -> Self {
        Self {
            allowed: host::define_counter("chancery.decisions.allowed"),
            refused: host::define_counter("chancery.decisions.refused"),
            over_quota: host::define_counter("chancery.decisions.over_quota"),
            snapshot_version: host::define_gauge("chancery.snapshot.version"),
            snapshot_applied_seconds: host::define_gauge("chancery.snapshot.applied_seconds"),
            nacks: host::define_counter("chancery.snapshot.nacks"),
            stream_opens: host::define_counter("chancery.stream.opens"),
            token_verified_us: host::define_histogram("chancery.token.verified_us"),
            held: host::define_counter("chancery.requests.held"),
        }
    }
}
