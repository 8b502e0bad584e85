//! What each RPC needs, in one table, and who has it.

use std::{borrow::Cow, collections::BTreeSet};

use chancery_proto::{admin::v1 as admin, audit::v1 as audit};
use tonic::{Request, Status};

use super::{ControlPlane, error};
use crate::{
    access::{Caller, Grants, Place, Role},
    registry::{By, Wish},
    resource::{Kind, Resource, workspaces_of_calls},
};

/// What a request needs of its caller.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need<'r> {
    /// The role where the named resource is.
    At(Role, &'r str),
    /// One of the roles somewhere in the named parent; the answer holds what the caller may see of
    /// it.
    Within(&'static [Role], &'r str),
    /// The role somewhere; the answer holds what the caller may see.
    Somewhere(Role),
    /// The role in every organization there is, because all of them are touched.
    Everywhere(Role),
    /// To change resources: each needs the role that its kind asks for, where it is. See [`writer`].
    Changes,
}

/// A request that cannot be read without asking whether it may be made.
pub(super) trait Guarded {
    /// The RPC's name, as the record has it.
    const METHOD: &'static str;

    /// What it needs.
    fn need(&self) -> Need<'_>;
}

/// Who may have to do with proposals.
const CONCERNED: &[Role] = &[Viewer, Author, Reviewer, Operator];

/// The organization of a proposal's name.
fn organization(proposal: &str) -> &str {
    proposal.split("/proposals/").next().unwrap_or_default()
}

/// Who changes a kind of resource.
fn writer(kind: Kind) -> Role {
    match kind {
        Kind::Allowlist
        | Kind::Detector
        | Kind::IdentityProvider
        | Kind::Quota
        | Kind::RedactionProfile
        | Kind::Role
        | Kind::Rule
        | Kind::Server => Author,
        // Whoever sees that something is wrong stops it.
        Kind::Block => Reviewer,
        Kind::Binding | Kind::Credential | Kind::Offer | Kind::Organization => Operator,
    }
}

/// Where a caller lacks the role for a wish, if they do: where the resource is, and for a server also
/// in the workspaces that its endpoints let calls belong to.
fn lacking<'w>(grants: &Grants, wish: &'w Wish) -> Option<Cow<'w, str>> {
    let role = writer(wish.kind());
    if !grants.allow_at(role, wish.name()) {
        return Some(wish.name().into());
    }
    let (Wish::Apply(Resource::Server(server))
    | Wish::Create(Resource::Server(server))
    | Wish::Update(Resource::Server(server))) = wish
    else {
        return None;
    };
    let organization = Place::of(&server.name)?.organization;
    let lacks = |workspace: &&str| {
        let place = Place {
            organization,
            workspace: Some(workspace),
        };
        !grants.allow(role, place)
    };
    let workspace = workspaces_of_calls(server).find(lacks)?;
    Some(format!("organizations/{organization}/workspaces/{workspace}").into())
}

macro_rules! rpcs {
    ($($service:literal { $($method:ident($request:ty) $this:ident => $need:expr;)* })*) => {
        $($(impl Guarded for $request {
            const METHOD: &'static str = stringify!($method);

            fn need(&self) -> Need<'_> {
                let $this = self;
                $need
            }
        })*)*

        /// Every RPC that is guarded here, as `service/method`.
        #[cfg(test)]
        const RPCS: &[&str] = &[$($(concat!($service, "/", stringify!($method)),)*)*];
    };
}

use Need::{At, Changes, Everywhere, Somewhere, Within};
use Role::{Auditor, Author, Operator, Reviewer, Viewer};

