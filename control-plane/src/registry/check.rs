//! Whether changed resources may be stored: their values, what they name, and who may publish them.

use std::collections::BTreeSet;

use chancery_engine::name::organization_of;
use chancery_proto::admin::v1::Warning;

use super::{Done, ROLLBACK, RegistryError, Resources, now, reference, review};
use crate::{
    access::Place,
    lint::{self, Lint},
    resource::{Kind, Resource},
};

/// Checks every value of the changed resources, and every reference that a change of them can break.
pub(super) fn check(
    candidate: &Resources,
    changed: &[(Kind, String)],
) -> Result<(), RegistryError> {
    let index = reference::Index::new(candidate, changed);
    let mut problems = Vec::new();
    for (position, (kind, name)) in changed.iter().enumerate() {
        let Some(stored) = candidate.stored(*kind, name) else {
            continue;
        };
        let found = match stored.part() {
            Err(error) => vec![error.clone()],
            Ok(_) => reference::check(&index, stored),
        };
        problems.extend(found.into_iter().map(|invalid| (position, invalid)));
    }
    if !problems.is_empty() {
        return Err(RegistryError::Invalid(problems));
    }
    for key in changed.iter().filter(|key| !candidate.contains_key(key)) {
        let (kind, name) = key;
        if let Some(by) = index.named_by(*kind, name) {
            return Err(RegistryError::InUse {
                name: name.clone(),
                by: by.to_owned(),
            });
        }
    }
    Ok(())
}

/// What is done about rules that name what is not there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum DeadRules {
    /// A change that writes one is refused.
    Refused,
    /// So is one that breaks another.
    RefusedAnywhere,
    /// They are let be: what was in force before may be so again.
    Let,
}

impl DeadRules {
    /// As the RPC asks that a change came from first.
    pub(super) fn of(method: &str) -> Self {
        match method {
            ROLLBACK => Self::Let,
            review::APPROVE => Self::RefusedAnywhere,
            _ => Self::Refused,
        }
    }

    /// Checks a change; what is hardly meant of it.
    pub(super) fn lint(
        self,
        before: &Resources,
        after: &Resources,
        names: &[(Kind, String)],
        done: &[Done],
    ) -> Result<Vec<Warning>, RegistryError> {
        if self == Self::Let {
            return Ok(Vec::new());
        }
        let lint = lint(before, after, names, done)?;
        if self == Self::RefusedAnywhere && !lint.broken.is_empty() {
            return Err(RegistryError::BreaksRules(lint.broken));
        }
        Ok(lint.warnings)
    }
}

/// Checks that no rule is dead, or becomes so.
fn lint(
    before: &Resources,
    after: &Resources,
    names: &[(Kind, String)],
    done: &[Done],
) -> Result<Lint, RegistryError> {
    let organizations: BTreeSet<_> = names
        .iter()
        .map(|(_, name)| organization_of(name))
        .collect();
    let before = ground(before, &organizations);
    let after = ground(after, &organizations);
    let wished: Vec<_> = names
        .iter()
        .zip(done)
        .map(|((kind, name), done)| (*kind, &**name, !matches!(done, Done::Unchanged(_))))
        .collect();
    let lint = lint::check(&lint::Change {
        before: &before,
        after: &after,
        wished: &wished,
        now_seconds: now().seconds,
    });
    if lint.errors.is_empty() {
        Ok(lint)
    } else {
        Err(RegistryError::Invalid(lint.errors))
    }
}

/// What rules of these organizations are held against.
fn ground<'r>(resources: &'r Resources, organizations: &BTreeSet<&str>) -> Vec<&'r Resource> {
    let mut ground = Vec::new();
    for organization in organizations {
        for kind in [Kind::Offer, Kind::Role, Kind::Rule, Kind::Server] {
            ground.extend(resources.within(kind, organization).map(|it| &***it));
        }
    }
    ground
}

/// An organization of these resources whose changes need a second person. It is asked as it was, so
/// that it cannot be turned off with the change that it would have been in the way of. A credential
/// may have a secret, which no proposal keeps: it is its operator's to change. A new block waits for
/// nobody; one that is changed or lifted does.
pub(super) fn second_person(
    stored: &Resources,
    changed: &[(Kind, String)],
    done: &[Done],
    may_wait: &[bool],
) -> Option<String> {
    let wants = |(((kind, name), done), may_wait): ((&(Kind, String), &Done), &bool)| {
        let is_new_block = *kind == Kind::Block && matches!(done, Done::Created(_));
        let waits = *may_wait && *kind != Kind::Credential && !is_new_block;
        let place = Place::of(name).filter(|_| waits)?;
        let name = format!("organizations/{}", place.organization);
        let stored = stored.get(&(Kind::Organization, name.clone()));
        let Some(Resource::Organization(organization)) = stored else {
            return None;
        };
        organization.second_person.then_some(name)
    };
    changed.iter().zip(done).zip(may_wait).find_map(wants)
}
