//! Whether a rule can ever apply.

use std::collections::BTreeSet;

use chancery_engine::{message::Method, rule::CapabilityKind};
use chancery_proto::{admin::v1::Rule, policy::v1 as policy};

use super::{
    Finding,
    site::{Known, Site, fits_any, workspace_of},
    some,
};

/// Why a rule can never apply.
pub(super) fn check(rule: &Rule, site: &Site<'_>, now_seconds: i64) -> Vec<Finding> {
    let never = "the rule never applies";
    let mut findings = Vec::new();
    if let Some(end) = rule.expire_time.filter(|end| end.seconds <= now_seconds) {
        let found = format!("it ended at {end}");
        findings.push(Finding::warning("expire_time", found, never));
    }
    if let Some((field, found)) = no_server(rule, site)
        .or_else(|| not_offered(rule, site))
        .or_else(|| nobody(rule, site))
    {
        findings.push(Finding::warning(field, found, never));
    }
    findings.extend(no_method(rule));
    findings.extend(exact(rule));
    findings
}

/// Capabilities that none of the rule's methods acts on.
fn no_method(rule: &Rule) -> Vec<Finding> {
    let is_named = |method: &Method| fits_any(&rule.methods, method.as_str());
    let capabilities = [
        ("tools", &rule.tools, CapabilityKind::Tool),
        ("prompts", &rule.prompts, CapabilityKind::Prompt),
        ("resources", &rule.resources, CapabilityKind::Resource),
    ];
    let without = capabilities.into_iter().filter(|(_, names, kind)| {
        let mut methods = Method::ALL.iter();
        let acts = |method: &Method| kind.is_acted_on_by(*method) && is_named(method);
        !rule.methods.is_empty() && !names.is_empty() && !methods.any(acts)
    });
    without
        .map(|(field, _, kind)| {
            let found = format!("none of the rule's `methods` acts on {field}");
            let method = kind.method().as_str();
            let consequence = format!("they change nothing without `{method}` among them");
            Finding::warning(field, found, consequence)
        })
        .collect()
}

/// Names that are compared to the letter, and hardly meant to be.
fn exact(rule: &Rule) -> Vec<Finding> {
    let Some(subjects) = &rule.subjects else {
        return Vec::new();
    };
    let fields = [
        ("users", &subjects.users),
        ("groups", &subjects.groups),
        ("token_roles", &subjects.token_roles),
        ("teams", &subjects.teams),
        ("clients", &subjects.clients),
    ];
    let mut findings = Vec::new();
    for (field, names) in fields {
        for (index, name) in names.iter().enumerate() {
            let consequence = if name.contains('*') {
                "it is no glob here: only a name with that very `*` is meant"
            } else if name.trim() != name {
                "only a name with those spaces is meant"
            } else {
                continue;
            };
            let field = format!("subjects.{field}[{index}]");
            findings.push(Finding::warning(field, format!("`{name}`"), consequence));
        }
    }
    findings
}

fn no_server(rule: &Rule, site: &Site<'_>) -> Option<(&'static str, String)> {
    if site.about(rule).next().is_some() {
        return None;
    }
    let of_organization = |known: &Known<'_>| fits_any(&rule.servers, known.id);
    if let Some(workspace) = workspace_of(&rule.name)
        && site.named(rule).next().is_none()
        && site.servers.iter().any(|known| of_organization(known))
    {
        let found = format!("no call to these servers belongs to the workspace `{workspace}`");
        return Some(("servers", found));
    }
    if site.named(rule).next().is_none() {
        return Some(("servers", "no server fits".to_owned()));
    }
    let known: BTreeSet<_> = site
        .named(rule)
        .map(|known| &*known.server.environment)
        .filter(|environment| !environment.is_empty())
        .collect();
    let known = if known.is_empty() {
        "they have none".to_owned()
    } else {
        format!("they are in {}", some(known))
    };
    let found = format!("no server that it names is in such an environment ({known})");
    Some(("environments", found))
}

/// An allow below never exceeds the offer above.
fn not_offered(rule: &Rule, site: &Site<'_>) -> Option<(&'static str, String)> {
    if rule.effect() != policy::Effect::Allow {
        return None;
    }
    let workspace = workspace_of(&rule.name);
    let is_offered = |known: &Known<'_>| {
        let mut workspaces = known
            .workspaces()
            .iter()
            .filter(|own| workspace.is_none_or(|workspace| workspace == **own));
        workspaces.any(|workspace| offers(rule, site, known, workspace))
    };
    if site.about(rule).any(is_offered) {
        return None;
    }
    let servers = some(site.about(rule).map(|known| known.id));
    let to = workspace.map_or_else(
        || "any workspace whose calls reach them".to_owned(),
        |workspace| format!("`{workspace}`"),
    );
    let found = format!("no offer lets {to} use what it names of {servers}");
    Some(("servers", found))
}

fn offers(rule: &Rule, site: &Site<'_>, known: &Known<'_>, workspace: &str) -> bool {
    let mut naming = site
        .offers
        .iter()
        .filter(|offer| fits_any(&offer.servers, known.id))
        .peekable();
    if naming.peek().is_none() {
        // Offered whole to the workspace it is in.
        return workspace_of(&known.server.name) == Some(workspace);
    }
    naming.any(|offer| {
        let is_whole =
            offer.tools.is_empty() && offer.prompts.is_empty() && offer.resources.is_empty();
        let shares_tool = || {
            let is_shared =
                |name: &str| fits_any(&offer.tools, name) && fits_any(&rule.tools, name);
            known.tools().keys().copied().any(is_shared)
        };
        // Only tools are known beforehand.
        let is_of_tools = !rule.tools.is_empty()
            && rule.prompts.is_empty()
            && rule.resources.is_empty()
            && known.has_tools();
        fits_any(&offer.workspaces, workspace) && (is_whole || !is_of_tools || shares_tool())
    })
}

/// Subjects that can have no member.
fn nobody(rule: &Rule, site: &Site<'_>) -> Option<(&'static str, String)> {
    let subjects = rule.subjects.as_ref()?;
    let policy::Subjects {
        users,
        groups,
        authenticated,
        anyone,
        token_roles,
        roles,
        teams,
        workspaces,
        agents,
        clients,
    } = subjects;
    let others = [users, groups, token_roles, teams, agents, clients];
    if *authenticated || *anyone || others.iter().any(|names| !names.is_empty()) {
        return None;
    }
    let has_members = |role: &String| {
        let subjects = site
            .roles
            .get(&**role)
            .and_then(|role| role.subjects.as_ref());
        subjects.is_some_and(|subjects| *subjects != policy::Subjects::default())
    };
    if roles.iter().any(has_members) {
        return None;
    }
    let reachable: BTreeSet<_> = site
        .about(rule)
        .flat_map(|known| known.workspaces().iter().copied())
        .collect();
    if workspaces
        .iter()
        .any(|workspace| reachable.contains(&**workspace))
    {
        return None;
    }
    if workspaces.is_empty() {
        let roles = some(roles.iter().map(String::as_str));
        return Some(("subjects.roles", format!("{roles} has no members")));
    }
    let found = format!(
        "no call to these servers belongs to {}",
        some(workspaces.iter().map(String::as_str))
    );
    Some(("subjects.workspaces", found))
}
