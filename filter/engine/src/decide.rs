//! The one evaluator: lists, calls, simulation and replay all ask it.

mod facts;

use std::net::IpAddr;

use crate::{
    approved::Approved,
    audit::AuditLevel,
    block::BlocksFor,
    circumstances::Circumstances,
    condition::Arguments,
    id::Time,
    index::Bits,
    offer::Offered,
    policy::{Policy, ServerIndex},
    principal::Principal,
    reason::Reason,
    rule::{Act, CapabilityKind, Effect, Given, Mode, Rule, RuleIndex, Target},
    server::ServerState,
    subject::Memberships,
    truth::Truth,
};

/// Most rules that are named as allowing a server as such, which any that allows something does.
const MAX_NAMED_RULES: usize = 16;

/// What the rules say about one act.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement<'p> {
    /// Whether it may go on.
    pub verdict: Verdict,
    /// The rules that decided, in the order of their names; of those that let a server as such be
    /// reached, the first.
    pub rules: Vec<&'p str>,
    /// The rules in shadow mode that would have decided otherwise, in the order of their names.
    pub shadow_rules: Vec<&'p str>,
    /// The ids of the redaction profiles that apply, of every rule that allows, each once.
    pub redact: Vec<&'p str>,
    /// The ids of the detectors whose tokens are opened, of every rule that allows, each once.
    pub reveal: Vec<&'p str>,
    /// The same of every rule that could allow.
    pub could_reveal: Vec<&'p str>,
    /// Whether any rule that could decide has conditions, so that arguments were read.
    pub reads_arguments: bool,
    /// The profiles that would apply to what was read, if every rule that could decide allowed.
    pub masks: Vec<&'p str>,
    /// When it goes on, as the strictest of the rules says that allow it. `None`: none of them says so.
    pub audit: Option<AuditLevel>,
    /// Whether a rule that allows it wants the prompt behind it.
    pub requires_prompt: bool,
}

impl<'p> Judgement<'p> {
    /// Whether it would be allowed, were the rules in shadow enforced too.
    pub fn would_allow(&self) -> bool {
        (self.verdict == Verdict::Allow) == self.shadow_rules.is_empty()
    }

    /// Of what cannot be used, whatever the rules say.
    fn refused(reason: Reason, block: Option<&'p str>) -> Self {
        Self {
            verdict: Verdict::Deny(reason),
            rules: block.into_iter().collect(),
            shadow_rules: Vec::new(),
            redact: Vec::new(),
            reveal: Vec::new(),
            could_reveal: Vec::new(),
            reads_arguments: false,
            masks: Vec::new(),
            audit: None,
            requires_prompt: false,
        }
    }
}

/// Whether something may go on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// It may.
    Allow,
    /// It may not, and why.
    Deny(Reason),
}

/// The rules about one principal at one server, in the order of their names.
#[derive(Debug)]
pub struct RulesFor<'p> {
    rules: Option<(&'p RuleIndex, Memberships)>,
    source: Option<IpAddr>,
    now: Time,
    /// What no rule exceeds.
    offered: Offered<'p>,
    /// What people have approved of the server. `None`: that is not asked.
    approved: Option<&'p Approved>,
    /// How far the server is in the registry.
    state: ServerState,
    blocks: BlocksFor<'p>,
}

impl Policy {
    /// The rules about a principal at a server: looked for once, asked about many acts.
    pub fn rules_for(
        &self,
        server: ServerIndex,
        principal: &Principal,
        circumstances: &Circumstances<'_>,
    ) -> RulesFor<'_> {
        let rules = self.indexed_rules(server).map(|(rules, named)| {
            let about = rules.about(named, principal, circumstances.workspace);
            (rules, about)
        });
        let at = self.server(server);
        RulesFor {
            rules,
            source: circumstances.source,
            now: circumstances.now,
            offered: self.offered(server, circumstances.workspace),
            approved: at.and_then(|server| server.approved.as_ref()),
            state: at.map_or(ServerState::Approved, |server| server.state),
            blocks: self.blocks_for(server, principal, circumstances),
        }
    }
}

