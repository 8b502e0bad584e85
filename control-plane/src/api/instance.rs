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

#[tonic::async_trait]
impl InstanceService for ControlPlane {
    async fn list_instances(
        &self,
        request: Request<ListInstancesRequest>,
    ) -> Result<Response<ListInstancesResponse>, Status> {
        let ListInstancesRequest {
            page_size,
            page_token,
        } = request.into_inner();
        let key =
            |instance: &Instance| format!("{}/{}", instance.node_id, Hex(&instance.instance_id));
        let (instances, next_page_token) =
            page::cut(self.instances.list(), key, page_size, &page_token)?;
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
