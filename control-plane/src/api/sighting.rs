//! What instances have seen that is not as it was approved.

use std::sync::Arc;

use chancery_proto::audit::v1::DriftSighting;

use super::ControlPlane;

impl ControlPlane {
    /// Takes in sightings, and blocks what enough have seen.
    pub(super) async fn sighted(&self, sightings: Vec<DriftSighting>) {
        let registry = Arc::clone(&self.registry);
        let blocked = tokio::task::spawn_blocking(move || {
            let mut blocked = false;
            for sighting in sightings {
                match registry.sighted(&sighting) {
                    Ok(changed) => blocked |= changed.is_some(),
                    Err(error) => {
                        let server = &sighting.server;
                        tracing::error!(%error, server, "a sighting is not acted upon");
                    }
                }
            }
            blocked
        });
        match blocked.await {
            Ok(true) => self.settle().await,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "sightings are not acted upon"),
        }
    }
}
