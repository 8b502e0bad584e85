//! Who changes something, and what the record gets of it.

use chancery_proto::{
    admin::v1::Proposal,
    audit::v1::{AdminChange, Principal, entry::Event},
};

use super::{Doing, Done, Kind, Resources, review::reviews};
use crate::{ledger, resource::Resource};

/// Who changes something, and how.
#[derive(Clone, Debug, Default)]
pub struct By {
    /// Who, as the record has it.
    pub principal: Principal,
    /// Who, as a snapshot has it.
    pub author: String,
    /// The RPC.
    pub method: &'static str,
    /// What it came from, where that is more than the RPC.
    pub cause: Option<String>,
    /// The proposal that it publishes, as it is then. Absent: nobody else has looked at it.
    pub approves: Option<Proposal>,
    /// Whether it is the control plane itself, which waits for nobody.
    pub is_control_plane: bool,
    /// Why, where they say that.
    pub reason: String,
}

impl By {
    /// Whether somebody else has to look at it, where the organization wants that.
    pub(super) fn waits(&self) -> bool {
        self.approves.is_none() && !self.is_control_plane
    }

    /// Whose doing the snapshot is that holds the change.
    pub(super) fn doing(&self) -> Doing<'_> {
        Doing {
            author: &self.author,
            cause: self.cause.as_deref().unwrap_or(self.method),
        }
    }

    /// What the record gets of a change: one entry for each resource, and one for each definition that
    /// it approves or withdraws.
    pub(super) fn entries(
        &self,
        before: &Resources,
        keys: &[(Kind, String)],
        done: &[Done],
    ) -> Vec<Vec<u8>> {
        let proposal = self.approves.as_ref();
        let proposal = proposal.map_or_else(String::new, |proposal| proposal.name.clone());
        let entry = |(key, done): (&(Kind, String), &Done)| {
            let etag_after = match done {
                Done::Unchanged(_) => return None,
                Done::Created(resource) | Done::Updated(resource) => resource.etag().to_owned(),
                Done::Deleted => String::new(),
            };
            let stored = before.get(key);
            Some(ledger::entry(Event::AdminChange(AdminChange {
                principal: Some(self.principal.clone()),
                method: self.method.to_owned(),
                resource: key.1.clone(),
                etag_before: stored.map_or_else(String::new, |r| r.etag().to_owned()),
                etag_after,
                proposal: proposal.clone(),
                reason: self.reason.clone(),
                ..AdminChange::default()
            })))
        };
        let changes = keys.iter().zip(done).filter_map(entry);
        let reviews = keys.iter().zip(done).flat_map(|(key, done)| {
            let before = before.get(key).and_then(Resource::as_server);
            let after = match done {
                Done::Updated(resource) => resource.as_server(),
                Done::Created(_) | Done::Unchanged(_) | Done::Deleted => None,
            };
            let both = before.zip(after);
            both.map_or_else(Vec::new, |(before, after)| reviews(before, after, self))
        });
        changes.chain(reviews).collect()
    }
}
