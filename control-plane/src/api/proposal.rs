//! What waits for a second person.

use std::sync::Arc;

use chancery_proto::admin::v1::{self as admin, proposal_service_server::ProposalService};
use tonic::{Request, Response, Status};

use super::{
    ControlPlane,
    admission::{Admitted, Guarded},
    error::{self, invalid_argument},
    page,
};
use crate::{
    access::Role,
    registry::{
        Registry,
        proposal::{ProposalError, Verdict},
    },
};

/// Most characters of a comment.
const MAX_COMMENT: usize = 4_096;

#[tonic::async_trait]
impl ProposalService for ControlPlane {
    async fn list_proposals(
        &self,
        request: Request<admin::ListProposalsRequest>,
    ) -> Result<Response<admin::ListProposalsResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let admin::ListProposalsRequest {
            parent,
            page_size,
            page_token,
            include_decided,
        } = message;
        let list = move |registry: &Registry| Ok(registry.proposals(&parent)?);
        let proposals = self.on_proposals(list).await?;
        let is_shown = |proposal: &admin::Proposal| {
            let is_pending = proposal.state() == admin::ProposalState::Pending;
            (include_decided || is_pending) && sees(&admitted, proposal)
        };
        let shown: Vec<_> = proposals.into_iter().filter(is_shown).collect();
        let (proposals, next_page_token) = page::slice(shown, page_size, &page_token)?;
        Ok(Response::new(admin::ListProposalsResponse {
            proposals,
            next_page_token,
        }))
    }

    async fn get_proposal(
        &self,
        request: Request<admin::GetProposalRequest>,
    ) -> Result<Response<admin::GetProposalResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let proposal = self.visible(&admitted, message.name).await?;
        Ok(Response::new(admin::GetProposalResponse {
            proposal: Some(proposal),
        }))
    }

    async fn approve_proposal(
        &self,
        request: Request<admin::ApproveProposalRequest>,
    ) -> Result<Response<admin::ApproveProposalResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let admin::ApproveProposalRequest { name, etag } = message;
        if etag.is_empty() {
            return Err(invalid_argument(
                "etag",
                "nothing",
                "that of the proposal as you read it",
            ));
        }
        self.reviews(&admitted, admin::ApproveProposalRequest::METHOD, &name)
            .await?;
        let by = admitted.by(admin::ApproveProposalRequest::METHOD);
        let deciders = admitted.caller.identities();
        let approve = {
            let name = name.clone();
            move |registry: &Registry| registry.approve(&name, &etag, deciders, by)
        };
        let approved = self.decided(
            &admitted,
            admin::ApproveProposalRequest::METHOD,
            &name,
            approve,
        );
        let (changed, proposal) = approved.await?;
        let snapshot = changed.snapshot;
        Ok(Response::new(admin::ApproveProposalResponse {
            proposal: Some(proposal),
            snapshot_epoch: snapshot.as_ref().map_or(0, |snapshot| snapshot.epoch),
            snapshot_version: snapshot.as_ref().map_or(0, |snapshot| snapshot.version),
        }))
    }

    async fn reject_proposal(
        &self,
        request: Request<admin::RejectProposalRequest>,
    ) -> Result<Response<admin::RejectProposalResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let admin::RejectProposalRequest {
            name,
            etag,
            comment,
        } = message;
        if comment.chars().count() > MAX_COMMENT {
            let expected = format!("at most {MAX_COMMENT} characters");
            return Err(invalid_argument("comment", "a longer text", &expected));
        }
        self.reviews(&admitted, admin::RejectProposalRequest::METHOD, &name)
            .await?;
        let verdict = Verdict::Rejected { comment };
        let proposal = self
            .dismiss::<admin::RejectProposalRequest>(&admitted, name, etag, verdict)
            .await?;
        Ok(Response::new(admin::RejectProposalResponse {
            proposal: Some(proposal),
        }))
    }

    async fn withdraw_proposal(
        &self,
        request: Request<admin::WithdrawProposalRequest>,
    ) -> Result<Response<admin::WithdrawProposalResponse>, Status> {
        let (admitted, message) = self.admit(request).await?;
        let admin::WithdrawProposalRequest { name, etag } = message;
        let proposal = self
            .dismiss::<admin::WithdrawProposalRequest>(&admitted, name, etag, Verdict::Withdrawn)
            .await?;
        Ok(Response::new(admin::WithdrawProposalResponse {
            proposal: Some(proposal),
        }))
    }
}

impl ControlPlane {
    /// A proposal that the caller may see; one that they may not is none.
    async fn visible(&self, admitted: &Admitted, name: String) -> Result<admin::Proposal, Status> {
        let find = {
            let name = name.clone();
            move |registry: &Registry| registry.proposal(&name)
        };
        let proposal = self.on_proposals(find).await?;
        if sees(admitted, &proposal) {
            Ok(proposal)
        } else {
            Err(error::proposal(&ProposalError::NotFound { name }))
        }
    }

    /// Whether the caller reviews wherever a proposal changes something.
    async fn reviews(
        &self,
        admitted: &Admitted,
        method: &'static str,
        name: &str,
    ) -> Result<(), Status> {
        let proposal = self.visible(admitted, name.to_owned()).await?;
        let lacks = |change: &&admin::ProposedChange| {
            !admitted.grants.allow_at(Role::Reviewer, &change.name)
        };
        match proposal.changes.iter().find(lacks) {
            None => Ok(()),
            Some(change) => {
                let role = Role::Reviewer.word();
                Err(self.deny(admitted, method, role, &change.name).await)
            }
        }
    }

    async fn dismiss<M: Guarded>(
        &self,
        admitted: &Admitted,
        name: String,
        etag: String,
        verdict: Verdict,
    ) -> Result<admin::Proposal, Status> {
        let (by, deciders) = (admitted.by(M::METHOD), admitted.caller.identities());
        let dismiss = {
            let name = name.clone();
            move |registry: &Registry| registry.dismiss((&name, &etag), verdict, deciders, &by)
        };
        self.decided(admitted, M::METHOD, &name, dismiss).await
    }

    /// Decides something, or records that it could not be.
    async fn decided<T: Send + 'static>(
        &self,
        admitted: &Admitted,
        method: &'static str,
        name: &str,
        act: impl FnOnce(&Registry) -> Result<T, ProposalError> + Send + 'static,
    ) -> Result<T, Status> {
        match self.on_proposals(act).await {
            Ok(done) => {
                self.settle().await;
                Ok(done)
            }
            Err(status) => {
                self.failed(admitted, method, name, status.message()).await;
                Err(status)
            }
        }
    }

    /// Does something that blocks on the store.
    pub(super) async fn on_proposals<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Registry) -> Result<T, ProposalError> + Send + 'static,
    ) -> Result<T, Status> {
        let registry = Arc::clone(&self.registry);
        let done = tokio::task::spawn_blocking(move || act(&registry)).await;
        let done = done.map_err(|error| error::task(&error))?;
        done.map_err(|error| error::proposal(&error))
    }
}

/// Whether the caller may see all that a proposal changes, or has proposed it.
fn sees(admitted: &Admitted, proposal: &admin::Proposal) -> bool {
    let identities = admitted.caller.identities();
    let is_author = identities
        .iter()
        .any(|identity| proposal.authors.contains(identity));
    let sees = |change: &admin::ProposedChange| {
        [Role::Viewer, Role::Reviewer]
            .into_iter()
            .any(|role| admitted.grants.allow_at(role, &change.name))
    };
    is_author || proposal.changes.iter().all(sees)
}
