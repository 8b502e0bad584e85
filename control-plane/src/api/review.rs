//! Reviews of what servers offer that nobody has approved.

use std::sync::Arc;

use chancery_proto::admin::v1::{self as admin, review_service_server::ReviewService};
use serde_json::json;
use tonic::{Request, Response, Status};

use super::{
    ControlPlane,
    admission::Guarded as _,
    error::{self, Naming, invalid_argument},
    page,
};
use crate::{
    access::{Place, Role},
    inspect::inspect,
    registry::{ApprovalWish, By, Done, Registry, RegistryError},
    resource::{Kind, Resource},
    review::{
        definitions::compared,
        diff::{Diff, Listing, Written},
    },
};

/// Most names that one could be taken for that are shown.
const MAX_LOOK_ALIKES: usize = 16;

/// Whatever is in every organization.
const ALL: &str = "organizations/-";

#[tonic::async_trait]
impl ReviewService for ControlPlane {
    async fn list_drifts(
        &self,
        request: Request<admin::ListDriftsRequest>,
    ) -> Result<Response<admin::ListDriftsResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let admin::ListDriftsRequest {
            parent,
            page_size,
            page_token,
            show_rejected,
            start_time,
        } = message;
        let prefixes = match &*parent {
            ALL => {
                let all = self.registry.organizations().into_iter();
                let seen =
                    all.filter(|id| admitted.grants.allow_within(Role::Viewer, Place::whole(id)));
                seen.map(|id| format!("organizations/{id}/")).collect()
            }
            server if server.contains("/servers/") => vec![server.to_owned()],
            place => vec![format!("{place}/")],
        };
        let drifts = self
            .on_registry(move |registry| {
                let mut drifts = Vec::new();
                for prefix in &prefixes {
                    drifts.extend(registry.drifts(prefix)?);
                }
                Ok(drifts)
            })
            .await?;
        let since = start_time.map_or(i64::MIN, |time| time.seconds);
        let is_shown = |drift: &admin::SeenDrift| {
            let is_asked = !parent.contains("/servers/") || drift.server == parent;
            is_asked
                && (show_rejected || drift.rejection.is_none())
                && drift.last_time.unwrap_or_default().seconds >= since
                && admitted.sees(Kind::Server, &drift.server)
        };
        let shown: Vec<_> = drifts.into_iter().filter(is_shown).collect();
        let (drifts, next_page_token) = page::slice(shown, page_size, &page_token)?;
        Ok(Response::new(admin::ListDriftsResponse {
            drifts,
            next_page_token,
        }))
    }

    async fn get_drift(
        &self,
        request: Request<admin::GetDriftRequest>,
    ) -> Result<Response<admin::GetDriftResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let admin::GetDriftRequest { server, id } = message;
        let id = id.unwrap_or_default();
        let server = self.server(&server)?;
        let (server, drift, rules, look_alikes) = self
            .on_registry(move |registry| {
                let drift = registry.drift(&server, &id)?;
                let mut rules = registry.touched(&server, &drift)?;
                rules.retain(|rule| admitted.sees(Kind::Rule, &rule.name));
                let mut look_alikes = registry.look_alikes(&drift);
                look_alikes.retain(|it| admitted.sees(Kind::Server, &it.server));
                look_alikes.truncate(MAX_LOOK_ALIKES);
                Ok((server, drift, rules, look_alikes))
            })
            .await?;
        let (differences, warnings) = shown(&server, &drift)?;
        Ok(Response::new(admin::GetDriftResponse {
            drift: Some(drift),
            etag: server.etag,
            differences,
            warnings,
            rules,
            look_alikes,
        }))
    }

    async fn approve_definitions(
        &self,
        request: Request<admin::ApproveDefinitionsRequest>,
    ) -> Result<Response<admin::ApproveDefinitionsResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let method = admin::ApproveDefinitionsRequest::METHOD;
        let admin::ApproveDefinitionsRequest {
            server,
            etag,
            approvals,
            replace,
            reason,
            resources,
            validate_only,
        } = message;
        if etag.is_empty() {
            let expected = "that of the server as you looked at it";
            return Err(invalid_argument("etag", "nothing", expected));
        }
        if approvals.is_empty() {
            let expected = "what to approve, by ListDrifts";
            return Err(invalid_argument("approvals", "nothing", expected));
        }
        let beside = resources.into_iter().map(Resource::try_from);
        let wish = ApprovalWish {
            server: server.clone(),
            etag,
            approvals,
            replaces: replace,
            reason: reason.clone(),
            beside: beside.collect::<Result<_, _>>().map_err(|invalid| {
                let error = RegistryError::Invalid(vec![(0, invalid)]);
                error::registry(&error, Naming::Batch)
            })?,
        };
        let wishes = self
            .on_registry(move |registry| registry.approval(&wish))
            .await;
        let wishes = match wishes {
            Ok(wishes) => wishes,
            Err(status) => {
                if !validate_only {
                    self.failed(&admitted, method, &server, status.message())
                        .await;
                }
                return Err(status);
            }
        };
        let by = By {
            reason,
            ..admitted.by(method)
        };
        let changed = self
            .change_as(&admitted, (by, Naming::Request), wishes, validate_only)
            .await?;
        let done = changed.done.into_iter().next();
        Ok(Response::new(admin::ApproveDefinitionsResponse {
            server: done.and_then(|done| match done {
                Done::Created(it) | Done::Updated(it) | Done::Unchanged(it) => {
                    it.as_server().cloned()
                }
                Done::Deleted => None,
            }),
            proposal: changed.proposal.map_or_else(String::new, |it| it.name),
            warnings: changed.warnings,
        }))
    }

    async fn reject_definitions(
        &self,
        request: Request<admin::RejectDefinitionsRequest>,
    ) -> Result<Response<admin::RejectDefinitionsResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let method = admin::RejectDefinitionsRequest::METHOD;
        let admin::RejectDefinitionsRequest {
            server: name,
            ids,
            reason,
            leave_callable,
        } = message;
        let by = By {
            reason,
            ..admitted.by(method)
        };
        if ids.is_empty() {
            let expected = "what to reject, by ListDrifts";
            return Err(invalid_argument("ids", "nothing", expected));
        }
        let server = self.server(&name)?;
        let rejected = self
            .on_registry(move |registry| registry.reject(&server, &ids, leave_callable, &by))
            .await;
        // Some of it may be done also where all of it is not.
        self.settle().await;
        match rejected {
            Ok(drifts) => Ok(Response::new(admin::RejectDefinitionsResponse { drifts })),
            Err(status) => {
                self.failed(&admitted, method, &name, status.message())
                    .await;
                Err(status)
            }
        }
    }
}

