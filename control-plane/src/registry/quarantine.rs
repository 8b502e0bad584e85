//! From what was seen to a quarantine: a block of what is not as it was approved, once enough have
//! seen it, and its end once people have approved what was seen.

use chancery_engine::{id::Hex, name::organization_of};
use chancery_proto::{
    admin::v1::{Block, DriftId, DriftWitness, QuarantineAfter, Server, block::Target},
    audit::v1::{DefinitionKind, Drift, DriftSighting, Principal, SightingSource},
    policy::v1::{BlockedCapability, BlockedKind, Pinning, Pins},
};
use sha2::{Digest as _, Sha256};

use super::{
    By, Changed, Registry, RegistryError, Resources, Wish, now,
    publish::ITSELF,
    review::{approves, pinned_now},
};
use crate::{
    resource::{Kind, Resource, pins_of, server_of_block},
    review::called::id_of,
};

/// What the record calls it.
const METHOD: &str = "Quarantine";

/// Principals whose word is enough where the server does not say otherwise: one alone could be lied
/// to, or lie, and would stop a tool for everybody.
const WITNESSES: usize = 2;

impl Registry {
    /// Takes in that definitions were seen, through a node or by a scan, that are not as they were
    /// approved. Whether anything is blocked anew. Blocks on the store.
    pub fn sighted_all(&self, sightings: &[DriftSighting], node_id: &str) -> bool {
        let mut is_blocked = false;
        for sighting in sightings {
            match self.sighted(sighting, node_id) {
                Ok(changed) => is_blocked |= changed.is_some(),
                Err(error) => {
                    let server = &sighting.server;
                    tracing::error!(%error, server, "a sighting is not acted upon");
                }
            }
        }
        is_blocked
    }

    /// Keeps that a definition was seen that is not as it was approved until it is decided about, and
    /// blocks what it defines once enough have seen it. `None`: nothing is blocked anew. Blocks on the
    /// store.
    ///
    /// # Errors
    /// Where it can be neither kept nor blocked.
    pub fn sighted(
        &self,
        sighting: &DriftSighting,
        node_id: &str,
    ) -> Result<Option<Changed>, RegistryError> {
        let Ok(Resource::Server(server)) = self.find(Kind::Server, &sighting.server) else {
            return Ok(None);
        };
        let Some(pins) = pins_of(&server).ok().flatten() else {
            return Ok(None);
        };
        let id = pinned_now(&server, id_of(sighting), sighting.definition.as_ref());
        if sighting.drift() != Drift::Removed && approves(&pins, &id) {
            return Ok(None);
        }
        let witness = DriftWitness {
            principal: witness_of(sighting),
            node_id: node_id.to_owned(),
            time: Some(now()),
        };
        let drift = self.store.sighted(sighting, &witness)?;
        let needed = match server.quarantine_after() {
            QuarantineAfter::Unspecified | QuarantineAfter::TwoPrincipals => WITNESSES,
            QuarantineAfter::FirstSighting => 1,
        };
        if sighting.source() != SightingSource::Scan && drift.witnesses.len() < needed {
            return Ok(None);
        }
        let witnesses = drift.witnesses.into_iter().map(|it| it.principal);
        let witnesses: Vec<_> = witnesses.collect();
        self.quarantine(&server, sighting, &witnesses)
    }

    /// Blocks what a sighting is of, if that can be called. `None`: nothing is blocked anew. Blocks on
    /// the store.
    pub(super) fn quarantine(
        &self,
        server: &Server,
        sighting: &DriftSighting,
        witnesses: &[String],
    ) -> Result<Option<Changed>, RegistryError> {
        match target_of(server, sighting) {
            Some(target) => self.block(server, target, seen_by(server, sighting), witnesses),
            None => Ok(None),
        }
    }

