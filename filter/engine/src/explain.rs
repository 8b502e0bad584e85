//! Why rules do not apply, and whom they are about, for people.

use crate::{
    circumstances::Circumstances,
    glob::Glob,
    policy::{Policy, ServerIndex},
    principal::Principal,
    rule::{Act, Effect, Rule, Target},
    subject::Subjects,
    truth::Truth,
};

/// Most near misses of one act.
const MAX_NEAR_MISSES: usize = 100;

/// A rule that does not apply, and the first thing about it that does not fit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NearMiss {
    /// Its resource name.
    pub rule: Box<str>,
    /// What does not fit, as documents name it: `subjects`, `tools`, `when[0]`, …
    pub field: String,
    /// What was found there.
    pub found: String,
    /// What would fit.
    pub expected: String,
    /// How much of it fits: the more, the nearer.
    nearness: usize,
}

/// What does not fit.
struct Misfit {
    field: String,
    found: String,
    expected: String,
    nearness: usize,
}

impl Policy {
    /// Every rule about a server that does not apply to an act, the nearest first; of many, the
    /// nearest alone.
    pub fn near_misses(
        &self,
        server: ServerIndex,
        principal: &Principal,
        circumstances: &Circumstances<'_>,
        act: Act<'_>,
    ) -> Vec<NearMiss> {
        let asked = Asked {
            policy: self,
            principal,
            circumstances,
            act,
        };
        let missed = |rule| {
            let misfit = asked.misfit(rule)?;
            let Misfit {
                field,
                found,
                expected,
                nearness,
            } = misfit;
            let near_miss = NearMiss {
                rule: rule.name.clone(),
                field,
                found,
                expected,
                nearness,
            };
            Some((rule.effect, near_miss))
        };
        let mut missed: Vec<_> = self.rules_of(server).filter_map(missed).collect();
        // Among those that are as near, what would allow comes first: it is what is asked for.
        let allows = |effect| match effect {
            Effect::Allow => 0,
            Effect::Deny => 1,
        };
        missed.sort_by(|(a_effect, a), (b_effect, b)| {
            let nearer = b.nearness.cmp(&a.nearness);
            let effect = allows(*a_effect).cmp(&allows(*b_effect));
            nearer.then(effect).then_with(|| a.rule.cmp(&b.rule))
        });
        missed.truncate(MAX_NEAR_MISSES);
        missed.into_iter().map(|(_, near_miss)| near_miss).collect()
    }
}

/// What a rule is held against.
struct Asked<'a> {
    policy: &'a Policy,
    principal: &'a Principal,
    circumstances: &'a Circumstances<'a>,
    act: Act<'a>,
}

impl Asked<'_> {
    /// The first thing about a rule that does not fit; `None` where it applies.
    fn misfit(&self, rule: &Rule) -> Option<Misfit> {
        let parts = [
            self.capability(rule),
            self.method(rule),
            self.subjects(rule),
        ];
        let parts = parts.into_iter().enumerate();
        let mut misfits = parts.filter_map(|(nearness, part)| {
            let (field, found, expected) = part?;
            Some(Misfit {
                field: field.to_owned(),
                found,
                expected,
                nearness,
            })
        });
        misfits.next()
    }

    fn capability(&self, rule: &Rule) -> Option<(&'static str, String, String)> {
        if rule.covers_target(self.act.target) {
            return None;
        }
        let (field, found, globs) = match self.act.target {
            Target::Server => return None,
            Target::Tool(name) => ("tools", name, &rule.tools),
            Target::Prompt(name) => ("prompts", name, &rule.prompts),
            Target::Resource(uri) => ("resources", uri, &rule.resources),
        };
        Some((field, found.to_owned(), listed(globs)))
    }

    fn method(&self, rule: &Rule) -> Option<(&'static str, String, String)> {
        if rule.covers(self.act) {
            return None;
        }
        let found = self
            .act
            .method
            .map_or("no method", |method| method.as_str());
        let expected = match (self.act.target, rule.effect) {
            (Target::Server, Effect::Deny) if rule.methods.is_empty() => {
                "what acts on a tool, prompt or resource".to_owned()
            }
            _ => listed(&rule.methods),
        };
        Some(("methods", found.to_owned(), expected))
    }

    fn subjects(&self, rule: &Rule) -> Option<(&'static str, String, String)> {
        let membership = self.policy.membership(
            &rule.name,
            &rule.subjects,
            self.principal,
            self.circumstances,
        );
        match (rule.effect, membership) {
            (Effect::Allow | Effect::Deny, Truth::Holds) | (Effect::Deny, Truth::Unknown) => {
                return None;
            }
            (Effect::Allow | Effect::Deny, Truth::Fails) | (Effect::Allow, Truth::Unknown) => {}
        }
        let mut found = whom(self.principal);
        if membership == Truth::Unknown {
            found.push_str(", and groups that the token leaves out");
        }
        Some(("subjects", found, members(&rule.subjects).join(" or ")))
    }
}

fn listed(globs: &[Glob]) -> String {
    if globs.is_empty() {
        return "none".to_owned();
    }
    let globs: Vec<_> = globs.iter().map(Glob::as_str).collect();
    globs.join(", ")
}

/// A principal, by everything that rules can name.
fn whom(principal: &Principal) -> String {
    let one =
        |kind: &str, name: &Option<Box<str>>| name.as_ref().map(|name| format!("{kind} {name}"));
    let several = |kind: &str, names: &[Box<str>]| {
        (!names.is_empty()).then(|| format!("{kind} {}", names.join(", ")))
    };
    let parts = [
        one("user", &principal.user),
        several("groups", &principal.groups),
        several("roles", &principal.token_roles),
        one("team", &principal.team),
        one("agent", &principal.agent),
        one("client", &principal.client),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        "nobody logged in".to_owned()
    } else {
        parts.join(", ")
    }
}

/// Each member of a set of principals: `group dev`, `user ann@example.com`, `anyone`.
pub fn members(subjects: &Subjects) -> Vec<String> {
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
        ("token role", token_roles),
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

#[cfg(test)]
mod tests;
