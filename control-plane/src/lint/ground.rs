//! What a change of other resources does to rules that stand.

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use chancery_proto::admin::v1::Rule;

use super::{
    Change, Finding, definition, findings,
    site::{Globs, Known, Site},
};
use crate::resource::Kind;

/// What a change does to what rules of an organization stand on.
pub(super) struct Ground<'g, 'c> {
    change: &'g Change<'c>,
    organization: &'g str,
    after: &'g Site<'c>,
    /// What it was, once that is asked.
    before: OnceCell<Site<'c>>,
    /// The servers that differ. A rule that stands on others as well is only looked at with these.
    /// `None`: more differs than can be said of single servers.
    shifts: Option<Vec<Shift<'c>>>,
}

/// What became of a server.
struct Shift<'c> {
    before: Option<Rc<Known<'c>>>,
    after: Option<Rc<Known<'c>>>,
    /// The tools that differ. `None`: all of it does, as far as rules care.
    tools: Option<BTreeSet<&'c str>>,
}

impl<'g, 'c> Ground<'g, 'c> {
    pub(super) fn of(change: &'g Change<'c>, organization: &'g str, after: &'g Site<'c>) -> Self {
        Self {
            change,
            organization,
            after,
            before: OnceCell::new(),
            shifts: shifts(change, after),
        }
    }

    /// What is found of a rule after the change that was not before it.
    pub(super) fn news(&self, rule: &Rule, now_seconds: i64) -> Vec<Finding> {
        let Some(shifts) = &self.shifts else {
            return self.all_news(rule, now_seconds);
        };
        let (servers, tools) = (Globs::of(&rule.servers), Globs::of(&rule.tools));
        let under = shifts.iter().filter(|it| it.is_under(&servers, &tools));
        let under: Vec<_> = under.collect();
        if under.is_empty() {
            return Vec::new();
        }
        let loses = under.iter().any(|shift| shift.before.is_some());
        let is_other = |known: &Known<'_>| {
            let mut names = shifts.iter().map(Shift::name);
            !names.any(|name| *name == *known.server.name)
        };
        if loses && !stands(rule, self.after, is_other) {
            return self.all_news(rule, now_seconds);
        }
        under
            .into_iter()
            .flat_map(|shift| shift.news(rule))
            .collect()
    }

    fn all_news(&self, rule: &Rule, now_seconds: i64) -> Vec<Finding> {
        let before = self
            .before
            .get_or_init(|| Site::like(Some(self.after), self.change.before, self.organization));
        let known = findings(rule, before, now_seconds);
        without(findings(rule, self.after, now_seconds), &known)
    }
}

/// The servers that a change makes different. `None`: it changes more that rules care about.
fn shifts<'c>(change: &Change<'c>, after: &Site<'c>) -> Option<Vec<Shift<'c>>> {
    let mut servers = BTreeSet::new();
    let changed = change.wished.iter().filter(|(.., is_changed)| *is_changed);
    for (kind, name, _) in changed {
        match kind {
            Kind::Server => {
                servers.insert(*name);
            }
            // A rule may cover others, a role have members, an offer let use what was not.
            Kind::Offer | Kind::Role | Kind::Rule => return None,
            Kind::Allowlist
            | Kind::Binding
            | Kind::Block
            | Kind::Credential
            | Kind::Detector
            | Kind::IdentityProvider
            | Kind::Organization
            | Kind::Quota
            | Kind::RedactionProfile => {}
        }
    }
    let before = change
        .before
        .iter()
        .filter_map(|resource| resource.as_server());
    let before = before.filter(|server| servers.contains(&*server.name));
    let mut before: BTreeMap<_, _> = before
        .map(|server| (&*server.name, Rc::new(Known::of(server))))
        .collect();
    let shift = |name| Shift::of(before.remove(name), after.known(name).cloned());
    Some(servers.into_iter().filter_map(shift).collect())
}

/// Those that were not known.
fn without(mut found: Vec<Finding>, known: &[Finding]) -> Vec<Finding> {
    found.retain(|finding| !known.contains(finding));
    found
}

/// Whether some of these servers leave nothing to be found of a rule but of single servers: each of
/// its tools and conditions fits one, and no more than that is asked.
fn stands(rule: &Rule, site: &Site<'_>, is_other: impl Fn(&Known<'_>) -> bool) -> bool {
    let subjects = rule.subjects.as_ref();
    let is_simple = site.offers.is_empty() && subjects.is_none_or(|it| it.workspaces.is_empty());
    let others = || site.about(rule).filter(|known| is_other(known));
    let has_tool = |glob: &String| {
        let one = Globs::of(std::slice::from_ref(glob));
        others().any(|known| known.has_tool(&one))
    };
    is_simple
        && others().next().is_some()
        && rule.tools.iter().all(has_tool)
        && (rule.tools.is_empty() || definition::conditions_fit(rule, others))
}

impl<'c> Shift<'c> {
    /// `None`: the server is to rules what it was.
    fn of(before: Option<Rc<Known<'c>>>, after: Option<Rc<Known<'c>>>) -> Option<Self> {
        let tools = match (&before, &after) {
            (None, None) => return None,
            (Some(before), Some(after)) if before.is_like(after) => {
                let tools = after.changed_tools(before);
                if tools.is_empty() {
                    return None;
                }
                Some(tools)
            }
            (Some(_), _) | (None, Some(_)) => None,
        };
        Some(Self {
            before,
            after,
            tools,
        })
    }

    fn known(&self) -> Option<&Known<'c>> {
        self.after.as_deref().or(self.before.as_deref())
    }

    fn name(&self) -> &str {
        self.known().map_or("", |known| &known.server.name)
    }

    /// Whether a rule is about what differs, by its globs over servers and tools.
    fn is_under(&self, servers: &Globs, tools: &Globs) -> bool {
        let differing = self.tools.as_ref();
        let is_named = self.known().is_some_and(|known| servers.fit(known.id));
        is_named && differing.is_none_or(|names| names.iter().any(|name| tools.fit(name)))
    }

    /// What is found of a rule with this server alone. A rule that does not name it is none the worse
    /// for what it lacks.
    fn news(&self, rule: &Rule) -> Vec<Finding> {
        let found = |known: &Option<Rc<Known<'c>>>| {
            let alone = Site::alone(known.iter().cloned().collect());
            definition::check(rule, &alone)
        };
        let mut news = without(found(&self.after), &found(&self.before));
        let is_named = self
            .known()
            .is_some_and(|known| rule.servers.iter().any(|it| it == known.id));
        news.retain(|finding| is_named || finding.field.starts_with("when["));
        news
    }
}