rpcs! {
    "chancery.admin.v1.ServerService" {
        GetServer(admin::GetServerRequest) r => At(Viewer, &r.name);
        ListServers(admin::ListServersRequest) r => Within(&[Viewer], &r.parent);
        CreateServer(admin::CreateServerRequest) _r => Changes;
        UpdateServer(admin::UpdateServerRequest) _r => Changes;
        DeleteServer(admin::DeleteServerRequest) _r => Changes;
        ChangeServerState(admin::ChangeServerStateRequest) r => At(Reviewer, &r.name);
        UndeleteServer(admin::UndeleteServerRequest) r => At(Reviewer, &r.name);
    }
    "chancery.admin.v1.BlockService" {
        GetBlock(admin::GetBlockRequest) r => At(Viewer, &r.name);
        ListBlocks(admin::ListBlocksRequest) r => Within(&[Viewer], &r.parent);
        CreateBlock(admin::CreateBlockRequest) _r => Changes;
        UpdateBlock(admin::UpdateBlockRequest) _r => Changes;
        DeleteBlock(admin::DeleteBlockRequest) _r => Changes;
    }
    "chancery.admin.v1.RuleService" {
        GetRule(admin::GetRuleRequest) r => At(Viewer, &r.name);
        ListRules(admin::ListRulesRequest) r => Within(&[Viewer], &r.parent);
        CreateRule(admin::CreateRuleRequest) _r => Changes;
        UpdateRule(admin::UpdateRuleRequest) _r => Changes;
        DeleteRule(admin::DeleteRuleRequest) _r => Changes;
    }
    "chancery.admin.v1.RoleService" {
        GetRole(admin::GetRoleRequest) r => At(Viewer, &r.name);
        ListRoles(admin::ListRolesRequest) r => Within(&[Viewer], &r.parent);
        CreateRole(admin::CreateRoleRequest) _r => Changes;
        UpdateRole(admin::UpdateRoleRequest) _r => Changes;
        DeleteRole(admin::DeleteRoleRequest) _r => Changes;
    }
    "chancery.admin.v1.QuotaService" {
        GetQuota(admin::GetQuotaRequest) r => At(Viewer, &r.name);
        ListQuotas(admin::ListQuotasRequest) r => Within(&[Viewer], &r.parent);
        CreateQuota(admin::CreateQuotaRequest) _r => Changes;
        UpdateQuota(admin::UpdateQuotaRequest) _r => Changes;
        DeleteQuota(admin::DeleteQuotaRequest) _r => Changes;
    }
    "chancery.admin.v1.RedactionProfileService" {
        GetRedactionProfile(admin::GetRedactionProfileRequest) r => At(Viewer, &r.name);
        ListRedactionProfiles(admin::ListRedactionProfilesRequest) r => Within(&[Viewer], &r.parent);
        CreateRedactionProfile(admin::CreateRedactionProfileRequest) _r => Changes;
        UpdateRedactionProfile(admin::UpdateRedactionProfileRequest) _r => Changes;
        DeleteRedactionProfile(admin::DeleteRedactionProfileRequest) _r => Changes;
    }
    "chancery.admin.v1.DetectorService" {
        GetDetector(admin::GetDetectorRequest) r => At(Viewer, &r.name);
        ListDetectors(admin::ListDetectorsRequest) r => Within(&[Viewer], &r.parent);
        CreateDetector(admin::CreateDetectorRequest) _r => Changes;
        UpdateDetector(admin::UpdateDetectorRequest) _r => Changes;
        DeleteDetector(admin::DeleteDetectorRequest) _r => Changes;
    }
    "chancery.admin.v1.AllowlistService" {
        GetAllowlist(admin::GetAllowlistRequest) r => At(Viewer, &r.name);
        ListAllowlists(admin::ListAllowlistsRequest) r => Within(&[Viewer], &r.parent);
        CreateAllowlist(admin::CreateAllowlistRequest) _r => Changes;
        UpdateAllowlist(admin::UpdateAllowlistRequest) _r => Changes;
        DeleteAllowlist(admin::DeleteAllowlistRequest) _r => Changes;
    }
    "chancery.admin.v1.IdentityProviderService" {
        GetIdentityProvider(admin::GetIdentityProviderRequest) r => At(Viewer, &r.name);
        ListIdentityProviders(admin::ListIdentityProvidersRequest) r => Within(&[Viewer], &r.parent);
        CreateIdentityProvider(admin::CreateIdentityProviderRequest) _r => Changes;
        UpdateIdentityProvider(admin::UpdateIdentityProviderRequest) _r => Changes;
        DeleteIdentityProvider(admin::DeleteIdentityProviderRequest) _r => Changes;
    }
    "chancery.admin.v1.OfferService" {
        GetOffer(admin::GetOfferRequest) r => At(Viewer, &r.name);
        ListOffers(admin::ListOffersRequest) r => Within(&[Viewer], &r.parent);
        CreateOffer(admin::CreateOfferRequest) _r => Changes;
        UpdateOffer(admin::UpdateOfferRequest) _r => Changes;
        DeleteOffer(admin::DeleteOfferRequest) _r => Changes;
    }
    "chancery.admin.v1.OrganizationService" {
        GetOrganization(admin::GetOrganizationRequest) r => Within(&[Viewer], &r.name);
        ListOrganizations(admin::ListOrganizationsRequest) _r => Somewhere(Viewer);
        CreateOrganization(admin::CreateOrganizationRequest) _r => Changes;
        UpdateOrganization(admin::UpdateOrganizationRequest) _r => Changes;
        DeleteOrganization(admin::DeleteOrganizationRequest) _r => Changes;
    }
    "chancery.admin.v1.BindingService" {
        GetBinding(admin::GetBindingRequest) r => At(Viewer, &r.name);
        ListBindings(admin::ListBindingsRequest) r => Within(&[Viewer], &r.parent);
        CreateBinding(admin::CreateBindingRequest) _r => Changes;
        UpdateBinding(admin::UpdateBindingRequest) _r => Changes;
        DeleteBinding(admin::DeleteBindingRequest) _r => Changes;
    }
    "chancery.admin.v1.CredentialService" {
        GetCredential(admin::GetCredentialRequest) r => At(Viewer, &r.name);
        ListCredentials(admin::ListCredentialsRequest) r => Within(&[Viewer], &r.parent);
        CreateCredential(admin::CreateCredentialRequest) _r => Changes;
        UpdateCredential(admin::UpdateCredentialRequest) _r => Changes;
        DeleteCredential(admin::DeleteCredentialRequest) _r => Changes;
        RotateCredential(admin::RotateCredentialRequest) r => At(Operator, &r.name);
    }
    "chancery.admin.v1.ProposalService" {
        // Somewhere in the organization, and then wherever the proposal changes something; authors see
        // their own.
        ListProposals(admin::ListProposalsRequest) r => Within(CONCERNED, &r.parent);
        GetProposal(admin::GetProposalRequest) r => Within(CONCERNED, organization(&r.name));
        ApproveProposal(admin::ApproveProposalRequest) r => Within(&[Reviewer], organization(&r.name));
        RejectProposal(admin::RejectProposalRequest) r => Within(&[Reviewer], organization(&r.name));
        // Then only whoever proposed it.
        WithdrawProposal(admin::WithdrawProposalRequest) r => {
            Within(&[Author, Operator], organization(&r.name))
        };
    }
    "chancery.admin.v1.ApplyService" {
        ApplyResources(admin::ApplyResourcesRequest) _r => Changes;
    }
    "chancery.admin.v1.RegistryService" {
        // What is found is for an entry that only authors write; reviewers look at what there is.
        DiscoverServer(admin::DiscoverServerRequest) r => At(Author, &r.parent);
        ScanServer(admin::ScanServerRequest) r => Within(&[Author, Reviewer], &r.name);
        GetScanReport(admin::GetScanReportRequest) r => At(Viewer, &r.name);
        ListShadowServers(admin::ListShadowServersRequest) _r => Somewhere(Viewer);
    }
    "chancery.admin.v1.ReviewService" {
        ListDrifts(admin::ListDriftsRequest) r => match &*r.parent {
            "organizations/-" => Somewhere(Viewer),
            parent => Within(&[Viewer], parent),
        };
        GetDrift(admin::GetDriftRequest) r => At(Viewer, &r.server);
        ApproveDefinitions(admin::ApproveDefinitionsRequest) r => At(Author, &r.server);
        // Whoever sees that something is wrong stops it.
        RejectDefinitions(admin::RejectDefinitionsRequest) r => {
            Within(&[Author, Reviewer], &r.server)
        };
    }
    "chancery.admin.v1.InstanceService" {
        ListInstances(admin::ListInstancesRequest) _r => Somewhere(Viewer);
    }
    "chancery.admin.v1.SnapshotService" {
        ListSnapshots(admin::ListSnapshotsRequest) _r => Somewhere(Viewer);
        DiffSnapshots(admin::DiffSnapshotsRequest) _r => Somewhere(Viewer);
        RollbackSnapshot(admin::RollbackSnapshotRequest) _r => Everywhere(Operator);
    }
    "chancery.admin.v1.PolicyService" {
        SimulateCall(admin::SimulateCallRequest) r => At(Viewer, &r.server);
        // A decision is on the record; the answer is for who may read it where its server is.
        ExplainDecision(admin::ExplainDecisionRequest) _r => Somewhere(Auditor);
        ListCallers(admin::ListCallersRequest) r => At(Viewer, &r.server);
        ReplayDecisions(admin::ReplayDecisionsRequest) _r => Somewhere(Auditor);
        // It judges what it is given and touches nothing that is stored.
        CheckResources(admin::CheckResourcesRequest) _r => Somewhere(Viewer);
    }
    "chancery.admin.v1.StoreKeyService" {
        ListStoreKeys(admin::ListStoreKeysRequest) _r => Everywhere(Operator);
        RotateStoreKey(admin::RotateStoreKeyRequest) _r => Everywhere(Operator);
    }
    "chancery.admin.v1.WebhookService" {
        ListWebhooks(admin::ListWebhooksRequest) r => At(Viewer, &r.parent);
        // What is sent leaves the control plane.
        TestWebhook(admin::TestWebhookRequest) r => At(Operator, &r.name);
    }
    "chancery.audit.v1.AuditService" {
        SearchRecords(audit::SearchRecordsRequest) _r => Somewhere(Auditor);
        TailRecords(audit::TailRecordsRequest) _r => Somewhere(Auditor);
    }
    "chancery.audit.v1.LogService" {
        // It says how many records there are, and nothing of them.
        GetCheckpoint(audit::GetCheckpointRequest) _r => Somewhere(Auditor);
        ProveRecords(audit::ProveRecordsRequest) _r => Somewhere(Auditor);
        // All of everybody's.
        CopyLog(audit::CopyLogRequest) _r => Everywhere(Auditor);
    }
}

