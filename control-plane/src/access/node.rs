//! Which Envoy a certificate stands for, and what it serves.

use chancery_engine::glob::Glob;

use super::scope::NodeScope;

/// Which nodes may connect: the configuration's `nodes`, or everything in development mode.
#[derive(Clone, Debug)]
pub enum NodePolicy {
    /// Development mode: a node is whatever it says.
    Anything,
    /// What these say together; a certificate that none of them is about is refused.
    Nodes(Vec<NodeRule>),
}

/// Which certificates stand for which nodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRule {
    /// The URI or DNS name of the certificate.
    pub certificate: Glob,
    /// Which ids such a node may have. Empty: the last segment of the certificate's name alone.
    pub node_ids: Vec<Glob>,
    /// What it serves.
    pub scope: NodeScope,
}

/// Why a node may not connect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeRefusal {
    /// It shows no certificate.
    #[error("a node shows a client certificate, and this one shows none")]
    NoCertificate,
    /// Nothing in the configuration is about it.
    #[error("no entry of `nodes` in the configuration is about {0}")]
    Unknown(String),
    /// It says to be another than its certificate does.
    #[error(
        "the certificate {certificate} does not stand for the node `{node_id}`: let the plugin's `node_id` be its last segment, or let `nodeIds` cover it"
    )]
    OtherNode {
        /// The certificate's names.
        certificate: String,
        /// What the hello says.
        node_id: String,
    },
}

impl NodePolicy {
    /// What the node with this id serves, where its certificate's names let it be that.
    ///
    /// # Errors
    /// Where they do not.
    pub fn scope(&self, certificate: &[String], node_id: &str) -> Result<NodeScope, NodeRefusal> {
        let rules = match self {
            Self::Anything => return Ok(NodeScope::everything()),
            Self::Nodes(rules) => rules,
        };
        if certificate.is_empty() {
            return Err(NodeRefusal::NoCertificate);
        }
        let listed = || certificate.join(" ");
        let mut is_known = false;
        let mut scope: Option<NodeScope> = None;
        for name in certificate {
            for rule in rules.iter().filter(|rule| rule.certificate.matches(name)) {
                is_known = true;
                if rule.allows(name, node_id) {
                    scope = Some(match scope {
                        Some(scope) => scope.join(&rule.scope),
                        None => rule.scope.clone(),
                    });
                }
            }
        }
        match scope {
            Some(scope) => Ok(scope),
            None if is_known => Err(NodeRefusal::OtherNode {
                certificate: listed(),
                node_id: node_id.to_owned(),
            }),
            None => Err(NodeRefusal::Unknown(listed())),
        }
    }
}

impl NodePolicy {
    /// Whether a node with this id may have to do with the named resource, as far as its id says, which was
    /// proven when it connected.
    pub fn could_serve(&self, node_id: &str, name: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Nodes(rules) => rules
                .iter()
                .any(|rule| rule.could_be(node_id) && rule.scope.covers(name)),
        }
    }

    /// The same for policies that give every node the same, whatever the order of their rules, as far
    /// as can be seen from how they are written.
    pub fn fingerprint(&self) -> String {
        let mut lines = match self {
            Self::Anything => vec!["anything".to_owned()],
            Self::Nodes(rules) => rules.iter().map(NodeRule::line).collect(),
        };
        lines.sort();
        lines.dedup();
        lines.join("\n")
    }
}

impl NodeRule {
    fn line(&self) -> String {
        let mut ids: Vec<_> = self.node_ids.iter().map(Glob::as_str).collect();
        ids.sort_unstable();
        serde_json::json!([self.certificate.as_str(), ids, self.scope.line()]).to_string()
    }

    /// Whether some certificate that it is about stands for this node.
    fn could_be(&self, node_id: &str) -> bool {
        if self.node_ids.is_empty() {
            let last = self.certificate.as_str().rsplit('/').next();
            last.is_some_and(|last| last.contains(['*', '?']) || last == node_id)
        } else {
            self.node_ids.iter().any(|glob| glob.matches(node_id))
        }
    }

