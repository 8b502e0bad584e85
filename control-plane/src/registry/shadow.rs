//! MCP that nodes saw going to hosts that nobody registered, for as long as nobody has decided about it.

use chancery_engine::{block::covers_host, entry::bounded};
use chancery_proto::{
    admin::v1::{Block, ShadowServer, block::Target},
    audit::v1::{Attribute, ShadowKind, ShadowSighting},
    policy::v1::Endpoint,
};
use prost_types::Timestamp;

use super::{Registry, RegistryError, now};
use crate::{
    access::NodeScope,
    resource::{Kind, Resource, Resources},
};

/// Most of one kind of thing that is kept of a place.
const MAX_LISTED: usize = 16;

impl Registry {
    /// Takes in what a node has seen, for the organizations that it serves. Blocks on the store.
    ///
    /// # Errors
    /// Where it cannot be stored.
    pub fn shadowed(
        &self,
        node: &str,
        scope: &NodeScope,
        sightings: &[ShadowSighting],
    ) -> Result<(), RegistryError> {
        let organizations: Vec<_> = match scope.organizations() {
            None => vec![String::new()],
            Some(ids) => {
                let names = ids.iter().map(|id| format!("organizations/{id}"));
                names.collect()
            }
        };
        let time = now();
        let seen = organizations.iter().flat_map(|organization| {
            let sightings = sightings.iter();
            sightings.map(|sighting| seen(organization, node, sighting, time))
        });
        let seen: Vec<_> = seen.collect();
        Ok(self.store.shadowed(&seen, joined)?)
    }

    /// Everything that was seen and is neither registered nor blocked by now, in the order of
    /// organizations, hosts and paths. Blocks on the store.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn shadows(&self) -> Result<Vec<ShadowServer>, RegistryError> {
        let resources = self.current();
        let decided = Decided::of(&resources);
        let mut shadows = self.store.shadows()?;
        shadows.retain(|shadow| !decided.covers(shadow));
        Ok(shadows)
    }
}

/// A sighting as the first of its place.
fn seen(
    organization: &str,
    node: &str,
    sighting: &ShadowSighting,
    time: Timestamp,
) -> ShadowServer {
    let principal = sighting.principal.as_ref();
    let said = |attribute: Option<&Attribute>| attribute.map_or("", |it| &it.value).to_owned();
    let one = |text: &str| match text {
        "" => Vec::new(),
        text => vec![bounded(text).to_owned()],
    };
    let who = [
        said(principal.and_then(|it| it.user.as_ref())),
        said(principal.and_then(|it| it.agent.as_ref())),
    ];
    ShadowServer {
        organization: organization.to_owned(),
        kind: sighting.kind,
        host: bounded(&sighting.host).to_owned(),
        path: bounded(&sighting.path).to_owned(),
        first_time: Some(time),
        last_time: Some(time),
        count: sighting.count.max(1),
        methods: one(&sighting.method),
        principals: who.iter().flat_map(|who| one(who)).collect(),
        workloads: one(&sighting.workload),
        sources: one(&host_of(&said(principal.and_then(|it| it.source.as_ref())))),
        nodes: one(node),
        clusters: one(&sighting.cluster),
    }
}

/// An address without its port, which every connection has another of.
fn host_of(address: &str) -> String {
    let address = address.parse::<std::net::SocketAddr>();
    address.map_or_else(|_| String::new(), |address| address.ip().to_string())
}

/// What is known of a place, with what was seen of it now.
fn joined(known: ShadowServer, seen: &ShadowServer) -> ShadowServer {
    let both = |mut known: Vec<String>, seen: &[String]| {
        for text in seen {
            if known.len() < MAX_LISTED && !known.contains(text) {
                known.push(text.clone());
            }
        }
        known
    };
    ShadowServer {
        last_time: seen.last_time,
        count: known.count.saturating_add(seen.count),
        methods: both(known.methods, &seen.methods),
        principals: both(known.principals, &seen.principals),
        workloads: both(known.workloads, &seen.workloads),
        sources: both(known.sources, &seen.sources),
        nodes: both(known.nodes, &seen.nodes),
        clusters: both(known.clusters, &seen.clusters),
        ..known
    }
}

/// What people have decided about places.
struct Decided<'r> {
    /// Endpoints and blocks of hosts, each with its organization.
    endpoints: Vec<(&'r str, &'r Endpoint)>,
    blocks: Vec<(&'r str, &'r str)>,
}

