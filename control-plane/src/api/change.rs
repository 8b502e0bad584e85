//! Changes: who may make them, and what is left of them and of what failed on the record.

use std::sync::Arc;

use chancery_proto::audit::v1::{AdminChange, entry::Event};
use tonic::Status;

use super::{
    ControlPlane,
    admission::Admitted,
    error::{self, Naming},
};
use crate::registry::{By, Changed, Registry, RegistryError, Wish};

impl ControlPlane {
    /// Makes changes, and says what became of them. What is changed, and every attempt that failed,
    /// is on the record when this returns.
    pub(super) async fn change(
        &self,
        admitted: &Admitted,
        (method, naming): (&'static str, Naming),
        wishes: Vec<Wish>,
        validate_only: bool,
    ) -> Result<Changed, Status> {
        let by = admitted.by(method);
        self.change_as(admitted, (by, naming), wishes, validate_only)
            .await
    }

    /// The same, of what a caller says more about than which RPC it is.
    pub(super) async fn change_as(
        &self,
        admitted: &Admitted,
        (by, naming): (By, Naming),
        wishes: Vec<Wish>,
        validate_only: bool,
    ) -> Result<Changed, Status> {
        let method = by.method;
        self.may_change(admitted, method, &wishes).await?;
        let names: Vec<_> = wishes.iter().map(|wish| wish.name().to_owned()).collect();
        let registry = Arc::clone(&self.registry);
        let change = {
            let (wishes, by) = (wishes.clone(), by.clone());
            move || registry.change(wishes, &by, validate_only)
        };
        let changed = tokio::task::spawn_blocking(change).await;
        let changed = changed.map_err(|error| error::task(&error))?;
        match changed {
            Ok(changed) => {
                self.settle().await;
                Ok(changed)
            }
            Err(RegistryError::SecondPerson { organization }) => {
                self.propose(admitted, wishes, organization, by).await
            }
            Err(error) => {
                if !validate_only {
                    let names = names.join(" ");
                    self.failed(admitted, method, &names, &error.to_string())
                        .await;
                }
                Err(error::registry(&error, naming))
            }
        }
    }

    /// Keeps for a second person what the caller may change and not publish.
    pub(super) async fn propose(
        &self,
        admitted: &Admitted,
        wishes: Vec<Wish>,
        organization: String,
        by: By,
    ) -> Result<Changed, Status> {
        let method = by.method;
        let names: Vec<_> = wishes.iter().map(|wish| wish.name().to_owned()).collect();
        let authors = admitted.caller.identities();
        let propose =
            move |registry: &Registry| registry.propose(wishes, &organization, authors, &by);
        match self.on_proposals(propose).await {
            Ok((changed, proposal)) => {
                self.settle().await;
                Ok(Changed {
                    proposal: Some(proposal),
                    ..changed
                })
            }
            Err(status) => {
                let names = names.join(" ");
                self.failed(admitted, method, &names, status.message())
                    .await;
                Err(status)
            }
        }
    }

    /// Sends to the log what changes left for it. Where it does not take them they wait in the
    /// store, as durable as the change itself: it is done all the same.
    pub(super) async fn settle(&self) {
        if let Err(error) = self.outbox.drain().await {
            tracing::error!(%error, "changes wait in the store to be recorded");
        }
        if let Err(error) = self.webhooks.keep().await {
            tracing::error!(%error, "a new webhook is told only what comes later");
        }
    }

    /// Records something done that is no change of resources.
    pub(super) async fn acted(
        &self,
        admitted: &Admitted,
        method: &str,
        resource: &str,
    ) -> Result<(), Status> {
        let change = AdminChange {
            principal: Some(admitted.caller.principal()),
            method: method.to_owned(),
            resource: resource.to_owned(),
            ..AdminChange::default()
        };
        let noted = self.ledger.note(Event::AdminChange(change)).await;
        noted.map(drop).map_err(|error| error::ledger(&error))
    }

    /// Records an attempt that failed.
    pub(super) async fn failed(
        &self,
        admitted: &Admitted,
        method: &str,
        resource: &str,
        error: &str,
    ) {
        let change = AdminChange {
            principal: Some(admitted.caller.principal()),
            method: method.to_owned(),
            resource: bounded(resource),
            error: bounded(error),
            ..AdminChange::default()
        };
        if let Err(error) = self.ledger.note(Event::AdminChange(change)).await {
            // What failed is still not done.
            tracing::error!(%error, "an attempt that failed is not recorded");
        }
    }
}

/// As much of a caller's text as one record keeps.
fn bounded(text: &str) -> String {
    const MAX_CHARACTERS: usize = 4_096;
    text.chars().take(MAX_CHARACTERS).collect()
}