    fn allows(&self, name: &str, node_id: &str) -> bool {
        if self.node_ids.is_empty() {
            name.rsplit('/').next() == Some(node_id)
        } else {
            self.node_ids.iter().any(|glob| glob.matches(node_id))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::scope::Slice;

    fn of(ids: &[&str]) -> NodeScope {
        let slice = Slice {
            organizations: Some(ids.iter().map(|id| (*id).to_owned()).collect()),
            ..Slice::default()
        };
        slice.into()
    }

    fn rule(certificate: &str, node_ids: &[&str], organizations: &[&str]) -> NodeRule {
        let glob = |text: &str| Glob::parse(text).unwrap();
        NodeRule {
            certificate: glob(certificate),
            node_ids: node_ids.iter().map(|id| glob(id)).collect(),
            scope: match organizations {
                ["*"] => NodeScope::everything(),
                ids => of(ids),
            },
        }
    }

    #[test]
    fn a_certificate_says_which_node_it_is_and_what_that_serves() {
        let policy = NodePolicy::Nodes(vec![
            rule("spiffe://e/envoy-*", &[], &["a"]),
            rule("spiffe://e/envoy-1", &[], &["b"]),
            rule("fleet.example.com", &["pod-*"], &["*"]),
        ]);
        let scope = |name: &str, id: &str| policy.scope(&[name.to_owned()], id);
        assert_eq!(scope("spiffe://e/envoy-2", "envoy-2"), Ok(of(&["a"])));
        assert_eq!(
            scope("spiffe://e/envoy-1", "envoy-1"),
            Ok(of(&["a"]).join(&of(&["b"])))
        );
        assert_eq!(
            scope("fleet.example.com", "pod-7"),
            Ok(NodeScope::everything())
        );
        assert!(matches!(
            scope("spiffe://e/envoy-2", "envoy-1"),
            Err(NodeRefusal::OtherNode { .. })
        ));
        assert!(matches!(
            scope("fleet.example.com", "fleet.example.com"),
            Err(NodeRefusal::OtherNode { .. })
        ));
        assert!(matches!(
            scope("spiffe://f/envoy-1", "envoy-1"),
            Err(NodeRefusal::Unknown(_))
        ));
        assert_eq!(
            policy.scope(&[], "envoy-1"),
            Err(NodeRefusal::NoCertificate)
        );
        for (id, organization, expected) in [
            ("envoy-2", "organizations/a", true),
            ("envoy-2", "organizations/b", false),
            ("envoy-1", "organizations/b/rules/r", true),
            ("pod-7", "organizations/b", true),
            ("pod", "organizations/b", false),
        ] {
            assert_eq!(policy.could_serve(id, organization), expected, "{id}");
        }
        assert!(NodePolicy::Anything.could_serve("pod", "organizations/b"));

        let one = of(&["a"]);
        assert!(one.covers("organizations/a/rules/r") && one.covers("organizations/a"));
        assert!(!one.covers("organizations/b") && !one.covers("organizations/ab"));
        assert!(!one.covers(""));
        assert!(NodeScope::everything().covers(""));
    }
    #[test]
    fn a_fingerprint_changes_with_what_a_node_gets_and_not_with_the_order() {
        let policy = |rules: &[(&str, &[&str])]| {
            let rules = rules.iter().map(|(name, ids)| rule(name, &["n-*"], ids));
            NodePolicy::Nodes(rules.collect()).fingerprint()
        };
        let (one, other) = (("x", &["a", "b"][..]), ("y", &["c"][..]));
        assert_eq!(policy(&[one, other]), policy(&[other, one, other]));
        for changed in [&[one][..], &[one, ("y", &["*"])], &[("z", one.1), other]] {
            assert_ne!(policy(&[one, other]), policy(changed));
        }
        assert_ne!(policy(&[one]), NodePolicy::Anything.fingerprint());
    }
}
