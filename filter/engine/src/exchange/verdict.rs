//! What the rules say of a message, and what a caller sees where they say no.

use super::{Exchange, Subject, Verb};
use crate::{
    circumstances::{Circumstances, peer_address},
    decide::{RulesFor, Verdict},
    message::Method,
    policy::{Policy, ServerIndex},
    reason::Reason,
    redact::{Plan, holds_token},
    refusal::Reply,
    rule::{Act, Target},
    server::{OnDenied, Server},
};

/// Where a message goes or comes from, and the rules about its principal there.
pub(super) struct Place<'p> {
    pub(super) policy: &'p Policy,
    pub(super) index: ServerIndex,
    pub(super) server: &'p Server,
    pub(super) rules: RulesFor<'p>,
}

impl Exchange {
    /// Where this exchange's messages are judged; `None` before a server was found.
    pub(super) fn place<'p>(&self, policy: Option<&'p Policy>) -> Option<Place<'p>> {
        let (policy, arrival) = policy.zip(self.arrival)?;
        let server = policy.server(arrival.server)?;
        let circumstances = self.circumstances();
        Some(Place {
            policy,
            index: arrival.server,
            server,
            rules: policy.rules_for(arrival.server, &self.principal, &circumstances),
        })
    }

    /// What the messages of this exchange carry beside their principal.
    pub(super) fn circumstances(&self) -> Circumstances<'_> {
        Circumstances {
            workspace: &self.workspace,
            source: self.ids.source.as_deref().and_then(peer_address),
            now: self.now,
        }
    }

    /// Asks the rules about everything a message does; a refusal comes back as the reply to give.
    /// `recorded` are the acts as the record has them, where these hold what the record must not.
    pub(super) fn judge<'s>(
        &mut self,
        place: &Place<'_>,
        acts: &[Act<'_>],
        recorded: Option<&[Act<'_>]>,
        mut subject: Subject<'s>,
    ) -> Result<Subject<'s>, Reply> {
        let mut denied = None;
        let mut masks = Plan::default();
        let organization = place.server.organization();
        let mut asked: usize = 0;
        let (mut reads_arguments, mut requires_prompt) = (false, false);
        for act in acts {
            let judgement = place.rules.judge(*act);
            self.explain(place, *act);
            asked = asked.saturating_add(1);
            let plan = |ids: &[&str]| place.policy.plan(organization, ids);
            // Every profile that a rule names is there, or the policy would not be.
            let (Some(seen), Some(asked_for)) = (plan(&judgement.masks), plan(&judgement.redact))
            else {
                return Err(self.refuse(Reason::NoSnapshot, subject));
            };
            masks.extend(&seen);
            reads_arguments |= judgement.reads_arguments;
            requires_prompt |= judgement.requires_prompt;
            match judgement.verdict {
                Verdict::Allow => {
                    add(&mut subject.shadow_rules, &judgement.shadow_rules);
                    add(&mut subject.rules, &judgement.rules);
                    self.asked.plan.extend(&asked_for);
                    let audit = judgement.audit;
                    let audit = audit.unwrap_or_else(|| place.server.audit_of(*act));
                    // A head alone is no message, and is never held.
                    if self.verb == Verb::Post {
                        self.asked.audit = self.asked.audit.max(audit);
                    }
                }
                Verdict::Deny(reason) => {
                    subject.rules.clear();
                    add(&mut subject.rules, &judgement.rules);
                    subject.shadow_rules = if judgement.would_allow() {
                        would_open(&place.rules, acts)
                    } else {
                        Vec::new()
                    };
                    denied = Some((reason, *act));
                    break;
                }
            }
        }
        if reads_arguments {
            for act in recorded.unwrap_or(acts).iter().take(asked) {
                let inner = inner_tool(*act, &subject).map(str::to_owned);
                let mut facts = place.rules.facts(*act, &masks);
                for fact in &mut facts {
                    // Judged was what the token stands for.
                    fact.is_altered |= recorded.is_some() && holds_token(&fact.value);
                    if let Some(tool) = &inner {
                        fact.key = format!("dispatch.{tool}:{}", fact.key).into();
                    }
                }
                subject.facts.extend(facts);
            }
        }
        let Some((reason, act)) = denied else {
            if requires_prompt && !self.has_prompt {
                return Err(self.refuse(Reason::PromptMissing, subject));
            }
            self.hold_acts(acts);
            return Ok(subject);
        };
        let reply = self.denial(place.server, reason, act, &subject);
        self.refuse(reason, subject);
        Err(reply)
    }

    /// Keeps why rules did not apply to an act, where that is asked; the last act asked about is
    /// the one that decides.
    fn explain(&mut self, place: &Place<'_>, act: Act<'_>) {
        if let Some(explain) = self.explain {
            let circumstances = self.circumstances();
            let near_misses = explain(
                place.policy,
                place.index,
                &self.principal,
                &circumstances,
                act,
            );
            self.near_misses = near_misses;
        }
    }

    /// What a caller sees of an act that the rules do not allow.
    fn denial(
        &self,
        server: &Server,
        reason: Reason,
        act: Act<'_>,
        subject: &Subject<'_>,
    ) -> Reply {
        let inner = inner_tool(act, subject);
        let detail = inner.map(|name| format!("the inner tool `{name}`"));
        let refusal = self.refusal(reason, subject.rpc_id, detail.as_deref());
        let is_hidden = (server.on_denied == OnDenied::Hide || reason.is_always_hidden())
            && subject.rpc_id.is_some()
            && !act.method.is_some_and(Method::is_about_a_task);
        match act.target {
            Target::Server if act.method.is_some_and(Method::is_handshake) => {
                refusal.server_reply()
            }
            Target::Tool(_) | Target::Prompt(_) | Target::Resource(_) if is_hidden => {
                refusal.hidden_reply(act.target)
            }
            Target::Server | Target::Tool(_) | Target::Prompt(_) | Target::Resource(_) => {
                refusal.reply()
            }
        }
    }
}

/// The rules in shadow that would have allowed acts of which one is refused; none where they would
/// not have allowed every one.
fn would_open(rules: &RulesFor<'_>, acts: &[Act<'_>]) -> Vec<Box<str>> {
    let mut names = Vec::new();
    for act in acts {
        let judgement = rules.judge(*act);
        if !judgement.would_allow() {
            return Vec::new();
        }
        if judgement.verdict != Verdict::Allow {
            add(&mut names, &judgement.shadow_rules);
        }
    }
    names
}

fn add(names: &mut Vec<Box<str>>, more: &[&str]) {
    for name in more {
        if !names.iter().any(|known| **known == **name) {
            names.push((*name).into());
        }
    }
}

/// The tool that an act calls, if it is not the one that the message names.
fn inner_tool<'a>(act: Act<'a>, subject: &Subject<'_>) -> Option<&'a str> {
    if act.method == Some(Method::ToolsCall)
        && let (Target::Tool(name), Some(outer)) = (act.target, &subject.capability)
        && name != outer.name()
    {
        return Some(name);
    }
    None
}
