//! What rules would do, and why they did what they did.

mod explain;
mod replay;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use chancery_engine::principal::Principal;
use chancery_proto::{
    admin::v1::{
        AssumedPrincipal, Candidate, CheckResourcesRequest, CheckResourcesResponse, CheckedCall,
        ExplainDecisionRequest, ExplainDecisionResponse, Explanation, ListCallersRequest,
        ListCallersResponse, ReplayDecisionsRequest, SimulateCallRequest, SimulateCallResponse,
        policy_service_server::PolicyService,
    },
    audit::v1::RecordFilter,
};
use tonic::{Request, Response, Status};

use self::explain::explain;
use super::{
    ControlPlane,
    admission::{Admitted, Guarded as _},
    error::{self, Naming},
};
use crate::{
    access::{Grants, Place, Role},
    ledger::Filter,
    registry::{Registry, RegistryError, candidate, now},
    resource::Resource,
    simulate::{self, Call, Callers, Simulated, Simulator, Unreachable},
};

#[tonic::async_trait]
impl PolicyService for ControlPlane {
    async fn simulate_call(
        &self,
        request: Request<SimulateCallRequest>,
    ) -> Result<Response<SimulateCallResponse>, Status> {
        let (admitted, request) = self.admit(request).await?;
        let method = SimulateCallRequest::METHOD;
        self.may_assume(&admitted, method, request.candidate.as_ref())
            .await?;
        let registry = Arc::clone(&self.registry);
        blocking(move || {
            let SimulateCallRequest {
                server,
                workspace,
                principal,
                message,
                candidate,
                time,
                answer,
            } = request;
            let simulator = simulator(&registry, candidate)?;
            let call = CheckedCall {
                server: server.clone(),
                workspace,
                principal,
                message,
                time,
                answer,
            };
            let mut response = simulate(&simulator, call, "")?;
            keep_shown(&mut response.explanation, |rule| {
                simulator.concerns(rule, &server) && shows(&admitted.grants, Role::Viewer, rule)
            });
            Ok(response)
        })
        .await
    }

    async fn explain_decision(
        &self,
        request: Request<ExplainDecisionRequest>,
    ) -> Result<Response<ExplainDecisionResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let ExplainDecisionRequest {
            decision_id,
            candidate,
        } = message;
        let method = ExplainDecisionRequest::METHOD;
        self.may_assume(&admitted, method, candidate.as_ref())
            .await?;
        let filter = Filter::new(RecordFilter {
            decision_id: decision_id.clone(),
            ..RecordFilter::default()
        });
        let filter = filter
            .ok()
            .filter(|_| !decision_id.is_empty())
            .ok_or_else(|| {
                let found = format!("`{decision_id}`");
                error::invalid_argument("decision_id", &found, "32 hexadecimal digits")
            })?;
        let control_plane = self.clone();
        blocking(move || {
            let decided = control_plane.index.decided(&filter);
            let decided = decided.map_err(|error| error::index(&error))?;
            // One that the caller may not read is none to them.
            let decided = decided.filter(|decided| {
                let server = &decided.decision.server;
                control_plane.reads_all(&admitted)
                    || admitted.grants.allow_at(Role::Auditor, server)
            });
            let decided = decided.ok_or_else(|| error::no_decision(&decision_id))?;
            let mut response = explain(&control_plane.registry, decided, candidate)?;
            keep_shown(&mut response.explanation, |rule| {
                control_plane.reads_all(&admitted) || shows(&admitted.grants, Role::Auditor, rule)
            });
            Ok(response)
        })
        .await
    }

    async fn list_callers(
        &self,
        request: Request<ListCallersRequest>,
    ) -> Result<Response<ListCallersResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let method = ListCallersRequest::METHOD;
        self.may_assume(&admitted, method, message.candidate.as_ref())
            .await?;
        let registry = Arc::clone(&self.registry);
        let ListCallersRequest {
            server,
            tool,
            candidate,
        } = message;
        blocking(move || {
            let simulator = simulator(&registry, candidate)?;
            let is_shown = |rule: &str| shows(&admitted.grants, Role::Viewer, rule);
            let Callers {
                allowed,
                denied,
                not_offered,
            } = simulator
                .callers(&server, &tool, simulate::unix_time(&now()), is_shown)
                .ok_or_else(|| unreachable("", &Unreachable::NoServer(server)))?;
            Ok(ListCallersResponse {
                callers: allowed,
                denied,
                not_offered,
            })
        })
        .await
    }

    type ReplayDecisionsStream = replay::Parts;

    async fn replay_decisions(
        &self,
        request: Request<ReplayDecisionsRequest>,
    ) -> Result<Response<Self::ReplayDecisionsStream>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let method = ReplayDecisionsRequest::METHOD;
        self.may_assume(&admitted, method, message.candidate.as_ref())
            .await?;
        let (readable, _) = self.read_filter(None, method, admitted)?;
        replay::run(self, message, readable)
            .await
            .map(Response::new)
    }

    async fn check_resources(
        &self,
        request: Request<CheckResourcesRequest>,
    ) -> Result<Response<CheckResourcesResponse>, Status> {
        let (_, message) = self.admit(request).await?;
        let CheckResourcesRequest { resources, calls } = message;
        blocking(move || {
            let resources = candidate::alone(read(resources)?)
                .map_err(|error| error::registry(&error, Naming::Batch))?;
            let simulator = Simulator::of_resources(&resources)
                .map_err(|error| error::registry(&error.into(), Naming::Batch))?;
            let results = calls
                .into_iter()
                .enumerate()
                .map(|(position, call)| simulate(&simulator, call, &format!("calls[{position}].")));
            let results = results.collect::<Result<_, _>>()?;
            Ok(CheckResourcesResponse { results })
        })
        .await
    }
}

