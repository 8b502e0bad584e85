//! A compilation, in as many steps as its driver likes: none of them holds up a worker for long.

use std::{collections::BTreeMap, ops::Range, vec};

use super::{
    FEATURES, InvalidSnapshot, Manifest,
    item::Items,
    split::{Kind, Split, split},
};
use crate::{
    id::{Digest, SnapshotVersion},
    policy::{Assembly, Parts, Policy},
};

/// Bytes of a section that are taken apart in one unit of work.
const SPLIT_UNIT_BYTES: usize = 2_048;

/// A snapshot on its way to a policy.
#[derive(Debug)]
pub(super) struct Compilation {
    version: SnapshotVersion,
    /// Those that are still to be read.
    sections: vec::IntoIter<(Digest, u64)>,
    section: Option<Section>,
    parts: Parts,
    assembly: Option<Assembly>,
}

/// A section that is being read.
#[derive(Debug)]
struct Section {
    digest: Digest,
    kind: Kind,
    /// Where in it those items are that are still to be read.
    items: vec::IntoIter<Range<usize>>,
}

impl Compilation {
    pub(super) fn new(manifest: &Manifest) -> Self {
        Self {
            version: manifest.version,
            sections: manifest.sections.clone().into_iter(),
            section: None,
            parts: Parts::default(),
            assembly: None,
        }
    }

    /// Goes on for so many units of work, or one step more. `None`: there is more to do.
    ///
    /// # Errors
    /// Where the snapshot is unfit.
    pub(super) fn proceed<S: AsRef<[u8]>>(
        &mut self,
        sections: &BTreeMap<Digest, S>,
        items: &mut Items,
        mut units: usize,
    ) -> Result<Option<Policy>, InvalidSnapshot> {
        while units > 0 {
            let spent = if let Some(assembly) = &mut self.assembly {
                if let Some(policy) = assembly.proceed(&mut units)? {
                    return Ok(Some(policy));
                }
                0
            } else if let Some(spent) = self.read_item(sections, items)? {
                spent
            } else {
                self.next_section(sections)?
            };
            units = units.saturating_sub(spent);
        }
        Ok(None)
    }

    /// Reads an item of the section at hand, if there is one; what that took.
    fn read_item<S: AsRef<[u8]>>(
        &mut self,
        sections: &BTreeMap<Digest, S>,
        items: &mut Items,
    ) -> Result<Option<usize>, InvalidSnapshot> {
        let Some(Section {
            digest,
            kind,
            items: places,
        }) = &mut self.section
        else {
            return Ok(None);
        };
        let Some(place) = places.next() else {
            return Ok(None);
        };
        let section = sections.get(digest).map(AsRef::as_ref);
        let bytes = section.and_then(|bytes| bytes.get(place));
        let bytes = bytes.ok_or(InvalidSnapshot::Missing { digest: *digest })?;
        items.add(*kind, *digest, bytes, &mut self.parts).map(Some)
    }

    /// Takes the next section apart; after the last one the parts are put together.
    fn next_section<S: AsRef<[u8]>>(
        &mut self,
        sections: &BTreeMap<Digest, S>,
    ) -> Result<usize, InvalidSnapshot> {
        let Some((digest, _)) = self.sections.next() else {
            let parts = std::mem::take(&mut self.parts);
            self.assembly = Some(Assembly::new(self.version, parts));
            return Ok(1);
        };
        let bytes = sections.get(&digest).map(AsRef::as_ref);
        let bytes = bytes.ok_or(InvalidSnapshot::Missing { digest })?;
        let Split {
            required_features,
            kind,
            items,
        } = split(digest, bytes)?;
        let unknown = |feature: &&str| !FEATURES.contains(feature);
        if let Some(feature) = required_features.into_iter().find(unknown) {
            let feature = feature.to_owned();
            return Err(InvalidSnapshot::Feature { feature });
        }
        let items = items.into_iter();
        self.section = Some(Section {
            digest,
            kind,
            items,
        });
        Ok(1_usize.saturating_add(bytes.len() / SPLIT_UNIT_BYTES))
    }
}
