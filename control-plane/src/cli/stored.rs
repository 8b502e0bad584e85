//! What the control plane stores, whatever its kind.

use chancery_proto::admin::v1::{
    self as admin, allowlist_service_client::AllowlistServiceClient,
    binding_service_client::BindingServiceClient, block_service_client::BlockServiceClient,
    credential_service_client::CredentialServiceClient,
    detector_service_client::DetectorServiceClient,
    identity_provider_service_client::IdentityProviderServiceClient,
    offer_service_client::OfferServiceClient,
    organization_service_client::OrganizationServiceClient,
    quota_service_client::QuotaServiceClient,
    redaction_profile_service_client::RedactionProfileServiceClient, resource,
    role_service_client::RoleServiceClient, rule_service_client::RuleServiceClient,
    server_service_client::ServerServiceClient,
};
use tonic::Code;

use super::{
    connect::{Connection, MAX_ANSWER_BYTES},
    exit::Failure,
    name::{Kind, Name},
};

/// As many as the control plane gives at once.
const PAGE_SIZE: i32 = 1000;

/// Calls the standard methods of the service of each kind, which differ in their names alone.
macro_rules! standard_methods {
    ($($kind:ident $client:ident
        $get:ident($GetRequest:ident).$field:ident
        $list:ident($ListRequest:ident).$items:ident
        $delete:ident($DeleteRequest:ident)),+ $(,)?) => {
        /// Reads one.
        pub(crate) async fn get(
            connection: &Connection,
            name: &Name,
        ) -> Result<resource::Kind, Failure> {
            let action = format!("get {}", name.short());
            let (kind, name) = (name.kind, name.to_string());
            let found = match kind {
                $(Kind::$kind => {
                    let mut client = $client::new(connection.channel.clone())
                        .max_decoding_message_size(MAX_ANSWER_BYTES);
                    let call = client.$get(admin::$GetRequest { name });
                    let answer = connection.answer(&action, call).await?;
                    answer.$field.map(resource::Kind::$kind)
                })+
            };
            found.ok_or_else(|| Failure::Nonsense(format!("nothing, asked to {action}")))
        }

        async fn list_page(
            connection: &Connection,
            kind: Kind,
            parent: &str,
            page_token: String,
        ) -> Result<(Vec<resource::Kind>, String), Failure> {
            let action = format!("list {}", kind.plural());
            let parent = parent.to_owned();
            Ok(match kind {
                $(Kind::$kind => {
                    let mut client = $client::new(connection.channel.clone())
                        .max_decoding_message_size(MAX_ANSWER_BYTES);
                    let call = client.$list(admin::$ListRequest {
                        parent,
                        page_size: PAGE_SIZE,
                        page_token,
                    });
                    let page = connection.answer(&action, call).await?;
                    let found = page.$items.into_iter().map(resource::Kind::$kind);
                    (found.collect(), page.next_page_token)
                })+
            })
        }

        /// Removes one, or checks whether it could be. The answer is the name of the proposal to, where
        /// a second person has to publish it.
        pub(crate) async fn delete(
            connection: &Connection,
            name: &Name,
            validate_only: bool,
        ) -> Result<Option<String>, Failure> {
            let action = format!("delete {}", name.short());
            let (kind, name) = (name.kind, name.to_string());
            let proposal = match kind {
                $(Kind::$kind => {
                    let mut client = $client::new(connection.channel.clone())
                        .max_decoding_message_size(MAX_ANSWER_BYTES);
                    let call = client.$delete(admin::$DeleteRequest {
                        name,
                        etag: String::new(),
                        validate_only,
                    });
                    connection.answer(&action, call).await?.proposal
                })+
            };
            Ok((!proposal.is_empty()).then_some(proposal))
        }
    };
}

standard_methods! {
    Organization OrganizationServiceClient
        get_organization(GetOrganizationRequest).organization
        list_organizations(ListOrganizationsRequest).organizations
        delete_organization(DeleteOrganizationRequest),
    Binding BindingServiceClient
        get_binding(GetBindingRequest).binding
        list_bindings(ListBindingsRequest).bindings
        delete_binding(DeleteBindingRequest),
    Server ServerServiceClient
        get_server(GetServerRequest).server
        list_servers(ListServersRequest).servers
        delete_server(DeleteServerRequest),
    IdentityProvider IdentityProviderServiceClient
        get_identity_provider(GetIdentityProviderRequest).identity_provider
        list_identity_providers(ListIdentityProvidersRequest).identity_providers
        delete_identity_provider(DeleteIdentityProviderRequest),
    Role RoleServiceClient
        get_role(GetRoleRequest).role
        list_roles(ListRolesRequest).roles
        delete_role(DeleteRoleRequest),
    Rule RuleServiceClient
        get_rule(GetRuleRequest).rule
        list_rules(ListRulesRequest).rules
        delete_rule(DeleteRuleRequest),
    Offer OfferServiceClient
        get_offer(GetOfferRequest).offer
        list_offers(ListOffersRequest).offers
        delete_offer(DeleteOfferRequest),
    Quota QuotaServiceClient
        get_quota(GetQuotaRequest).quota
        list_quotas(ListQuotasRequest).quotas
        delete_quota(DeleteQuotaRequest),
    RedactionProfile RedactionProfileServiceClient
        get_redaction_profile(GetRedactionProfileRequest).redaction_profile
        list_redaction_profiles(ListRedactionProfilesRequest).redaction_profiles
        delete_redaction_profile(DeleteRedactionProfileRequest),
    Detector DetectorServiceClient
        get_detector(GetDetectorRequest).detector
        list_detectors(ListDetectorsRequest).detectors
        delete_detector(DeleteDetectorRequest),
    Allowlist AllowlistServiceClient
        get_allowlist(GetAllowlistRequest).allowlist
        list_allowlists(ListAllowlistsRequest).allowlists
        delete_allowlist(DeleteAllowlistRequest),
    Block BlockServiceClient
        get_block(GetBlockRequest).block
        list_blocks(ListBlocksRequest).blocks
        delete_block(DeleteBlockRequest),
    Credential CredentialServiceClient
        get_credential(GetCredentialRequest).credential
        list_credentials(ListCredentialsRequest).credentials
        delete_credential(DeleteCredentialRequest),
}

/// Reads one, or learns that there is none.
pub(crate) async fn find(
    connection: &Connection,
    name: &Name,
) -> Result<Option<resource::Kind>, Failure> {
    match get(connection, name).await {
        Ok(found) => Ok(Some(found)),
        Err(Failure::Refused { status, .. }) if status.code() == Code::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Reads all of a kind, in the order of their names.
pub(crate) async fn list(
    connection: &Connection,
    kind: Kind,
    parent: &str,
) -> Result<Vec<resource::Kind>, Failure> {
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let (page, next) = list_page(connection, kind, parent, page_token.clone()).await?;
        all.extend(page);
        if next.is_empty() {
            return Ok(all);
        }
        if next == page_token {
            return Err(Failure::Nonsense("the same page again".to_owned()));
        }
        page_token = next;
    }
}
