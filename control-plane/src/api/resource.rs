//! The standard methods (AIP-131 to 135) of every kind of resource, written once.

use chancery_proto::admin::v1::{
    self as admin, allowlist_service_server::AllowlistService,
    binding_service_server::BindingService, block_service_server::BlockService,
    credential_service_server::CredentialService, detector_service_server::DetectorService,
    identity_provider_service_server::IdentityProviderService, offer_service_server::OfferService,
    organization_service_server::OrganizationService, quota_service_server::QuotaService,
    redaction_profile_service_server::RedactionProfileService, role_service_server::RoleService,
    rule_service_server::RuleService, server_service_server::ServerService,
};
use tonic::{Request, Response, Status};

use super::{
    ControlPlane,
    admission::{Admitted, Guarded},
    error::{self, Naming},
    page,
};
use crate::{
    registry::{Done, Wish},
    resource::{Kind, Resource},
};

impl ControlPlane {
    pub(super) async fn change_one(
        &self,
        admitted: &Admitted,
        (method, field): (&'static str, &'static str),
        wish: Wish,
        validate_only: bool,
    ) -> Result<(Option<Resource>, String), Status> {
        let naming = Naming::Single(field);
        let changed = self
            .change(admitted, (method, naming), vec![wish], validate_only)
            .await?;
        let proposal = changed.proposal.map(|proposal| proposal.name);
        let done = changed.done.into_iter().next();
        let resource = done.and_then(|done| match done {
            Done::Created(resource) | Done::Updated(resource) | Done::Unchanged(resource) => {
                Some(resource)
            }
            Done::Deleted => None,
        });
        Ok((resource, proposal.unwrap_or_default()))
    }

    fn page(
        &self,
        admitted: &Admitted,
        kind: Kind,
        parent: &str,
        (page_size, page_token): (i32, &str),
    ) -> Result<(Vec<Resource>, String), Status> {
        let after = page::read_token(page_token)?;
        let size = page::size(page_size)?;
        let wanted = |name: &str| is_within(kind, name, parent) && admitted.sees(kind, name);
        // One more says that there is another page.
        let found = self
            .registry
            .page(kind, &after, wanted, size.saturating_add(1));
        page::cut(
            found,
            |resource| resource.name().to_owned(),
            page_size,
            page_token,
        )
    }
}

/// Whether a resource is in the collection of a parent. An organization's rules are those of its
/// workspaces too; organizations have no parent.
fn is_within(kind: Kind, name: &str, parent: &str) -> bool {
    if kind == Kind::Organization {
        return parent.is_empty();
    }
    let rest = name
        .strip_prefix(parent)
        .and_then(|rest| rest.strip_prefix('/'));
    let segments: Vec<_> = rest.unwrap_or_default().split('/').collect();
    match &*segments {
        [collection, _] => *collection == kind.collection(),
        ["workspaces", _, collection, _] => kind == Kind::Rule && *collection == kind.collection(),
        _ => false,
    }
}

fn missing(field: &str) -> Status {
    error::invalid_argument(field, "nothing", "a resource")
}