/// A caller who may make a request, and what else they may do.
#[derive(Clone, Debug)]
pub(super) struct Admitted {
    pub(super) caller: Caller,
    pub(super) grants: Grants,
}

impl Admitted {
    /// The caller as whoever makes a change.
    pub(super) fn by(&self, method: &'static str) -> By {
        By {
            principal: self.caller.principal(),
            author: self.caller.to_string(),
            method,
            cause: None,
            approves: None,
            is_control_plane: false,
            reason: String::new(),
        }
    }

    /// Whether the caller may see a resource.
    pub(super) fn sees(&self, kind: Kind, name: &str) -> bool {
        let place = Place::of(name).filter(|_| kind == Kind::Organization);
        // Who views one workspace sees what its organization is set to.
        let in_part = place.is_some_and(|place| self.grants.allow_within(Viewer, place));
        in_part || self.grants.allow_at(Viewer, name)
    }
}

impl ControlPlane {
    /// The request, for a caller who may make it. Everything else is refused and recorded.
    pub(super) async fn admit<M: Guarded>(
        &self,
        request: Request<M>,
    ) -> Result<(Admitted, M), Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let caller = caller.ok_or_else(|| {
            error::unauthenticated("nobody is known to have made this call".to_owned())
        })?;
        let grants = self.grants(&caller);
        let message = request.into_inner();
        let refused = self.refusal(&grants, message.need());
        let admitted = Admitted { caller, grants };
        match refused {
            None => Ok((admitted, message)),
            Some((role, place)) => Err(self.deny(&admitted, M::METHOD, &role, &place).await),
        }
    }

    fn grants(&self, caller: &Caller) -> Grants {
        Grants::of(caller, &self.administrators, &self.registry.bindings())
    }

    /// The role that is missing and where, if one is.
    fn refusal(&self, grants: &Grants, need: Need<'_>) -> Option<(String, String)> {
        let (allowed, role, place) = match need {
            At(role, name) => (grants.allow_at(role, name), role.word(), name),
            Within(roles, parent) => {
                let has = |role: &Role| match Place::of(parent) {
                    Some(place) => grants.allow_within(*role, place),
                    None => grants.allow_at(*role, parent),
                };
                let words: Vec<_> = roles.iter().map(|role| role.word()).collect();
                let refused = (words.join(" or "), parent.to_owned());
                return (!roles.iter().any(has)).then_some(refused);
            }
            Somewhere(role) => (
                grants.allow_somewhere(role),
                role.word(),
                "any organization",
            ),
            Everywhere(role) => {
                let organizations = self.registry.organizations();
                let allowed = grants.allow_in_all(role, &organizations);
                (allowed, role.word(), "every organization")
            }
            // Asked of each wish, by `may_change`.
            Changes => return None,
        };
        (!allowed).then(|| (role.to_owned(), place.to_owned()))
    }

    /// Whether a caller may see the figures of everything.
    pub(super) async fn may_watch(&self, caller: &Caller) -> Result<(), Status> {
        let grants = self.grants(caller);
        let Some((role, place)) = self.refusal(&grants, Everywhere(Viewer)) else {
            return Ok(());
        };
        let admitted = Admitted {
            caller: caller.clone(),
            grants,
        };
        Err(self.deny(&admitted, "metrics", &role, &place).await)
    }

    /// Whether the caller may make all of these wishes true; every one that they may not is named.
    /// Who may change nothing anywhere may not even wish for nothing.
    pub(super) async fn may_change(
        &self,
        admitted: &Admitted,
        method: &'static str,
        wishes: &[Wish],
    ) -> Result<(), Status> {
        let refused: Vec<_> = wishes
            .iter()
            .filter_map(|wish| Some((wish, lacking(&admitted.grants, wish)?)))
            .collect();
        let changes_something = || {
            let mut roles = [Author, Reviewer, Operator].into_iter();
            roles.any(|role| admitted.grants.allow_somewhere(role))
        };
        if refused.is_empty() && (!wishes.is_empty() || changes_something()) {
            return Ok(());
        }
        if refused.is_empty() {
            let role = "author, reviewer or operator";
            return Err(self.deny(admitted, method, role, "any organization").await);
        }
        let roles: BTreeSet<_> = refused
            .iter()
            .map(|(wish, _)| writer(wish.kind()).word())
            .collect();
        let roles: Vec<_> = roles.into_iter().collect();
        let names: Vec<_> = refused.iter().map(|(_, place)| &**place).collect();
        Err(self
            .deny(admitted, method, &roles.join(" and "), &names.join(" "))
            .await)
    }

    /// Records that a caller lacks a role, and says so.
    pub(super) async fn deny(
        &self,
        admitted: &Admitted,
        method: &str,
        role: &str,
        place: &str,
    ) -> Status {
        let message = format!(
            "{} is not {role} of {place}: an operator there can bind the role",
            admitted.caller
        );
        self.failed(admitted, method, place, &message).await;
        error::permission_denied(message, role, place)
    }
}

