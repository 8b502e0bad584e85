//! What instances have seen that is not as it was approved.

use std::sync::Arc;

use chancery_proto::audit::v1::DriftSighting;

use super::ControlPlane;

impl ControlPlane {
    /// Takes in sightings through a node, and blocks what enough have seen.
    pub(super) async fn sighted(&self, sightings: Vec<DriftSighting>, node_id: String) {
        let registry = Arc::clone(&self.registry);
        let blocked =
            tokio::task::spawn_blocking(move || registry.sighted_all(&sightings, &node_id));
        match blocked.await {
            Ok(true) => self.settle().await,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "sightings are not acted upon"),
        }
    }
}
