//! Why rules do not apply, and whom they are about, for people.

use std::borrow::Cow;

use crate::{
    circumstances::Circumstances,
    condition::Arguments,
    glob::Glob,
    policy::{Policy, ServerIndex},
    principal::Principal,
    rule::{Act, Effect, Given, Mode, Rule, Target},
    server::Server,
    subject::Subjects,
    truth::Truth,
};

/// Most near misses of one act.
const MAX_NEAR_MISSES: usize = 100;
/// Most values of one argument that are shown.
const MAX_SHOWN: usize = 5;
/// Most bytes that are shown of each.
const MAX_SHOWN_BYTES: usize = 256;

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

/// What does not fit: the field, what was found, and what would fit.
type Misfit = (Cow<'static, str>, String, String);

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
        let Some(place) = self.server(server) else {
            return Vec::new();
        };
        let asked = Asked {
            policy: self,
            server: place,
            principal,
            circumstances,
            act,
        };
        let missed = |rule| {
            let (nearness, (field, found, expected)) = asked.misfit(rule)?;
            let near_miss = NearMiss {
                rule: rule.name.clone(),
                field: field.into_owned(),
                found,
                expected,
                nearness,
            };
            Some((rule.effect, near_miss))
        };
        let named = |rule: &&Rule| rule.servers.iter().any(|glob| glob.matches(place.id()));
        let rules = self.rules_beside(server).iter().map(AsRef::as_ref);
        let rules = rules.filter(named);
        let mut missed: Vec<_> = rules.filter_map(missed).collect();
        // Among those that are as near, what would allow comes first: it is what is asked for.
        let allows = |effect| match effect {
            Effect::Allow => 0,
            Effect::Deny => 1,
        };
        missed.sort_unstable_by(|(a_effect, a), (b_effect, b)| {
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
    server: &'a Server,
    principal: &'a Principal,
    circumstances: &'a Circumstances<'a>,
    act: Act<'a>,
}

impl Asked<'_> {
    /// The first thing about a rule that does not fit, with how much does; `None` where it applies.
    fn misfit(&self, rule: &Rule) -> Option<(usize, Misfit)> {
        let parts: [fn(&Self, &Rule) -> Option<Misfit>; 10] = [
            Self::environments,
            Self::workspace,
            Self::capability,
            Self::method,
            Self::subjects,
            Self::agents,
            Self::source_ranges,
            Self::expire_time,
            Self::when,
            |_, rule| mode(rule),
        ];
        let mut parts = parts.into_iter().enumerate();
        parts.find_map(|(nearness, part)| Some((nearness, part(self, rule)?)))
    }

    fn environments(&self, rule: &Rule) -> Option<Misfit> {
        let environment = self.server.environment.as_deref();
        misses("environments", &rule.environments, environment)
    }

    fn workspace(&self, rule: &Rule) -> Option<Misfit> {
        let expected = rule.workspace()?;
        let found = self.circumstances.workspace;
        (found != expected).then(|| {
            let [found, expected] = [found, expected].map(|id| format!("a call of workspace {id}"));
            ("name".into(), found, expected)
        })
    }

    fn agents(&self, rule: &Rule) -> Option<Misfit> {
        misses("agents", &rule.agents, self.principal.agent.as_deref())
    }

    fn source_ranges(&self, rule: &Rule) -> Option<Misfit> {
        let source = self.circumstances.source;
        let truth = rule.covers_source(source);
        (!rule.effect.applies(truth)).then(|| {
            let found = source.map_or_else(
                || "an unknown address".to_owned(),
                |source| source.to_string(),
            );
            let ranges: Vec<_> = rule.source_ranges.iter().map(ToString::to_string).collect();
            ("source_ranges".into(), found, ranges.join(", "))
        })
    }

    fn expire_time(&self, rule: &Rule) -> Option<Misfit> {
        let now = self.circumstances.now;
        rule.is_expired(now).then(|| {
            let found = "a rule that has expired".to_owned();
            ("expire_time".into(), found, "a time to come".to_owned())
        })
    }

    fn when(&self, rule: &Rule) -> Option<Misfit> {
        let Given::Settled(root) = self.act.given else {
            let is_deny = rule.effect == Effect::Deny && !rule.when.is_empty();
            return is_deny.then(|| {
                let found = "arguments that are not known".to_owned();
                (
                    "when[0]".into(),
                    found,
                    "arguments that it denies".to_owned(),
                )
            });
        };
        let arguments = Arguments::new(root);
        let conditions = rule.when.iter().enumerate();
        let mut misfits = conditions.filter_map(|(position, condition)| {
            let truth = condition.evaluate(&arguments);
            // A deny that holds in part and cannot be evaluated in part applies.
            (!rule.effect.applies(truth)).then(|| {
                let path = condition.argument.as_str();
                let values = condition.values(&arguments).unwrap_or_default();
                let values: Vec<_> = values
                    .iter()
                    .take(MAX_SHOWN)
                    .map(|v| shown(v.raw()))
                    .collect();
                let mut found = if values.is_empty() {
                    format!("no `{path}`")
                } else {
                    format!("`{path}` is {}", values.join(", "))
                };
                if truth == Truth::Unknown {
                    found.push_str(", which cannot be evaluated");
                }
                let field = format!("when[{position}]").into();
                (field, found, condition.to_string())
            })
        });
        misfits.next()
    }

    fn capability(&self, rule: &Rule) -> Option<Misfit> {
        if rule.covers_target(self.act.target) {
            return None;
        }
        let (field, found, globs) = match self.act.target {
            Target::Server => return None,
            Target::Tool(name) => ("tools", name, &rule.tools),
            Target::Prompt(name) => ("prompts", name, &rule.prompts),
            Target::Resource(uri) => ("resources", uri, &rule.resources),
        };
        Some((field.into(), found.to_owned(), listed(globs)))
    }

    fn method(&self, rule: &Rule) -> Option<Misfit> {
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
        Some(("methods".into(), found.to_owned(), expected))
    }

    fn subjects(&self, rule: &Rule) -> Option<Misfit> {
        let membership = self.policy.membership(
            &rule.name,
            &rule.subjects,
            self.principal,
            self.circumstances,
        );
        if rule.effect.applies(membership) {
            return None;
        }
        let mut found = whom(self.principal);
        if membership == Truth::Unknown {
            found.push_str(", and groups that the token leaves out");
        }
        Some((
            "subjects".into(),
            found,
            members(&rule.subjects).join(" or "),
        ))
    }
}

fn mode(rule: &Rule) -> Option<Misfit> {
    (rule.mode == Mode::Shadow).then(|| {
        let [found, expected] = ["shadow", "enforce"].map(str::to_owned);
        ("mode".into(), found, expected)
    })
}

/// Whether a name is missed by globs that are there.
fn misses(field: &'static str, globs: &[Glob], name: Option<&str>) -> Option<Misfit> {
    let fits = |name| globs.iter().any(|glob| glob.matches(name));
    if globs.is_empty() || name.is_some_and(fits) {
        return None;
    }
    Some((
        field.into(),
        name.unwrap_or("none").to_owned(),
        listed(globs),
    ))
}

/// The beginning of a value that a client can make long.
fn shown(value: &str) -> String {
    match value.get(..value.floor_char_boundary(MAX_SHOWN_BYTES)) {
        Some(cut) if cut.len() < value.len() => format!("{cut}…"),
        Some(_) | None => value.to_owned(),
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

/// What else a rule asks of a call, for people: `$.repo like acme/*`, `agent build-*`.
pub fn conditions(rule: &Rule) -> Vec<String> {
    let Rule {
        name: _,
        effect: _,
        subjects: _,
        servers: _,
        tools: _,
        prompts: _,
        resources: _,
        methods,
        environments: _,
        agents,
        when,
        source_ranges,
        expire_time: _,
        mode,
        obligations: _,
    } = rule;
    let globs = |kind: &str, globs: &[Glob]| {
        let is_given = !globs.is_empty();
        is_given.then(|| format!("{kind} {}", listed(globs)))
    };
    let ranges: Vec<_> = source_ranges.iter().map(ToString::to_string).collect();
    let mut all = Vec::new();
    all.extend(rule.workspace().map(|id| format!("workspace {id}")));
    all.extend(globs("method", methods));
    all.extend(globs("agent", agents));
    all.extend((!ranges.is_empty()).then(|| format!("source in {}", ranges.join(", "))));
    let conditions = when.iter();
    all.extend(conditions.map(|condition| format!("{} {condition}", condition.argument.as_str())));
    all.extend((*mode == Mode::Shadow).then(|| "once enforced: it is in shadow".to_owned()));
    all
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
