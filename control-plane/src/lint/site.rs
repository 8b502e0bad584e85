//! What an organization's rules are about.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use chancery_engine::glob::Glob;
use chancery_proto::admin::v1::{Offer, Role, Rule, Server};
use serde_json::Value;

use crate::resource::{Resource, workspaces_of_calls};

/// The resources of one organization that decide what a rule can do.
pub(super) struct Site<'r> {
    pub(super) rules: Vec<&'r Rule>,
    /// In the order of their names.
    pub(super) servers: Vec<Rc<Known<'r>>>,
    pub(super) offers: Vec<&'r Offer>,
    pub(super) roles: BTreeMap<&'r str, &'r Role>,
}

/// A server and what is known of it.
pub(super) struct Known<'r> {
    pub(super) server: &'r Server,
    /// The last segment of its name.
    pub(super) id: &'r str,
    workspaces: OnceCell<BTreeSet<&'r str>>,
    tools: OnceCell<BTreeMap<&'r str, Tool<'r>>>,
}

/// A tool, as its newest definition says.
pub(super) struct Tool<'r> {
    definition: &'r str,
    schema: OnceCell<Value>,
}

impl<'r> Site<'r> {
    pub(super) fn of(resources: &[&'r Resource], of: &str) -> Self {
        Self::like(None, resources, of)
    }

    /// Nothing but servers.
    pub(super) fn alone(servers: Vec<Rc<Known<'r>>>) -> Self {
        Self {
            rules: Vec::new(),
            servers,
            offers: Vec::new(),
            roles: BTreeMap::new(),
        }
    }

    /// What is known of a server of another site is known of the same one here.
    pub(super) fn like(other: Option<&Self>, resources: &[&'r Resource], of: &str) -> Self {
        let mut site = Self::alone(Vec::new());
        let is_own = |resource: &&Resource| {
            let rest = resource.name().strip_prefix(of);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let own = resources.iter().copied().filter(is_own);
        for resource in own {
            match resource {
                Resource::Rule(rule) => site.rules.push(rule),
                Resource::Server(server) => {
                    let known = other.and_then(|other| other.known(&server.name));
                    let same = known.filter(|known| std::ptr::eq(known.server, server));
                    let known = same.map_or_else(|| Rc::new(Known::of(server)), Rc::clone);
                    site.servers.push(known);
                }
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
        site.servers
            .sort_by(|a, b| a.server.name.cmp(&b.server.name));
        site
    }

    /// A server, by its resource name.
    pub(super) fn known(&self, name: &str) -> Option<&Rc<Known<'r>>> {
        let by_name = |known: &Rc<Known<'_>>| (*known.server.name).cmp(name);
        let position = self.servers.binary_search_by(by_name).ok()?;
        self.servers.get(position)
    }

    /// The servers that a rule names, whatever their environment.
    pub(super) fn named<'s>(&'s self, rule: &'s Rule) -> impl Iterator<Item = &'s Known<'r>> {
        let workspace = workspace_of(&rule.name);
        let globs = Globs::of(&rule.servers);
        let servers = self.servers.iter().map(|known| &**known);
        servers.filter(move |known| {
            globs.fit(known.id)
                && workspace.is_none_or(|workspace| known.workspaces().contains(workspace))
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
    pub(super) fn of(server: &'r Server) -> Self {
        Self {
            server,
            id: last_segment(&server.name),
            workspaces: OnceCell::new(),
            tools: OnceCell::new(),
        }
    }

    /// The workspaces that its calls can belong to.
    pub(super) fn workspaces(&self) -> &BTreeSet<&'r str> {
        self.workspaces.get_or_init(|| {
            let own = workspace_of(&self.server.name).into_iter();
            own.chain(workspaces_of_calls(self.server)).collect()
        })
    }

    /// Whether anything is known of its tools.
    pub(super) fn has_tools(&self) -> bool {
        !self.server.tools.is_empty()
    }

    /// Its tools, by name.
    pub(super) fn tools(&self) -> &BTreeMap<&'r str, Tool<'r>> {
        self.tools.get_or_init(|| {
            let tools = self.server.tools.iter();
            tools
                .map(|tool| (&*tool.name, Tool::of(&tool.definition)))
                .collect()
        })
    }

    /// Whether it has a tool that fits.
    pub(super) fn has_tool(&self, globs: &Globs) -> bool {
        self.server.tools.iter().any(|tool| globs.fit(&tool.name))
    }

    /// Whether rules are about it where they are about another state of it, its tools aside.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.has_tools() == other.has_tools()
            && self.workspaces() == other.workspaces()
            && self.server.environment == other.server.environment
    }

    /// The names of the tools that are not the same in another state of the server.
    pub(super) fn changed_tools(&self, other: &Self) -> BTreeSet<&'r str> {
        let differs = |one: &Self, other: &Self| -> Vec<&'r str> {
            let tools = one.tools().iter();
            let differing = tools.filter(|(name, tool)| {
                let same = other.tools().get(**name);
                same.is_none_or(|same| same.definition != tool.definition)
            });
            differing.map(|(name, _)| *name).collect()
        };
        let mut names = differs(self, other);
        names.extend(differs(other, self));
        names.into_iter().collect()
    }
}

impl<'r> Tool<'r> {
    fn of(definition: &'r str) -> Self {
        Self {
            definition,
            schema: OnceCell::new(),
        }
    }

    /// Its input schema. Without one, anything goes.
    pub(super) fn schema(&self) -> &Value {
        self.schema.get_or_init(|| {
            let definition: Option<Value> = serde_json::from_str(self.definition).ok();
            let schema = definition.as_ref().and_then(|it| it.get("inputSchema"));
            schema.cloned().unwrap_or(Value::Bool(true))
        })
    }
}

/// Globs that are held against many names. What is no glob matches nothing.
pub(super) struct Globs(Vec<Glob>);

impl Globs {
    pub(super) fn of(globs: &[String]) -> Self {
        let globs = globs.iter().filter_map(|glob| Glob::parse(glob).ok());
        Self(globs.collect())
    }

    /// Whether any of them matches.
    pub(super) fn fit(&self, name: &str) -> bool {
        self.0.iter().any(|glob| glob.matches(name))
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
