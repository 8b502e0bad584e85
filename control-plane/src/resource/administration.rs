//! Bindings and organizations, which filters know nothing of.

use chancery_engine::wire::Invalid;
use chancery_proto::admin::v1 as admin;

use super::{invalid, name};

const MEMBERS: &str = "`user:ID`, `group:NAME` or `certificate:SUBJECT`";

/// Checks a binding.
pub(super) fn check_binding(binding: &admin::Binding) -> Result<(), Invalid> {
    let admin::Binding {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        description: _,
        members,
        roles,
        workspace,
    } = binding;
    name::check(name, &["organizations", "bindings"])?;
    name::check_workspace("workspace", workspace)?;
    if members.is_empty() {
        return Err(invalid(
            "members",
            "none",
            format!("at least one {MEMBERS}"),
        ));
    }
    let is_member = |member: &str| {
        let (kind, id) = member.split_once(':').unwrap_or_default();
        ["user", "group", "certificate"].contains(&kind) && !id.is_empty()
    };
    if let Some((at, member)) = members.iter().enumerate().find(|(_, m)| !is_member(m)) {
        return Err(invalid(
            format!("members[{at}]"),
            format!("`{member}`"),
            MEMBERS,
        ));
    }
    let expected = "`viewer`, `author`, `reviewer`, `approver`, `auditor` or `operator`";
    if roles.is_empty() {
        return Err(invalid(
            "roles",
            "none",
            format!("at least one of {expected}"),
        ));
    }
    let is_role = |role: i32| {
        !matches!(
            admin::AdminRole::try_from(role),
            Err(_) | Ok(admin::AdminRole::Unspecified)
        )
    };
    if let Some((at, role)) = roles.iter().enumerate().find(|(_, role)| !is_role(**role)) {
        return Err(invalid(format!("roles[{at}]"), role.to_string(), expected));
    }
    Ok(())
}

/// Checks an organization.
pub(super) fn check_organization(organization: &admin::Organization) -> Result<(), Invalid> {
    name::check(&organization.name, &["organizations"])
}
