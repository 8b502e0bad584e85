//! What people decide about what was seen and is not approved: it becomes so, or is not to be.

use std::collections::BTreeMap;

use chancery_engine::{id::Hex, name::organization_of};
use chancery_proto::{
    admin::v1::{
        Approval, DriftId, LookAlike, Rejection, Rule, SeenDrift, Server, ToolDefinition,
        TouchedRule,
    },
    audit::v1::{
        Content, DefinitionKind, Drift, DriftSighting, Review, ReviewVerdict, entry::Event,
    },
    policy::v1::Pins,
};

use super::{By, Registry, RegistryError, Wish, now, state::check_reason};
use crate::{
    inspect::fold_name,
    ledger,
    lint::rules_about,
    resource::{Kind, Resource, invalid, pin_of, pins_of, whole},
    review::{
        called::named,
        definitions::{add, names, remove},
    },
    store::Transaction,
};

/// The RPC by which definitions are approved: none of it may break a rule.
pub(super) const APPROVE: &str = "ApproveDefinitions";

/// Most entries that the record gets of what one change approves and withdraws; the change itself is on
/// it in any case.
const MAX_REVIEWS: usize = 256;

/// Most names that one could be taken for that are shown.
const MAX_LOOK_ALIKES: usize = 16;

/// What is to be approved of one server.
#[derive(Clone, Debug)]
pub struct ApprovalWish {
    /// The server's resource name.
    pub server: String,
    /// The server's, as it was when it was looked at.
    pub etag: String,
    /// What.
    pub approvals: Vec<Approval>,
    /// Whether other versions of the same are not approved any more.
    pub replaces: bool,
    /// What changes with it.
    pub beside: Vec<Resource>,
}

impl Registry {
    /// What waits for a review, of servers whose names begin so, the newest first; with what was
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
        let rules = rules.filter_map(|stored| match &***stored {
            Resource::Rule(rule) => Some(rule),
            _ => None,
        });
        let rules: Vec<&Rule> = rules.collect();
        let wish = ApprovalWish {
            server: server.name.clone(),
            etag: server.etag.clone(),
            approvals: vec![Approval {
                id: Some(id.clone()),
                definition: String::new(),
            }],
            replaces: false,
            beside: Vec::new(),
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
        alike.take(MAX_LOOK_ALIKES).collect()
    }

    /// The wishes that approving comes to. Blocks on the store.
    ///
    /// # Errors
    /// Where something of it cannot be approved.
    pub fn approval(&self, wish: &ApprovalWish) -> Result<Vec<Wish>, RegistryError> {
        let ApprovalWish {
            server: name,
            etag,
            approvals,
            replaces,
            beside,
        } = wish;
        let Resource::Server(mut server) = self.find(Kind::Server, name)? else {
            return Err(RegistryError::NotFound { name: name.clone() });
        };
        let field = |position: usize, field: &str| format!("approvals[{position}].{field}");
        for (position, approval) in approvals.iter().enumerate() {
            let Approval { id, definition } = approval;
            let id = id.clone().unwrap_or_default();
            let drift = self.store.drift(name, &id)?;
            if let Some(drift) = &drift
                && drift.drift() == Drift::Removed
            {
                remove(&mut server, &id);
                continue;
            }
            let kept = drift
                .as_ref()
                .and_then(|drift| whole(drift.definition.as_ref()?));
            let text = Some(&**definition).filter(|text| !text.is_empty()).or(kept);
            let Some(text) = text else {
                return Err(not_whole(&field(position, "id"), &id, drift.as_ref()));
            };
            if id.seen.is_empty() {
                let found = format!("`{}`, which has no pin", what(&id));
                let expected = "a definition whose numbers all readers read alike: ask the server's \
                                owner to change it";
                return Err(wrong(field(position, "id"), found, expected));
            }
            if !add(&mut server, &id, text, *replaces) {
                let expected = "a definition as it stands in the server's lists";
                let found = format!("`{}`, which is none", what(&id));
                return Err(wrong(field(position, "definition"), found, expected));
            }
        }
        let server = without_twins(server);
        let pins = pins_of(&server).map_err(|error| RegistryError::Invalid(vec![(0, error)]))?;
        let pins = pins.unwrap_or_default();
        for (position, approval) in approvals.iter().enumerate() {
            let id = approval.id.clone().unwrap_or_default();
            let kept = self
                .store
                .drift(name, &id)?
                .and_then(|drift| drift.definition);
            let now = pinned_now(&server, id.clone(), kept.as_ref());
            if !id.seen.is_empty() && !approves(&pins, &now) {
                let found = format!("a definition of `{}` with another pin", what(&id));
                let expected = format!("the one that has {}", Hex(&id.seen));
                return Err(wrong(field(position, "definition"), found, &expected));
            }
        }
        let server = Server {
            etag: etag.clone(),
            ..server
        };
        let update = Wish::Update(Resource::Server(server));
        let beside = beside.iter().cloned().map(Wish::Apply);
        Ok(std::iter::once(update).chain(beside).collect())
    }

