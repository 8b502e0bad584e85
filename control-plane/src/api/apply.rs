//! Many resources at once, or none.

use chancery_proto::admin::v1::{self as admin, Change, apply_service_server::ApplyService};
use tonic::{Request, Response, Status};

use super::{
    ControlPlane,
    admission::Guarded as _,
    error::{self, Naming},
};
use crate::{
    registry::{Changed, Done, RegistryError, Wish},
    resource::Resource,
};

const METHOD: &str = admin::ApplyResourcesRequest::METHOD;

#[tonic::async_trait]
impl ApplyService for ControlPlane {
    async fn apply_resources(
        &self,
        request: Request<admin::ApplyResourcesRequest>,
    ) -> Result<Response<admin::ApplyResourcesResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let admin::ApplyResourcesRequest {
            resources,
            validate_only,
        } = message;
        let (mut wishes, mut problems) = (Vec::new(), Vec::new());
        for (position, message) in resources.into_iter().enumerate() {
            match Resource::try_from(message) {
                Ok(resource) => wishes.push(Wish::Apply(resource)),
                Err(invalid) => problems.push((position, invalid)),
            }
        }
        if !problems.is_empty() {
            let error = RegistryError::Invalid(problems);
            self.failed(&admitted, METHOD, "", &error.to_string()).await;
            return Err(error::registry(&error, Naming::Batch));
        }
        let Changed {
            done,
            snapshot,
            warnings,
            proposal,
            needs_second_person,
        } = self
            .change(&admitted, (METHOD, Naming::Batch), wishes, validate_only)
            .await?;
        let applied = |done| {
            let (resource, change) = match done {
                Done::Created(resource) => (resource, Change::Created),
                Done::Updated(resource) => (resource, Change::Updated),
                Done::Unchanged(resource) => (resource, Change::Unchanged),
                Done::Deleted => return None,
            };
            Some(admin::AppliedResource {
                name: resource.name().to_owned(),
                change: change.into(),
                etag: resource.etag().to_owned(),
            })
        };
        Ok(Response::new(admin::ApplyResourcesResponse {
            resources: done.into_iter().filter_map(applied).collect(),
            snapshot_epoch: snapshot.as_ref().map_or(0, |snapshot| snapshot.epoch),
            snapshot_version: snapshot.as_ref().map_or(0, |snapshot| snapshot.version),
            warnings,
            proposal: proposal.map_or_else(String::new, |proposal| proposal.name),
            needs_second_person,
        }))
    }
}
