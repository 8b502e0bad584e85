//! How far servers are in the registry: what each may become next, and who said so.

use chancery_engine::name::organization_of;
use chancery_proto::{
    admin::v1::{Server, ServerStateChange},
    policy::v1::ServerState,
};

use super::{By, Changed, Registry, RegistryError, Resources, Wish, now};
use crate::resource::{Kind, Resource, invalid};

/// Changes of a server's state that are kept with it, the newest.
const MAX_CHANGES: usize = 32;

/// The most bytes of a reason.
pub(super) const MAX_REASON_BYTES: usize = 1_024;

/// What a state is called.
pub(crate) fn word(state: ServerState) -> &'static str {
    match state {
        ServerState::Unspecified | ServerState::Approved => "approved",
        ServerState::Proposed => "proposed",
        ServerState::Suspended => "suspended",
        ServerState::Retired => "retired",
    }
}

/// What a server of a state may become.
fn next_of(state: ServerState) -> &'static [ServerState] {
    match state {
        ServerState::Proposed | ServerState::Suspended => {
            &[ServerState::Approved, ServerState::Retired]
        }
        ServerState::Unspecified | ServerState::Approved => {
            &[ServerState::Suspended, ServerState::Retired]
        }
        ServerState::Retired => &[ServerState::Proposed],
    }
}

/// Another state for a server.
#[derive(Clone, Debug)]
pub struct StateChange {
    /// The server's name.
    pub name: String,
    /// Where given, must be the stored one's.
    pub etag: String,
    /// What it is to be.
    pub state: ServerState,
    /// Why.
    pub reason: String,
}

/// Gives a server that is written the state that it has: what is written says it only of a new one, so
/// that no document that is applied once more lifts a suspension.
pub(super) fn settle(
    server: &mut Server,
    stored: Option<&Server>,
    author: &str,
) -> Result<(), RegistryError> {
    let Some(stored) = stored else {
        if server.state() == ServerState::Unspecified {
            server.set_state(ServerState::Approved);
        }
        server.state_changes = vec![change_of(server.state(), author, "added")];
        return Ok(());
    };
    let wanted = server.state();
    if wanted != ServerState::Unspecified && wanted != stored.state() {
        let expected = format!(
            "`{}`, as it is stored, or nothing: `chancery registry` approves, suspends and retires",
            word(stored.state())
        );
        let wrong = invalid("state", format!("`{}`", word(wanted)), expected);
        return Err(RegistryError::Invalid(vec![(0, wrong)]));
    }
    server.state = stored.state;
    server.state_changes.clone_from(&stored.state_changes);
    Ok(())
}

/// The server in its new state, if it may be that.
pub(super) fn changed(
    stored: &Resources,
    change: &StateChange,
    author: &str,
) -> Result<Resource, RegistryError> {
    let StateChange {
        name,
        etag: _,
        state,
        reason,
    } = change;
    let found = stored.get(&(Kind::Server, name.clone()));
    let Some(Resource::Server(server)) = found else {
        return Err(RegistryError::NotFound { name: name.clone() });
    };
    let refuse = |field, found: String, expected: String| {
        RegistryError::Invalid(vec![(0, invalid(field, found, expected))])
    };
    let mut server = server.clone();
    if server.state() == *state {
        return Ok(Resource::Server(server));
    }
    let next = next_of(server.state());
    if !next.contains(state) {
        let next: Vec<_> = next.iter().map(|it| format!("`{}`", word(*it))).collect();
        let found = format!(
            "`{}` for one that is {}",
            word(*state),
            word(server.state())
        );
        return Err(refuse("state", found, next.join(" or ")));
    }
    if *state != ServerState::Approved || !reason.is_empty() {
        check_reason(reason)?;
    }
    if *state == ServerState::Approved
        && let Some(proposer) = proposer(&server).filter(|proposer| *proposer == author)
        && needs_two(stored, organization_of(name))
    {
        return Err(RegistryError::SameAuthor {
            name: name.clone(),
            author: proposer.to_owned(),
        });
    }
    server.set_state(*state);
    server.state_changes.push(change_of(*state, author, reason));
    let surplus = server.state_changes.len().saturating_sub(MAX_CHANGES);
    server.state_changes.drain(..surplus);
    Ok(Resource::Server(server))
}

/// Checks that somebody said why, and not at length.
pub(super) fn check_reason(reason: &str) -> Result<(), RegistryError> {
    if !reason.trim().is_empty() && reason.len() <= MAX_REASON_BYTES {
        return Ok(());
    }
    let expected = format!("why, in 1 to {MAX_REASON_BYTES} bytes");
    let wrong = invalid("reason", format!("{} bytes", reason.len()), expected);
    Err(RegistryError::Invalid(vec![(0, wrong)]))
}

fn change_of(state: ServerState, author: &str, reason: &str) -> ServerStateChange {
    ServerStateChange {
        state: state.into(),
        time: Some(now()),
        author: author.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Who wants it approved.
fn proposer(server: &Server) -> Option<&str> {
    let last = server.state_changes.last()?;
    (last.state() == ServerState::Proposed).then_some(&*last.author)
}

/// Whether an organization wants another person to look at what one does.
fn needs_two(stored: &Resources, organization: &str) -> bool {
    let stored = stored.get(&(Kind::Organization, organization.to_owned()));
    matches!(stored, Some(Resource::Organization(it)) if it.second_person)
}

impl Registry {
    /// Approves, suspends or retires a server, or proposes it anew. It is done at once; where the
    /// organization wants a second person, nobody approves what they have proposed. Blocks on the
    /// store.
    ///
    /// # Errors
    /// Where there is no such server, or it cannot become that.
    pub fn change_state(
        &self,
        change: StateChange,
        by: &By,
        validate_only: bool,
    ) -> Result<Changed, RegistryError> {
        self.change(vec![Wish::ChangeState(change)], by, validate_only)
    }

    /// Brings back a server that was removed, suspended. Blocks on the store.
    ///
    /// # Errors
    /// Where none of that name was removed, or there is one now.
    pub fn undelete_server(
        &self,
        name: &str,
        by: &By,
        validate_only: bool,
    ) -> Result<Changed, RegistryError> {
        let removed = self.store.last_version_of(Kind::Server, name)?;
        let Some(Resource::Server(mut server)) = removed else {
            return Err(RegistryError::NotFound {
                name: name.to_owned(),
            });
        };
        server.set_state(ServerState::Suspended);
        let wish = Wish::Create(Resource::Server(server).bare());
        self.change(vec![wish], by, validate_only)
    }
}

#[cfg(test)]
mod tests;