#[cfg(test)]
mod tests {
    use chancery_proto::{DESCRIPTORS, policy::v1 as policy};
    use prost_reflect::DescriptorPool;

    use super::*;

    #[test]
    fn an_endpoint_lets_calls_belong_to_no_workspace_that_is_not_its_authors() {
        let binding = admin::Binding {
            name: "organizations/o/bindings/b".to_owned(),
            members: vec!["certificate:spiffe://test/w2".to_owned()],
            roles: vec![admin::AdminRole::Author.into()],
            workspace: "w2".to_owned(),
            ..admin::Binding::default()
        };
        let caller = Caller {
            certificate: vec!["spiffe://test/w2".to_owned()],
            ..Caller::default()
        };
        let grants = Grants::of(&caller, &[], &[binding]);
        let server = |endpoint: policy::Endpoint| {
            Wish::Apply(Resource::Server(admin::Server {
                name: "organizations/o/workspaces/w2/servers/s".to_owned(),
                endpoints: vec![endpoint],
                ..admin::Server::default()
            }))
        };
        let in_workspace = |workspace: &str| policy::Endpoint {
            workspace: workspace.to_owned(),
            ..policy::Endpoint::default()
        };
        let by_audience = policy::Endpoint {
            audiences: vec![policy::Audience {
                value: "https://a.test".to_owned(),
                workspace: "default".to_owned(),
            }],
            ..policy::Endpoint::default()
        };
        let elsewhere = Some("organizations/o/workspaces/default");
        for (endpoint, expected) in [
            (in_workspace(""), None),
            (in_workspace("w2"), None),
            (in_workspace("default"), elsewhere),
            (by_audience, elsewhere),
        ] {
            let wish = server(endpoint);
            assert_eq!(lacking(&grants, &wish).as_deref(), expected);
        }
    }

    #[test]
    fn every_rpc_is_in_the_table() {
        let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
        let mut served: Vec<String> = pool
            .services()
            .flat_map(|service| {
                let name = service.full_name().to_owned();
                let path = move |method: prost_reflect::MethodDescriptor| {
                    format!("{name}/{}", method.name())
                };
                service.methods().map(path).collect::<Vec<_>>()
            })
            // Nodes are let in by their certificates: see `NodePolicy`.
            .filter(|path| path != "chancery.node.v1.NodeService/Connect")
            .collect();
        served.sort();
        let mut guarded = RPCS.to_vec();
        guarded.sort_unstable();
        assert_eq!(guarded, served);
    }
}
