//! What an instance gets: the sealing keys and the newest snapshot of what its node serves.

use std::sync::Arc;

use chancery_proto::{
    node::v1::{self as node, connect_response},
    policy::v1::SignedManifest,
};
use tokio::sync::watch;
use tonic::Status;

use super::Session;
use crate::{api::error, snapshot::Snapshot};

/// Most bytes of a section in one message: an instance digests it at once, on a thread that serves
/// requests.
const CHUNK_BYTES: usize = 64 << 10;

impl Session {
    /// Sends the sealing keys that the instance does not have, before the snapshot whose servers
    /// need them.
    pub(super) async fn send_keys(&mut self) -> Result<(), Status> {
        let registry = Arc::clone(&self.control_plane.registry);
        let scope = self.scope.clone();
        let keys = tokio::task::spawn_blocking(move || registry.sealing_keys(&scope)).await;
        let keys = keys.map_err(|error| error::task(&error))?;
        let keys = keys.map_err(|error| error::sealing(&error))?;
        for organization in &keys {
            if !self.keys.contains(organization) {
                let message = connect_response::Message::SealingKeys(organization.clone());
                self.say(message).await?;
            }
        }
        self.keys = keys;
        Ok(())
    }

    /// Sends the newest snapshot, if the instance does not have it.
    pub(super) async fn offer(
        &mut self,
        published: &mut watch::Receiver<Option<Arc<Snapshot>>>,
    ) -> Result<(), Status> {
        let Some(newest) = published.borrow_and_update().clone() else {
            return Ok(());
        };
        let version = (newest.epoch, newest.version);
        if self.offered.is_some_and(|offered| offered >= version) {
            return Ok(());
        }
        let snapshot = self.tailored(newest).await?;
        self.offered = Some(version);
        let warnings = snapshot.warnings.clone();
        self.control_plane
            .instances
            .heard(&self.source, |instance| instance.warnings = warnings);
        let manifest = SignedManifest {
            manifest: snapshot.manifest.clone(),
            signatures: snapshot.signatures.clone(),
        };
        self.say(connect_response::Message::Manifest(manifest))
            .await?;
        let digests = snapshot.sections.keys().copied().collect();
        for digest in self.holdings.offer(version, digests) {
            let section = snapshot.sections.get(&digest);
            let section = section.map(|bytes| &**bytes).unwrap_or_default();
            for (index, data) in section.chunks(CHUNK_BYTES).enumerate() {
                let offset = index.saturating_mul(CHUNK_BYTES);
                let chunk = node::SectionChunk {
                    digest: digest.to_vec(),
                    offset_bytes: u64::try_from(offset).unwrap_or(u64::MAX),
                    data: data.to_vec().into(),
                };
                self.say(connect_response::Message::SectionChunk(chunk))
                    .await?;
            }
        }
        Ok(())
    }

    /// The snapshot as this instance can honour it, with what its node serves.
    async fn tailored(&self, newest: Arc<Snapshot>) -> Result<Arc<Snapshot>, Status> {
        use chancery_engine::snapshot::FEATURES;
        let has_all = FEATURES
            .iter()
            .all(|feature| self.features.contains(*feature));
        if has_all && self.scope.is_everything() {
            return Ok(newest);
        }
        let registry = Arc::clone(&self.control_plane.registry);
        let (features, scope) = (self.features.clone(), self.scope.clone());
        let built = move || registry.snapshot_for((!has_all).then_some(features), scope);
        let built = tokio::task::spawn_blocking(built);
        let built = built.await.map_err(|error| error::task(&error))?;
        let built = built.map_err(|error| error::registry(&error, error::Naming::Batch))?;
        // Never the whole one in its place.
        built.ok_or_else(|| Status::unavailable("there is no snapshot; connect again"))
    }
}