impl<'p> RulesFor<'p> {
    /// Judges an act. Deny over allow; nothing matched is a deny.
    pub fn judge(&self, act: Act<'_>) -> Judgement<'p> {
        if let Some((reason, block)) = self.out_of_reach(act.target) {
            return Judgement::refused(reason, block);
        }
        let mut tally = Tally::default();
        self.weigh(act, |rule, truth| {
            tally.add(rule, act, truth);
            let is_enough = tally.enforced.allowed.len() >= MAX_NAMED_RULES;
            !(is_enough && act.target == Target::Server && rule.is_plain())
        });
        tally.judgement()
    }

    /// Why something cannot be used, whatever the rules say, and the block that says so.
    fn out_of_reach(&self, target: Target<'_>) -> Option<(Reason, Option<&'p str>)> {
        if let Some(block) = self.blocks.on(target) {
            return Some((block.reason(), Some(&block.name)));
        }
        let reason = if let Some(reason) = self.state.refusal() {
            reason
        } else if self.approved.is_some_and(|it| !it.covers(target)) {
            Reason::Unapproved
        } else if !self.offered.covers(target) {
            Reason::NotOffered
        } else {
            return None;
        };
        Some((reason, None))
    }

    /// Whether an act would be allowed, for what is shown rather than done.
    pub fn allow(&self, act: Act<'_>) -> bool {
        if self.out_of_reach(act.target).is_some() {
            return false;
        }
        let (mut allowed, mut denied) = (false, false);
        self.weigh(act, |rule, truth| {
            if rule.mode == Mode::Enforce && rule.effect.applies(truth) {
                match rule.effect {
                    Effect::Allow => allowed = true,
                    Effect::Deny => denied = true,
                }
            }
            // Of a server, plain rules come last: no deny is among them.
            let is_enough = allowed && act.target == Target::Server && rule.is_plain();
            !(denied || is_enough)
        });
        allowed && !denied
    }

    /// Whether any capability of a kind could be used.
    pub fn allow_some(&self, kind: CapabilityKind) -> bool {
        let mut allowed = false;
        if self.out_of_reach(Target::Server).is_some() || !self.offered.covers_some(kind) {
            return false;
        }
        for (rule, known) in self.all() {
            let truth = known.and(rule.covers_arguments(None));
            if rule.mode == Mode::Shadow || !rule.effect.applies(truth) {
                continue;
            }
            match rule.effect {
                Effect::Allow => allowed |= rule.covers_some(kind),
                Effect::Deny if rule.covers_all(kind) => return false,
                Effect::Deny => {}
            }
        }
        allowed
    }

    /// Every rule about the principal, with how sure it is that the rule is about this call,
    /// whatever it does.
    fn all(&self) -> impl Iterator<Item = (&'p Rule, Truth)> + use<'_, 'p> {
        self.rules.iter().flat_map(move |(index, about)| {
            let positions: Vec<_> = about.all().iter().collect();
            let positions = positions.into_iter();
            positions.filter_map(move |position| self.known(index, about, position))
        })
    }

    /// Hands out the rules that cover an act, each with what it asks for comes to, for as long as
    /// `go_on` says so.
    fn weigh(&self, act: Act<'_>, mut go_on: impl FnMut(&'p Rule, Truth) -> bool) {
        let arguments = match act.given {
            Given::Open => None,
            Given::Settled(root) => Some(Arguments::new(root)),
        };
        self.candidates(act, |rule, known| {
            go_on(rule, known.and(rule.covers_arguments(arguments.as_ref())))
        });
    }

    /// Hands out the rules that cover an act, each with how sure it is that it is about this call,
    /// its arguments apart. Of a server as such, plain rules come after all others.
    fn candidates(&self, act: Act<'_>, mut go_on: impl FnMut(&'p Rule, Truth) -> bool) {
        let Some((index, about)) = &self.rules else {
            return;
        };
        let all = about.all();
        let mut among = |positions: &Bits, covers: fn(&Rule, Act<'_>) -> bool| {
            let positions = positions.both(&all);
            let mut known = positions.filter_map(|position| self.known(index, about, position));
            known.all(|(rule, known)| !covers(rule, act) || go_on(rule, known))
        };
        match index.about_target(act.target) {
            Some(positions) => {
                among(&positions, |rule, act| rule.covers_method(act.method));
            }
            None => {
                let _all =
                    among(index.on_server(), Rule::covers) && among(index.plain(), Rule::covers);
            }
        }
    }

    /// How sure it is that a rule is about this call, whatever it does; `None` where it is not.
    fn known(
        &self,
        index: &'p RuleIndex,
        about: &Memberships,
        position: usize,
    ) -> Option<(&'p Rule, Truth)> {
        let rule = index.rules().get(position)?;
        if rule.is_expired(self.now) {
            return None;
        }
        let is_member = if about.certain.contains(position) {
            Truth::Holds
        } else {
            Truth::Unknown
        };
        match is_member.and(rule.covers_source(self.source)) {
            Truth::Fails => None,
            known @ (Truth::Holds | Truth::Unknown) => Some((rule, known)),
        }
    }
}

