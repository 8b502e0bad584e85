//! Which servers are approved, and what of them is public.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use chancery_proto::{admin::v1::Server, policy::v1::ServerState};
use prost_types::Timestamp;
use semver::Version;
use serde_json::{Value, json};

use super::query::{Query, cursor};
use crate::server_json::{self, NO_VERSION, ServerJson};

/// What of a server.json is told. What else publishers wrote is theirs to tell: it may hold values of
/// headers and variables.
const TOLD: [&str; 9] = [
    "$schema",
    "name",
    "title",
    "description",
    "version",
    "repository",
    "websiteUrl",
    "icons",
    "remotes",
];

/// Where the API says how far a server is.
const OFFICIAL: &str = "io.modelcontextprotocol.registry/official";

/// The word for the newest version.
const LATEST: &str = "latest";

/// A version of a server: the entries that have it, in whatever workspaces, in the order of their names.
#[derive(Debug)]
struct Release<'r> {
    name: &'r str,
    version: &'r str,
    entries: Vec<&'r Server>,
}

/// The approved servers that have a name in registries, by that and their versions.
#[derive(Debug)]
pub(super) struct Catalogue<'r> {
    releases: Vec<Release<'r>>,
    /// The newest version of each name.
    latest: BTreeSet<(&'r str, &'r str)>,
}

impl<'r> Catalogue<'r> {
    pub(super) fn of(servers: impl Iterator<Item = &'r Server>) -> Self {
        let mut found: BTreeMap<(&str, &str), Vec<&Server>> = BTreeMap::new();
        for server in servers.filter(|server| is_approved(server)) {
            if server.registry_name.is_empty() {
                continue;
            }
            let version = match &*server.version {
                "" => NO_VERSION,
                version => version,
            };
            let key = (&*server.registry_name, version);
            found.entry(key).or_default().push(server);
        }
        let releases = found.into_iter().map(|((name, version), entries)| Release {
            name,
            version,
            entries,
        });
        let releases: Vec<_> = releases.collect();
        let of_one = releases.chunk_by(|one, other| one.name == other.name);
        let newest = of_one.filter_map(|of_one| of_one.iter().max_by(|a, b| a.order(b)));
        let latest = newest.map(|newest| (newest.name, newest.version)).collect();
        Self { releases, latest }
    }

    /// A page of all servers.
    pub(super) fn page(&self, query: &Query) -> Value {
        let is_after = |release: &Release<'_>| {
            let after = query.after.as_ref();
            after.is_none_or(|(name, version)| {
                (release.name, release.version) > (name.as_str(), version.as_str())
            })
        };
        let is_version = |release: &Release<'_>| match query.version.as_deref() {
            None => true,
            Some(LATEST) => self.is_latest(release),
            Some(version) => release.version == version,
        };
        let is_wanted = |release: &&Release<'_>| {
            is_after(release)
                && is_version(release)
                && release.name.to_ascii_lowercase().contains(&query.search)
                && query
                    .updated_since
                    .is_none_or(|since| order(release.updated(), since).is_ge())
        };
        let mut rest = self.releases.iter().filter(is_wanted);
        let page: Vec<_> = rest.by_ref().take(query.limit).collect();
        let last = page.last().filter(|_| rest.next().is_some());
        self.list(&page, last.map(|last| cursor(last.name, last.version)))
    }

    /// All versions of a server.
    pub(super) fn versions(&self, name: &str) -> Option<Value> {
        let found = self.releases.iter().filter(|release| release.name == name);
        let mut found: Vec<_> = found.collect();
        found.sort_by(|a, b| b.order(a));
        (!found.is_empty()).then(|| self.list(&found, None))
    }

    /// One version of a server.
    pub(super) fn version(&self, name: &str, version: &str) -> Option<Value> {
        let is_this = |release: &&Release<'_>| {
            release.name == name
                && (release.version == version || version == LATEST && self.is_latest(release))
        };
        let found = self.releases.iter().find(is_this);
        found.map(|release| self.told(release))
    }

    fn is_latest(&self, release: &Release<'_>) -> bool {
        self.latest.contains(&(release.name, release.version))
    }

    fn list(&self, releases: &[&Release<'_>], next: Option<String>) -> Value {
        let servers: Vec<_> = releases.iter().map(|release| self.told(release)).collect();
        let mut metadata = json!({"count": servers.len()});
        if let (Some(next), Value::Object(metadata)) = (next, &mut metadata) {
            metadata.insert("nextCursor".to_owned(), next.into());
        }
        json!({"servers": servers, "metadata": metadata})
    }

    fn told(&self, release: &Release<'_>) -> Value {
        json!({
            "server": release.document(),
            "_meta": {
                OFFICIAL: {
                    "status": "active",
                    "publishedAt": release.published().to_string(),
                    "updatedAt": release.updated().to_string(),
                    "isLatest": self.is_latest(release),
                },
            },
        })
    }
}

impl Release<'_> {
    /// The server.json of the first entry, with where all of them are reached.
    fn document(&self) -> ServerJson {
        let mut document = ServerJson::new();
        let exported = self.entries.iter();
        // What was imported was read before it was stored: none is left out.
        let exported = exported.filter_map(|server| server_json::export(server).ok());
        for (key, value) in exported.take(1).flatten() {
            if TOLD.contains(&&*key) {
                document.insert(key, value);
            }
        }
        let mut remotes = Vec::new();
        for server in &self.entries {
            let here = server_json::remotes(server).into_iter();
            let new: Vec<_> = here.filter(|remote| !remotes.contains(remote)).collect();
            remotes.extend(new);
        }
        if !remotes.is_empty() {
            document.insert("remotes".to_owned(), remotes.into());
        }
        document
    }

    /// When the first of its entries was last approved.
    fn published(&self) -> Timestamp {
        let approved = |server: &&Server| {
            let changes = server.state_changes.iter().rev();
            let mut changes = changes.filter(|change| change.state() == ServerState::Approved);
            let change = changes.next().and_then(|change| change.time);
            change.or(server.create_time).unwrap_or_default()
        };
        let times = self.entries.iter().map(approved);
        times.min_by(|a, b| order(*a, *b)).unwrap_or_default()
    }

    /// When one of its entries was last changed.
    fn updated(&self) -> Timestamp {
        let times = self.entries.iter();
        let times = times.map(|server| server.update_time.unwrap_or_default());
        times.max_by(|a, b| order(*a, *b)).unwrap_or_default()
    }

    /// Which of two is newer: by their versions where both are such, else by when they came.
    fn order(&self, other: &Self) -> Ordering {
        let versions = (Version::parse(self.version), Version::parse(other.version));
        let by_time = || order(self.published(), other.published());
        match versions {
            (Ok(one), Ok(other)) => one.cmp_precedence(&other).then_with(by_time),
            (Ok(_), Err(_)) => Ordering::Greater,
            (Err(_), Ok(_)) => Ordering::Less,
            (Err(_), Err(_)) => by_time(),
        }
    }
}

fn order(one: Timestamp, other: Timestamp) -> Ordering {
    (one.seconds, one.nanos).cmp(&(other.seconds, other.nanos))
}

fn is_approved(server: &Server) -> bool {
    match ServerState::try_from(server.state) {
        Ok(ServerState::Unspecified | ServerState::Approved) => true,
        Ok(ServerState::Proposed | ServerState::Suspended | ServerState::Retired) | Err(_) => false,
    }
}
