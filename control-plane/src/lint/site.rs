//! What an organization's rules are about.

use std::collections::{BTreeMap, BTreeSet};

use chancery_engine::glob::Glob;
use chancery_proto::admin::v1::{Offer, Role, Rule, Server};
use serde_json::Value;

use crate::resource::{Resource, workspaces_of_calls};

/// The resources of one organization that decide what a rule can do.
pub(super) struct Site<'r> {
    pub(super) rules: Vec<&'r Rule>,
    pub(super) servers: Vec<Known<'r>>,
    pub(super) offers: Vec<&'r Offer>,
    pub(super) roles: BTreeMap<&'r str, &'r Role>,
}

/// A server and what is known of it.
pub(super) struct Known<'r> {
    pub(super) server: &'r Server,
    /// The last segment of its name.
    pub(super) id: &'r str,
    /// The workspaces that its calls can belong to.
    pub(super) workspaces: BTreeSet<&'r str>,
    /// The input schemas of its tools, by name. None: nothing is known of its tools.
    pub(super) tools: BTreeMap<&'r str, Value>,
}

impl<'r> Site<'r> {
    pub(super) fn of(resources: &[&'r Resource], of: &str) -> Self {
        let mut site = Self {
            rules: Vec::new(),
            servers: Vec::new(),
            offers: Vec::new(),
            roles: BTreeMap::new(),
        };
        let own = resources
            .iter()
            .copied()
            .filter(|resource| resource.organization() == of);
        for resource in own {
            match resource {
                Resource::Rule(rule) => site.rules.push(rule),
                Resource::Server(server) => site.servers.push(Known::of(server)),
                Resource::Offer(offer) => site.offers.push(offer),
                Resource::Role(role) => {
                    site.roles.insert(last_segment(&role.name), role);
                }
                Resource::Allowlist(_)
                | Resource::Binding(_)
                | Resource::Block(_)
                | Resource::Credential(_)
                | Resource::Detector(_)
                | Resource::IdentityProvider(_)
                | Resource::Organization(_)
                | Resource::Quota(_)
                | Resource::RedactionProfile(_) => {}
            }
        }
        site
    }

    /// The servers that a rule names, whatever their environment.
    pub(super) fn named<'s>(&'s self, rule: &'s Rule) -> impl Iterator<Item = &'s Known<'r>> {
        let workspace = workspace_of(&rule.name);
        self.servers.iter().filter(move |known| {
            fits_any(&rule.servers, known.id)
                && workspace.is_none_or(|workspace| known.workspaces.contains(workspace))
        })
    }

    /// The servers that a rule is about.
    pub(super) fn about<'s>(&'s self, rule: &'s Rule) -> impl Iterator<Item = &'s Known<'r>> {
        self.named(rule).filter(|known| {
            rule.environments.is_empty() || fits_any(&rule.environments, &known.server.environment)
        })
    }

    /// Whether a rule is about a server, by its name.
    pub(super) fn is_about(&self, rule: &Rule, server: &str) -> bool {
        self.about(rule).any(|known| known.server.name == server)
    }
}

impl<'r> Known<'r> {
    fn of(server: &'r Server) -> Self {
        let own = workspace_of(&server.name).into_iter();
        let schema = |definition: &str| {
            let definition: Value = serde_json::from_str(definition).ok()?;
            definition.get("inputSchema").cloned()
        };
        Self {
            server,
            id: last_segment(&server.name),
            workspaces: own.chain(workspaces_of_calls(server)).collect(),
            tools: server
                .tools
                .iter()
                .map(|tool| {
                    // Without a schema, anything goes.
                    let schema = schema(&tool.definition).unwrap_or(Value::Bool(true));
                    (&*tool.name, schema)
                })
                .collect(),
        }
    }
}

pub(super) fn last_segment(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or_default()
}

/// The workspace in a resource name.
pub(super) fn workspace_of(name: &str) -> Option<&str> {
    let (_, rest) = name.split_once("/workspaces/")?;
    rest.split('/').next()
}

/// Whether any of these globs matches. What is no glob matches nothing.
pub(super) fn fits_any(globs: &[String], name: &str) -> bool {
    globs.iter().any(|glob| fits(glob, name))
}

pub(super) fn fits(glob: &str, name: &str) -> bool {
    Glob::parse(glob).is_ok_and(|glob| glob.matches(name))
}

/// Whether a glob names exactly one thing.
pub(super) fn is_literal(glob: &str) -> bool {
    !glob.contains(['*', '?'])
}
