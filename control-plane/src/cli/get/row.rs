//! Resources as rows of a table.

mod redaction;

use chancery_proto::{
    admin::v1::{
        AdminRole, Binding, Block, Credential, IdentityProvider, Offer, Organization, Quota, Role,
        Rule, Server, block, credential, resource,
    },
    policy::v1::{Authentication, BlockedKind, Effect, OnDenied, QuotaKey, RuleMode, Subjects},
};
use prost_types::Timestamp;

use super::super::{
    console::Tone,
    name::{Kind, Name, id_of},
    table::Cell,
    time,
};
use crate::registry::now;

/// What the columns of a kind are.
pub(super) fn heading(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Server => &[
            "NAME",
            "ENDPOINTS",
            "TOKEN",
            "ON DENIED",
            "TOOLS",
            "UPDATED",
        ],
        Kind::IdentityProvider => &["NAME", "ISSUER", "AUDIENCES", "KEYS", "UPDATED"],
        Kind::Rule => &[
            "NAME",
            "EFFECT",
            "SUBJECTS",
            "SERVERS",
            "CAPABILITIES",
            "WHEN",
            "REDACT",
            "UPDATED",
        ],
        Kind::Role => &["NAME", "SUBJECTS", "UPDATED"],
        Kind::Detector => &["NAME", "FINDS", "WHAT", "UPDATED"],
        Kind::Allowlist => &["NAME", "VALUES", "GLOBS", "DETECTORS", "UPDATED"],
        Kind::RedactionProfile => &[
            "NAME",
            "MODE",
            "DETECTORS",
            "ACTIONS",
            "ALLOWLISTS",
            "UPDATED",
        ],
        Kind::Offer => &["NAME", "SERVERS", "WORKSPACES", "CAPABILITIES", "UPDATED"],
        Kind::Quota => &[
            "NAME", "SUBJECTS", "SERVERS", "TOOLS", "CALLS", "PER", "UPDATED",
        ],
        Kind::Credential => &["NAME", "KIND", "SERVERS", "ROTATED", "EXPIRES", "UPDATED"],
        Kind::Block => &["NAME", "BLOCKS", "WHY", "EXPIRES", "UPDATED"],
        Kind::Binding => &["NAME", "MEMBERS", "ROLES", "WORKSPACE", "UPDATED"],
        Kind::Organization => &["NAME", "SECOND PERSON", "UPDATED"],
    }
}

/// The row of a resource.
pub(super) fn of(message: &resource::Kind) -> Vec<Cell> {
    match message {
        resource::Kind::Server(server) => server_row(server),
        resource::Kind::IdentityProvider(provider) => identity_provider_row(provider),
        resource::Kind::Rule(rule) => rule_row(rule),
        resource::Kind::Role(role) => role_row(role),
        resource::Kind::Detector(detector) => redaction::detector_row(detector),
        resource::Kind::Allowlist(allowlist) => redaction::allowlist_row(allowlist),
        resource::Kind::RedactionProfile(profile) => redaction::profile_row(profile),
        resource::Kind::Offer(offer) => offer_row(offer),
        resource::Kind::Quota(quota) => quota_row(quota),
        resource::Kind::Credential(credential) => credential_row(credential),
        resource::Kind::Binding(binding) => binding_row(binding),
        resource::Kind::Block(block) => block_row(block),
        resource::Kind::Organization(organization) => organization_row(organization),
    }
}

fn id_cell(name: &str) -> Cell {
    Cell::new(id_of(name))
}

/// The id of a rule, with its organization and workspace before it where it has one.
fn level(name: &str) -> String {
    match Name::parse(name) {
        Some(Name {
            organization,
            workspace: Some(workspace),
            id,
            ..
        }) => format!("{organization}/{workspace}/{id}"),
        Some(Name { id, .. }) => id,
        None => name.to_owned(),
    }
}

fn time_cell(time: Option<&Timestamp>) -> Cell {
    Cell::new(&time.map_or_else(|| "-".to_owned(), time::seconds)).tone(Tone::Faint)
}

/// Globs over capabilities, each with what it is of.
fn capabilities(globs: &[(&str, &Vec<String>)]) -> Vec<String> {
    globs
        .iter()
        .flat_map(|(prefix, globs)| globs.iter().map(move |glob| format!("{prefix}{glob}")))
        .collect()
}