    /// Says that versions of something are not to be approved. What clients could still call of it is
    /// blocked: who looked at it is witness enough. Blocks on the store.
    ///
    /// # Errors
    /// Where one does not wait for a review, or no reason is given.
    pub fn reject(
        &self,
        server: &Server,
        ids: &[DriftId],
        reason: &str,
        by: &By,
    ) -> Result<Vec<SeenDrift>, RegistryError> {
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
            self.quarantine(server, &sighting_of(drift), &[by.author.clone()])?;
        }
        Ok(drifts)
    }

    /// Forgets what is decided about servers that were changed: it is approved, or they are gone.
    pub(super) fn forget_decided(&self, names: &[&str]) -> Result<(), RegistryError> {
        let resources = self.current();
        for name in names {
            let server = resources.stored(Kind::Server, name);
            let pinned = server.and_then(|stored| PinnedServer::of(stored.as_server()?));
            self.store.forget_drifts(name, |drift| {
                !pinned.as_ref().is_some_and(|it| it.waits(drift))
            })?;
        }
        Ok(())
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

/// A server, and the pins of what is approved of it.
struct PinnedServer<'s> {
    server: &'s Server,
    pins: Pins,
}

impl<'s> PinnedServer<'s> {
    /// `None`: it is not pinned.
    fn of(server: &'s Server) -> Option<Self> {
        let pins = pins_of(server).ok().flatten()?;
        Some(Self { server, pins })
    }

    /// Whether something that was seen of it is still not as it is approved.
    fn waits(&self, drift: &SeenDrift) -> bool {
        let id = drift.id.clone().unwrap_or_default();
        match drift.drift() {
            Drift::Removed => !pins_at(&self.pins, &id).is_empty(),
            Drift::Unspecified | Drift::New | Drift::Changed | Drift::Unpinnable => {
                let id = pinned_now(self.server, id, drift.definition.as_ref());
                !approves(&self.pins, &id)
            }
        }
    }
}

/// A version as its server's definitions are pinned by now: other fields may vary than when it was seen.
pub(super) fn pinned_now(server: &Server, id: DriftId, definition: Option<&Content>) -> DriftId {
    if server.variable_fields.is_empty() || id.seen.is_empty() {
        return id;
    }
    let text = definition.and_then(whole);
    let pin = text.and_then(|text| pin_of(server, (id.definition_kind(), &id.capability), text));
    match pin {
        Some(pin) => DriftId {
            seen: pin.as_bytes().to_vec(),
            ..id
        },
        None => id,
    }
}

/// The approved pins of what an id is of.
fn pins_at<'p>(pins: &'p Pins, id: &DriftId) -> &'p [Vec<u8>] {
    let list = match id.definition_kind() {
        DefinitionKind::Tool => &pins.tools,
        DefinitionKind::Prompt => &pins.prompts,
        DefinitionKind::Resource => &pins.resources,
        DefinitionKind::ResourceTemplate => &pins.resource_templates,
        DefinitionKind::Instructions => return &pins.instructions,
        DefinitionKind::ServerInfo => return &pins.server_infos,
        DefinitionKind::Unspecified => return &[],
    };
    let named = list.iter().find(|it| it.name == id.capability);
    named.map_or(&[], |it| &it.pins)
}