macro_rules! resource_service {
    ($service:ident, $kind:ident, $field:ident,
     $get:ident: $GetRequest:ident -> $GetResponse:ident,
     $list:ident: $ListRequest:ident -> $ListResponse:ident . $items:ident,
     $create:ident: $CreateRequest:ident -> $CreateResponse:ident,
     $update:ident: $UpdateRequest:ident -> $UpdateResponse:ident,
     $delete:ident: $DeleteRequest:ident -> $DeleteResponse:ident
     $(, $($other:tt)+)?) => {
        #[tonic::async_trait]
        impl $service for ControlPlane {
            async fn $get(
                &self,
                request: Request<admin::$GetRequest>,
            ) -> Result<Response<admin::$GetResponse>, Status> {
                let (_, admin::$GetRequest { name }) = self.admit(request).await?;
                let found = self.registry.find(Kind::$kind, &name);
                let found = found.map_err(|error| error::registry(&error, Naming::Single("")))?;
                let $field = match found {
                    Resource::$kind(message) => Some(message),
                    _ => None,
                };
                Ok(Response::new(admin::$GetResponse { $field }))
            }

            async fn $list(
                &self,
                request: Request<admin::$ListRequest>,
            ) -> Result<Response<admin::$ListResponse>, Status> {
                let (admitted, message) = self.admit(request).await?;
                let admin::$ListRequest {
                    parent,
                    page_size,
                    page_token,
                } = message;
                let (page, next_page_token) =
                    self.page(&admitted, Kind::$kind, &parent, (page_size, &page_token))?;
                let messages = page.into_iter().filter_map(|resource| match resource {
                    Resource::$kind(message) => Some(message),
                    _ => None,
                });
                let $items = messages.collect();
                Ok(Response::new(admin::$ListResponse {
                    $items,
                    next_page_token,
                }))
            }

            async fn $create(
                &self,
                request: Request<admin::$CreateRequest>,
            ) -> Result<Response<admin::$CreateResponse>, Status> {
                let (admitted, message) = self.admit(request).await?;
                let admin::$CreateRequest {
                    $field,
                    validate_only,
                } = message;
                let resource = $field.ok_or_else(|| missing(stringify!($field)))?;
                let wish = Wish::Create(Resource::$kind(resource));
                let (method, field) = (<admin::$CreateRequest as Guarded>::METHOD, stringify!($field));
                let changed = self.change_one(&admitted, (method, field), wish, validate_only);
                let (changed, proposal) = changed.await?;
                let $field = match changed {
                    Some(Resource::$kind(message)) => Some(message),
                    _ => None,
                };
                Ok(Response::new(admin::$CreateResponse { $field, proposal }))
            }

            async fn $update(
                &self,
                request: Request<admin::$UpdateRequest>,
            ) -> Result<Response<admin::$UpdateResponse>, Status> {
                let (admitted, message) = self.admit(request).await?;
                let admin::$UpdateRequest {
                    $field,
                    validate_only,
                } = message;
                let resource = $field.ok_or_else(|| missing(stringify!($field)))?;
                let wish = Wish::Update(Resource::$kind(resource));
                let (method, field) = (<admin::$UpdateRequest as Guarded>::METHOD, stringify!($field));
                let changed = self.change_one(&admitted, (method, field), wish, validate_only);
                let (changed, proposal) = changed.await?;
                let $field = match changed {
                    Some(Resource::$kind(message)) => Some(message),
                    _ => None,
                };
                Ok(Response::new(admin::$UpdateResponse { $field, proposal }))
            }

            async fn $delete(
                &self,
                request: Request<admin::$DeleteRequest>,
            ) -> Result<Response<admin::$DeleteResponse>, Status> {
                let (admitted, message) = self.admit(request).await?;
                let admin::$DeleteRequest {
                    name,
                    etag,
                    validate_only,
                } = message;
                let wish = Wish::Delete {
                    kind: Kind::$kind,
                    name,
                    etag,
                };
                let (method, field) = (<admin::$DeleteRequest as Guarded>::METHOD, stringify!($field));
                let changed = self.change_one(&admitted, (method, field), wish, validate_only);
                let (_, proposal) = changed.await?;
                Ok(Response::new(admin::$DeleteResponse { proposal }))
            }

            $($($other)+)?
        }
    };
}

