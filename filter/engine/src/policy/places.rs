//! Where requests may arrive: the endpoints of a policy by host, path and cluster.

use std::collections::{BTreeMap, BTreeSet};

use super::{PolicyError, ServerIndex};
use crate::{
    reason::Reason,
    server::{Endpoint, Server},
};

/// An endpoint of one policy, and its server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Arrival {
    /// The server.
    pub server: ServerIndex,
    /// Which of its endpoints.
    pub(super) endpoint: usize,
}

/// Every endpoint.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By path: endpoints are few a path, paths may be many.
    by_path: BTreeMap<Box<str>, Vec<Place>>,
    /// By the path that clients know them by, the root as nothing.
    by_resource: BTreeMap<Box<str>, Vec<Place>>,
    /// By host; `None`: those for any.
    by_host: BTreeMap<Option<Box<str>>, Vec<Arrival>>,
    clusters: BTreeSet<Box<str>>,
}

#[derive(Clone, Debug)]
struct Place {
    host: Option<Box<str>>,
    cluster: Box<str>,
    arrival: Arrival,
}

impl Places {
    /// # Errors
    /// [`PolicyError::DuplicateEndpoint`].
    pub(super) fn new(servers: &[Server]) -> Result<Self, PolicyError> {
        let mut places = Self::default();
        for (position, server) in servers.iter().enumerate() {
            for (endpoint_position, endpoint) in server.endpoints.iter().enumerate() {
                let arrival = Arrival {
                    server: ServerIndex(position),
                    endpoint: endpoint_position,
                };
                if let Some(other) = places.add(endpoint, arrival) {
                    let first = servers.get(other.server.0);
                    return Err(PolicyError::DuplicateEndpoint {
                        first: first.map_or("", |server| &server.name).into(),
                        second: server.name.clone(),
                        path: endpoint.path.clone(),
                    });
                }
            }
        }
        Ok(places)
    }

    /// Adds an endpoint; where another is there already, says which.
    fn add(&mut self, endpoint: &Endpoint, arrival: Arrival) -> Option<Arrival> {
        let Endpoint {
            path,
            host,
            cluster,
            workspace: _,
            audiences: _,
            resource,
        } = endpoint;
        let place = Place {
            host: host.clone(),
            cluster: cluster.clone(),
            arrival,
        };
        let here = self.by_path.entry(path.clone()).or_default();
        if let Some(other) = here.iter().find(|other| other.host == *host) {
            return Some(other.arrival);
        }
        here.push(place.clone());
        let (known_host, known_path) = match resource {
            Some(resource) => (Some(resource.host().into()), resource.path()),
            None if **path == *"/" => (host.clone(), ""),
            None => (host.clone(), &**path),
        };
        // A gateway in front may have put its own name for the host in place of the clients'.
        for host in BTreeSet::from([host.clone(), known_host]) {
            self.by_host.entry(host.clone()).or_default().push(arrival);
            let known = self.by_resource.entry(known_path.into()).or_default();
            known.push(Place {
                host,
                ..place.clone()
            });
        }
        self.clusters.insert(cluster.clone());
        None
    }

    pub(super) fn locate(&self, host: &str, path: &str, cluster: &str) -> Result<Arrival, Reason> {
        match best(self.by_path.get(path), host) {
            None => Err(Reason::UnknownServer),
            Some(place) if *place.cluster != *cluster => Err(Reason::ServerMismatch),
            Some(place) => Ok(place.arrival),
        }
    }

    /// The endpoint that clients know by this host and path, wherever the route leads.
    pub(super) fn known_as(&self, host: &str, path: &str) -> Option<Arrival> {
        let known = best(self.by_resource.get(path), host);
        known.map(|place| place.arrival)
    }

    /// The endpoint of a host that has no other.
    pub(super) fn only_one_at(&self, host: &str) -> Option<Arrival> {
        let at = |host: Option<&str>| {
            let host = host.map(Box::from);
            self.by_host.get(&host).map_or(&[][..], Vec::as_slice)
        };
        match (at(Some(host)), at(None)) {
            ([one], []) | ([], [one]) => Some(*one),
            _ => None,
        }
    }

    pub(super) fn has_cluster(&self, cluster: &str) -> bool {
        self.clusters.contains(cluster)
    }
}

/// A place with this host comes before one for any.
fn best<'p>(places: Option<&'p Vec<Place>>, host: &str) -> Option<&'p Place> {
    let places = places.map_or(&[][..], Vec::as_slice);
    let exact = places
        .iter()
        .find(|place| place.host.as_deref() == Some(host));
    exact.or_else(|| places.iter().find(|place| place.host.is_none()))
}
