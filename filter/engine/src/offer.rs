//! What an organization lets its workspaces use. No rule allows more than is offered.

use crate::{
    glob::Glob,
    policy::{Policy, ServerIndex},
    rule::{CapabilityKind, Target},
    server::Server,
};

/// What an organization lets some workspaces use of some servers.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    /// Its resource name, `organizations/{o}/offers/{o}`.
    pub name: Box<str>,
    /// Which servers, by id.
    pub servers: Vec<Glob>,
    /// Which workspaces, by id.
    pub workspaces: Vec<Glob>,
    /// Which tools, by name. Without tools, prompts and resources: everything.
    pub tools: Vec<Glob>,
    /// Which prompts, by name.
    pub prompts: Vec<Glob>,
    /// Which resources, by URI.
    pub resources: Vec<Glob>,
}

/// What of one server is offered to one workspace.
#[derive(Clone, Debug)]
pub enum Offered<'p> {
    /// All of it: no offer names the server, which is the workspace's own.
    Everything,
    /// What these offers name: nothing without any.
    Of(Vec<&'p Offer>),
}

impl Policy {
    /// What of a server is offered to a workspace. A server that no offer names is offered whole to
    /// the workspace it is registered in, and to no other.
    pub fn offered(&self, server: ServerIndex, workspace: &str) -> Offered<'_> {
        let own = self.server(server).map(Server::workspace);
        let mut named = self.offers_of(server).peekable();
        if named.peek().is_none() && own == Some(workspace) {
            return Offered::Everything;
        }
        let is_for = |offer: &&Offer| offer.workspaces.iter().any(|glob| glob.matches(workspace));
        Offered::Of(named.filter(is_for).collect())
    }
}

impl Offered<'_> {
    /// Whether something is offered; the server as such with anything of it.
    pub fn covers(&self, target: Target<'_>) -> bool {
        match self {
            Self::Everything => true,
            Self::Of(offers) => offers.iter().any(|offer| offer.covers(target)),
        }
    }

    /// Whether any capability of a kind is.
    pub fn covers_some(&self, kind: CapabilityKind) -> bool {
        match self {
            Self::Everything => true,
            Self::Of(offers) => offers.iter().any(|offer| offer.covers_some(kind)),
        }
    }
}

impl Offer {
    fn covers(&self, target: Target<'_>) -> bool {
        let any = |globs: &[Glob], name: &str| globs.iter().any(|glob| glob.matches(name));
        self.is_whole()
            || match target {
                Target::Server => true,
                Target::Tool(name) => any(&self.tools, name),
                Target::Prompt(name) => any(&self.prompts, name),
                Target::Resource(uri) => any(&self.resources, uri),
            }
    }

    fn covers_some(&self, kind: CapabilityKind) -> bool {
        let globs = match kind {
            CapabilityKind::Tool => &self.tools,
            CapabilityKind::Prompt => &self.prompts,
            CapabilityKind::Resource => &self.resources,
        };
        self.is_whole() || !globs.is_empty()
    }

    fn is_whole(&self) -> bool {
        self.tools.is_empty() && self.prompts.is_empty() && self.resources.is_empty()
    }
}