impl<'r> Decided<'r> {
    fn of(resources: &'r Resources) -> Self {
        let servers = resources.of_kind(Kind::Server);
        let endpoints = servers.filter_map(|stored| {
            let server = stored.as_server()?;
            let endpoints = server.endpoints.iter();
            Some(endpoints.map(|endpoint| (stored.organization(), endpoint)))
        });
        let blocks = resources.of_kind(Kind::Block).filter_map(|stored| {
            let Resource::Block(block) = &***stored else {
                return None;
            };
            Some((stored.organization(), blocked_host(block)?))
        });
        Self {
            endpoints: endpoints.flatten().collect(),
            blocks: blocks.collect(),
        }
    }

    fn covers(&self, shadow: &ShadowServer) -> bool {
        let is_of = |organization: &str| {
            shadow.organization.is_empty() || shadow.organization == organization
        };
        let is_there = |endpoint: &Endpoint| match &*endpoint.host {
            "" => shadow.clusters.contains(&endpoint.cluster),
            host => host == shadow.host,
        };
        let mut endpoints = self.endpoints.iter();
        let mut blocks = self.blocks.iter();
        // What goes through a tunnel to a registered host is not seen all the same.
        let is_registered = shadow.kind() != ShadowKind::Tunnel
            && endpoints.any(|(organization, endpoint)| {
                is_of(organization) && endpoint.path == shadow.path && is_there(endpoint)
            });
        is_registered
            || blocks
                .any(|(organization, host)| is_of(organization) && covers_host(host, &shadow.host))
    }
}

/// The host that a block in force is about, if it is about one.
fn blocked_host(block: &Block) -> Option<&str> {
    let is_in_force = block.expire_time.is_none_or(|end| {
        let now = now();
        (now.seconds, now.nanos) < (end.seconds, end.nanos)
    });
    match &block.target {
        Some(Target::Host(host)) if is_in_force => Some(host),
        Some(
            Target::Host(_)
            | Target::Server(_)
            | Target::Capability(_)
            | Target::User(_)
            | Target::Agent(_),
        )
        | None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(workload: &str) -> ShadowSighting {
        ShadowSighting {
            kind: ShadowKind::Mcp.into(),
            host: "shadow.test".to_owned(),
            path: "/mcp".to_owned(),
            workload: workload.to_owned(),
            cluster: "egress".to_owned(),
            count: 2,
            ..ShadowSighting::default()
        }
    }

    #[test]
    fn a_place_has_all_who_went_there_and_not_too_many() {
        let time = |seconds| Timestamp { seconds, nanos: 0 };
        let first = seen(
            "organizations/o",
            "envoy-1",
            &sighting("spiffe://a/0"),
            time(1),
        );
        let more = (1..40).map(|number| {
            let sighting = sighting(&format!("spiffe://a/{number}"));
            seen("organizations/o", "envoy-2", &sighting, time(number))
        });
        let place = more.fold(first, |known, seen| joined(known, &seen));
        assert_eq!(place.workloads.len(), MAX_LISTED);
        assert_eq!(place.nodes, ["envoy-1", "envoy-2"]);
        assert_eq!((place.count, place.clusters.len()), (80, 1));
        assert_eq!(
            (place.first_time, place.last_time),
            (Some(time(1)), Some(time(39)))
        );
    }

    #[test]
    fn what_is_registered_or_blocked_is_decided() {
        let shadow = seen("organizations/o", "envoy-1", &sighting(""), now());
        let endpoint = |host: &str, path: &str, cluster: &str| Endpoint {
            host: host.to_owned(),
            path: path.to_owned(),
            cluster: cluster.to_owned(),
            ..Endpoint::default()
        };
        for (organization, endpoint, is_decided) in [
            (
                "organizations/o",
                endpoint("shadow.test", "/mcp", "c"),
                true,
            ),
            ("organizations/o", endpoint("", "/mcp", "egress"), true),
            ("organizations/o", endpoint("", "/mcp", "c"), false),
            (
                "organizations/o",
                endpoint("shadow.test", "/other", "c"),
                false,
            ),
            (
                "organizations/p",
                endpoint("shadow.test", "/mcp", "c"),
                false,
            ),
        ] {
            let decided = Decided {
                endpoints: vec![(organization, &endpoint)],
                blocks: Vec::new(),
            };
            assert_eq!(
                decided.covers(&shadow),
                is_decided,
                "{organization} {endpoint:?}"
            );
        }
        for (organization, host, is_decided) in [
            ("organizations/o", "shadow.test", true),
            ("organizations/o", "shadow.test:443", true),
            ("organizations/o", "other.test", false),
            ("organizations/p", "shadow.test", false),
        ] {
            let decided = Decided {
                endpoints: Vec::new(),
                blocks: vec![(organization, host)],
            };
            assert_eq!(decided.covers(&shadow), is_decided, "{organization} {host}");
        }
    }
}
