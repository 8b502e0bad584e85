//! Blocks: what nobody may use, and who may use nothing, whatever the rules say.

use crate::{
    id::Time,
    name::organization_of,
    order,
    principal::Principal,
    reason::Reason,
    rule::{CapabilityKind, Target},
    server::Server,
};

/// What is blocked, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Block {
    /// Its resource name, `organizations/{o}/blocks/{b}`.
    pub name: Box<str>,
    /// What, or who.
    pub target: Blocked,
    /// Why.
    pub cause: Cause,
    /// When it ends. `None`: never.
    pub expires: Option<Time>,
}

/// What is blocked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Blocked {
    /// Everything of the server of this resource name.
    Server(Box<str>),
    /// Something that a server offers.
    Capability {
        /// The server's resource name.
        server: Box<str>,
        /// What it is.
        kind: CapabilityKind,
        /// Its exact name; a URI as URIs are judged.
        name: Box<str>,
    },
    /// A user, at every server of the organization.
    User(Box<str>),
    /// An agent, at every server of the organization.
    Agent(Box<str>),
    /// A host that nobody registered, in lower case; without a port: at every port.
    Host(Box<str>),
}

/// Why something is blocked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cause {
    /// An administrator stopped it.
    Administrator,
    /// It was seen to be another than what was approved.
    Drift,
}

impl Block {
    fn is_in_force(&self, now: Time) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// The server that it is about, or the organization whose users or agents, or the host, which is
    /// never spelt as they are.
    fn place(&self) -> &str {
        match &self.target {
            Blocked::Server(server) | Blocked::Capability { server, .. } => server,
            Blocked::User(_) | Blocked::Agent(_) => organization_of(&self.name),
            Blocked::Host(host) => host,
        }
    }

    /// Why whoever meets it is refused.
    pub fn reason(&self) -> Reason {
        match self.cause {
            Cause::Administrator => Reason::Blocked,
            Cause::Drift => Reason::Quarantined,
        }
    }
}

/// Every block of a policy, in the order of what each is about: a server, an organization or a host.
#[derive(Debug, Default)]
pub(crate) struct Blocks(Vec<Block>);

impl Blocks {
    /// Sorts blocks by what they are about.
    pub(crate) fn new(blocks: Vec<Block>) -> Self {
        let order = order::by_key(blocks.iter().map(|block| block.place().as_bytes()));
        Self(order::rearranged(blocks, &order))
    }

    /// The blocks of a server, or of the users and agents of an organization.
    fn at(&self, place: &str) -> &[Block] {
        let first = self.0.partition_point(|block| block.place() < place);
        let rest = self.0.get(first..).unwrap_or_default();
        let count = rest.partition_point(|block| block.place() == place);
        rest.get(..count).unwrap_or_default()
    }

    /// The block in the way of an `:authority` that nobody registered.
    pub(crate) fn on_host(&self, authority: &str, now: Time) -> Option<&Block> {
        if self.0.is_empty() {
            return None;
        }
        let is_host = |block: &&Block| matches!(block.target, Blocked::Host(_));
        let mut spellings = spellings(authority).into_iter();
        spellings.find_map(|host| first(self.at(&host), is_host, now))
    }

    /// The blocks that a principal meets at a server.
    pub(crate) fn for_principal(
        &self,
        server: &Server,
        principal: &Principal,
        now: Time,
    ) -> BlocksFor<'_> {
        if self.0.is_empty() {
            return BlocksFor::default();
        }
        let of_server = self.at(&server.name);
        let whole = |block: &&Block| matches!(block.target, Blocked::Server(_));
        let own = |block: &&Block| match &block.target {
            Blocked::User(id) => principal.user.as_ref() == Some(id),
            Blocked::Agent(id) => principal.agent.as_ref() == Some(id),
            Blocked::Server(_) | Blocked::Capability { .. } | Blocked::Host(_) => false,
        };
        let everything = first(of_server, whole, now)
            .or_else(|| first(self.at(server.organization()), own, now));
        BlocksFor {
            everything,
            of_server,
            now,
        }
    }
}

/// The blocks that one principal meets at one server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BlocksFor<'p> {
    /// One that leaves nothing.
    everything: Option<&'p Block>,
    of_server: &'p [Block],
    now: Time,
}

