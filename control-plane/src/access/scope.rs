//! What of all servers a node serves, and what it may know of.

use std::collections::BTreeSet;

use chancery_engine::glob::Glob;
use chancery_proto::admin::v1 as admin;

use super::place::Place;
use crate::resource::workspaces_of_calls;

/// What a node serves: whatever is in one of these.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NodeScope(BTreeSet<Slice>);

/// Some of the servers of some organizations.
#[derive(Clone, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Slice {
    /// Those of these, by id. `None`: of all.
    pub organizations: Option<BTreeSet<String>>,
    /// Those of which a workspace's id fits one of these: their own, or one that their calls belong
    /// to. Empty: whatever it is.
    pub workspaces: Globs,
    /// Those with an endpoint at a cluster that fits one of these. Empty: wherever they are.
    pub clusters: Globs,
}

/// Globs, in the order of how they are written.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Globs(Vec<Glob>);

impl FromIterator<Glob> for Globs {
    fn from_iter<I: IntoIterator<Item = Glob>>(globs: I) -> Self {
        let mut globs: Vec<_> = globs.into_iter().collect();
        globs.sort_by(|a, b| a.as_str().cmp(b.as_str()));
        globs.dedup();
        Self(globs)
    }
}

impl Ord for Globs {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.texts().cmp(other.texts())
    }
}

impl PartialOrd for Globs {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Globs {
    /// As they are written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Glob::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn fit(&self, mut texts: impl Iterator<Item = impl AsRef<str>>) -> bool {
        self.0.is_empty() || texts.any(|text| self.0.iter().any(|glob| glob.matches(text.as_ref())))
    }
}

impl Slice {
    fn has(&self, organization: &str) -> bool {
        let ids = self.organizations.as_ref();
        ids.is_none_or(|ids| ids.contains(organization))
    }

    /// Whether it has all servers of its organizations.
    fn is_whole(&self) -> bool {
        self.workspaces.is_empty() && self.clusters.is_empty()
    }

    fn serves(&self, server: &admin::Server, place: Place<'_>) -> bool {
        let own = place.workspace.into_iter();
        let clusters = server.endpoints.iter().map(|endpoint| &endpoint.cluster);
        self.has(place.organization)
            && self.workspaces.fit(own.chain(workspaces_of_calls(server)))
            && self.clusters.fit(clusters)
    }
}

impl From<Slice> for NodeScope {
    fn from(slice: Slice) -> Self {
        Self(BTreeSet::from([slice]))
    }
}

impl NodeScope {
    /// All there is.
    pub fn everything() -> Self {
        Slice::default().into()
    }

    /// Whether it is all there is.
    pub fn is_everything(&self) -> bool {
        let is_all = |slice: &Slice| slice.organizations.is_none() && slice.is_whole();
        self.0.iter().any(is_all)
    }

    /// Whether the node may have to do with the named resource, and know of it, as far as the name
    /// says: of a server, [`NodeScope::serves`] says more.
    pub fn covers(&self, name: &str) -> bool {
        self.is_everything()
            || Place::of(name).is_some_and(|place| {
                let mut slices = self.0.iter();
                slices.any(|slice| slice.has(place.organization))
            })
    }

    /// Whether the node serves a server: the one place where this is decided. Snapshots, keys and
    /// credentials all ask here.
    pub fn serves(&self, server: &admin::Server) -> bool {
        let Some(place) = Place::of(&server.name) else {
            return self.is_everything();
        };
        self.0.iter().any(|slice| slice.serves(server, place))
    }

    /// Whether the node serves every server of the organization in a name. Of one of which it serves
    /// some it knows nothing before there is one of those.
    pub fn serves_all_beside(&self, name: &str) -> bool {
        self.is_everything()
            || Place::of(name).is_some_and(|place| {
                let mut slices = self.0.iter();
                slices.any(|slice| slice.has(place.organization) && slice.is_whole())
            })
    }

    /// The organizations of which it serves something, by id. `None`: any.
    pub fn organizations(&self) -> Option<BTreeSet<String>> {
        let mut all = BTreeSet::new();
        for slice in &self.0 {
            all.extend(slice.organizations.iter().flatten().cloned());
        }
        let is_any = self.0.iter().any(|slice| slice.organizations.is_none());
        (!is_any).then_some(all)
    }

    /// What either serves.
    #[must_use]
    pub fn join(mut self, other: &Self) -> Self {
        self.0.extend(other.0.iter().cloned());
        self
    }

    /// As it is written, for a fingerprint.
    pub fn line(&self) -> serde_json::Value {
        let slice = |slice: &Slice| {
            let organizations = slice.organizations.as_ref();
            let organizations =
                organizations.map_or_else(|| serde_json::json!("*"), |ids| serde_json::json!(ids));
            if slice.is_whole() {
                return organizations;
            }
            let workspaces: Vec<_> = slice.workspaces.texts().collect();
            let clusters: Vec<_> = slice.clusters.texts().collect();
            serde_json::json!({
                "organizations": organizations,
                "workspaces": workspaces,
                "clusters": clusters,
            })
        };
        let mut slices: Vec<_> = self.0.iter().map(slice).collect();
        match (slices.pop(), slices.is_empty()) {
            (Some(one), true) => one,
            (last, _) => slices.into_iter().chain(last).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chancery_proto::policy::v1::Endpoint;

    use super::*;

    fn globs(texts: &[&str]) -> Globs {
        texts
            .iter()
            .map(|text| Glob::parse(text).unwrap())
            .collect()
    }

    fn server(name: &str, workspace: &str, cluster: &str) -> admin::Server {
        admin::Server {
            name: format!("organizations/{name}/servers/s"),
            endpoints: vec![Endpoint {
                cluster: cluster.to_owned(),
                workspace: workspace.to_owned(),
                ..Endpoint::default()
            }],
            ..admin::Server::default()
        }
    }

    #[test]
    fn a_slice_has_servers_by_organization_workspace_and_cluster() {
        let slice = |organizations: &[&str], workspaces: &[&str], clusters: &[&str]| Slice {
            organizations: Some(organizations.iter().map(|&id| id.to_owned()).collect()),
            workspaces: globs(workspaces),
            clusters: globs(clusters),
        };
        let scope = NodeScope::from(slice(&["a"], &["w*"], &["eu-*"]));
        for (name, workspace, cluster, expected) in [
            ("a/workspaces/w1", "", "eu-1", true),
            ("a/workspaces/v", "w2", "eu-1", true),
            ("a/workspaces/v", "", "eu-1", false),
            ("a/workspaces/w1", "", "us-1", false),
            ("b/workspaces/w1", "", "eu-1", false),
        ] {
            let server = server(name, workspace, cluster);
            assert_eq!(scope.serves(&server), expected, "{server:?}");
        }
        assert!(scope.covers("organizations/a/rules/r"));
        assert!(!scope.serves_all_beside("organizations/a/rules/r"));
        let joined = scope.join(&slice(&["b"], &[], &[]).into());
        assert!(joined.serves(&server("b/workspaces/x", "", "us-1")));
        assert!(joined.serves(&server("a/workspaces/w", "", "eu-1")));
        assert!(!joined.serves(&server("a/workspaces/w", "", "us-1")));
        assert!(joined.serves_all_beside("organizations/b"));
        assert_eq!(
            joined.organizations(),
            Some(["a", "b"].map(str::to_owned).into())
        );
        assert!(!joined.is_everything() && NodeScope::everything().is_everything());
        assert_eq!(NodeScope::everything().organizations(), None);
    }
}
