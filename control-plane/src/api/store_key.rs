//! The keys that seal what the store keeps secret.

use chancery_proto::admin::v1::{self as admin, store_key_service_server::StoreKeyService};
use tonic::{Request, Response, Status};

use super::{ControlPlane, error};
use crate::{
    registry::now,
    secrets::{Secrets, SecretsError, key_service::StoreKey},
};

#[tonic::async_trait]
impl StoreKeyService for ControlPlane {
    async fn list_store_keys(
        &self,
        request: Request<admin::ListStoreKeysRequest>,
    ) -> Result<Response<admin::ListStoreKeysResponse>, Status> {
        self.admit(request).await?;
        let keys = self.blocking(Secrets::keys).await?;
        let store_keys = keys.into_iter().map(|(key, count)| shown(&key, count));
        Ok(Response::new(admin::ListStoreKeysResponse {
            store_keys: store_keys.collect(),
        }))
    }

    async fn rotate_store_key(
        &self,
        request: Request<admin::RotateStoreKeyRequest>,
    ) -> Result<Response<admin::RotateStoreKeyResponse>, Status> {
        let (admitted, _) = self.admit(request).await?;
        let now_seconds = now().seconds.unsigned_abs();
        let rotate = move |secrets: &Secrets| secrets.rotate_key(now_seconds);
        let key = self.blocking(rotate).await?;
        tracing::info!(key = %key.id, "a new store key seals");
        self.rewrap.notify_one();
        let name = format!("storeKeys/{}", key.id);
        self.acted(&admitted, "RotateStoreKey", &name).await?;
        Ok(Response::new(admin::RotateStoreKeyResponse {
            store_key: Some(shown(&key, 0)),
        }))
    }
}

impl ControlPlane {
    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Secrets) -> Result<T, SecretsError> + Send + 'static,
    ) -> Result<T, Status> {
        let secrets = self.secrets.clone();
        let done = tokio::task::spawn_blocking(move || act(&secrets)).await;
        let done = done.map_err(|error| error::task(&error))?;
        done.map_err(|error| error::secrets(&error))
    }
}

fn shown(key: &StoreKey, secret_count: u64) -> admin::StoreKey {
    admin::StoreKey {
        name: format!("storeKeys/{}", key.id),
        create_time: Some(prost_types::Timestamp {
            seconds: i64::try_from(key.create_seconds).unwrap_or(i64::MAX),
            nanos: 0,
        }),
        secret_count,
    }
}
