//! What enforces the rules.

use chancery_engine::id::Hex;
use chancery_proto::{
    admin::v1::{
        Instance, ListInstancesRequest, ListInstancesResponse,
        instance_service_server::InstanceService,
    },
    node::v1::SnapshotVersion,
};
use tonic::{Request, Response, Status};

use super::{ControlPlane, page};
use crate::access::{Place, Role};

#[tonic::async_trait]
impl InstanceService for ControlPlane {
    async fn list_instances(
        &self,
        request: Request<ListInstancesRequest>,
    ) -> Result<Response<ListInstancesResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let ListInstancesRequest {
            page_size,
            page_token,
        } = message;
        let key =
            |instance: &Instance| format!("{}/{}", instance.node_id, Hex(&instance.instance_id));
        let (grants, all) = (&admitted.grants, self.registry.organizations());
        let instances = self.instances.list(|scope, instance| {
            let served = scope.organizations();
            let within = |id: &String| grants.allow_within(Role::Viewer, Place::whole(id));
            let any = served.as_ref().is_none_or(|ids| ids.iter().any(within));
            let every = served.as_ref().unwrap_or(&all);
            if !grants.allow_in_all(Role::Viewer, every) {
                // These name resources.
                instance.warnings.clear();
                instance.nack_reason.clear();
            }
            any
        });
        let (instances, next_page_token) = page::cut(instances, key, page_size, &page_token)?;
        let published = self.registry.published().borrow().clone();
        let version = published
            .as_ref()
            .map(|snapshot| (snapshot.epoch, snapshot.version));
        Ok(Response::new(ListInstancesResponse {
            instances,
            next_page_token,
            converged: self.instances.converged(version),
            published: published.map(|snapshot| SnapshotVersion {
                epoch: snapshot.epoch,
                version: snapshot.version,
                digest: snapshot.digest().to_vec(),
            }),
        }))
    }
}