impl ControlPlane {
    fn server(&self, name: &str) -> Result<admin::Server, Status> {
        match self.registry.find(Kind::Server, name) {
            Ok(Resource::Server(server)) => Ok(server),
            Ok(_) => {
                let name = name.to_owned();
                Err(error::registry(
                    &RegistryError::NotFound { name },
                    Naming::Request,
                ))
            }
            Err(error) => Err(error::registry(&error, Naming::Request)),
        }
    }

    /// Asks the registry something that blocks.
    async fn on_registry<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Registry) -> Result<T, RegistryError> + Send + 'static,
    ) -> Result<T, Status> {
        let registry = Arc::clone(&self.registry);
        let answer = tokio::task::spawn_blocking(move || ask(&registry)).await;
        let answer = answer.map_err(|error| error::task(&error))?;
        answer.map_err(|error| error::registry(&error, Naming::Request))
    }
}

/// What differs, and what looks wrong, as JSON.
fn shown(server: &admin::Server, drift: &admin::SeenDrift) -> Result<(String, String), Status> {
    let (before, seen) = compared(server, drift).map_err(|error| error::rendering(&error))?;
    let warnings = inspect(&seen).map(|all| json!({ "definitions": all }).to_string());
    let read = |value| Listing::read(value).map_err(|error| error::rendering(&error));
    let (before, seen) = (read(&before)?, read(&seen)?);
    let differences = serde_json::to_string(&Written::of(&Diff::new(&before, &seen)));
    Ok((
        differences.map_err(|error| error::rendering(&error))?,
        warnings.unwrap_or_default(),
    ))
}
