//! What was published, compared, and published again.

use std::sync::Arc;

use chancery_proto::{
    admin::v1::{self as admin, snapshot_service_server::SnapshotService},
    policy::v1::Manifest,
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use tonic::{Request, Response, Status};

use super::{
    ControlPlane,
    error::{self, Naming},
    page,
};
use crate::{
    access::Role,
    cli,
    registry::{By, Difference, ROLLBACK, Registry, RegistryError, RolledBack},
    resource::Resource,
    store::Published,
};

const METHOD: &str = ROLLBACK;

impl ControlPlane {
    /// Asks the registry something that it has to read.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Registry) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, Status> {
        let registry = Arc::clone(&self.registry);
        let answer = tokio::task::spawn_blocking(move || question(&registry)).await;
        let answer = answer.map_err(|error| error::task(&error))?;
        answer.map_err(|error| error::registry(&error, Naming::Batch))
    }
}

#[tonic::async_trait]
impl SnapshotService for ControlPlane {
    async fn list_snapshots(
        &self,
        request: Request<admin::ListSnapshotsRequest>,
    ) -> Result<Response<admin::ListSnapshotsResponse>, Status> {
        let (admitted, request) = self.admit(request).await?;
        let all = self.registry.organizations();
        let sees_all = admitted.grants.allow_in_all(Role::Viewer, &all);
        let admin::ListSnapshotsRequest {
            page_size,
            page_token,
        } = request;
        let size = page::size(page_size)?;
        let before = match &*page_token {
            "" => u64::MAX,
            token => page::read_token(token)?
                .parse()
                .map_err(|_no_number| page::unknown_token())?,
        };
        let more = size.saturating_add(1);
        let mut published = self.ask(move |it| it.history(before, more)).await?;
        let has_more = published.len() > size;
        published.truncate(size);
        let last = published.last().filter(|_| has_more);
        Ok(Response::new(admin::ListSnapshotsResponse {
            next_page_token: last
                .map_or_else(String::new, |it| page::token(&it.version.to_string())),
            snapshots: published
                .into_iter()
                .map(|it| {
                    let mut snapshot = message(it);
                    if !sees_all {
                        // They name what is in other organizations.
                        snapshot.author.clear();
                        snapshot.cause.clear();
                    }
                    snapshot
                })
                .collect(),
        }))
    }

    async fn diff_snapshots(
        &self,
        request: Request<admin::DiffSnapshotsRequest>,
    ) -> Result<Response<admin::DiffSnapshotsResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let admin::DiffSnapshotsRequest {
            from_version,
            to_version,
        } = message;
        let question = move |it: &Registry| it.differences(from_version, to_version);
        let differences = self.ask(question).await?.into_iter();
        let seen = differences
            .filter(|difference| admitted.grants.allow_at(Role::Viewer, &difference.name));
        let differences = seen.map(difference);
        let differences = differences.collect::<Result<_, _>>()?;
        Ok(Response::new(admin::DiffSnapshotsResponse { differences }))
    }

    async fn rollback_snapshot(
        &self,
        request: Request<admin::RollbackSnapshotRequest>,
    ) -> Result<Response<admin::RollbackSnapshotResponse>, Status> {
        let (admitted, request) = self.admit(request).await?;
        let admin::RollbackSnapshotRequest {
            version,
            validate_only,
        } = request;
        let by = admitted.by(METHOD);
        let registry = Arc::clone(&self.registry);
        let rolled_back = tokio::task::spawn_blocking({
            let by = by.clone();
            move || registry.roll_back(version, &by, validate_only)
        });
        let rolled_back = rolled_back.await.map_err(|error| error::task(&error))?;
        let changed = match rolled_back {
            Ok(_) if validate_only => {
                return Ok(Response::new(admin::RollbackSnapshotResponse::default()));
            }
            Ok(RolledBack { names: _, changed }) => changed,
            Err(RegistryError::SecondPerson { organization }) => {
                let wishes = self.ask(move |it| it.wishes_of(version)).await?;
                let by = By {
                    cause: Some(format!("rollback of {version}")),
                    ..by
                };
                let changed = self.propose(&admitted, wishes, organization, by).await?;
                let proposal = changed.proposal.map(|proposal| proposal.name);
                return Ok(Response::new(admin::RollbackSnapshotResponse {
                    snapshot: None,
                    proposal: proposal.unwrap_or_default(),
                }));
            }
            Err(error) => {
                if !validate_only {
                    let about = format!("snapshots/{version}");
                    self.failed(&admitted, METHOD, &about, &error.to_string())
                        .await;
                }
                return Err(error::registry(&error, Naming::Batch));
            }
        };
        self.settle().await;
        let after = changed
            .snapshot
            .map_or(0, |snapshot| snapshot.version.saturating_add(1));
        let newest = self.ask(move |it| it.history(after, 1)).await?;
        Ok(Response::new(admin::RollbackSnapshotResponse {
            snapshot: newest.into_iter().next().map(message),
            proposal: String::new(),
        }))
    }
}

fn message(published: Published) -> admin::Snapshot {
    let Published {
        version,
        manifest,
        signatures,
        author,
        cause,
    } = published;
    // One that cannot be read is shown with what is known beside it.
    let read = Manifest::decode(&*manifest).unwrap_or_default();
    admin::Snapshot {
        epoch: read.epoch,
        version,
        digest: Sha256::digest(&manifest).to_vec(),
        create_time: read.create_time,
        author,
        cause,
        key_ids: signatures.into_iter().map(|by| by.key_id).collect(),
    }
}

fn difference(difference: Difference) -> Result<admin::ResourceDifference, Status> {
    let Difference { name, from, to } = difference;
    let document = |resource: Option<Resource>| {
        let rendered = resource.map(|resource| cli::render_document(resource.into()));
        let rendered = rendered.transpose();
        rendered
            .map(Option::unwrap_or_default)
            .map_err(|error| error::rendering(&error))
    };
    Ok(admin::ResourceDifference {
        from_document: document(from)?,
        to_document: document(to)?,
        name,
    })
}
