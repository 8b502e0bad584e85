//! From what was seen to a quarantine: a block of what is not as it was approved, once enough have
//! seen it, and its end once people have approved what was seen.

use chancery_engine::{id::Hex, name::organization_of};
use chancery_proto::{
    admin::v1::{Block, QuarantineAfter, Server, block::Target},
    audit::v1::{DefinitionKind, Drift, DriftSighting, Principal, SightingSource},
    policy::v1::{BlockedCapability, BlockedKind, Pinning, Pins},
};
use sha2::{Digest as _, Sha256};

use super::{By, Changed, Registry, RegistryError, Resources, Wish, publish::ITSELF};
use crate::resource::{Kind, Resource, pins_of, server_of_block};

/// What the record calls it.
const METHOD: &str = "Quarantine";

/// Principals whose word is enough where the server does not say otherwise: one alone could be lied
/// to, or lie, and would stop a tool for everybody.
const WITNESSES: usize = 2;

impl Registry {
    /// Takes in that a definition was seen that is not as it was approved, and blocks what it defines
    /// once enough have seen it. `None`: nothing is blocked anew. Blocks on the store.
    ///
    /// # Errors
    /// Where it cannot be blocked.
    pub fn sighted(&self, sighting: &DriftSighting) -> Result<Option<Changed>, RegistryError> {
        let Ok(Resource::Server(server)) = self.find(Kind::Server, &sighting.server) else {
            return Ok(None);
        };
        let Some(target) = target_of(&server, sighting) else {
            return Ok(None);
        };
        let pin = pin_of(sighting);
        let is_approved = pins_of(&server)
            .ok()
            .flatten()
            .is_some_and(|pins| has(&pins, &target, &pin));
        if is_approved {
            return Ok(None);
        }
        let what = format!("{} {}", sighting.definition_kind, sighting.capability);
        let witness = witness_of(sighting);
        let key = (&*server.name, &*what, &*pin);
        let witnesses = self.store.sighted(key, &witness)?;
        let needed = match server.quarantine_after() {
            QuarantineAfter::Unspecified | QuarantineAfter::TwoPrincipals => WITNESSES,
            QuarantineAfter::FirstSighting => 1,
        };
        if sighting.source() != SightingSource::Scan && witnesses.len() < needed {
            return Ok(None);
        }
        self.block(&server, target, pin, &witnesses)
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

/// The wishes that follow from wishes to change servers: quarantines end whose every version is
/// approved.
pub(super) fn ended(resources: &Resources, wishes: &[Wish]) -> Vec<Wish> {
    let mut ended = Vec::new();
    for wish in wishes {
        let (Wish::Apply(Resource::Server(server))
        | Wish::Create(Resource::Server(server))
        | Wish::Update(Resource::Server(server))) = wish
        else {
            continue;
        };
        let Ok(Some(pins)) = pins_of(server) else {
            continue;
        };
        let organization = organization_of(&server.name);
        for resource in resources.within(Kind::Block, organization) {
            let Resource::Block(block) = &***resource else {
                continue;
            };
            let is_about = server_of_block(block) == Some(&*server.name);
            let Some(target) = block.target.as_ref().filter(|_| is_about) else {
                continue;
            };
            let mut seen = block.sighted_pins.iter();
            let is_decided = wishes.iter().any(|other| other.name() == block.name);
            if seen.len() > 0 && !is_decided && seen.all(|pin| has(&pins, target, pin)) {
                ended.push(Wish::Delete {
                    kind: Kind::Block,
                    name: block.name.clone(),
                    etag: String::new(),
                });
            }
        }
    }
    ended
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

/// The pin of what was seen; of what has none, the digest of its text, which nobody can approve.
fn pin_of(sighting: &DriftSighting) -> Vec<u8> {
    if sighting.seen.len() == 32 {
        return sighting.seen.clone();
    }
    let text = sighting.definition.as_ref().map(|it| &*it.data);
    Sha256::digest(text.unwrap_or_default()).to_vec()
}

/// Whether a version of a target is approved.
fn has(pins: &Pins, target: &Target, pin: &[u8]) -> bool {
    let among = |list: &[chancery_proto::policy::v1::PinnedCapability], name: &str| {
        let mut named = list.iter().filter(|it| it.name == name);
        named.any(|it| it.pins.iter().any(|known| known == pin))
    };
    match target {
        Target::Server(_) => pins.server_infos.iter().any(|known| known == pin),
        Target::Capability(it) => match it.kind() {
            BlockedKind::Tool => among(&pins.tools, &it.name),
            BlockedKind::Prompt => among(&pins.prompts, &it.name),
            BlockedKind::Resource => among(&pins.resources, &it.name),
            BlockedKind::Unspecified => false,
        },
        Target::User(_) | Target::Agent(_) => false,
    }
}

/// One name for each thing, whoever sees it first.
fn block_name(server: &Server, target: &Target) -> String {
    let (kind, name) = match target {
        Target::Capability(it) => (it.kind, &*it.name),
        Target::Server(_) | Target::User(_) | Target::Agent(_) => (0, ""),
    };
    let digest = Sha256::digest(format!("{}\n{kind}\n{name}", server.name));
    let short = digest.first_chunk::<6>().map_or(&[][..], |bytes| bytes);
    let organization = organization_of(&server.name);
    format!("{organization}/blocks/drift-{}", Hex(short))
}

fn reason(target: &Target, witnesses: &[String]) -> String {
    let what = match target {
        Target::Capability(it) => &*it.name,
        Target::Server(_) | Target::User(_) | Target::Agent(_) => "the server's release",
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
