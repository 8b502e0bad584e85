//! Whom rules let use a tool.

use chancery_engine::{
    rule::{Act, Effect, Rule, Target},
    subject::Subjects,
};
use chancery_proto::admin::v1::Caller;

use super::Simulator;

impl Simulator {
    /// Whom the rules about a server allow a tool, and whom they deny it, with what else each rule
    /// asks of a call; `None` where there is no such server.
    pub fn callers(&self, server: &str, tool: &str) -> Option<(Vec<Caller>, Vec<Caller>)> {
        let index = self.policy.find(server)?;
        let act = Act::using(Target::Tool(tool));
        let (mut allowed, mut denied) = (Vec::new(), Vec::new());
        for rule in self.policy.rules_of(index).filter(|rule| rule.covers(act)) {
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
    subjects(&rule.subjects).into_iter().map(|subject| Caller {
        subject,
        rule: rule.name.to_string(),
        conditions: Vec::new(),
    })
}

/// Each member of a set, for people.
fn subjects(subjects: &Subjects) -> Vec<String> {
    let Subjects {
        users,
        groups,
        token_roles,
        roles,
        teams,
        workspaces,
        agents,
        clients,
        authenticated,
        anyone,
    } = subjects;
    let mut all = Vec::new();
    all.extend(anyone.then(|| "anyone".to_owned()));
    all.extend(authenticated.then(|| "anyone with a token".to_owned()));
    for (kind, names) in [
        ("user", users),
        ("group", groups),
        ("role of the token", token_roles),
        ("role", roles),
        ("team", teams),
        ("workspace", workspaces),
        ("client", clients),
    ] {
        all.extend(names.iter().map(|name| format!("{kind} {name}")));
    }
    all.extend(agents.iter().map(|glob| format!("agent {}", glob.as_str())));
    all
}
