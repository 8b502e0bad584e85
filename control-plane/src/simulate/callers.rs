//! Whom rules let use a tool.

use chancery_engine::{
    explain,
    id::Time,
    rule::{Act, Effect, Rule, Target},
};
use chancery_proto::admin::v1::Caller;

use super::Simulator;

impl Simulator {
    /// Whom the rules about a server allow a tool, and whom they deny it, with what else each rule
    /// asks of a call; `None` where there is no such server.
    pub fn callers(
        &self,
        server: &str,
        tool: &str,
        now: Time,
    ) -> Option<(Vec<Caller>, Vec<Caller>)> {
        let index = self.policy.find(server)?;
        let act = Act::using(Target::Tool(tool));
        let (mut allowed, mut denied) = (Vec::new(), Vec::new());
        let rules = self.policy.rules_of(index);
        let rules = rules.filter(|rule| !rule.is_expired(now));
        for rule in rules.filter(|rule| rule.covers(act)) {
            let callers = match rule.effect {
                Effect::Allow => &mut allowed,
                Effect::Deny => &mut denied,
            };
            callers.extend(callers_of(rule));
        }
        Some((allowed, denied))
    }
}

fn callers_of(rule: &Rule) -> impl Iterator<Item = Caller> {
    explain::members(&rule.subjects)
        .into_iter()
        .map(|subject| Caller {
            subject,
            rule: rule.name.to_string(),
            conditions: explain::conditions(rule),
        })
}
