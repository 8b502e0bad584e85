//! The rotation of a credential's secret.

use std::sync::Arc;

use chancery_engine::secret::Secret;
use chancery_proto::admin::v1 as admin;
use tonic::Status;

use super::{
    ControlPlane,
    admission::{Admitted, Guarded as _},
    error::{self, Naming},
};

const METHOD: &str = admin::RotateCredentialRequest::METHOD;

/// Longest that what was had with a secret outlives it.
const MAX_OVERLAP_SECONDS: u64 = 7 * 24 * 60 * 60;

impl ControlPlane {
    pub(super) async fn rotate(
        &self,
        admitted: &Admitted,
        request: admin::RotateCredentialRequest,
    ) -> Result<admin::RotateCredentialResponse, Status> {
        let admin::RotateCredentialRequest {
            name,
            secret,
            overlap,
            etag,
        } = request;
        let overlap_seconds = match overlap {
            None => Some(0),
            Some(overlap) => u64::try_from(overlap.seconds)
                .ok()
                .filter(|seconds| *seconds <= MAX_OVERLAP_SECONDS && overlap.nanos == 0),
        };
        let Some(overlap_seconds) = overlap_seconds else {
            let expected = format!("0 to {MAX_OVERLAP_SECONDS} whole seconds");
            return Err(error::invalid_argument(
                "overlap",
                "another length",
                &expected,
            ));
        };
        let secret = Secret::new(secret);
        let secret = (!secret.expose().is_empty()).then_some(secret);
        let (registry, of) = (Arc::clone(&self.registry), name.clone());
        let by = admitted.by(METHOD);
        let rotate = move || registry.rotate(&of, secret, (&etag, overlap_seconds), &by);
        let rotated = tokio::task::spawn_blocking(rotate).await;
        let rotated = rotated.map_err(|error| error::task(&error))?;
        match rotated {
            Ok(credential) => {
                self.settle().await;
                Ok(admin::RotateCredentialResponse {
                    credential: Some(credential),
                })
            }
            Err(error) => {
                self.failed(admitted, METHOD, &name, &error.to_string())
                    .await;
                Err(error::registry(&error, Naming::Request))
            }
        }
    }
}
