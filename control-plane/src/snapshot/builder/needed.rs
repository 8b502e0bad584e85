//! The features that a filter needs to honour something.

use std::collections::BTreeSet;

use chancery_proto::policy::v1 as policy;

use crate::snapshot::{
    CONDITIONS_FEATURE, CREDENTIALS_FEATURE, DISPATCHERS_FEATURE, ENDPOINTS_FEATURE,
    IDENTITY_FEATURE, KEY_SETS_FEATURE, METHODS_FEATURE, PINS_FEATURE, PROMPTS_FEATURE,
    REDACTION_PROFILES_FEATURE, ROLES_FEATURE, SCHEMAS_FEATURE, SERVER_STATES_FEATURE,
    VARIABLE_PINS_FEATURE, WRITE_AHEAD_FEATURE,
};

/// The features that a rule needs beside [`RULES_FEATURE`].
pub(super) fn needed_by_rule(rule: &policy::Rule) -> BTreeSet<&'static str> {
    let policy::Rule {
        name,
        effect: _,
        subjects,
        servers: _,
        tools: _,
        prompts: _,
        resources: _,
        obligations,
        methods,
        environments,
        agents,
        when,
        source_ranges,
        expire_time,
        mode,
        audit,
        require_prompt,
    } = rule;
    let has_conditions = name.contains("/workspaces/")
        || !(environments.is_empty() && agents.is_empty() && when.is_empty())
        || !source_ranges.is_empty()
        || expire_time.is_some()
        || *mode != i32::from(policy::RuleMode::Enforce)
        || subjects.as_ref().is_some_and(has_new_subjects);
    let is_written_ahead = *audit == i32::from(policy::AuditLevel::WriteAhead);
    let has_roles = subjects.as_ref().is_some_and(|s| !s.roles.is_empty());
    [
        (obligations.is_some(), REDACTION_PROFILES_FEATURE),
        (!methods.is_empty(), METHODS_FEATURE),
        (has_conditions, CONDITIONS_FEATURE),
        (has_roles, ROLES_FEATURE),
        (*require_prompt, PROMPTS_FEATURE),
        // At once is all that a filter without it can do.
        (is_written_ahead, WRITE_AHEAD_FEATURE),
    ]
    .into_iter()
    .filter_map(|(is_needed, feature)| is_needed.then_some(feature))
    .collect()
}

pub(super) fn has_new_subjects(subjects: &policy::Subjects) -> bool {
    let policy::Subjects {
        users: _,
        groups: _,
        authenticated: _,
        anyone: _,
        token_roles,
        roles,
        teams,
        workspaces,
        agents,
        clients,
    } = subjects;
    [token_roles, roles, teams, workspaces, agents, clients]
        .into_iter()
        .any(|subjects| !subjects.is_empty())
}

pub(super) fn needed_by_server(server: &policy::Server) -> BTreeSet<&'static str> {
    let policy::Server {
        name: _,
        endpoints,
        authentication: _,
        on_denied: _,
        origins: _,
        // Only rules that need CONDITIONS_FEATURE look at it.
        environment: _,
        dispatchers,
        scopes,
        upstream,
        // Only what redacts by profiles looks at them.
        tool_schemas: _,
        pins,
        state,
        input_schemas,
        output_schemas,
        write_ahead,
        standard_tools: _,
        // For the record alone.
        data_sources: _,
    } = server;
    let is_bound = |endpoint: &policy::Endpoint| {
        let policy::Endpoint {
            cluster: _,
            host: _,
            path: _,
            workspace,
            audiences,
            resource,
        } = endpoint;
        !(workspace.is_empty() && audiences.is_empty() && resource.is_empty())
    };
    let is_approved = [
        policy::ServerState::Unspecified,
        policy::ServerState::Approved,
    ]
    .into_iter()
    .any(|approved| *state == i32::from(approved));
    let has_variables = pins.as_ref().is_some_and(|pins| !pins.variables.is_empty());
    let has_schemas = !(input_schemas.is_empty() && output_schemas.is_empty());
    let has_endpoints = !scopes.is_empty() || endpoints.iter().any(is_bound);
    [
        (!dispatchers.is_empty(), DISPATCHERS_FEATURE),
        (has_endpoints, ENDPOINTS_FEATURE),
        (upstream.is_some(), CREDENTIALS_FEATURE),
        (pins.is_some(), PINS_FEATURE),
        (has_variables, VARIABLE_PINS_FEATURE),
        (!is_approved, SERVER_STATES_FEATURE),
        (has_schemas, SCHEMAS_FEATURE),
        (*write_ahead, WRITE_AHEAD_FEATURE),
    ]
    .into_iter()
    .filter_map(|(is_needed, feature)| is_needed.then_some(feature))
    .collect()
}

pub(super) fn needed_by_provider(provider: &policy::IdentityProvider) -> BTreeSet<&'static str> {
    let policy::IdentityProvider {
        name: _,
        issuer: _,
        audiences: _,
        keys: _,
        // What it lacks of a principal satisfies no rule that a filter without it understands,
        // except for the prefix.
        claims,
        leeway: _,
        source,
        metadata_key: _,
        trust_domain: _,
        required_claims,
        algorithms,
        access_tokens_only,
        has_key_set,
    } = provider;
    let has_prefix = claims
        .as_ref()
        .is_some_and(|claims| !claims.group_prefix.is_empty());
    let is_new = has_prefix
        || *source != i32::from(policy::IdentitySource::Token)
        || !(required_claims.is_empty() && algorithms.is_empty())
        || *access_tokens_only;
    let identity = is_new.then_some(IDENTITY_FEATURE).into_iter();
    identity
        .chain(has_key_set.then_some(KEY_SETS_FEATURE))
        .collect()
}