impl<'p> BlocksFor<'p> {
    /// The block in the way of a target.
    pub(crate) fn on(&self, target: Target<'_>) -> Option<&'p Block> {
        if self.everything.is_some() || self.of_server.is_empty() {
            return self.everything;
        }
        let is_it = |block: &&Block| match &block.target {
            Blocked::Capability { kind, name, .. } => match target {
                Target::Server => false,
                Target::Tool(it) => *kind == CapabilityKind::Tool && **name == *it,
                Target::Prompt(it) => *kind == CapabilityKind::Prompt && **name == *it,
                Target::Resource(it) => *kind == CapabilityKind::Resource && **name == *it,
            },
            Blocked::Server(_) | Blocked::User(_) | Blocked::Agent(_) | Blocked::Host(_) => false,
        };
        first(self.of_server, is_it, self.now)
    }
}

/// A block in force; one of an administrator's before a quarantine, which says less.
fn first<'p>(
    blocks: &'p [Block],
    is_it: impl Fn(&&'p Block) -> bool,
    now: Time,
) -> Option<&'p Block> {
    let mut found = None;
    for block in blocks {
        if is_it(&block) && block.is_in_force(now) {
            if block.cause == Cause::Administrator {
                return Some(block);
            }
            found = found.or(Some(block));
        }
    }
    found
}

/// The hosts by which a block may name an `:authority`: with its port and without, the default ones
/// where it says none. User information and the dot of the root change nothing of where it leads.
pub fn spellings(authority: &str) -> Vec<String> {
    let authority = authority.to_ascii_lowercase();
    let place = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (place, None),
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let at = |port: &str| format!("{host}:{port}");
    match port {
        Some(port) => vec![host.to_owned(), at(port)],
        None => vec![host.to_owned(), at("443"), at("80")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "organizations/o/workspaces/w/servers/s";

    fn block(id: &str, target: Blocked, cause: Cause) -> Block {
        Block {
            name: format!("organizations/o/blocks/{id}").into(),
            target,
            cause,
            expires: None,
        }
    }

    fn tool(name: &str) -> Blocked {
        Blocked::Capability {
            server: SERVER.into(),
            kind: CapabilityKind::Tool,
            name: name.into(),
        }
    }

    fn found<'b>(blocks: &'b Blocks, server: &str, name: &str, now: Time) -> Option<&'b str> {
        let of_server = blocks.at(server);
        let met = BlocksFor {
            everything: None,
            of_server,
            now,
        };
        met.on(Target::Tool(name)).map(|block| &*block.name)
    }

    #[test]
    fn a_block_is_found_by_what_it_is_about_and_by_nothing_else() {
        let other = "organizations/o/workspaces/w/servers/s2";
        let blocks = Blocks::new(vec![
            block("b", tool("b"), Cause::Drift),
            block("u", Blocked::User("ann".into()), Cause::Administrator),
            block("other", Blocked::Server(other.into()), Cause::Administrator),
            block("a", tool("a"), Cause::Administrator),
        ]);
        let at = |server, name| found(&blocks, server, name, Time::default());
        assert_eq!(at(SERVER, "a"), Some("organizations/o/blocks/a"));
        assert_eq!(at(SERVER, "b"), Some("organizations/o/blocks/b"));
        for (server, name) in [(SERVER, "c"), (SERVER, "ann"), (other, "a"), ("", "a")] {
            assert_eq!(at(server, name), None, "{name} of {server}");
        }
        assert_eq!(blocks.at("organizations/o").len(), 1);
    }

    #[test]
    fn a_host_is_found_by_every_spelling_that_leads_there() {
        let host = |host: &str| block(host, Blocked::Host(host.into()), Cause::Administrator);
        let blocks = Blocks::new(vec![
            host("evil.test"),
            host("some.test:8443"),
            host("web.test:443"),
            host("[::1]"),
            block("o", Blocked::User("ann".into()), Cause::Administrator),
        ]);
        let is_blocked = |authority| blocks.on_host(authority, Time::default()).is_some();
        for authority in [
            "evil.test",
            "EVIL.test:8443",
            "evil.test.:443",
            "u@evil.test",
            "some.test:8443",
            "web.test",
            "[::1]:3000",
            "[::1]",
        ] {
            assert!(is_blocked(authority), "{authority}");
        }
        for authority in [
            "",
            "a.evil.test",
            "some.test",
            "web.test:8443",
            "organizations/o",
            "ann",
        ] {
            assert!(!is_blocked(authority), "{authority}");
        }
    }

    #[test]
    fn of_two_blocks_the_one_counts_that_is_in_force_and_says_more() {
        let later = Time::from_unix_ms(10);
        let blocks = Blocks::new(vec![
            block("drift", tool("a"), Cause::Drift),
            Block {
                expires: Some(later),
                ..block("stop", tool("a"), Cause::Administrator)
            },
        ]);
        let at = |now| found(&blocks, SERVER, "a", now);
        assert_eq!(at(Time::default()), Some("organizations/o/blocks/stop"));
        assert_eq!(at(later), Some("organizations/o/blocks/drift"));
    }
}