resource_service!(ServerService, Server, server,
    get_server: GetServerRequest -> GetServerResponse,
    list_servers: ListServersRequest -> ListServersResponse . servers,
    create_server: CreateServerRequest -> CreateServerResponse,
    update_server: UpdateServerRequest -> UpdateServerResponse,
    delete_server: DeleteServerRequest -> DeleteServerResponse,
async fn change_server_state(
    &self,
    request: Request<admin::ChangeServerStateRequest>,
) -> Result<Response<admin::ChangeServerStateResponse>, Status> {
    let (admitted, message) = self.admit(request).await?;
    let server = self.change_server_state_as(&admitted, message).await?;
    Ok(Response::new(admin::ChangeServerStateResponse { server }))
}
async fn undelete_server(
    &self,
    request: Request<admin::UndeleteServerRequest>,
) -> Result<Response<admin::UndeleteServerResponse>, Status> {
    let (admitted, message) = self.admit(request).await?;
    let server = self.undelete_server_as(&admitted, message).await?;
    Ok(Response::new(admin::UndeleteServerResponse { server }))
});

resource_service!(RuleService, Rule, rule,
    get_rule: GetRuleRequest -> GetRuleResponse,
    list_rules: ListRulesRequest -> ListRulesResponse . rules,
    create_rule: CreateRuleRequest -> CreateRuleResponse,
    update_rule: UpdateRuleRequest -> UpdateRuleResponse,
    delete_rule: DeleteRuleRequest -> DeleteRuleResponse);

resource_service!(IdentityProviderService, IdentityProvider, identity_provider,
    get_identity_provider: GetIdentityProviderRequest -> GetIdentityProviderResponse,
    list_identity_providers: ListIdentityProvidersRequest -> ListIdentityProvidersResponse . identity_providers,
    create_identity_provider: CreateIdentityProviderRequest -> CreateIdentityProviderResponse,
    update_identity_provider: UpdateIdentityProviderRequest -> UpdateIdentityProviderResponse,
    delete_identity_provider: DeleteIdentityProviderRequest -> DeleteIdentityProviderResponse);

resource_service!(RoleService, Role, role,
    get_role: GetRoleRequest -> GetRoleResponse,
    list_roles: ListRolesRequest -> ListRolesResponse . roles,
    create_role: CreateRoleRequest -> CreateRoleResponse,
    update_role: UpdateRoleRequest -> UpdateRoleResponse,
    delete_role: DeleteRoleRequest -> DeleteRoleResponse);

resource_service!(OfferService, Offer, offer,
    get_offer: GetOfferRequest -> GetOfferResponse,
    list_offers: ListOffersRequest -> ListOffersResponse . offers,
    create_offer: CreateOfferRequest -> CreateOfferResponse,
    update_offer: UpdateOfferRequest -> UpdateOfferResponse,
    delete_offer: DeleteOfferRequest -> DeleteOfferResponse);

resource_service!(QuotaService, Quota, quota,
    get_quota: GetQuotaRequest -> GetQuotaResponse,
    list_quotas: ListQuotasRequest -> ListQuotasResponse . quotas,
    create_quota: CreateQuotaRequest -> CreateQuotaResponse,
    update_quota: UpdateQuotaRequest -> UpdateQuotaResponse,
    delete_quota: DeleteQuotaRequest -> DeleteQuotaResponse);

resource_service!(RedactionProfileService, RedactionProfile, redaction_profile,
    get_redaction_profile: GetRedactionProfileRequest -> GetRedactionProfileResponse,
    list_redaction_profiles: ListRedactionProfilesRequest -> ListRedactionProfilesResponse . redaction_profiles,
    create_redaction_profile: CreateRedactionProfileRequest -> CreateRedactionProfileResponse,
    update_redaction_profile: UpdateRedactionProfileRequest -> UpdateRedactionProfileResponse,
    delete_redaction_profile: DeleteRedactionProfileRequest -> DeleteRedactionProfileResponse);

resource_service!(DetectorService, Detector, detector,
    get_detector: GetDetectorRequest -> GetDetectorResponse,
    list_detectors: ListDetectorsRequest -> ListDetectorsResponse . detectors,
    create_detector: CreateDetectorRequest -> CreateDetectorResponse,
    update_detector: UpdateDetectorRequest -> UpdateDetectorResponse,
    delete_detector: DeleteDetectorRequest -> DeleteDetectorResponse);

