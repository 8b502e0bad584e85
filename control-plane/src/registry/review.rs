//! What people decide about what was seen and is not approved: it becomes so, or is not to be.

mod approval;
mod entries;
mod pinned;

use std::{cell::OnceCell, collections::BTreeMap};

use chancery_engine::{id::Hex, name::organization_of};
use chancery_proto::{
    admin::v1::{Approval, DriftId, LookAlike, Rejection, Rule, SeenDrift, Server, TouchedRule},
    audit::v1::{DefinitionKind, Drift, DriftSighting, ReviewVerdict},
};

pub use self::approval::ApprovalWish;
use self::{entries::review, pinned::PinnedServer};
pub(super) use self::{
    entries::reviews,
    pinned::{approves, pinned_now},
};
use super::{By, Registry, RegistryError, now, state::check_reason};
use crate::{
    inspect::fold_name,
    lint::rules_about,
    resource::{Kind, invalid},
    review::{called::named, definitions::names},
    store::Transaction,
};

/// The RPC by which definitions are approved: none of it may break a rule.
pub(super) const APPROVE: &str = "ApproveDefinitions";

impl Registry {
    /// What waits for a review, of servers whose names begin so, the newest 5,000 first; with what was
    /// rejected. Blocks on the store.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn drifts(&self, prefix: &str) -> Result<Vec<SeenDrift>, RegistryError> {
        let mut drifts = self.store.drifts(prefix)?;
        let resources = self.current();
        let mut known: BTreeMap<String, Option<PinnedServer<'_>>> = BTreeMap::new();
        drifts.retain(|drift| {
            let read = || {
                let stored = resources.stored(Kind::Server, &drift.server)?;
                PinnedServer::of(stored.as_server()?)
            };
            let server = known.entry(drift.server.clone()).or_insert_with(read);
            server.as_ref().is_some_and(|server| server.waits(drift))
        });
        drifts.sort_by_key(|drift| {
            let last = drift.last_time.unwrap_or_default();
            std::cmp::Reverse((last.seconds, last.nanos))
        });
        Ok(drifts)
    }

    /// One version of something at a server, if it waits for a review. Blocks on the store.
    ///
    /// # Errors
    /// Where it does not.
    pub fn drift(&self, server: &Server, id: &DriftId) -> Result<SeenDrift, RegistryError> {
        let drift = self.store.drift(&server.name, id)?;
        let pinned = PinnedServer::of(server);
        let waits = |drift: &SeenDrift| pinned.as_ref().is_some_and(|it| it.waits(drift));
        drift.filter(waits).ok_or_else(|| unknown("id", id))
    }

    /// The rules that name what a drift is about, and what is wrong with them once it is approved. Blocks
    /// on the store.
    ///
    /// # Errors
    /// Where that cannot be told.
    pub fn touched(
        &self,
        server: &Server,
        drift: &SeenDrift,
    ) -> Result<Vec<TouchedRule>, RegistryError> {
        let id = drift.id.clone().unwrap_or_default();
        if id.definition_kind() != DefinitionKind::Tool {
            return Ok(Vec::new());
        }
        let resources = self.current();
        let rules = resources.within(Kind::Rule, organization_of(&server.name));
        let rules = rules.filter_map(|stored| stored.as_rule());
        let rules: Vec<&Rule> = rules.collect();
        let wish = ApprovalWish {
            server: server.name.clone(),
            etag: server.etag.clone(),
            approvals: vec![Approval {
                id: Some(id.clone()),
                definition: String::new(),
            }],
            ..ApprovalWish::default()
        };
        // What cannot be approved breaks nothing; that it cannot is said when somebody tries to.
        let tried = self.approval(&wish).and_then(|wishes| {
            let by = By {
                method: APPROVE,
                is_control_plane: true,
                ..By::default()
            };
            self.change(wishes, &by, true)
        });
        let broken = match tried {
            Err(RegistryError::BreaksRules(broken)) => broken,
            Ok(_) | Err(_) => Vec::new(),
        };
        let about = rules_about(&rules, server, &id.capability);
        let touched = about.into_iter().map(|name| {
            let breaks = broken.iter().filter(|(rule, _)| rule == name);
            let breaks: Vec<_> = breaks.map(|(_, why)| &**why).collect();
            TouchedRule {
                name: name.to_owned(),
                breaks: breaks.join("; "),
            }
        });
        Ok(touched.collect())
    }

    /// Approved tools or prompts of the server's organization that a drift's name could be taken for: by
    /// case, separators, or letters of other scripts; in the order of their servers.
    pub fn look_alikes(&self, drift: &SeenDrift) -> Vec<LookAlike> {
        let id = drift.id.clone().unwrap_or_default();
        let kind = id.definition_kind();
        if !matches!(kind, DefinitionKind::Tool | DefinitionKind::Prompt) {
            return Vec::new();
        }
        let folded = fold_name(&id.capability);
        let resources = self.current();
        let servers = resources.within(Kind::Server, organization_of(&drift.server));
        let alike = servers.flat_map(|stored| {
            let server = stored.as_server();
            let names = server.map_or_else(Vec::new, |server| names(server, kind));
            let is_alike = |name: &&str| {
                let is_itself = stored.name() == drift.server && **name == id.capability;
                !is_itself && fold_name(name) == folded
            };
            let alike = names.into_iter().filter(is_alike);
            let alike = alike.map(|name| LookAlike {
                server: stored.name().to_owned(),
                capability: name.to_owned(),
            });
            alike.collect::<Vec<_>>()
        });
        alike.collect()
    }

    /// Says that versions of something are not to be approved. What clients could still call of it is
    /// blocked, unless its server is as it was approved again: who looked at it is witness enough. Blocks
    /// on the store.
    ///
    /// # Errors
    /// Where one does not wait for a review, or no reason is given.
    pub fn reject(
        &self,
        server: &Server,
        ids: &[DriftId],
        leave_callable: bool,
        by: &By,
    ) -> Result<Vec<SeenDrift>, RegistryError> {
        let reason = &*by.reason;
        check_reason(reason)?;
        let mut drifts = Vec::new();
        for (position, id) in ids.iter().enumerate() {
            let drift = self.drift(server, id);
            drifts.push(drift.map_err(|error| error.at(position))?);
        }
        let rejection = Rejection {
            author: by.author.clone(),
            time: Some(now()),
            reason: reason.to_owned(),
        };
        let entry = |id: &DriftId| review(by, &server.name, id, ReviewVerdict::Rejected, reason);
        self.store.commit(&Transaction {
            rejections: ids
                .iter()
                .map(|id| (&*server.name, id.clone(), rejection.clone()))
                .collect(),
            entries: ids.iter().map(entry).collect(),
            ..Transaction::default()
        })?;
        for drift in &mut drifts {
            drift.rejection = Some(rejection.clone());
            if !leave_callable {
                self.quarantine(
                    server,
                    &sighting_of(drift),
                    std::slice::from_ref(&by.author),
                )?;
            }
        }
        Ok(drifts)
    }

    /// Forgets what is decided about servers that were changed: it is approved, or they are gone.
    /// What is kept too long is not listed, so nothing fails for it.
    pub(super) fn forget_decided(&self, names: &[&str]) {
        let resources = self.current();
        for name in names {
            let server = resources.stored(Kind::Server, name);
            // Made once something waits: of most servers nothing does.
            let pinned = OnceCell::new();
            let is_decided = |drift: &SeenDrift| {
                let read = || PinnedServer::of(server?.as_server()?);
                let pinned = pinned.get_or_init(read);
                !pinned.as_ref().is_some_and(|it| it.waits(drift))
            };
            if let Err(error) = self.store.forget_drifts(name, is_decided) {
                tracing::error!(%error, server = name, "what is decided about is still kept");
            }
        }
    }

    /// Forgets that something was gone which a complete scan has found again. Blocks on the store.
    ///
    /// # Errors
    /// Where SQLite does not.
    pub fn returned(
        &self,
        server: &str,
        is_gone: impl Fn(&DriftId) -> bool,
    ) -> Result<(), RegistryError> {
        let is_back = |drift: &SeenDrift| {
            let id = drift.id.as_ref();
            drift.drift() == Drift::Removed && id.is_none_or(|id| !is_gone(id))
        };
        Ok(self.store.forget_drifts(server, is_back)?)
    }
}

/// What was seen, as it was reported.
fn sighting_of(drift: &SeenDrift) -> DriftSighting {
    let id = drift.id.clone().unwrap_or_default();
    DriftSighting {
        server: drift.server.clone(),
        definition_kind: id.definition_kind,
        capability: id.capability,
        seen: id.seen,
        drift: drift.drift,
        definition: drift.definition.clone(),
        hidden: drift.hidden,
        source: drift.source,
        principal: None,
    }
}

fn what(id: &DriftId) -> String {
    named(id.definition_kind(), &id.capability)
}

fn wrong(field: String, found: String, expected: &str) -> RegistryError {
    RegistryError::Invalid(vec![(0, invalid(field, found, expected))])
}

fn unknown(field: &str, id: &DriftId) -> RegistryError {
    let found = format!("`{}` as {}", what(id), Hex(&id.seen));
    wrong(
        field.to_owned(),
        found,
        "what waits for a review, by ListDrifts",
    )
}

#[cfg(test)]
mod tests;
