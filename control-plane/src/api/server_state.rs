//! Servers that are approved, suspended, retired, and brought back.

use std::sync::Arc;

use chancery_proto::admin::v1 as admin;
use tonic::Status;

use super::{
    ControlPlane,
    admission::{Admitted, Guarded as _},
    error::{self, Naming},
};
use crate::registry::{By, Changed, Done, Registry, RegistryError, StateChange};

impl ControlPlane {
    pub(super) async fn change_server_state_as(
        &self,
        admitted: &Admitted,
        message: admin::ChangeServerStateRequest,
    ) -> Result<Option<admin::Server>, Status> {
        let state = message.state();
        let admin::ChangeServerStateRequest {
            name,
            etag,
            state: _,
            reason,
            validate_only,
        } = message;
        let method = admin::ChangeServerStateRequest::METHOD;
        let change = StateChange {
            name: name.clone(),
            etag,
            state,
            reason,
        };
        self.move_server(
            admitted,
            (method, &name),
            validate_only,
            move |registry, by| registry.change_state(change, by, validate_only),
        )
        .await
    }

    pub(super) async fn undelete_server_as(
        &self,
        admitted: &Admitted,
        message: admin::UndeleteServerRequest,
    ) -> Result<Option<admin::Server>, Status> {
        let admin::UndeleteServerRequest {
            name,
            validate_only,
        } = message;
        let method = admin::UndeleteServerRequest::METHOD;
        let wanted = name.clone();
        self.move_server(
            admitted,
            (method, &name),
            validate_only,
            move |registry, by| registry.undelete_server(&wanted, by, validate_only),
        )
        .await
    }

    async fn move_server(
        &self,
        admitted: &Admitted,
        (method, name): (&'static str, &str),
        validate_only: bool,
        act: impl FnOnce(&Registry, &By) -> Result<Changed, RegistryError> + Send + 'static,
    ) -> Result<Option<admin::Server>, Status> {
        let by = admitted.by(method);
        let registry = Arc::clone(&self.registry);
        let changed = tokio::task::spawn_blocking(move || act(&registry, &by)).await;
        let changed = changed.map_err(|error| error::task(&error))?;
        match changed {
            Ok(changed) => {
                self.settle().await;
                let done = changed.done.into_iter().next();
                Ok(done.and_then(|done| match done {
                    Done::Created(it) | Done::Updated(it) | Done::Unchanged(it) => {
                        it.as_server().cloned()
                    }
                    Done::Deleted => None,
                }))
            }
            Err(error) => {
                if !validate_only {
                    self.failed(admitted, method, name, &error.to_string())
                        .await;
                }
                Err(error::registry(&error, Naming::Request))
            }
        }
    }
}