/// Whether a version of something is approved.
pub(super) fn approves(pins: &Pins, id: &DriftId) -> bool {
    pins_at(pins, id).contains(&id.seen)
}

/// What the record gets of what a change of a server approves and withdraws, beside the change itself. Of
/// a server that is new, all of it is: that says nothing.
pub(super) fn reviews(before: &Server, after: &Server, by: &By) -> Vec<Vec<u8>> {
    let pinned = |server| pins_of(server).ok().flatten();
    let (Some(old), Some(new)) = (pinned(before), pinned(after)) else {
        return Vec::new();
    };
    let entries = |from: &Server, less: &Pins, verdict| {
        let each = all(from).into_iter().filter(|id| !approves(less, id));
        let each = each.map(|id| review(by, &after.name, &id, verdict, &by.reason));
        each.collect::<Vec<_>>()
    };
    let mut entries_of_both = entries(after, &old, ReviewVerdict::Approved);
    entries_of_both.extend(entries(before, &new, ReviewVerdict::Withdrawn));
    entries_of_both.truncate(MAX_REVIEWS);
    entries_of_both
}

/// Every version that is approved of a server.
fn all(server: &Server) -> Vec<DriftId> {
    let Ok(Some(pins)) = pins_of(server) else {
        return Vec::new();
    };
    let lists = [
        (DefinitionKind::Tool, pins.tools),
        (DefinitionKind::Prompt, pins.prompts),
        (DefinitionKind::Resource, pins.resources),
        (DefinitionKind::ResourceTemplate, pins.resource_templates),
    ];
    let id = |kind: DefinitionKind, capability: String, seen| DriftId {
        definition_kind: kind.into(),
        capability,
        seen,
    };
    let mut ids = Vec::new();
    for (kind, list) in lists {
        for it in list {
            ids.extend(
                it.pins
                    .into_iter()
                    .map(|pin| id(kind, it.name.clone(), pin)),
            );
        }
    }
    let said = |kind, pins: Vec<_>| {
        let pins = pins.into_iter();
        pins.map(move |pin| id(kind, String::new(), pin))
    };
    ids.extend(said(DefinitionKind::Instructions, pins.instructions));
    ids.extend(said(DefinitionKind::ServerInfo, pins.server_infos));
    ids
}

fn review(by: &By, server: &str, id: &DriftId, verdict: ReviewVerdict, reason: &str) -> Vec<u8> {
    ledger::entry(Event::Review(Review {
        principal: Some(by.principal.clone()),
        server: server.to_owned(),
        definition_kind: id.definition_kind,
        capability: id.capability.clone(),
        seen: id.seen.clone(),
        verdict: verdict.into(),
        reason: reason.to_owned(),
    }))
}

/// A server without definitions that are there twice.
fn without_twins(mut server: Server) -> Server {
    let mut tools: Vec<ToolDefinition> = Vec::new();
    for tool in server.tools {
        if !tools.contains(&tool) {
            tools.push(tool);
        }
    }
    server.tools = tools;
    server
}

/// Which version of what was seen.
pub(super) fn id_of(sighting: &DriftSighting) -> DriftId {
    DriftId {
        definition_kind: sighting.definition_kind,
        capability: sighting.capability.clone(),
        seen: sighting.seen.clone(),
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

fn not_whole(field: &str, id: &DriftId, drift: Option<&SeenDrift>) -> RegistryError {
    let Some(content) = drift.and_then(|drift| drift.definition.as_ref()) else {
        return unknown(field, id);
    };
    let (kept, size) = (content.data.len(), content.size_bytes);
    let found = format!("{kept} of {size} bytes of `{}`", what(id));
    let expected = "all of it: give its definition, or write it into the server's document";
    wrong(field.to_owned(), found, expected)
}

#[cfg(test)]
mod tests;