    /// A block as it is or, where it is gone, as it was last. Blocks on the store.
    pub fn last_block(&self, name: &str) -> Option<Block> {
        let found = self.find(Kind::Block, name).ok();
        let found = found.or_else(|| self.store.last_version_of(Kind::Block, name).ok().flatten());
        match found {
            Some(Resource::Block(block)) => Some(block),
            Some(_) | None => None,
        }
    }

    fn block(
        &self,
        server: &Server,
        target: Target,
        pin: Vec<u8>,
        witnesses: &[String],
    ) -> Result<Option<Changed>, RegistryError> {
        let name = block_name(server, &target);
        let mut block = match self.find(Kind::Block, &name) {
            Ok(Resource::Block(block)) => block,
            Ok(_) | Err(_) => Block {
                name,
                reason: reason(&target, witnesses),
                target: Some(target),
                ..Block::default()
            },
        };
        if block.sighted_pins.contains(&pin) {
            return Ok(None);
        }
        block.sighted_pins.push(pin);
        let by = By {
            author: ITSELF.to_owned(),
            method: METHOD,
            is_control_plane: true,
            ..By::default()
        };
        let wish = Wish::Apply(Resource::Block(block));
        self.change(vec![wish], &by, false).map(Some)
    }
}

impl Registry {
    /// The wishes that follow from wishes to change servers: quarantines end whose every version is
    /// approved. Blocks on the store.
    ///
    /// # Errors
    /// Where what was seen cannot be read.
    pub(super) fn ended(
        &self,
        resources: &Resources,
        wishes: &[Wish],
    ) -> Result<Vec<Wish>, RegistryError> {
        let mut ended = Vec::new();
        for wish in wishes {
            let (Wish::Apply(Resource::Server(server))
            | Wish::Create(Resource::Server(server))
            | Wish::Update(Resource::Server(server))) = wish
            else {
                continue;
            };
            let organization = organization_of(&server.name);
            for resource in resources.within(Kind::Block, organization) {
                let Resource::Block(block) = &***resource else {
                    continue;
                };
                let is_about = server_of_block(block) == Some(&*server.name);
                let is_decided = wishes.iter().any(|other| other.name() == block.name);
                if !is_about || is_decided || block.sighted_pins.is_empty() {
                    continue;
                }
                // Of most servers nothing is in quarantine, and pins are dear.
                let Ok(Some(pins)) = pins_of(server) else {
                    break;
                };
                if self.is_over(server, &pins, block)? {
                    ended.push(Wish::Delete {
                        kind: Kind::Block,
                        name: block.name.clone(),
                        etag: String::new(),
                    });
                }
            }
        }
        Ok(ended)
    }

    /// Whether every version that a quarantine is for is approved, as it is pinned by now.
    fn is_over(&self, server: &Server, pins: &Pins, block: &Block) -> Result<bool, RegistryError> {
        let Some(target) = &block.target else {
            return Ok(false);
        };
        let mut open = block.sighted_pins.clone();
        open.retain(|pin| !has(pins, target, pin));
        if open.is_empty() || server.variable_fields.is_empty() {
            return Ok(open.is_empty());
        }
        for drift in self.store.drifts(&server.name)? {
            let id = drift.id.unwrap_or_default();
            let seen = id.seen.clone();
            let now = pinned_now(server, id, drift.definition.as_ref());
            if drift.server == server.name && has(pins, target, &now.seen) {
                open.retain(|pin| *pin != seen);
            }
        }
        Ok(open.is_empty())
    }
}

/// What is blocked for a sighting, if anything is: names that nobody has approved are out of reach
/// already, and what a server says of itself is no capability, but another release is another server.
fn target_of(server: &Server, sighting: &DriftSighting) -> Option<Target> {
    let differs = matches!(sighting.drift(), Drift::Changed | Drift::Unpinnable);
    if server.pinning() != Pinning::Enforce || !differs {
        return None;
    }
    let capability = |kind: BlockedKind| {
        Target::Capability(BlockedCapability {
            server: server.name.clone(),
            kind: kind.into(),
            name: sighting.capability.clone(),
        })
    };
    match sighting.definition_kind() {
        DefinitionKind::Tool => Some(capability(BlockedKind::Tool)),
        DefinitionKind::Prompt => Some(capability(BlockedKind::Prompt)),
        DefinitionKind::Resource => Some(capability(BlockedKind::Resource)),
        DefinitionKind::ServerInfo => Some(Target::Server(server.name.clone())),
        DefinitionKind::ResourceTemplate
        | DefinitionKind::Instructions
        | DefinitionKind::Unspecified => None,
    }
}