resource_service!(AllowlistService, Allowlist, allowlist,
    get_allowlist: GetAllowlistRequest -> GetAllowlistResponse,
    list_allowlists: ListAllowlistsRequest -> ListAllowlistsResponse . allowlists,
    create_allowlist: CreateAllowlistRequest -> CreateAllowlistResponse,
    update_allowlist: UpdateAllowlistRequest -> UpdateAllowlistResponse,
    delete_allowlist: DeleteAllowlistRequest -> DeleteAllowlistResponse);

resource_service!(BlockService, Block, block,
    get_block: GetBlockRequest -> GetBlockResponse,
    list_blocks: ListBlocksRequest -> ListBlocksResponse . blocks,
    create_block: CreateBlockRequest -> CreateBlockResponse,
    update_block: UpdateBlockRequest -> UpdateBlockResponse,
    delete_block: DeleteBlockRequest -> DeleteBlockResponse);

resource_service!(CredentialService, Credential, credential,
get_credential: GetCredentialRequest -> GetCredentialResponse,
list_credentials: ListCredentialsRequest -> ListCredentialsResponse . credentials,
create_credential: CreateCredentialRequest -> CreateCredentialResponse,
update_credential: UpdateCredentialRequest -> UpdateCredentialResponse,
delete_credential: DeleteCredentialRequest -> DeleteCredentialResponse,
async fn rotate_credential(
    &self,
    request: Request<admin::RotateCredentialRequest>,
) -> Result<Response<admin::RotateCredentialResponse>, Status> {
    let (admitted, message) = self.admit(request).await?;
    self.rotate(&admitted, message).await.map(Response::new)
});

resource_service!(BindingService, Binding, binding,
    get_binding: GetBindingRequest -> GetBindingResponse,
    list_bindings: ListBindingsRequest -> ListBindingsResponse . bindings,
    create_binding: CreateBindingRequest -> CreateBindingResponse,
    update_binding: UpdateBindingRequest -> UpdateBindingResponse,
    delete_binding: DeleteBindingRequest -> DeleteBindingResponse);

resource_service!(OrganizationService, Organization, organization,
    get_organization: GetOrganizationRequest -> GetOrganizationResponse,
    list_organizations: ListOrganizationsRequest -> ListOrganizationsResponse . organizations,
    create_organization: CreateOrganizationRequest -> CreateOrganizationResponse,
    update_organization: UpdateOrganizationRequest -> UpdateOrganizationResponse,
    delete_organization: DeleteOrganizationRequest -> DeleteOrganizationResponse);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_holds_what_is_directly_in_it_and_rules_of_its_workspaces() {
        let rule = "organizations/o/workspaces/w/rules/r";
        for (kind, name, parent, expected) in [
            (Kind::Rule, rule, "organizations/o", true),
            (Kind::Rule, rule, "organizations/o/workspaces/w", true),
            (Kind::Rule, rule, "organizations/o/workspaces/v", false),
            (Kind::Rule, rule, "organizations", false),
            (Kind::Rule, rule, "organizations/", false),
            (Kind::Rule, rule, "", false),
            (
                Kind::Rule,
                "organizations/o/rules/r",
                "organizations/o",
                true,
            ),
            (
                Kind::Rule,
                "organizations/other/rules/r",
                "organizations/o",
                false,
            ),
            (
                Kind::Server,
                "organizations/o/workspaces/w/servers/s",
                "organizations/o",
                false,
            ),
            (Kind::Organization, "organizations/o", "", true),
            (
                Kind::Organization,
                "organizations/o",
                "organizations/o",
                false,
            ),
        ] {
            assert_eq!(
                is_within(kind, name, parent),
                expected,
                "{name} in {parent}"
            );
        }
    }
}