impl ControlPlane {
    /// Whether the caller may see, or read the record of, whatever a candidate is about: its answer
    /// says something of what is stored. Everything else is refused and recorded.
    async fn may_assume(
        &self,
        admitted: &Admitted,
        method: &'static str,
        candidate: Option<&Candidate>,
    ) -> Result<(), Status> {
        let Some(Candidate { resources, removed }) = candidate else {
            return Ok(());
        };
        let read = resources
            .iter()
            .filter_map(|message| Resource::try_from(message.clone()).ok());
        let names: Vec<_> = read.map(|resource| resource.name().to_owned()).collect();
        let knows = |name: &&String| {
            let roles = [Role::Viewer, Role::Auditor];
            roles
                .into_iter()
                .any(|role| admitted.grants.allow_at(role, name))
        };
        match names.iter().chain(removed).find(|name| !knows(name)) {
            None => Ok(()),
            Some(name) => Err(self.deny(admitted, method, "viewer or auditor", name).await),
        }
    }
}

/// Whether a caller may learn of a rule. One of an organization is about all who call its servers;
/// one of a workspace is for who has the role there.
fn shows(grants: &Grants, role: Role, name: &str) -> bool {
    let of_workspace = Place::of(name).is_some_and(|place| place.workspace.is_some());
    !of_workspace || grants.allow_at(role, name)
}

/// Keeps the near misses that may be shown.
fn keep_shown(explanation: &mut Option<Explanation>, is_shown: impl Fn(&str) -> bool) {
    if let Some(explanation) = explanation {
        explanation
            .near_misses
            .retain(|near_miss| is_shown(&near_miss.rule));
    }
}

/// Does what takes long away from the streams.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Status> + Send + 'static,
) -> Result<Response<T>, Status> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| error::task(&error))?
        .map(Response::new)
}

fn read(messages: Vec<chancery_proto::admin::v1::Resource>) -> Result<Vec<Resource>, Status> {
    let (mut resources, mut problems) = (Vec::new(), Vec::new());
    for (position, message) in messages.into_iter().enumerate() {
        match Resource::try_from(message) {
            Ok(resource) => resources.push(resource),
            Err(invalid) => problems.push((position, invalid)),
        }
    }
    if problems.is_empty() {
        return Ok(resources);
    }
    Err(error::registry(
        &RegistryError::Invalid(problems),
        Naming::Batch,
    ))
}