fn who(subjects: Option<&Subjects>) -> Cell {
    let Some(subjects) = subjects else {
        return Cell::new("?");
    };
    let Subjects {
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
    let mut who: Vec<String> = Vec::new();
    who.extend(anyone.then(|| "anyone".to_owned()));
    who.extend(authenticated.then(|| "authenticated".to_owned()));
    who.extend(capabilities(&[
        ("role:", roles),
        ("group:", groups),
        ("token-role:", token_roles),
        ("team:", teams),
        ("workspace:", workspaces),
        ("agent:", agents),
        ("client:", clients),
        ("", users),
    ]));
    Cell::list(&who)
}

fn server_row(server: &Server) -> Vec<Cell> {
    let endpoints: Vec<String> = server
        .endpoints
        .iter()
        .map(|endpoint| {
            let host = if endpoint.host.is_empty() {
                "*"
            } else {
                &endpoint.host
            };
            format!("{host}{} > {}", endpoint.path, endpoint.cluster)
        })
        .collect();
    let authentication = match server.authentication() {
        Authentication::Unspecified | Authentication::Required => "required",
        Authentication::Optional => "optional",
    };
    let on_denied = match server.on_denied() {
        OnDenied::Unspecified | OnDenied::Reveal => "reveal",
        OnDenied::Hide => "hide",
    };
    vec![
        id_cell(&server.name),
        Cell::list(&endpoints),
        Cell::new(authentication),
        Cell::new(on_denied),
        Cell::new(&server.tools.len().to_string()),
        time_cell(server.update_time.as_ref()),
    ]
}

fn rule_row(rule: &Rule) -> Vec<Cell> {
    let (word, tone) = match rule.effect() {
        Effect::Allow => ("allow", Tone::Good),
        Effect::Deny => ("deny", Tone::Bad),
        Effect::RequireApproval => ("require_approval", Tone::Plain),
        Effect::Unspecified => ("?", Tone::Plain),
    };
    let mut effect = word.to_owned();
    effect.push_str(match rule.mode() {
        RuleMode::Shadow => " (shadow)",
        RuleMode::Unspecified | RuleMode::Enforce => "",
    });
    let what = capabilities(&[
        ("", &rule.tools),
        ("prompt:", &rule.prompts),
        ("resource:", &rule.resources),
        ("method:", &rule.methods),
    ]);
    let arguments: Vec<&str> = rule.when.iter().map(|when| &*when.argument).collect();
    let profiles = rule.obligations.as_ref().map(|it| &*it.redact);
    vec![
        Cell::new(&level(&rule.name)),
        Cell::new(&effect).tone(tone),
        who(rule.subjects.as_ref()),
        Cell::list(&rule.servers),
        Cell::list(&what),
        Cell::list(&arguments),
        Cell::list(profiles.unwrap_or_default()),
        time_cell(rule.update_time.as_ref()),
    ]
}

fn identity_provider_row(provider: &IdentityProvider) -> Vec<Cell> {
    let published = provider.jwks.is_empty();
    let keys: Option<usize> = serde_json::from_str::<serde_json::Value>(&provider.jwks)
        .ok()
        .and_then(|jwks| Some(jwks.get("keys")?.as_array()?.len()));
    vec![
        id_cell(&provider.name),
        Cell::new(&provider.issuer),
        Cell::list(&provider.audiences),
        Cell::new(&match keys {
            Some(keys) => keys.to_string(),
            None if published => "published".to_owned(),
            None => "?".to_owned(),
        }),
        time_cell(provider.update_time.as_ref()),
    ]
}

fn role_row(role: &Role) -> Vec<Cell> {
    vec![
        id_cell(&role.name),
        who(role.subjects.as_ref()),
        time_cell(role.update_time.as_ref()),
    ]
}

fn offer_row(offer: &Offer) -> Vec<Cell> {
    let mut what = capabilities(&[
        ("", &offer.tools),
        ("prompt:", &offer.prompts),
        ("resource:", &offer.resources),
    ]);
    if what.is_empty() {
        what.push("everything".to_owned());
    }
    vec![
        id_cell(&offer.name),
        Cell::list(&offer.servers),
        Cell::list(&offer.workspaces),
        Cell::list(&what),
        time_cell(offer.update_time.as_ref()),
    ]
}

fn quota_row(quota: &Quota) -> Vec<Cell> {
    let seconds = quota.period.map_or(0, |period| period.seconds);
    let keys: Vec<String> = quota
        .per()
        .map(|key| {
            match key {
                QuotaKey::Principal => "principal",
                QuotaKey::Tool => "tool",
                QuotaKey::Server => "server",
                QuotaKey::Unspecified => "?",
            }
            .to_owned()
        })
        .collect();
    let tools = if quota.tools.is_empty() {
        Cell::new("*")
    } else {
        Cell::list(&quota.tools)
    };
    vec![
        id_cell(&quota.name),
        who(quota.subjects.as_ref()),
        Cell::list(&quota.servers),
        tools,
        Cell::new(&format!("{} in {seconds}s", quota.calls)),
        Cell::list(&keys),
        time_cell(quota.update_time.as_ref()),
    ]
}

fn age_cell(since: Option<&Timestamp>) -> Cell {
    Cell::new(&since.map_or_else(|| "-".to_owned(), |since| time::age(since, &now())))
}

fn credential_row(credential: &Credential) -> Vec<Cell> {
    let kind = match &credential.kind {
        Some(credential::Kind::ClientCredentials(_)) => "client credentials",
        Some(credential::Kind::TokenExchange(_)) => "token exchange",
        Some(credential::Kind::Assertion(_)) => "assertion",
        Some(credential::Kind::StaticHeader(_)) => "static header",
        Some(credential::Kind::SigningSecret(_)) => "signing secret",
        None => "?",
    };
    let end = match &credential.kind {
        Some(credential::Kind::StaticHeader(header)) => header.expire_time.as_ref(),
        Some(
            credential::Kind::ClientCredentials(_)
            | credential::Kind::TokenExchange(_)
            | credential::Kind::SigningSecret(_)
            | credential::Kind::Assertion(_),
        )
        | None => None,
    };
    vec![
        id_cell(&credential.name),
        Cell::new(kind),
        Cell::list(&credential.servers),
        age_cell(credential.rotate_time.as_ref()),
        time_cell(end),
        time_cell(credential.update_time.as_ref()),
    ]
}

fn binding_row(binding: &Binding) -> Vec<Cell> {
    let roles: Vec<String> = binding
        .roles()
        .map(|role| {
            match role {
                AdminRole::Viewer => "viewer",
                AdminRole::Author => "author",
                AdminRole::Reviewer => "reviewer",
                AdminRole::Approver => "approver",
                AdminRole::Auditor => "auditor",
                AdminRole::Operator => "operator",
                AdminRole::Unspecified => "?",
            }
            .to_owned()
        })
        .collect();
    let workspace = Some(&*binding.workspace).filter(|id| !id.is_empty());
    vec![
        id_cell(&binding.name),
        Cell::list(&binding.members),
        Cell::list(&roles),
        Cell::new(workspace.unwrap_or("*")),
        time_cell(binding.update_time.as_ref()),
    ]
}

fn block_row(block: &Block) -> Vec<Cell> {
    let target = match &block.target {
        Some(block::Target::Server(name)) => format!("server {}", level(name)),
        Some(block::Target::Capability(it)) => {
            let kind = match it.kind() {
                BlockedKind::Tool => "tool",
                BlockedKind::Prompt => "prompt",
                BlockedKind::Resource => "resource",
                BlockedKind::Unspecified => "?",
            };
            format!("{kind} {} of {}", it.name, id_of(&it.server))
        }
        Some(block::Target::User(id)) => format!("user {id}"),
        Some(block::Target::Agent(id)) => format!("agent {id}"),
        Some(block::Target::Host(host)) => format!("host {host}"),
        None => "?".to_owned(),
    };
    vec![
        id_cell(&block.name),
        Cell::new(&target),
        Cell::new(&block.reason),
        time_cell(block.expire_time.as_ref()),
        time_cell(block.update_time.as_ref()),
    ]
}

fn organization_row(organization: &Organization) -> Vec<Cell> {
    let second_person = if organization.second_person {
        "needed"
    } else {
        "-"
    };
    vec![
        id_cell(&organization.name),
        Cell::new(second_person),
        time_cell(organization.update_time.as_ref()),
    ]
}
