//! MCP that nodes saw going to hosts that nobody registered, for as long as nobody has decided about it.

use std::collections::{HashMap, HashSet};

use chancery_engine::{block::spellings, entry::bounded};
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
        let resources = self.current();
        let issuers = Issuers::of(&resources);
        let seen = organizations.iter().flat_map(|organization| {
            let sightings = sightings.iter();
            sightings.map(|sighting| {
                if issuers.may_show(organization, sighting) {
                    seen(organization, node, sighting, time)
                } else {
                    seen(organization, node, &without_caller(sighting), time)
                }
            })
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

/// Which organization's principals an issuer vouches for. No two have one issuer.
struct Issuers<'r>(HashMap<&'r str, &'r str>);

impl<'r> Issuers<'r> {
    fn of(resources: &'r Resources) -> Self {
        let providers = resources.of_kind(Kind::IdentityProvider);
        let issuers = providers.filter_map(|stored| {
            let Resource::IdentityProvider(provider) = &***stored else {
                return None;
            };
            Some((&*provider.issuer, stored.organization()))
        });
        Self(issuers.collect())
    }

    /// Whether viewers of an organization may see who asked: another organization's principals are
    /// not theirs. Empty: viewers of all.
    fn may_show(&self, organization: &str, sighting: &ShadowSighting) -> bool {
        let principal = sighting.principal.as_ref();
        let issuer = principal.and_then(|it| it.issuer.as_ref());
        let issuer = issuer.map_or("", |it| &it.value);
        organization.is_empty()
            || issuer.is_empty()
            || self.0.get(issuer).is_some_and(|it| *it == organization)
    }
}

/// What was seen, and nothing of who was.
fn without_caller(sighting: &ShadowSighting) -> ShadowSighting {
    ShadowSighting {
        principal: None,
        workload: String::new(),
        ..sighting.clone()
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

/// What people have decided about places. Each is here with its organization, and with none for what
/// is of all.
#[derive(Default)]
struct Decided<'r> {
    /// Hosts and paths of endpoints; of those without a host clusters and paths.
    endpoints: HashSet<(&'r str, &'r str, &'r str)>,
    of_clusters: HashSet<(&'r str, &'r str, &'r str)>,
    /// Blocked hosts.
    blocks: HashSet<(&'r str, &'r str)>,
}

impl<'r> Decided<'r> {
    fn of(resources: &'r Resources) -> Self {
        let mut decided = Self::default();
        for stored in resources.of_kind(Kind::Server) {
            let endpoints = stored.as_server().map(|it| it.endpoints.iter());
            for endpoint in endpoints.into_iter().flatten() {
                decided.register(stored.organization(), endpoint);
            }
        }
        for stored in resources.of_kind(Kind::Block) {
            if let Resource::Block(block) = &***stored
                && let Some(host) = blocked_host(block)
            {
                decided.block(stored.organization(), host);
            }
        }
        decided
    }

    fn register(&mut self, organization: &'r str, endpoint: &'r Endpoint) {
        let (places, place) = match &*endpoint.host {
            "" => (&mut self.of_clusters, &*endpoint.cluster),
            host => (&mut self.endpoints, host),
        };
        places.extend([organization, ""].map(|of| (of, place, &*endpoint.path)));
    }

    fn block(&mut self, organization: &'r str, host: &'r str) {
        self.blocks.extend([organization, ""].map(|of| (of, host)));
    }

    fn covers(&self, shadow: &ShadowServer) -> bool {
        let (organization, path) = (&*shadow.organization, &*shadow.path);
        let mut clusters = shadow.clusters.iter();
        // What goes through a tunnel to a registered host is not seen all the same.
        let is_registered = shadow.kind() != ShadowKind::Tunnel
            && (self
                .endpoints
                .contains(&(organization, &*shadow.host, path))
                || clusters.any(|it| self.of_clusters.contains(&(organization, &**it, path))));
        let is_blocked = |host: &String| self.blocks.contains(&(organization, &**host));
        is_registered || spellings(&shadow.host).iter().any(is_blocked)
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
    use chancery_proto::audit::v1::Principal;

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
    fn who_asked_is_shown_to_their_own_organization_alone() {
        let issuers = Issuers(HashMap::from([
            ("https://a.test", "organizations/a"),
            ("https://b.test", "organizations/b"),
        ]));
        let of = |issuer: &str| {
            let said = |value: &str| {
                Some(Attribute {
                    value: value.to_owned(),
                    ..Attribute::default()
                })
            };
            let principal = Principal {
                user: said("ann"),
                issuer: said(issuer),
                source: said("10.0.0.1:5"),
                ..Principal::default()
            };
            ShadowSighting {
                principal: Some(principal),
                ..sighting("spiffe://a/0")
            }
        };
        for (organization, issuer, is_shown) in [
            ("organizations/a", "https://a.test", true),
            ("organizations/b", "https://a.test", false),
            ("organizations/a", "https://gone.test", false),
            ("organizations/b", "", true),
            ("", "https://a.test", true),
        ] {
            let shown = issuers.may_show(organization, &of(issuer));
            assert_eq!(shown, is_shown, "{issuer} to {organization}");
        }
        let place = seen("o", "envoy-1", &without_caller(&of("")), now());
        let who = [place.principals, place.workloads, place.sources];
        assert!(who.concat().is_empty() && place.count == 2);
    }

    #[test]
    fn what_is_registered_or_blocked_is_decided() {
        let shadow = seen("organizations/o", "envoy-1", &sighting(""), now());
        let of_all = seen("", "envoy-1", &sighting(""), now());
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
            let mut decided = Decided::default();
            decided.register(organization, &endpoint);
            let said = (decided.covers(&shadow), decided.covers(&of_all));
            let at_all = is_decided || organization == "organizations/p";
            assert_eq!(said, (is_decided, at_all), "{organization} {endpoint:?}");
        }
        for (organization, host, is_decided) in [
            ("organizations/o", "shadow.test", true),
            ("organizations/o", "shadow.test:443", true),
            ("organizations/o", "other.test", false),
            ("organizations/p", "shadow.test", false),
        ] {
            let mut decided = Decided::default();
            decided.block(organization, host);
            assert_eq!(decided.covers(&shadow), is_decided, "{organization} {host}");
        }
    }
}
