//! Rules, roles, offers and quotas as filters get them.

use chancery_engine::{
    offer::Offer as EngineOffer, quota::Quota as EngineQuota, rule::Rule as EngineRule,
    subject::Role as EngineRole, wire::Invalid,
};
use chancery_proto::{admin::v1 as admin, policy::v1 as policy};

use super::name;

/// What a filter gets of a rule.
pub(super) fn to_policy(rule: &admin::Rule) -> Result<policy::Rule, Invalid> {
    check_subjects(rule.subjects.as_ref())?;
    let message = policy_rule(rule);
    EngineRule::try_from(message.clone())?;
    Ok(message)
}

/// What a filter gets of a role.
pub(super) fn role_to_policy(role: &admin::Role) -> Result<policy::Role, Invalid> {
    let admin::Role {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        description: _,
        subjects,
    } = role.clone();
    check_subjects(subjects.as_ref())?;
    let message = policy::Role { name, subjects };
    EngineRole::try_from(message.clone())?;
    Ok(message)
}

/// What a filter gets of an offer.
pub(super) fn offer_to_policy(offer: &admin::Offer) -> Result<policy::Offer, Invalid> {
    let admin::Offer {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        description: _,
        servers,
        workspaces,
        tools,
        prompts,
        resources,
    } = offer.clone();
    let message = policy::Offer {
        name,
        servers,
        workspaces,
        tools,
        prompts,
        resources,
    };
    EngineOffer::try_from(message.clone())?;
    Ok(message)
}

/// What a filter gets of a quota.
pub(super) fn quota_to_policy(quota: &admin::Quota) -> Result<policy::Quota, Invalid> {
    let admin::Quota {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        description: _,
        subjects,
        servers,
        tools,
        calls,
        period,
        per,
    } = quota.clone();
    check_subjects(subjects.as_ref())?;
    let message = policy::Quota {
        name,
        subjects,
        servers,
        tools,
        calls,
        period,
        per,
    };
    EngineQuota::try_from(message.clone())?;
    Ok(message)
}

fn check_subjects(subjects: Option<&policy::Subjects>) -> Result<(), Invalid> {
    let workspaces = subjects
        .into_iter()
        .flat_map(|subjects| &subjects.workspaces);
    for (position, workspace) in workspaces.enumerate() {
        name::check_id(&format!("subjects.workspaces[{position}]"), workspace)?;
    }
    Ok(())
}

fn policy_rule(rule: &admin::Rule) -> policy::Rule {
    let admin::Rule {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        description: _,
        effect,
        subjects,
        servers,
        tools,
        prompts,
        resources,
        obligations,
        methods,
        environments,
        agents,
        when,
        source_ranges,
        expire_time,
        mode,
        review_time: _,
        owner: _,
        audit,
        require_prompt,
    } = rule.clone();
    let mode = match policy::RuleMode::try_from(mode) {
        Ok(policy::RuleMode::Unspecified) => policy::RuleMode::Enforce.into(),
        Ok(policy::RuleMode::Enforce | policy::RuleMode::Shadow) | Err(_) => mode,
    };
    policy::Rule {
        name,
        effect,
        subjects,
        servers,
        tools,
        prompts,
        resources,
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
    }
}