/// The rules that apply, by effect.
#[derive(Debug, Default)]
struct Applying<'p> {
    allowed: Vec<&'p str>,
    denied: Vec<&'p str>,
}

/// What the rules say, as they are asked.
#[derive(Debug, Default)]
struct Tally<'p> {
    enforced: Applying<'p>,
    shadow: Applying<'p>,
    redact: Vec<&'p str>,
    reveal: Vec<&'p str>,
    could_reveal: Vec<&'p str>,
    reads_arguments: bool,
    masks: Vec<&'p str>,
    audit: Option<AuditLevel>,
    requires_prompt: bool,
}

impl<'p> Tally<'p> {
    fn add(&mut self, rule: &'p Rule, act: Act<'_>, truth: Truth) {
        self.reads_arguments |= !rule.when.is_empty();
        add_each(&mut self.masks, &rule.obligations.redact);
        let can_allow = rule.mode == Mode::Enforce && rule.effect == Effect::Allow;
        if can_allow {
            add_each(&mut self.could_reveal, &rule.obligations.reveal);
        }
        if !rule.effect.applies(truth) {
            return;
        }
        let applying = match rule.mode {
            Mode::Enforce => &mut self.enforced,
            Mode::Shadow => &mut self.shadow,
        };
        let names = match rule.effect {
            Effect::Allow => &mut applying.allowed,
            Effect::Deny => &mut applying.denied,
        };
        // They come in order, but for a server as such.
        let before = names.partition_point(|name| **name < *rule.name);
        names.insert(before, &rule.name);
        if can_allow {
            add_each(&mut self.redact, &rule.obligations.redact);
            add_each(&mut self.reveal, &rule.obligations.reveal);
            self.audit = self.audit.max(rule.audit(act));
            self.requires_prompt |= rule.obligations.require_prompt && act.target != Target::Server;
        }
    }

    fn judgement(self) -> Judgement<'p> {
        let Self {
            enforced,
            shadow,
            mut redact,
            mut reveal,
            could_reveal,
            reads_arguments,
            masks,
            audit,
            requires_prompt,
        } = self;
        let is_denied = !enforced.denied.is_empty() || !shadow.denied.is_empty();
        let is_allowed = !enforced.allowed.is_empty() || !shadow.allowed.is_empty();
        let would_allow = is_allowed && !is_denied;
        let (verdict, rules) = if !enforced.denied.is_empty() {
            (Verdict::Deny(Reason::DeniedByRule), enforced.denied)
        } else if enforced.allowed.is_empty() {
            (Verdict::Deny(Reason::NoMatchingRule), Vec::new())
        } else {
            (Verdict::Allow, enforced.allowed)
        };
        let shadow_rules = match (verdict, would_allow) {
            (Verdict::Allow, true) | (Verdict::Deny(_), false) => Vec::new(),
            (Verdict::Allow, false) => shadow.denied,
            (Verdict::Deny(_), true) => shadow.allowed,
        };
        if verdict != Verdict::Allow {
            redact.clear();
            reveal.clear();
        }
        Judgement {
            verdict,
            rules,
            shadow_rules,
            redact,
            reveal,
            could_reveal,
            reads_arguments,
            masks,
            audit,
            requires_prompt,
        }
    }
}

/// Adds ids that are not there yet. They are few.
pub(crate) fn add_each<'p>(ids: &mut Vec<&'p str>, more: &'p [Box<str>]) {
    for id in more {
        if !ids.contains(&&**id) {
            ids.push(id);
        }
    }
}

#[cfg(test)]
mod tests;