/// The resources of a candidate.
fn overlaid(registry: &Registry, candidate: Candidate) -> Result<Vec<Resource>, Status> {
    let Candidate { resources, removed } = candidate;
    let candidate = registry.candidate(read(resources)?, &removed);
    candidate.map_err(|error| error::registry(&error, Naming::Batch))
}

/// The rules in force, or those of a candidate.
fn simulator(registry: &Registry, rules: Option<Candidate>) -> Result<Simulator, Status> {
    let simulator = match rules {
        Some(rules) => Simulator::of_resources(&overlaid(registry, rules)?),
        None => match registry.published().borrow().clone() {
            Some(snapshot) => Simulator::of_snapshot(&snapshot).map_err(Into::into),
            None => Simulator::of_resources(&[]),
        },
    };
    simulator.map_err(|error| error::registry(&error.into(), Naming::Batch))
}

fn simulate(
    simulator: &Simulator,
    call: CheckedCall,
    at: &str,
) -> Result<SimulateCallResponse, Status> {
    let CheckedCall {
        server,
        workspace,
        principal,
        message,
        time,
        answer,
    } = call;
    let principal = principal.unwrap_or_default();
    let source = match &*principal.source {
        "" => None,
        text => Some(simulate::peer(text).ok_or_else(|| {
            let expected = "an IP address, with a port or without";
            error::invalid_argument(
                &format!("{at}principal.source"),
                &format!("`{text}`"),
                expected,
            )
        })?),
    };
    let place = simulator.place(&server, &workspace);
    let call = Call {
        place: place.map_err(|error| unreachable(at, &error))?,
        principal: Arc::new(assumed(principal)),
        source,
        message: Some(message),
        answer: Some(answer).filter(|answer| !answer.is_empty()),
        time: simulate::unix_time(&time.unwrap_or_else(now)),
        is_explained: true,
    };
    let mut simulated = simulator
        .judge(&call)
        .map_err(|error| unreachable(at, &error))?;
    Ok(SimulateCallResponse {
        refusal: simulated.refusal.take().unwrap_or_default(),
        forwarded: simulated.forwarded.take().unwrap_or_default(),
        answer: simulated.answer.take().unwrap_or_default(),
        explanation: Some(explanation(simulated)),
    })
}

fn unreachable(at: &str, error: &Unreachable) -> Status {
    match error {
        Unreachable::NoServer(server) => {
            let registry = RegistryError::NotFound {
                name: server.clone(),
            };
            error::registry(&registry, Naming::Batch)
        }
        Unreachable::NoWorkspace { server, workspace } => error::invalid_argument(
            &format!("{at}workspace"),
            &format!("`{workspace}`"),
            &format!("a workspace that calls through an endpoint of `{server}` belong to"),
        ),
        Unreachable::Undecided => error::invalid_argument(
            &format!("{at}message"),
            "what no decision is made about",
            "a message to a registered server",
        ),
    }
}

fn assumed(principal: AssumedPrincipal) -> Principal {
    let AssumedPrincipal {
        user,
        groups,
        token_roles,
        team,
        agent,
        client,
        scopes,
        source: _,
        has_more_groups,
    } = principal;
    let text = |text: String| (!text.is_empty()).then(|| text.into());
    let texts = |texts: Vec<String>| texts.into_iter().map(Into::into).collect();
    Principal {
        user: text(user),
        groups: texts(groups),
        has_more_groups,
        token_roles: texts(token_roles),
        team: text(team),
        agent: text(agent),
        client: text(client),
        scopes: texts(scopes),
        issuer: None,
        token_id_digest: None,
    }
}

fn explanation(simulated: Simulated) -> Explanation {
    let decision = simulated.decision;
    Explanation {
        verdict: decision.verdict,
        reason: decision.reason,
        rules: decision.rules,
        near_misses: simulated.near_misses,
        shadow_rules: decision.shadow_rules,
        facts: decision.facts,
        snapshot_epoch: decision.snapshot_epoch,
        snapshot_version: decision.snapshot_version,
        findings: decision.findings,
    }
}
