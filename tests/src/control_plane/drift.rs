//! What the record says was seen that nobody has approved.

use chancery_proto::audit::v1::{DriftSighting, RecordFilter, entry::Event};

use super::{ControlPlane, ControlPlaneError};
use crate::wait;

impl ControlPlane {
    /// All drift on the record, oldest first, once there is this much.
    pub async fn drift(&self, count: usize) -> Result<Vec<DriftSighting>, ControlPlaneError> {
        let filter = RecordFilter {
            drift: true,
            ..RecordFilter::default()
        };
        let found = async || -> Result<_, ControlPlaneError> {
            let records = self.records(filter.clone()).await?.into_iter();
            let drift = records.filter_map(|record| match record.entry.event {
                Some(Event::Drift(drift)) => Some(drift),
                _ => None,
            });
            let drift: Vec<_> = drift.collect();
            Ok((drift.len() >= count).then_some(drift))
        };
        wait::until("the drift to be recorded", wait::PATIENCE, found).await
    }
}
