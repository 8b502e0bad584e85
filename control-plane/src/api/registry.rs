//! What servers offer, asked for by administrators.

use std::sync::Arc;

use chancery_proto::admin::v1::{self as admin, registry_service_server::RegistryService};
use tonic::{Request, Response, Status};

use super::{
    ControlPlane,
    admission::Guarded as _,
    error::{self, Naming},
    page,
};
use crate::{
    access::{Place, Role},
    discovery::scanner::ScanError,
};

#[tonic::async_trait]
impl RegistryService for ControlPlane {
    async fn discover_server(
        &self,
        request: Request<admin::DiscoverServerRequest>,
    ) -> Result<Response<admin::DiscoverServerResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let admin::DiscoverServerRequest {
            parent,
            server_id,
            url,
            bearer_token,
        } = message;
        let place = Place::of(&parent).and_then(|place| place.workspace);
        if place.is_none() {
            let expected = "`organizations/{organization}/workspaces/{workspace}`";
            let found = format!("`{parent}`");
            return Err(error::invalid_argument("parent", &found, expected));
        }
        let parsed = self.scanner.url(&url);
        let parsed = parsed.map_err(|error| error::discovery(&url, &error))?;
        // What an address says beside its path may be secret.
        let shown = format!("{}{}", parsed.origin().ascii_serialization(), parsed.path());
        // Where the caller's auditors read it.
        let resource = format!("{parent}/{shown}");
        let token = (!bearer_token.is_empty()).then_some(&*bearer_token);
        match self.scanner.discover(parsed.as_str(), token).await {
            Ok(found) => {
                let method = admin::DiscoverServerRequest::METHOD;
                self.acted(&admitted, method, &resource).await?;
                Ok(Response::new(admin::DiscoverServerResponse {
                    server: Some(found.entry(&parent, &server_id, &parsed)),
                    protocol_version: found.protocol_version,
                }))
            }
            Err(error) => {
                let method = admin::DiscoverServerRequest::METHOD;
                self.failed(&admitted, method, &resource, &error.to_string())
                    .await;
                Err(error::discovery(&shown, &error))
            }
        }
    }

    async fn scan_server(
        &self,
        request: Request<admin::ScanServerRequest>,
    ) -> Result<Response<admin::ScanServerResponse>, Status> {
        let (_, message) = self.admit(request).await?;
        let scanned = self.scanner.scan(&message.name).await;
        let report = scanned.map_err(|error| match &error {
            ScanError::Registry(error) => error::registry(error, Naming::Request),
            ScanError::Ledger(error) => error::ledger(error),
            ScanError::Entry(_) | ScanError::Unpinned | ScanError::Nowhere => {
                error::not_scanned(&message.name, &error)
            }
        })?;
        Ok(Response::new(admin::ScanServerResponse {
            report: Some(report),
        }))
    }

    async fn get_scan_report(
        &self,
        request: Request<admin::GetScanReportRequest>,
    ) -> Result<Response<admin::GetScanReportResponse>, Status> {
        let (_, message) = self.admit(request).await?;
        let report = self.scanner.report(&message.name).await;
        Ok(Response::new(admin::GetScanReportResponse { report }))
    }

    async fn list_shadow_servers(
        &self,
        request: Request<admin::ListShadowServersRequest>,
    ) -> Result<Response<admin::ListShadowServersResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let admin::ListShadowServersRequest {
            page_size,
            page_token,
        } = message;
        let registry = Arc::clone(&self.registry);
        let found = tokio::task::spawn_blocking(move || registry.shadows());
        let found = found.await.map_err(|error| error::task(&error))?;
        let mut found = found.map_err(|error| error::registry(&error, Naming::Request))?;
        let all = self.registry.organizations();
        found.retain(|shadow| match &*shadow.organization {
            "" => admitted.grants.allow_in_all(Role::Viewer, &all),
            organization => admitted.grants.allow_at(Role::Viewer, organization),
        });
        let (shadow_servers, next_page_token) = page::slice(found, page_size, &page_token)?;
        Ok(Response::new(admin::ListShadowServersResponse {
            shadow_servers,
            next_page_token,
        }))
    }
}
