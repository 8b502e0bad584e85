//! Asks a server for all that it offers, as rmcp speaks to it in the era that it knows.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use chancery_engine::canonical::DefinitionKind;
use rmcp::{
    RoleClient,
    model::{
        ClientConfig, ClientRequest, ErrorCode, Implementation, ListPromptsRequest,
        ListResourceTemplatesRequest, ListResourcesRequest, ListToolsRequest,
        PaginatedRequestParams, ProtocolVersion,
    },
    service::{ClientLifecycleMode, ClientServiceExt as _, RunningService, ServiceError},
    transport::{
        StreamableHttpClientTransport, streamable_http_client::StreamableHttpClientTransportConfig,
    },
};

use super::{
    DiscoveryError, MAX_PAGES, WITHIN, Ways,
    conduit::{Conduit, Heard, Shown, words},
    found::{Found, list_of},
};

/// How long a server may take to end a session; it is not waited for any longer.
const GOODBYE_WITHIN: Duration = Duration::from_secs(1);

/// Reads everything that a server says it is and offers, over all pages of all lists.
///
/// # Errors
/// Where it is not to be asked, does not answer, or says what cannot be taken: what is known then is
/// not all, and nothing of it is given.
pub async fn read(
    ways: &Arc<Ways>,
    url: &str,
    shown: Option<Shown>,
) -> Result<Found, DiscoveryError> {
    let url = ways.url(url)?;
    let reading = read_all(ways, url.as_str(), shown);
    let read = tokio::time::timeout(WITHIN, reading).await;
    read.map_err(|_elapsed| DiscoveryError::TooSlow)?
}

async fn read_all(
    ways: &Arc<Ways>,
    url: &str,
    shown: Option<Shown>,
) -> Result<Found, DiscoveryError> {
    let heard = Heard::default();
    let conduit = Conduit::new(Arc::clone(ways), heard.clone(), shown);
    let config =
        StreamableHttpClientTransportConfig::with_uri(url).reinit_on_expired_session(false);
    let transport = StreamableHttpClientTransport::with_client(conduit, config);
    let lifecycle = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28],
        legacy_version: None,
    };
    let session = ourselves().serve_with_lifecycle(transport, lifecycle).await;
    let session = session.map_err(|error| {
        let failure = heard.failure();
        failure.unwrap_or_else(|| DiscoveryError::Handshake(words(&error.to_string())))
    })?;
    let mut reader = Reader { session, heard };
    let found = reader.lists().await;
    // Whether it says goodbye changes nothing.
    drop(reader.session.close_with_timeout(GOODBYE_WITHIN).await);
    found
}

/// What this client says that it is. It can do nothing, so that no server has anything to ask of it.
fn ourselves() -> ClientConfig {
    let mut config = ClientConfig::default();
    config.client_info = Implementation::new("chancery", env!("CARGO_PKG_VERSION"));
    config
}

struct Reader {
    session: RunningService<RoleClient, ClientConfig>,
    heard: Heard,
}

impl Reader {
    async fn lists(&mut self) -> Result<Found, DiscoveryError> {
        let greeting = self.heard.result().ok_or(DiscoveryError::BrokenOff)?;
        let mut found = Found::greeting(&greeting)?;
        for kind in DefinitionKind::ALL {
            self.list(kind, &mut found).await?;
        }
        Ok(found)
    }

    /// Reads all pages of a list. Whether the server says that it has the list is not asked: what
    /// clients could get, is looked at.
    async fn list(
        &mut self,
        kind: DefinitionKind,
        found: &mut Found,
    ) -> Result<(), DiscoveryError> {
        let (method, ..) = list_of(kind);
        let mut cursors = BTreeSet::new();
        let mut cursor = None;
        for page in 0..MAX_PAGES {
            let answered = self.session.send_request(request(kind, cursor)).await;
            match answered {
                Ok(_) => {}
                Err(ServiceError::McpError(error)) => {
                    let is_unknown = error.code == ErrorCode::METHOD_NOT_FOUND;
                    if page == 0 && (is_unknown || !found.declared.contains(&kind)) {
                        return Ok(());
                    }
                    return Err(DiscoveryError::Refused {
                        method,
                        code: error.code.0,
                        message: words(&error.message),
                    });
                }
                Err(error) => {
                    let failure = self.heard.failure();
                    let failure = failure
                        .unwrap_or_else(|| DiscoveryError::Handshake(words(&error.to_string())));
                    return Err(failure);
                }
            }
            let result = self.heard.result().ok_or(DiscoveryError::BrokenOff)?;
            let Some(next) = found.add_page(kind, &result)? else {
                return Ok(());
            };
            if !cursors.insert(next.clone()) {
                return Err(DiscoveryError::Loop { method });
            }
            cursor = Some(next);
        }
        Err(DiscoveryError::Pages { method })
    }
}

fn request(kind: DefinitionKind, cursor: Option<String>) -> ClientRequest {
    let page = PaginatedRequestParams::default().with_cursor(cursor);
    match kind {
        DefinitionKind::Tool => ClientRequest::ListToolsRequest(ListToolsRequest::with_param(page)),
        DefinitionKind::Prompt => {
            ClientRequest::ListPromptsRequest(ListPromptsRequest::with_param(page))
        }
        DefinitionKind::Resource => {
            ClientRequest::ListResourcesRequest(ListResourcesRequest::with_param(page))
        }
        DefinitionKind::Template => {
            let request = ListResourceTemplatesRequest::with_param(page);
            ClientRequest::ListResourceTemplatesRequest(request)
        }
    }
}
