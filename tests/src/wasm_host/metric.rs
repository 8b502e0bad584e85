//! Metrics: names belong to the node, ids to a VM.

use std::collections::BTreeMap;

use super::Status;

/// The kinds of metric of the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricKind {
    /// Goes up.
    Counter = 0,
    /// Goes up and down.
    Gauge = 1,
    /// A distribution.
    Histogram = 2,
}

/// The state of one metric of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// What it measures in.
    pub kind: MetricKind,
    /// Value of a counter or gauge; 0 for a histogram.
    pub value: u64,
    /// Every value recorded in a histogram, in order.
    pub records: Vec<u64>,
}

/// All metrics of a node by name.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    by_name: BTreeMap<(MetricKind, String), Metric>,
}

/// What one VM calls its metrics.
#[derive(Debug, Default)]
pub(super) struct MetricIds {
    next: [u32; 3],
    ids: BTreeMap<u32, (MetricKind, String)>,
}

impl MetricKind {
    pub(super) fn from_abi(kind: u32) -> Option<Self> {
        [Self::Counter, Self::Gauge, Self::Histogram]
            .into_iter()
            .find(|&k| k as u32 == kind)
    }
}

impl MetricIds {
    /// A new id for that metric; the ABI's ids carry the kind in their two lowest bits.
    pub(super) fn define(&mut self, kind: MetricKind, name: &str) -> u32 {
        let counter = self.next.get_mut(kind as usize).map_or(0, |next| {
            *next = next.saturating_add(4);
            *next
        });
        let id = counter | kind as u32;
        self.ids.insert(id, (kind, name.to_owned()));
        id
    }

    pub(super) fn resolve(&self, id: u32) -> Result<&(MetricKind, String), Status> {
        match MetricKind::from_abi(id & 3) {
            Some(_) => self.ids.get(&id).ok_or(Status::NotFound),
            None => Err(Status::BadArgument),
        }
    }
}

impl Metrics {
    pub(super) fn define(&mut self, kind: MetricKind, name: &str) {
        self.entry(&(kind, name.to_owned()));
    }

    fn entry(&mut self, key: &(MetricKind, String)) -> &mut Metric {
        self.by_name.entry(key.clone()).or_insert_with(|| Metric {
            kind: key.0,
            value: 0,
            records: Vec::new(),
        })
    }

    /// Counters only go up; histograms cannot be incremented.
    pub(super) fn increment(
        &mut self,
        key: &(MetricKind, String),
        offset: i64,
    ) -> Result<(), Status> {
        let metric = self.entry(key);
        match key.0 {
            MetricKind::Counter if offset > 0 => {
                metric.value = metric.value.wrapping_add(offset.unsigned_abs());
                Ok(())
            }
            MetricKind::Gauge => {
                metric.value = metric.value.wrapping_add_signed(offset);
                Ok(())
            }
            MetricKind::Counter | MetricKind::Histogram => Err(Status::BadArgument),
        }
    }

    /// Recording adds to a counter, sets a gauge and extends a histogram.
    pub(super) fn record(&mut self, key: &(MetricKind, String), value: u64) {
        let metric = self.entry(key);
        match key.0 {
            MetricKind::Counter => metric.value = metric.value.wrapping_add(value),
            MetricKind::Gauge => metric.value = value,
            MetricKind::Histogram => metric.records.push(value),
        }
    }

    pub(super) fn value(&mut self, key: &(MetricKind, String)) -> Result<u64, Status> {
        match key.0 {
            MetricKind::Counter | MetricKind::Gauge => Ok(self.entry(key).value),
            MetricKind::Histogram => Err(Status::BadArgument),
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<Metric> {
        self.by_name
            .iter()
            .find(|(key, _)| key.1 == name)
            .map(|(_, metric)| metric.clone())
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.by_name.keys().map(|key| key.1.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{MetricIds, MetricKind, Metrics};
    use crate::wasm_host::Status;

    #[test]
    fn ids_carry_the_kind_and_names_are_shared() {
        let mut metrics = Metrics::default();
        let (mut one, mut two) = (MetricIds::default(), MetricIds::default());
        let first = one.define(MetricKind::Gauge, "g");
        let second = two.define(MetricKind::Gauge, "g");
        assert_eq!((first, second), (5, 5));
        assert_eq!(one.define(MetricKind::Gauge, "h"), 9);
        metrics.record(&one.resolve(first).unwrap().clone(), 7);
        assert_eq!(metrics.increment(two.resolve(second).unwrap(), -2), Ok(()));
        assert_eq!(metrics.find("g").unwrap().value, 5);
        assert_eq!(one.resolve(3), Err(Status::BadArgument));
        assert_eq!(one.resolve(4), Err(Status::NotFound));
    }

    #[test]
    fn a_counter_only_goes_up() {
        let mut metrics = Metrics::default();
        let key = (MetricKind::Counter, "c".to_owned());
        assert_eq!(metrics.increment(&key, 0), Err(Status::BadArgument));
        assert_eq!(metrics.increment(&key, 3), Ok(()));
        assert_eq!(metrics.value(&key), Ok(3));
    }
}
