//! What a server offers, held against what people have approved, as the filter holds it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use chancery_engine::{
    approved::{Approved, Drift},
    canonical::{DefinitionKind, DefinitionPlace, Pin, Pinned},
    entry::bounded,
    json::Document,
    limits::Limits,
};
use chancery_proto::{
    admin::v1 as admin,
    audit::v1::{self as audit, Content, DriftSighting, SightingSource},
};

use super::found::Found;

/// Most bytes of a definition that an entry of the record keeps, as in the filter.
const MAX_DEFINITION_BYTES: usize = 16 << 10;

/// What something is told apart by: where it stands, and what it is used by there.
pub(super) type Key = (DefinitionPlace, String);

/// What a definition is besides what is approved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    pub(super) place: DefinitionPlace,
    pub(super) name: String,
    pub(super) divergence: Divergence,
}

/// In which way it differs, with what was seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Divergence {
    /// Another one than is approved, or one that nobody has approved.
    Seen {
        /// In which way.
        drift: Drift,
        /// Its pin, where it has one.
        pin: Option<Pin>,
        /// All of it.
        definition: String,
    },
    /// It is approved, and on no page of its list.
    Removed,
}

/// All differences of a server, each once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Comparison {
    /// In the order of their keys.
    pub differences: Vec<Difference>,
    /// How many definitions are as approved.
    pub unchanged: u32,
    /// What is there, as approved or not.
    pub(super) present: BTreeSet<Key>,
}

/// Compares all that a server offers with what is approved.
pub fn compare(approved: &Approved, found: &Found) -> Comparison {
    let mut comparison = Comparison::default();
    let mut seen: BTreeSet<(DefinitionPlace, &str)> = BTreeSet::new();
    let mut divergences = BTreeMap::new();
    for (what, definition) in offered(approved, found) {
        let (place, name) = what.key();
        seen.insert((place, name));
        let document = Document::parse(definition.as_bytes(), definition.len(), &Limits::DEFAULT);
        let drift = match &document {
            Ok(document) => approved.drift_of(what, document.root()),
            // What no reader can be sure of has no pin.
            Err(_) => Some((Drift::Unpinnable, None)),
        };
        let Some((drift, pin)) = drift else {
            comparison.unchanged = comparison.unchanged.saturating_add(1);
            continue;
        };
        let definition = definition.to_owned();
        let divergence = Divergence::Seen {
            drift,
            pin,
            definition,
        };
        divergences.insert((place, name, pin), divergence);
    }
    for (what, _) in approved.pins.iter() {
        let (place, name) = what.key();
        // Every server says what it is; where that is not asked for it may say nothing.
        if place != DefinitionPlace::ServerInfo && !seen.contains(&(place, name)) {
            divergences.insert((place, name, None), Divergence::Removed);
        }
    }
    let present = seen
        .iter()
        .map(|(place, name)| (*place, (*name).to_owned()));
    comparison.present = present.collect();
    let divergences = divergences.into_iter();
    comparison.differences = divergences
        .map(|((place, name, _), divergence)| Difference {
            place,
            name: name.to_owned(),
            divergence,
        })
        .collect();
    comparison
}

/// What a server offers that has a definition.
fn offered<'f>(
    approved: &Approved,
    found: &'f Found,
) -> impl Iterator<Item = (Pinned<'f>, &'f str)> {
    let info = found.server_info.as_deref();
    // What it says that it is counts only where somebody wrote that down.
    let info = info.filter(|_| approved.pins.has(Pinned::ServerInfo));
    let instructions = found.instructions.as_deref();
    let items = found.items.iter().map(|item| {
        let (kind, name) = (item.kind, &*item.name);
        (Pinned::Capability { kind, name }, &*item.definition)
    });
    let info = info.map(|info| (Pinned::ServerInfo, info)).into_iter();
    let instructions = instructions.map(|text| (Pinned::Instructions, text));
    items.chain(info).chain(instructions)
}

impl Difference {
    pub(super) fn key(&self) -> Key {
        (self.place, self.name.clone())
    }

    /// What makes it another one than before.
    pub(super) fn version(&self) -> (Key, Option<Pin>) {
        let pin = match &self.divergence {
            Divergence::Seen { pin, .. } => *pin,
            Divergence::Removed => None,
        };
        (self.key(), pin)
    }

    pub(super) fn is_removal(&self) -> bool {
        self.divergence == Divergence::Removed
    }

    /// What it is of, as reviews call it.
    pub(super) fn named(&self) -> (audit::DefinitionKind, String) {
        (self.kind(), bounded(&self.name).to_owned())
    }

    fn kind(&self) -> audit::DefinitionKind {
        match self.place {
            DefinitionPlace::List(DefinitionKind::Tool) => audit::DefinitionKind::Tool,
            DefinitionPlace::List(DefinitionKind::Prompt) => audit::DefinitionKind::Prompt,
            DefinitionPlace::List(DefinitionKind::Resource) => audit::DefinitionKind::Resource,
            DefinitionPlace::List(DefinitionKind::Template) => {
                audit::DefinitionKind::ResourceTemplate
            }
            DefinitionPlace::Instructions => audit::DefinitionKind::Instructions,
            DefinitionPlace::ServerInfo => audit::DefinitionKind::ServerInfo,
        }
    }

    fn drift(&self) -> audit::Drift {
        match &self.divergence {
            Divergence::Removed => audit::Drift::Removed,
            Divergence::Seen { drift, .. } => match drift {
                Drift::New => audit::Drift::New,
                Drift::Changed => audit::Drift::Changed,
                Drift::Unpinnable => audit::Drift::Unpinnable,
            },
        }
    }

    fn seen(&self) -> Vec<u8> {
        let (_, pin) = self.version();
        pin.map(|pin| pin.as_bytes().to_vec()).unwrap_or_default()
    }

    /// As the record keeps it.
    pub(super) fn sighting(&self, server: &str, approved: &Approved) -> DriftSighting {
        let definition = match &self.divergence {
            Divergence::Seen { definition, .. } => definition,
            Divergence::Removed => "",
        };
        let cut = definition.floor_char_boundary(MAX_DEFINITION_BYTES);
        let data = definition.get(..cut).unwrap_or_default();
        DriftSighting {
            server: server.to_owned(),
            definition_kind: self.kind().into(),
            capability: bounded(&self.name).to_owned(),
            seen: self.seen(),
            drift: self.drift().into(),
            definition: Some(Content {
                data: data.as_bytes().to_vec(),
                truncated: cut < definition.len(),
                digest: Vec::new(),
                size_bytes: u64::try_from(definition.len()).unwrap_or(u64::MAX),
            }),
            hidden: !self.is_removal() && approved.is_enforced(),
            principal: None,
            source: SightingSource::Scan.into(),
        }
    }

    /// As a report shows it.
    pub(super) fn reported(&self) -> admin::ScanDifference {
        admin::ScanDifference {
            definition_kind: self.kind().into(),
            capability: bounded(&self.name).to_owned(),
            drift: self.drift().into(),
            seen: self.seen(),
        }
    }
}
