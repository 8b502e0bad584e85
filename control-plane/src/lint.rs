//! No dead rules: whether rules can do what they say, as far as the registered servers show.
//!
//! Pure functions over resources. What a rule names and no definition has is an error where the rule
//! is written, and a warning where a definition changes under it: the rule fails closed by itself,
//! and a server must be able to change.

mod contradiction;
mod cover;
mod dead;
mod definition;
mod ground;
mod interval;
mod path;
mod schema;
mod site;

use std::{collections::BTreeSet, rc::Rc};

use chancery_engine::{name::organization_of, wire::Invalid};
use chancery_proto::admin::v1::{Rule, Server, Warning};
use serde_json::Value;

use self::{
    ground::Ground,
    site::{Globs, Known, Site},
};
use crate::resource::{Kind, Resource};

/// What is wrong with a rule, or hardly meant.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Finding {
    /// A proto path in the rule.
    field: String,
    found: String,
    /// What would be right, or what follows from what was found.
    expected: String,
    severity: Severity,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Severity {
    /// The rule names what is not there.
    Error,
    /// The rule does less than it seems to.
    Warning,
}

impl Finding {
    fn error(
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            field: field.into(),
            found: found.into(),
            expected: expected.into(),
            severity: Severity::Error,
        }
    }

    fn warning(
        field: impl Into<String>,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(field, found, expected)
        }
    }

    fn message(&self) -> String {
        match self.severity {
            Severity::Error => format!("found {}, expected {}", self.found, self.expected),
            Severity::Warning => format!("{}: {}", self.found, self.expected),
        }
    }
}

/// A change to the resources, as far as rules care.
#[derive(Clone, Copy, Debug)]
pub struct Change<'c> {
    /// All resources before it.
    pub before: &'c [&'c Resource],
    /// All resources after it.
    pub after: &'c [&'c Resource],
    /// Which resources it is about, and whether it makes each different.
    pub wished: &'c [(Kind, &'c str, bool)],
    /// The time, in seconds since the Unix epoch.
    pub now_seconds: i64,
}

/// What a change does to rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lint {
    /// What makes it impossible: the position of the wish, and what is wrong.
    pub errors: Vec<(usize, Invalid)>,
    /// What is hardly meant.
    pub warnings: Vec<Warning>,
    /// Which rules cannot do any more what they say, and why. It is among the warnings as well.
    pub broken: Vec<(String, String)>,
}

/// Checks the rules that a change writes, and those that it breaks.
pub fn check(change: &Change<'_>) -> Lint {
    let mut lint = Lint::default();
    let organizations: BTreeSet<&str> = change
        .wished
        .iter()
        .map(|(_, name, _)| organization_of(name))
        .collect();
    for organization in organizations {
        let after = Site::of(change.after, organization);
        written(change, organization, &after, &mut lint);
        let shifts_ground = change.wished.iter().any(|(kind, name, is_changed)| {
            *is_changed
                && matches!(kind, Kind::Server | Kind::Role | Kind::Offer)
                && organization_of(name) == organization
        });
        if shifts_ground {
            broken(change, organization, &after, &mut lint);
        }
    }
    lint
}

/// The rules of the change itself.
fn written(change: &Change<'_>, organization: &str, site: &Site<'_>, lint: &mut Lint) {
    for (position, (kind, name, is_changed)) in change.wished.iter().enumerate() {
        if *kind != Kind::Rule || organization_of(name) != organization {
            continue;
        }
        let Some(rule) = site.rules.iter().find(|rule| rule.name == *name) else {
            continue;
        };
        for finding in findings(rule, site, change.now_seconds) {
            if finding.severity == Severity::Error && *is_changed {
                let Finding {
                    field,
                    found,
                    expected,
                    severity: _,
                } = finding;
                let invalid = Invalid {
                    field,
                    found,
                    expected,
                };
                lint.errors.push((position, invalid));
            } else {
                lint.warnings.push(Warning {
                    name: rule.name.clone(),
                    message: finding.message(),
                    field: finding.field,
                });
            }
        }
    }
}

/// Rules that the change does not write, and that are worse after it than before.
fn broken<'c>(change: &Change<'c>, organization: &str, after: &Site<'c>, lint: &mut Lint) {
    let is_written = |rule: &Rule| {
        change
            .wished
            .iter()
            .any(|(kind, name, _)| *kind == Kind::Rule && rule.name == *name)
    };
    let ground = Ground::of(change, organization, after);
    for rule in after.rules.iter().filter(|rule| !is_written(rule)) {
        for finding in ground.news(rule, change.now_seconds) {
            if finding.severity == Severity::Error {
                let why = format!("{}: {}", finding.field, finding.message());
                lint.broken.push((rule.name.clone(), why));
            }
            // Shown where the change is written, if one server of it is why.
            let server = change.wished.iter().find(|(kind, name, is_changed)| {
                *kind == Kind::Server && *is_changed && after.is_about(rule, name)
            });
            lint.warnings.push(match server {
                Some((_, server, _)) if finding.severity == Severity::Error => Warning {
                    name: (*server).to_owned(),
                    field: "tools".to_owned(),
                    message: format!(
                        "this breaks `{}`: {}: {}",
                        rule.name,
                        finding.field,
                        finding.message()
                    ),
                },
                Some(_) | None => Warning {
                    name: rule.name.clone(),
                    message: finding.message(),
                    field: finding.field,
                },
            });
        }
    }
}

/// The names of the rules that are about a tool of a server, in their order.
pub fn rules_about<'r>(rules: &[&'r Rule], server: &Server, tool: &str) -> Vec<&'r str> {
    let site = Site::alone(vec![Rc::new(Known::of(server))]);
    let is_about =
        |rule: &&&Rule| site.is_about(rule, &server.name) && Globs::of(&rule.tools).fit(tool);
    let about = rules.iter().filter(is_about);
    about.map(|rule| &*rule.name).collect()
}

fn findings(rule: &Rule, site: &Site<'_>, now_seconds: i64) -> Vec<Finding> {
    let mut findings = definition::check(rule, site);
    findings.extend(dead::check(rule, site, now_seconds));
    findings.extend(contradiction::check(rule));
    findings.extend(cover::check(rule, site, now_seconds));
    findings.sort();
    findings.dedup();
    findings
}

/// Whether two JSON values are one; numbers by what they come to.
fn is_same(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other).is_eq(),
        (Some(_) | None, _) => one == other,
    }
}

/// Some names for a message: at most five, and how many more there are.
fn some<I: IntoIterator<Item: AsRef<str>>>(names: I) -> String {
    const SHOWN: usize = 5;
    let mut names = names.into_iter();
    let shown: Vec<_> = names
        .by_ref()
        .take(SHOWN)
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    let shown = shown.join(", ");
    match names.count() {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The same, those first that are most like `word`.
fn most_like<I: IntoIterator<Item: AsRef<str>>>(word: &str, names: I) -> String {
    let mut names: Vec<_> = names
        .into_iter()
        .map(|name| (strsim::jaro_winkler(word, name.as_ref()), name))
        .collect();
    names.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    some(names.into_iter().map(|(_, name)| name))
}

#[cfg(test)]
mod tests;
