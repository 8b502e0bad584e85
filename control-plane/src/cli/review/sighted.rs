//! Drift that waits for a review: what the record says was seen, less what is approved by now.

use std::collections::{BTreeMap, BTreeSet};

use chancery_engine::{canonical::Pin, json::Document, limits::Limits};
use chancery_proto::{
    admin::v1::{
        self as admin, GetScanReportRequest, registry_service_client::RegistryServiceClient,
        resource,
    },
    audit::v1::{
        Content, DefinitionKind, Drift, DriftSighting, Entry, RecordFilter, SightingSource,
        entry::Event,
    },
    policy::v1::Pinning,
};
use prost::Message as _;
use prost_types::Timestamp;
use tonic::Code;

use crate::cli::{audit::search_each, connect::Connection, exit::Failure, name::Name, stored};

/// A definition that nobody has approved, as often as it was seen.
#[derive(Debug, Default)]
pub(super) struct Sighted {
    /// The server's resource name.
    pub(super) server: String,
    pub(super) what: String,
    pub(super) kind: DefinitionKind,
    /// Its name or URI.
    pub(super) capability: String,
    pub(super) drift: Drift,
    /// Its pin; empty where it has none.
    pub(super) seen: Vec<u8>,
    pub(super) definition: Content,
    pub(super) is_hidden: bool,
    /// Where it was seen last.
    pub(super) source: SightingSource,
    /// By how many instances.
    pub(super) times: usize,
    pub(super) last: Timestamp,
}

impl Sighted {
    /// Whether it is approved and not there any more.
    pub(super) fn is_removal(&self) -> bool {
        self.drift == Drift::Removed
    }

    /// The whole definition as JSON text; `None` where the record keeps only a part.
    pub(super) fn whole(&self) -> Option<&str> {
        let data = &self.definition.data;
        let is_whole = u64::try_from(data.len()).ok() == Some(self.definition.size_bytes);
        std::str::from_utf8(data).ok().filter(|_| is_whole)
    }
}

/// What drifted is called by: `tool/search`, `instructions`.
pub(crate) fn what(drift: &DriftSighting) -> String {
    named(drift.definition_kind(), &drift.capability)
}

/// What a definition of a kind and name is called by.
pub(crate) fn named(kind: DefinitionKind, name: &str) -> String {
    match kind {
        DefinitionKind::Tool => format!("tool/{name}"),
        DefinitionKind::Prompt => format!("prompt/{name}"),
        DefinitionKind::Resource => format!("resource/{name}"),
        DefinitionKind::ResourceTemplate => format!("template/{name}"),
        DefinitionKind::Instructions => "instructions".to_owned(),
        DefinitionKind::ServerInfo => "serverInfo".to_owned(),
        DefinitionKind::Unspecified => name.to_owned(),
    }
}

/// Reads what waits for a review, the newest first.
pub(super) async fn pending(
    connection: &Connection,
    filter: RecordFilter,
) -> Result<Vec<Sighted>, Failure> {
    let filter = RecordFilter {
        drift: true,
        ..filter
    };
    let mut seen: Vec<Sighted> = Vec::new();
    let mut places: BTreeMap<(String, String, Vec<u8>), usize> = BTreeMap::new();
    search_each(connection, filter, u32::MAX, |found| {
        let record = found.record.unwrap_or_default();
        let Ok(entry) = Entry::decode(&*record.entry) else {
            return;
        };
        let Some(Event::Drift(drift)) = entry.event else {
            return;
        };
        let what = what(&drift);
        let key = (drift.server.clone(), what.clone(), drift.seen.clone());
        if let Some(known) = places.get(&key).and_then(|at| seen.get_mut(*at)) {
            known.times += 1;
            return;
        }
        places.insert(key, seen.len());
        seen.push(Sighted {
            what,
            kind: drift.definition_kind(),
            drift: drift.drift(),
            source: drift.source(),
            server: drift.server,
            capability: drift.capability,
            seen: drift.seen,
            definition: drift.definition.unwrap_or_default(),
            is_hidden: drift.hidden,
            times: 1,
            last: entry.time.unwrap_or_default(),
        });
    })
    .await?;
    let mut servers: BTreeMap<String, Option<admin::Server>> = BTreeMap::new();
    for name in seen.iter().map(|sighted| &sighted.server) {
        if !servers.contains_key(name) {
            servers.insert(name.clone(), server(connection, name).await?);
        }
    }
    seen.retain(|sighted| {
        let server = servers.get(&sighted.server).and_then(Option::as_ref);
        server.is_some_and(|server| !is_approved(server, sighted))
    });
    forget_returned(connection, &mut seen).await?;
    Ok(seen)
}

/// Leaves out what was gone once and is back, as the last complete scan says.
async fn forget_returned(connection: &Connection, seen: &mut Vec<Sighted>) -> Result<(), Failure> {
    let gone = seen.iter().filter(|sighted| sighted.is_removal());
    let servers: BTreeSet<_> = gone.map(|sighted| sighted.server.clone()).collect();
    let mut client = RegistryServiceClient::new(connection.channel.clone());
    for server in servers {
        let call = client.get_scan_report(GetScanReportRequest {
            name: server.clone(),
        });
        let answer = connection.answer("read what a scan found", call).await?;
        let Some(report) = answer.report.filter(|report| report.error.is_empty()) else {
            continue;
        };
        let is_gone = |sighted: &Sighted| {
            let mut differences = report.differences.iter();
            differences.any(|it| {
                it.drift() == Drift::Removed
                    && it.definition_kind() == sighted.kind
                    && it.capability == sighted.capability
            })
        };
        seen.retain(|it| it.server != server || !it.is_removal() || is_gone(it));
    }
    Ok(())
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

/// Whether what was seen is approved by now, or that is not asked any more.
fn is_approved(server: &admin::Server, sighted: &Sighted) -> bool {
    if sighted.is_removal() {
        let mut approved = definitions(server, sighted.kind).into_iter();
        return approved.all(|(name, _)| name != sighted.capability);
    }
    server.pinning() == Pinning::Unspecified
        || definitions(server, sighted.kind)
            .into_iter()
            .any(|(name, json)| {
                name == sighted.capability
                    && pin(&json).is_some_and(|pin| pin.as_bytes()[..] == sighted.seen[..])
            })
}

/// The approved definitions of one kind, each with its name and as JSON text.
pub(super) fn definitions(server: &admin::Server, kind: DefinitionKind) -> Vec<(&str, String)> {
    match kind {
        DefinitionKind::Tool => {
            let tools = server.tools.iter();
            tools.map(|it| (&*it.name, it.definition.clone())).collect()
        }
        DefinitionKind::Prompt => listed(&server.prompts),
        DefinitionKind::Resource => listed(&server.resources),
        DefinitionKind::ResourceTemplate => listed(&server.resource_templates),
        DefinitionKind::Instructions => {
            let texts = server.instructions.iter();
            let quoted = texts.map(|text| ("", serde_json::Value::from(&**text).to_string()));
            quoted.collect()
        }
        DefinitionKind::ServerInfo => {
            let infos = server.server_infos.iter();
            infos.map(|info| ("", info.clone())).collect()
        }
        DefinitionKind::Unspecified => Vec::new(),
    }
}

fn listed(definitions: &[admin::Definition]) -> Vec<(&str, String)> {
    let definitions = definitions.iter();
    definitions
        .map(|it| (&*it.name, it.definition.clone()))
        .collect()
}

/// The pin of a definition in JSON text; `None` where it has none.
pub(super) fn pin(json: &str) -> Option<Pin> {
    let document = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT).ok()?;
    Pin::of(document.root()).ok()
}
