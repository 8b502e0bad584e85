//! Who may use what.

use crate::{glob::Glob, message::Method, redact::Redaction, subject::Subjects};

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
    /// Through which methods. Empty: all. A rule that names no tool, prompt or resource is about
    /// its methods, whatever they act on.
    pub methods: Vec<Glob>,
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

/// The kinds of what a server offers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CapabilityKind {
    /// Tools.
    Tool,
    /// Prompts.
    Prompt,
    /// Resources and their templates.
    Resource,
}

impl CapabilityKind {
    /// The method through which one is used.
    pub fn method(self) -> Method {
        match self {
            Self::Tool => Method::ToolsCall,
            Self::Prompt => Method::PromptsGet,
            Self::Resource => Method::ResourcesRead,
        }
    }
}

/// What a message does: what rules are asked about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Act<'a> {
    /// The method. `None`: the transport itself, such as a GET that listens or the answer to a
    /// request of the server's.
    pub method: Option<Method>,
    /// What it acts on.
    pub target: Target<'a>,
}

impl<'a> Act<'a> {
    /// What acts on the server as such.
    pub fn on_server(method: Option<Method>) -> Self {
        Self {
            method,
            target: Target::Server,
        }
    }

    /// What using a capability comes to, for lists that show what could be used.
    pub fn using(target: Target<'a>) -> Self {
        let kind = match target {
            Target::Server => None,
            Target::Tool(_) => Some(CapabilityKind::Tool),
            Target::Prompt(_) => Some(CapabilityKind::Prompt),
            Target::Resource(_) => Some(CapabilityKind::Resource),
        };
        Self {
            method: kind.map(CapabilityKind::method),
            target,
        }
    }

    fn is_basic(self) -> bool {
        self.method.is_none_or(Method::is_basic)
    }
}

impl Rule {
    /// Whether the rule is about an act.
    ///
    /// A server as such is reached through any rule that allows something of it: without methods by
    /// all that act on no capability, with them by what every conversation needs and by those. It is
    /// denied only by a rule that names methods and no capability.
    pub fn covers(&self, act: Act<'_>) -> bool {
        let any = |globs: &[Glob], name: &str| globs.iter().any(|glob| glob.matches(name));
        let names_capability = match act.target {
            Target::Server => {
                return match self.effect {
                    Effect::Allow => act.is_basic() || self.covers_method(act.method),
                    Effect::Deny => !self.has_capabilities() && self.covers_method(act.method),
                };
            }
            Target::Tool(name) => any(&self.tools, name),
            Target::Prompt(name) => any(&self.prompts, name),
            Target::Resource(uri) => any(&self.resources, uri),
        };
        (names_capability || !self.has_capabilities()) && self.covers_method(act.method)
    }

    /// Whether the rule is about any capability of a kind at all.
    pub fn covers_some(&self, kind: CapabilityKind) -> bool {
        let globs = match kind {
            CapabilityKind::Tool => &self.tools,
            CapabilityKind::Prompt => &self.prompts,
            CapabilityKind::Resource => &self.resources,
        };
        (!globs.is_empty() || !self.has_capabilities()) && self.covers_method(Some(kind.method()))
    }

    /// Whether the rule is about every capability of a kind.
    pub fn covers_all(&self, kind: CapabilityKind) -> bool {
        !self.has_capabilities() && self.covers_method(Some(kind.method()))
    }

    /// Whether the rule is about what an act acts on, through whatever method.
    pub(crate) fn covers_target(&self, target: Target<'_>) -> bool {
        let any = |globs: &[Glob], name: &str| globs.iter().any(|glob| glob.matches(name));
        !self.has_capabilities()
            || match target {
                Target::Server => true,
                Target::Tool(name) => any(&self.tools, name),
                Target::Prompt(name) => any(&self.prompts, name),
                Target::Resource(uri) => any(&self.resources, uri),
            }
    }

    fn has_capabilities(&self) -> bool {
        !(self.tools.is_empty() && self.prompts.is_empty() && self.resources.is_empty())
    }

    fn covers_method(&self, method: Option<Method>) -> bool {
        let any = |name: &str| self.methods.iter().any(|glob| glob.matches(name));
        self.methods.is_empty()
            || match method {
                None => any(""),
                // A client that is refused the one handshake falls back to the other.
                Some(method) if method.is_handshake() => {
                    any(Method::Initialize.as_str()) || any(Method::Discover.as_str())
                }
                Some(method) => any(method.as_str()),
            }
    }
}
