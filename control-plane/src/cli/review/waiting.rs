//! What waits for a review, as the control plane keeps it.

use chancery_proto::{
    admin::v1::{
        self as admin, DriftId, ListDriftsRequest, SeenDrift, resource,
        review_service_client::ReviewServiceClient,
    },
    audit::v1::Drift,
};
use prost_types::Timestamp;
use tonic::Code;

use crate::{
    cli::{
        connect::{Channel, Connection, MAX_ANSWER_BYTES},
        exit::Failure,
        name::Name,
        stored,
    },
    review::called::named,
};

/// Which drift to list.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// `organizations/-`, or a server.
    pub(super) parent: String,
    pub(super) since: Option<Timestamp>,
    /// What was rejected as well.
    pub(super) shows_rejected: bool,
}

pub(super) fn client(connection: &Connection) -> ReviewServiceClient<Channel> {
    ReviewServiceClient::new(connection.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
}

/// Reads it, the newest first.
pub(super) async fn list(
    connection: &Connection,
    wanted: Wanted,
) -> Result<Vec<SeenDrift>, Failure> {
    let mut client = client(connection);
    let (mut drifts, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = ListDriftsRequest {
            parent: wanted.parent.clone(),
            page_size: 0,
            page_token,
            show_rejected: wanted.shows_rejected,
            start_time: wanted.since,
        };
        let call = client.list_drifts(request);
        let page = connection
            .answer("list what waits for a review", call)
            .await?;
        drifts.extend(page.drifts);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(drifts);
        }
    }
}

/// A server as it is stored; `None` where it is gone.
pub(super) async fn server(
    connection: &Connection,
    name: &str,
) -> Result<Option<admin::Server>, Failure> {
    let Some(name) = Name::parse(name) else {
        return Ok(None);
    };
    match stored::get(connection, &name).await {
        Ok(resource::Kind::Server(server)) => Ok(Some(server)),
        Ok(_) => Ok(None),
        Err(Failure::Refused { status, .. }) if status.code() == Code::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Which version of what it is.
pub(super) fn id(drift: &SeenDrift) -> DriftId {
    drift.id.clone().unwrap_or_default()
}

/// What it is called by: `tool/search`, `instructions`.
pub(super) fn what(drift: &SeenDrift) -> String {
    drift.id.as_ref().map_or_else(String::new, |id| {
        named(id.definition_kind(), &id.capability)
    })
}

/// Its pin; empty where it has none.
pub(super) fn pin(drift: &SeenDrift) -> &[u8] {
    drift.id.as_ref().map_or(&[], |id| &id.seen)
}

/// Whether it is approved and not there any more.
pub(super) fn is_removal(drift: &SeenDrift) -> bool {
    drift.drift() == Drift::Removed
}
