//! Who may use what.

mod index;

pub(crate) use index::{RuleIndex, RuleIndexDraft};

use std::net::IpAddr;

use crate::{
    address::AddressRange,
    audit::AuditLevel,
    condition::{Arguments, Condition},
    glob::Glob,
    id::Time,
    json::Value,
    message::Method,
    subject::Subjects,
    truth::Truth,
};

/// A rule. Deny wins over allow, whatever the order; nothing matched is a deny.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rule {
    /// Its resource name, `organizations/{o}/rules/{r}`, or for calls that belong to one workspace
    /// `organizations/{o}/workspaces/{w}/rules/{r}`.
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
    /// In which environments of servers. Empty: all.
    pub environments: Vec<Glob>,
    /// Only through which agents. Empty: through any or none.
    pub agents: Vec<Glob>,
    /// Conditions on the arguments, all of which must hold.
    pub when: Vec<Condition>,
    /// Where the peer must be. Empty: anywhere.
    pub source_ranges: Vec<AddressRange>,
    /// When it stops to apply. `None`: never.
    pub expire_time: Option<Time>,
    /// Whether it is enforced.
    pub mode: Mode,
    /// What must happen to a call it allows.
    pub obligations: Obligations,
}

/// What must happen to a call that a rule allows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Obligations {
    /// The ids of the organization's redaction profiles that apply.
    pub redact: Vec<Box<str>>,
    /// The ids of the detectors whose reversible tokens its tools get opened.
    pub reveal: Vec<Box<str>>,
    /// When it goes on. `None`: the rule does not say.
    pub audit: Option<AuditLevel>,
    /// Whether it must come with the prompt behind it.
    pub require_prompt: bool,
}

impl Obligations {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        let Self {
            redact,
            reveal,
            audit,
            require_prompt,
        } = self;
        redact.is_empty() && reveal.is_empty() && audit.is_none() && !require_prompt
    }
}

/// Whether a rule is enforced.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Mode {
    /// It decides.
    #[default]
    Enforce,
    /// It is evaluated and recorded, and changes nothing.
    Shadow,
}

/// What a rule does where it matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// The call may go on, unless another rule denies it.
    Allow,
    /// The call is refused.
    Deny,
}

impl Effect {
    /// Whether a rule with this effect applies where what it asks for comes to `truth`: what cannot
    /// be evaluated satisfies no allow and every deny.
    pub fn applies(self, truth: Truth) -> bool {
        match (self, truth) {
            (Self::Allow | Self::Deny, Truth::Holds) | (Self::Deny, Truth::Unknown) => true,
            (Self::Allow | Self::Deny, Truth::Fails) | (Self::Allow, Truth::Unknown) => false,
        }
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tool, Self::Prompt, Self::Resource];

    /// Whether a method can act on one, itself or through a task.
    pub fn is_acted_on_by(self, method: Method) -> bool {
        match self {
            Self::Tool => method == Method::ToolsCall || method.is_about_a_task(),
            Self::Prompt => matches!(method, Method::PromptsGet | Method::Complete),
            Self::Resource => matches!(
                method,
                Method::ResourcesRead
                    | Method::ResourcesSubscribe
                    | Method::ResourcesUnsubscribe
                    | Method::ResourceUpdated
                    | Method::Complete
                    | Method::Listen
            ),
        }
    }

    /// The method through which one is used.
    pub fn method(self) -> Method {
        match self {
            Self::Tool => Method::ToolsCall,
            Self::Prompt => Method::PromptsGet,
            Self::Resource => Method::ResourcesRead,
        }
    }
}

/// What is known of the arguments of an act.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// Nothing: asked is whether some could be allowed. So it is for lists, and for what was judged
    /// with its arguments before, such as tasks.
    Open,
    /// They are these. `None`: it has none.
    Settled(Option<Value<'a>>),
}

/// What a message does: what rules are asked about.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    /// The method. `None`: the transport itself, such as a GET that listens or the answer to a
    /// request of the server's.
    pub method: Option<Method>,
    /// What it acts on.
    pub target: Target<'a>,
    /// With which arguments.
    pub given: Given<'a>,
}

impl<'a> Act<'a> {
    /// What acts on the server as such.
    pub fn on_server(method: Option<Method>) -> Self {
        Self {
            method,
            target: Target::Server,
            given: Given::Open,
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
            given: Given::Open,
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

    /// When an act goes on that it allows, as far as it says: of a server as such only where it is about
    /// the method, and not because whoever may use something may shake hands too.
    pub fn audit(&self, act: Act<'_>) -> Option<AuditLevel> {
        let is_about = act.target != Target::Server
            || !self.has_capabilities() && self.covers_method(act.method);
        self.obligations.audit.filter(|_| is_about)
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

    /// The id of the one workspace whose calls it is about. `None`: all of its organization.
    pub fn workspace(&self) -> Option<&str> {
        let (_, rest) = self.name.split_once("/workspaces/")?;
        rest.split('/').next()
    }

    /// Whether it only ever allows: of many that do, one says what all do.
    pub(crate) fn is_plain(&self) -> bool {
        self.mode == Mode::Enforce && self.effect == Effect::Allow && self.obligations.is_empty()
    }

    /// Whether it applies no more.
    pub fn is_expired(&self, now: Time) -> bool {
        self.expire_time.is_some_and(|time| time <= now)
    }

    /// Whether the peer is where it must be; unknown where that is.
    pub fn covers_source(&self, source: Option<IpAddr>) -> Truth {
        if self.source_ranges.is_empty() {
            return Truth::Holds;
        }
        source.map_or(Truth::Unknown, |source| {
            let mut ranges = self.source_ranges.iter();
            ranges.any(|range| range.contains(source)).into()
        })
    }

    /// Whether its conditions hold; `None` for arguments that are not settled, which could be such
    /// that an allow applies and a deny does not.
    pub(crate) fn covers_arguments(&self, arguments: Option<&Arguments<'_>>) -> Truth {
        match arguments {
            Some(arguments) => Truth::all(self.when.iter().map(|one| one.evaluate(arguments))),
            None if self.when.is_empty() => Truth::Holds,
            None => match self.effect {
                Effect::Allow => Truth::Holds,
                Effect::Deny => Truth::Fails,
            },
        }
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

    pub(crate) fn has_capabilities(&self) -> bool {
        !(self.tools.is_empty() && self.prompts.is_empty() && self.resources.is_empty())
    }

    pub(crate) fn covers_method(&self, method: Option<Method>) -> bool {
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
