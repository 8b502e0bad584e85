//! How webhooks fare, and whether they can be told anything.

use std::sync::Arc;

use chancery_proto::admin::v1::{self as admin, webhook_service_server::WebhookService};
use tonic::{Request, Response, Status};

use super::{
    ControlPlane,
    admission::Guarded as _,
    error::{self, Naming},
};
use crate::{
    registry::RegistryError,
    webhook::{self, sending::refusal},
};

const METHOD: &str = admin::TestWebhookRequest::METHOD;

#[tonic::async_trait]
impl WebhookService for ControlPlane {
    async fn list_webhooks(
        &self,
        request: Request<admin::ListWebhooksRequest>,
    ) -> Result<Response<admin::ListWebhooksResponse>, Status> {
        let (_, admin::ListWebhooksRequest { parent }) = self.admit(request).await?;
        let (webhooks, organization) = (Arc::clone(&self.webhooks), parent.clone());
        let listed = tokio::task::spawn_blocking(move || webhooks.status(&organization)).await;
        let listed = listed.map_err(|error| error::task(&error))?;
        let listed = listed.map_err(|error| error::registry(&error.into(), Naming::Request))?;
        let webhooks = listed.into_iter().map(|status| listing(&parent, status));
        Ok(Response::new(admin::ListWebhooksResponse {
            webhooks: webhooks.collect(),
        }))
    }

    async fn test_webhook(
        &self,
        request: Request<admin::TestWebhookRequest>,
    ) -> Result<Response<admin::TestWebhookResponse>, Status> {
        let (admitted, admin::TestWebhookRequest { name }) = self.admit(request).await?;
        let tested = match name.split_once("/webhooks/") {
            Some((organization, id)) => self.webhooks.test(organization, id).await,
            None => None,
        };
        let Some(tested) = tested else {
            let missing = RegistryError::NotFound { name };
            return Err(error::registry(&missing, Naming::Request));
        };
        let (http_status, error) = match tested {
            Ok(status) => (status.as_u16().into(), refusal(status).unwrap_or_default()),
            Err(error) => (0, error.to_string()),
        };
        if error.is_empty() {
            self.acted(&admitted, METHOD, &name).await?;
        } else {
            self.failed(&admitted, METHOD, &name, &error).await;
        }
        Ok(Response::new(admin::TestWebhookResponse {
            http_status,
            error,
        }))
    }
}

fn listing(organization: &str, status: webhook::Status) -> admin::WebhookStatus {
    let webhook::Status {
        webhook,
        state,
        length,
        is_stopped,
    } = status;
    let time = |seconds: u64| {
        let seconds = i64::try_from(seconds).ok().filter(|seconds| *seconds > 0);
        seconds.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 })
    };
    admin::WebhookStatus {
        name: format!("{organization}/webhooks/{}", webhook.id),
        url: webhook.url,
        position: state.position,
        behind: length.saturating_sub(state.position),
        deliver_time: time(state.deliver_seconds),
        error_time: time(state.error_seconds).filter(|_| !state.error.is_empty()),
        error: state.error,
        given_up: state.given_up,
        stopped: is_stopped,
    }
}
