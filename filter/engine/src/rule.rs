//! Who may use what.

use std::collections::BTreeSet;

use crate::{glob::Glob, principal::Principal, redact::Redaction};

/// A rule. Deny wins over allow, whatever the order; nothing matched is a deny.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Its resource name, `organizations/{o}/rules/{r}`.
    pub name: Box<str>,
    /// What it does where it matches.
    pub effect: Effect,
    /// Whom it is about.
    pub subjects: Subjects,
    /// Which servers, by id.
    pub servers: Vec<Glob>,
    /// Which tools, by name.
    pub tools: Vec<Glob>,
    /// Which prompts, by name.
    pub prompts: Vec<Glob>,
    /// Which resources, by URI.
    pub resources: Vec<Glob>,
    /// What must be masked in a call it allows.
    pub redaction: Option<Redaction>,
}

/// What a rule does where it matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// The call may go on, unless another rule denies it.
    Allow,
    /// The call is refused.
    Deny,
}

/// A set of principals: the union of its members.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Subjects {
    /// Exact user ids.
    pub users: BTreeSet<Box<str>>,
    /// Exact group names.
    pub groups: BTreeSet<Box<str>>,
    /// Everyone with a valid token.
    pub authenticated: bool,
    /// Everyone.
    pub anyone: bool,
}

impl Subjects {
    /// Whether the set holds a principal.
    pub fn contain(&self, principal: &Principal) -> bool {
        self.anyone
            || (self.authenticated && principal.is_authenticated())
            || principal
                .user
                .as_ref()
                .is_some_and(|user| self.users.contains(user))
            || principal
                .groups
                .iter()
                .any(|group| self.groups.contains(group))
    }
}

/// What a message acts on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target<'a> {
    /// The server as such: the handshake, lists, what names no capability.
    Server,
    /// A tool, by name.
    Tool(&'a str),
    /// A prompt, by name.
    Prompt(&'a str),
    /// A resource or resource template, by URI.
    Resource(&'a str),
}

impl Rule {
    /// Whether the rule names what a message acts on. It names a server as such through any
    /// capability of it.
    pub fn names(&self, target: Target<'_>) -> bool {
        let any = |globs: &[Glob], name: &str| globs.iter().any(|glob| glob.matches(name));
        match target {
            Target::Server => true,
            Target::Tool(name) => any(&self.tools, name),
            Target::Prompt(name) => any(&self.prompts, name),
            Target::Resource(uri) => any(&self.resources, uri),
        }
    }
}
