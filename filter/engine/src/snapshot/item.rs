//! What sections hold, compiled one by one and kept: what did not change is not compiled again.

use std::{collections::BTreeMap, sync::Arc};

use chancery_proto::policy::v1 as pb;
use prost::Message;

use super::{InvalidSnapshot, split::Kind};
use crate::{
    block::Block,
    id::Digest,
    offer::Offer,
    policy::Parts,
    quota::Quota,
    redact::Profile,
    rule::Rule,
    server::Server,
    subject::Role,
    token::{IdentityProvider, KeySet},
    wire::Invalid,
};

/// A message, compiled.
#[derive(Debug)]
enum Item {
    Server(Server),
    /// May be large, and is shared by every policy that has it.
    Rule(Arc<Rule>),
    IdentityProvider(IdentityProvider),
    KeySet(KeySet),
    Role(Role),
    Offer(Offer),
    Quota(Quota),
    /// Shared by every policy that has it.
    RedactionProfile(Arc<Profile>),
    Block(Block),
}

impl Item {
    /// Compiles a message of a section.
    fn compile(kind: Kind, digest: Digest, bytes: &[u8]) -> Result<Self, InvalidSnapshot> {
        Ok(match kind {
            Kind::Server => Self::Server(item(digest, bytes, |it: &pb::Server| &it.name)?),
            Kind::Rule => Self::Rule(Arc::new(item(digest, bytes, |it: &pb::Rule| &it.name)?)),
            Kind::IdentityProvider => {
                let provider = item(digest, bytes, |it: &pb::IdentityProvider| &it.name)?;
                Self::IdentityProvider(provider)
            }
            Kind::KeySet => {
                let set = item(digest, bytes, |it: &pb::KeySet| &it.identity_provider)?;
                Self::KeySet(set)
            }
            Kind::Block => Self::Block(item(digest, bytes, |it: &pb::Block| &it.name)?),
            Kind::Role => Self::Role(item(digest, bytes, |it: &pb::Role| &it.name)?),
            Kind::Offer => Self::Offer(item(digest, bytes, |it: &pb::Offer| &it.name)?),
            Kind::Quota => Self::Quota(item(digest, bytes, |it: &pb::Quota| &it.name)?),
            Kind::RedactionProfile => {
                let profile = item(digest, bytes, |it: &pb::RedactionProfile| &it.name)?;
                Self::RedactionProfile(Arc::new(profile))
            }
        })
    }

    fn add_to(&self, parts: &mut Parts) {
        match self {
            Self::Server(server) => parts.servers.push(server.clone()),
            Self::Rule(rule) => parts.rules.push(Arc::clone(rule)),
            Self::IdentityProvider(it) => parts.identity_providers.push(it.clone()),
            Self::KeySet(set) => parts.key_sets.push(set.clone()),
            Self::Block(block) => parts.blocks.push(block.clone()),
            Self::Role(role) => parts.roles.push(role.clone()),
            Self::Offer(offer) => parts.offers.push(offer.clone()),
            Self::Quota(quota) => parts.quotas.push(quota.clone()),
            Self::RedactionProfile(profile) => {
                parts.redaction_profiles.push(Arc::clone(profile));
            }
        }
    }
}

/// Decodes a message and compiles it; an error says which resource it is.
fn item<M, T>(digest: Digest, bytes: &[u8], name: impl Fn(&M) -> &str) -> Result<T, InvalidSnapshot>
where
    M: Message + Default,
    T: TryFrom<M, Error = Invalid>,
{
    let message = M::decode(bytes);
    let message = message.map_err(|error| InvalidSnapshot::Section { digest, error })?;
    let name = name(&message).to_owned();
    T::try_from(message).map_err(|error| InvalidSnapshot::Value { name, error })
}

/// Units of work that an item takes which is compiled already.
const COPY_UNITS: usize = 1;

/// Bytes of an item that are compiled in one unit of work.
const UNIT_BYTES: usize = 32;

/// Compiled items by their bytes, which decide what they are.
#[derive(Debug, Default)]
pub(super) struct Items {
    known: BTreeMap<Kind, BTreeMap<Box<[u8]>, Kept>>,
    /// Bytes of all that is known.
    size_bytes: usize,
    generation: u64,
}

#[derive(Debug)]
struct Kept {
    item: Item,
    /// Which compilation used it last.
    generation: u64,
}

impl Items {
    /// Adds an item to the parts of a policy and says how many units of work that took.
    pub(super) fn add(
        &mut self,
        kind: Kind,
        digest: Digest,
        bytes: &[u8],
        parts: &mut Parts,
    ) -> Result<usize, InvalidSnapshot> {
        let known = self.known.entry(kind).or_default();
        if let Some(kept) = known.get_mut(bytes) {
            kept.generation = self.generation;
            kept.item.add_to(parts);
            return Ok(COPY_UNITS);
        }
        let item = Item::compile(kind, digest, bytes)?;
        item.add_to(parts);
        let generation = self.generation;
        known.insert(bytes.into(), Kept { item, generation });
        self.size_bytes = self.size_bytes.saturating_add(bytes.len());
        Ok(COPY_UNITS.saturating_add(bytes.len() / UNIT_BYTES))
    }

    /// A compilation begins. What those before it left is kept, as long as that is not much more
    /// than one snapshot may have.
    pub(super) fn begin(&mut self, max_bytes: usize) {
        self.generation = self.generation.saturating_add(1);
        if self.size_bytes > max_bytes.saturating_mul(2) {
            self.known.clear();
            self.size_bytes = 0;
        }
    }

    /// The compilation is in force: what it did not use is forgotten.
    pub(super) fn settle(&mut self) {
        let generation = self.generation;
        self.size_bytes = 0;
        for known in self.known.values_mut() {
            known.retain(|_, kept| kept.generation == generation);
            let bytes = known.keys().map(|bytes| bytes.len());
            self.size_bytes = self.size_bytes.saturating_add(bytes.sum());
        }
    }
}