/// The pin of what was seen, as the server's definitions are pinned by now. Of what has none, the digest
/// of its text, which nobody can approve.
fn seen_by(server: &Server, sighting: &DriftSighting) -> Vec<u8> {
    if sighting.seen.len() == 32 {
        return pinned_now(server, id_of(sighting), sighting.definition.as_ref()).seen;
    }
    let text = sighting.definition.as_ref().map(|it| &*it.data);
    Sha256::digest(text.unwrap_or_default()).to_vec()
}

/// Whether a version of a target is approved.
fn has(pins: &Pins, target: &Target, pin: &[u8]) -> bool {
    let (kind, capability) = match target {
        Target::Server(_) => (DefinitionKind::ServerInfo, ""),
        Target::Capability(it) => match it.kind() {
            BlockedKind::Tool => (DefinitionKind::Tool, &*it.name),
            BlockedKind::Prompt => (DefinitionKind::Prompt, &*it.name),
            BlockedKind::Resource => (DefinitionKind::Resource, &*it.name),
            BlockedKind::Unspecified => return false,
        },
        Target::User(_) | Target::Agent(_) | Target::Host(_) => return false,
    };
    approves(
        pins,
        &DriftId {
            definition_kind: kind.into(),
            capability: capability.to_owned(),
            seen: pin.to_vec(),
            text: Vec::new(),
        },
    )
}

/// One name for each thing, whoever sees it first.
fn block_name(server: &Server, target: &Target) -> String {
    let (kind, name) = match target {
        Target::Capability(it) => (it.kind, &*it.name),
        Target::Server(_) | Target::User(_) | Target::Agent(_) | Target::Host(_) => (0, ""),
    };
    let digest = Sha256::digest(format!("{}\n{kind}\n{name}", server.name));
    let short = digest.first_chunk::<6>().map_or(&[][..], |bytes| bytes);
    let organization = organization_of(&server.name);
    format!("{organization}/blocks/drift-{}", Hex(short))
}

fn reason(target: &Target, witnesses: &[String]) -> String {
    let what = match target {
        Target::Capability(it) => &*it.name,
        Target::Server(_) | Target::User(_) | Target::Agent(_) | Target::Host(_) => {
            "the server's release"
        }
    };
    let shown: String = what.chars().take(128).collect();
    let witnesses: Vec<_> = witnesses
        .iter()
        .map(|it| it.chars().take(128).collect())
        .collect();
    let witnesses: Vec<String> = witnesses.into_iter().take(WITNESSES).collect();
    format!(
        "`{shown}` is not what was approved, seen by {}",
        witnesses.join(" and ")
    )
}

/// Who has seen something, as what tells one from another.
fn witness_of(sighting: &DriftSighting) -> String {
    if sighting.source() == SightingSource::Scan {
        return "a scan".to_owned();
    }
    let Some(Principal {
        user,
        issuer,
        agent,
        ..
    }) = &sighting.principal
    else {
        return "somebody".to_owned();
    };
    let said = |attribute: &Option<chancery_proto::audit::v1::Attribute>| {
        attribute
            .as_ref()
            .map(|it| it.value.clone())
            .unwrap_or_default()
    };
    let parts = [said(user), said(agent), said(issuer)];
    let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    if parts.is_empty() {
        "somebody without a token".to_owned()
    } else {
        parts.join(" ")
    }
}

#[cfg(test)]
mod tests;
