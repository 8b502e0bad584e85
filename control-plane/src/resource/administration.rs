//! Bindings and organizations, which filters know nothing of.

use chancery_engine::wire::Invalid;
use chancery_proto::admin::v1 as admin;

use super::{invalid, name};
use crate::{egress::check_url, nearest::nearest, webhook::event::Event};

/// Most webhooks of an organization: each follows the record by itself.
const MAX_WEBHOOKS: usize = 8;

/// Most bytes of a webhook's URL.
const MAX_URL_BYTES: usize = 2_048;

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
    let admin::Organization {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        description: _,
        second_person: _,
        webhooks,
    } = organization;
    name::check(name, &["organizations"])?;
    if webhooks.len() > MAX_WEBHOOKS {
        let expected = format!("at most {MAX_WEBHOOKS}");
        return Err(invalid("webhooks", webhooks.len().to_string(), expected));
    }
    for (at, webhook) in webhooks.iter().enumerate() {
        let mut before = webhooks.iter().take(at);
        if before.any(|other| other.id == webhook.id) {
            let found = format!("`{}` once more", webhook.id);
            return Err(invalid(
                format!("webhooks[{at}].id"),
                found,
                "an id of its own",
            ));
        }
        check_webhook(webhook).map_err(|error| Invalid {
            field: format!("webhooks[{at}].{}", error.field),
            ..error
        })?;
    }
    Ok(())
}

fn check_webhook(webhook: &admin::Webhook) -> Result<(), Invalid> {
    let admin::Webhook {
        id,
        url,
        events,
        credential,
    } = webhook;
    name::check_id("id", id)?;
    if url.len() > MAX_URL_BYTES {
        let expected = format!("at most {MAX_URL_BYTES} bytes");
        return Err(invalid("url", format!("{} bytes", url.len()), expected));
    }
    check_url(url).map_err(|error| {
        let expected = "an `https` URL, such as `https://chat.example.com/hooks/chancery`";
        invalid("url", error.to_string(), expected)
    })?;
    let known = Event::ALL.map(Event::as_str);
    for (at, event) in events.iter().enumerate() {
        if !known.contains(&&**event) {
            let listed = known.map(|word| format!("`{word}`")).join(", ");
            let expected = match nearest(event, &known) {
                Some(meant) => format!("one of {listed} (did you mean `{meant}`?)"),
                None => format!("one of {listed}"),
            };
            return Err(invalid(
                format!("events[{at}]"),
                format!("`{event}`"),
                expected,
            ));
        }
    }
    name::check_id("credential", credential)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(id: &str) -> admin::Webhook {
        admin::Webhook {
            id: id.to_owned(),
            url: "https://chat.test/hook".to_owned(),
            events: vec!["drift.sighted".to_owned()],
            credential: "signs".to_owned(),
        }
    }

    fn problem(webhooks: Vec<admin::Webhook>) -> Option<(String, String)> {
        let organization = admin::Organization {
            name: "organizations/o".to_owned(),
            webhooks,
            ..admin::Organization::default()
        };
        let problem = check_organization(&organization).err()?;
        Some((problem.field, problem.expected))
    }

    #[test]
    fn a_webhook_is_at_a_place_that_may_be_told_of_events_that_there_are() {
        assert_eq!(problem(vec![webhook("a"), webhook("b")]), None);
        let with = |change: fn(&mut admin::Webhook)| {
            let mut changed = webhook("b");
            change(&mut changed);
            problem(vec![webhook("a"), changed]).unwrap()
        };
        for (field, change) in [
            (
                "webhooks[1].id",
                (|it| it.id = "a".to_owned()) as fn(&mut admin::Webhook),
            ),
            ("webhooks[1].id", |it| it.id = "A b".to_owned()),
            ("webhooks[1].url", |it| {
                it.url = "http://chat.test".to_owned();
            }),
            ("webhooks[1].url", |it| {
                it.url = "https://u:p@chat.test".to_owned();
            }),
            ("webhooks[1].url", |it| {
                it.url = format!("https://a.test/{}", "x".repeat(2_048));
            }),
            ("webhooks[1].credential", |it| it.credential.clear()),
        ] {
            assert_eq!(with(change).0, field);
        }
        let (field, expected) = with(|it| it.events.push("drift.sigted".to_owned()));
        assert_eq!(field, "webhooks[1].events[1]");
        assert!(
            expected.contains("did you mean `drift.sighted`?"),
            "{expected}"
        );
        // This machine is for development, which egress knows of.
        let mut here = webhook("a");
        here.url = "http://127.0.0.1:1/hook".to_owned();
        assert_eq!(problem(vec![here]), None);
        let many = (0..9)
            .map(|number| webhook(&format!("w{number}")))
            .collect();
        assert_eq!(problem(many).unwrap().0, "webhooks");
    }
}
