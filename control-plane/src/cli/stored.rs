//! What the control plane stores, whatever its kind.

use chancery_proto::admin::v1::{
    self as admin, identity_provider_service_client::IdentityProviderServiceClient, resource,
    rule_service_client::RuleServiceClient, server_service_client::ServerServiceClient,
};
use tonic::{Code, transport::Channel};

use super::{
    connect::{Connection, MAX_ANSWER_BYTES},
    exit::Failure,
    name::{Kind, Name},
};

/// As many as the control plane gives at once.
const PAGE_SIZE: i32 = 1000;

/// Reads one.
pub(crate) async fn get(connection: &Connection, name: &Name) -> Result<resource::Kind, Failure> {
    let action = format!("get {}", name.short());
    let (channel, name, kind) = (&connection.channel, name.to_string(), name.kind);
    let found = match kind {
        Kind::Server => {
            let mut client = servers(channel);
            let call = client.get_server(admin::GetServerRequest { name });
            connection
                .answer(&action, call)
                .await?
                .server
                .map(resource::Kind::Server)
        }
        Kind::IdentityProvider => {
            let mut client = identity_providers(channel);
            let call = client.get_identity_provider(admin::GetIdentityProviderRequest { name });
            let found = connection.answer(&action, call).await?.identity_provider;
            found.map(resource::Kind::IdentityProvider)
        }
        Kind::Rule => {
            let mut client = rules(channel);
            let call = client.get_rule(admin::GetRuleRequest { name });
            connection
                .answer(&action, call)
                .await?
                .rule
                .map(resource::Kind::Rule)
        }
    };
    found.ok_or_else(|| Failure::Nonsense(format!("nothing, asked to {action}")))
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

async fn list_page(
    connection: &Connection,
    kind: Kind,
    parent: &str,
    page_token: String,
) -> Result<(Vec<resource::Kind>, String), Failure> {
    let action = format!("list {}", kind.plural());
    let (channel, parent, page_size) = (&connection.channel, parent.to_owned(), PAGE_SIZE);
    Ok(match kind {
        Kind::Server => {
            let mut client = servers(channel);
            let request = admin::ListServersRequest {
                parent,
                page_size,
                page_token,
            };
            let page = connection
                .answer(&action, client.list_servers(request))
                .await?;
            (
                page.servers
                    .into_iter()
                    .map(resource::Kind::Server)
                    .collect(),
                page.next_page_token,
            )
        }
        Kind::IdentityProvider => {
            let mut client = identity_providers(channel);
            let request = admin::ListIdentityProvidersRequest {
                parent,
                page_size,
                page_token,
            };
            let page = connection
                .answer(&action, client.list_identity_providers(request))
                .await?;
            let found = page
                .identity_providers
                .into_iter()
                .map(resource::Kind::IdentityProvider);
            (found.collect(), page.next_page_token)
        }
        Kind::Rule => {
            let mut client = rules(channel);
            let request = admin::ListRulesRequest {
                parent,
                page_size,
                page_token,
            };
            let page = connection
                .answer(&action, client.list_rules(request))
                .await?;
            (
                page.rules.into_iter().map(resource::Kind::Rule).collect(),
                page.next_page_token,
            )
        }
    })
}

/// Removes one, or checks whether it could be.
pub(crate) async fn delete(
    connection: &Connection,
    name: &Name,
    validate_only: bool,
) -> Result<(), Failure> {
    let action = format!("delete {}", name.short());
    let (channel, name, kind) = (&connection.channel, name.to_string(), name.kind);
    let etag = String::new();
    match kind {
        Kind::Server => {
            let mut client = servers(channel);
            let request = admin::DeleteServerRequest {
                name,
                etag,
                validate_only,
            };
            connection
                .answer(&action, client.delete_server(request))
                .await?;
        }
        Kind::IdentityProvider => {
            let mut client = identity_providers(channel);
            let request = admin::DeleteIdentityProviderRequest {
                name,
                etag,
                validate_only,
            };
            connection
                .answer(&action, client.delete_identity_provider(request))
                .await?;
        }
        Kind::Rule => {
            let mut client = rules(channel);
            let request = admin::DeleteRuleRequest {
                name,
                etag,
                validate_only,
            };
            connection
                .answer(&action, client.delete_rule(request))
                .await?;
        }
    }
    Ok(())
}

fn servers(channel: &Channel) -> ServerServiceClient<Channel> {
    ServerServiceClient::new(channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
}

fn identity_providers(channel: &Channel) -> IdentityProviderServiceClient<Channel> {
    IdentityProviderServiceClient::new(channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
}

fn rules(channel: &Channel) -> RuleServiceClient<Channel> {
    RuleServiceClient::new(channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
}
