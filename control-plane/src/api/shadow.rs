//! What instances have seen going to hosts that nobody registered.

use std::sync::Arc;

use chancery_proto::audit::v1::ShadowSighting;

use super::ControlPlane;
use crate::access::NodeScope;

impl ControlPlane {
    /// Takes in what a node has seen.
    pub(super) async fn shadowed(
        &self,
        node: String,
        scope: NodeScope,
        sightings: Vec<ShadowSighting>,
    ) {
        let registry = Arc::clone(&self.registry);
        let stored =
            tokio::task::spawn_blocking(move || registry.shadowed(&node, &scope, &sightings));
        match stored.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "shadow servers are on the record alone"),
            Err(error) => tracing::error!(%error, "shadow servers are on the record alone"),
        }
    }
}
