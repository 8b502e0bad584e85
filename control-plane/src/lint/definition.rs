//! Whether the tools and arguments that a rule names are there.

use std::collections::BTreeSet;

use chancery_proto::{admin::v1::Rule, policy::v1::condition::Test};

use super::{
    Finding, most_like,
    path::{self, Step},
    schema::{self, Misfit},
    site::{Globs, Known, Site, is_literal},
    some,
};

/// What the definitions of the servers that a rule is about say of it.
pub(super) fn check(rule: &Rule, site: &Site<'_>) -> Vec<Finding> {
    if rule.tools.is_empty() {
        return Vec::new();
    }
    let (known, unknown): (Vec<_>, Vec<_>) = site.about(rule).partition(|known| known.has_tools());
    let mut findings = Vec::new();
    if !unknown.is_empty() {
        let servers = some(unknown.iter().map(|server| server.id));
        let consequence = "its tools and conditions were not checked against them";
        let found = format!("no tools are known of {servers}");
        findings.push(Finding::warning("tools", found, consequence));
    }
    if known.is_empty() {
        return findings;
    }
    for (index, glob) in rule.tools.iter().enumerate() {
        let field = format!("tools[{index}]");
        let is_complete = unknown.is_empty();
        findings.extend(tool(rule, &field, glob, &known, is_complete));
    }
    for (index, condition) in rule.when.iter().enumerate() {
        let Some(steps) = path::parse(&condition.argument) else {
            continue;
        };
        let checked = |schema: &serde_json::Value| schema::check(schema, &steps, condition);
        let outcomes = outcomes(rule, &known, checked);
        findings.extend(judge(&format!("when[{index}]"), &outcomes));
        if condition.test == Some(Test::Exists(false)) {
            findings.extend(missing(
                &format!("when[{index}].exists"),
                rule,
                &known,
                &steps,
            ));
        }
    }
    findings
}

/// Whether every condition fits a tool of one of these servers that the rule is about.
pub(super) fn conditions_fit<'s, 'r: 's, K>(rule: &Rule, servers: impl Fn() -> K) -> bool
where
    K: Iterator<Item = &'s Known<'r>>,
{
    let globs = Globs::of(&rule.tools);
    rule.when.iter().all(|condition| {
        let Some(steps) = path::parse(&condition.argument) else {
            return true;
        };
        let mut tools = servers().flat_map(Known::tools);
        tools.any(|(name, tool)| {
            globs.fit(name) && schema::check(tool.schema(), &steps, condition).is_ok()
        })
    })
}

/// What must be missing is required by every tool; a call without it is one that the server refuses.
fn missing(field: &str, rule: &Rule, known: &[&Known<'_>], steps: &[Step]) -> Option<Finding> {
    let mut places = Vec::new();
    let globs = Globs::of(&rule.tools);
    for server in known {
        for (name, tool) in server.tools() {
            if !globs.fit(name) {
                continue;
            }
            if !schema::requires(tool.schema(), steps) {
                return None;
            }
            places.push(format!("{}/{name}", server.id));
        }
    }
    let found = format!("it is required in {}", some(&places));
    let consequence = "no arguments that fit the schema satisfy the condition";
    (!places.is_empty()).then(|| Finding::warning(field, found, consequence))
}

/// A glob over tools must fit one that is known; servers where it fits none are listed.
fn tool(
    rule: &Rule,
    field: &str,
    glob: &String,
    known: &[&Known<'_>],
    is_complete: bool,
) -> Option<Finding> {
    let one = Globs::of(std::slice::from_ref(glob));
    let has = |server: &Known<'_>| server.has_tool(&one);
    let misfits: Vec<_> = known
        .iter()
        .copied()
        .filter(|server| !has(server))
        .collect();
    let ids = |servers: &[&Known<'_>]| some(servers.iter().map(|server| server.id));
    if misfits.len() < known.len() {
        // A name is meant where it is; a glob, or a server that is named, is meant to fit.
        let is_meant = |server: &&Known<'_>| {
            !is_literal(glob) || rule.servers.iter().any(|literal| literal == server.id)
        };
        let misfits: Vec<_> = misfits.into_iter().filter(is_meant).collect();
        let found = format!("`{glob}` fits no tool of {}", ids(&misfits));
        return (!misfits.is_empty())
            .then(|| Finding::warning(field, found, "there it changes nothing"));
    }
    let names: BTreeSet<_> = known
        .iter()
        .flat_map(|server| server.tools().keys().copied())
        .collect();
    let servers = ids(&misfits);
    if !is_complete {
        let found = format!("`{glob}` fits no tool of {servers}");
        let consequence = "it can only be about servers whose tools are not known";
        return Some(Finding::warning(field, found, consequence));
    }
    let what = if is_literal(glob) {
        "the name of a tool"
    } else {
        "a glob that fits a tool"
    };
    let expected = format!("{what} of {servers}: {}", most_like(glob, names));
    Some(Finding::error(field, format!("`{glob}`"), expected))
}

/// What became of a check against one tool of one server.
struct Outcome {
    /// `server/tool`.
    place: String,
    /// Whether the rule names the tool itself, and not by a glob.
    is_named: bool,
    result: Result<(), Misfit>,
}

fn outcomes(
    rule: &Rule,
    known: &[&Known<'_>],
    check: impl Fn(&serde_json::Value) -> Result<(), Misfit>,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let globs = Globs::of(&rule.tools);
    for server in known {
        for (name, tool) in server.tools() {
            if globs.fit(name) {
                outcomes.push(Outcome {
                    place: format!("{}/{name}", server.id),
                    is_named: rule.tools.iter().any(|glob| glob == name),
                    result: check(tool.schema()),
                });
            }
        }
    }
    outcomes
}

/// A condition must fit every tool that is named and one of those that a glob fits; the others are
/// listed, as there it satisfies no rule that allows and every rule that denies.
fn judge(field: &str, outcomes: &[Outcome]) -> Vec<Finding> {
    let fits_one = outcomes.iter().any(|outcome| outcome.result.is_ok());
    let mut errors = BTreeSet::new();
    let mut misfits = Vec::new();
    for outcome in outcomes {
        match &outcome.result {
            Ok(()) => {}
            Err(misfit) if outcome.is_named || !fits_one => {
                errors.insert((misfit, &*outcome.place));
            }
            Err(_) => misfits.push(&*outcome.place),
        }
    }
    let mut findings: Vec<_> = errors
        .into_iter()
        .map(|(misfit, place)| {
            let Misfit {
                field: inner,
                found,
                expected,
            } = misfit;
            let expected = format!("{expected} (in `{place}`)");
            Finding::error(format!("{field}.{inner}"), found, expected)
        })
        .collect();
    if !misfits.is_empty() {
        let found = format!("it cannot be evaluated for {}", some(misfits));
        let consequence = "there it satisfies no rule that allows, and every rule that denies";
        findings.push(Finding::warning(field, found, consequence));
    }
    findings
}
