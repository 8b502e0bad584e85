//! Reads the log's files, knowing what was acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use chancery::ledger::{checkpoint::LogKeys, verify::verify};
use chancery_proto::audit::v1::{Entry, Record, entry::Event};
use prost::Message as _;

use super::{TortureError, instance::Sent};
use crate::wait;

/// Bytes before each record in a segment: its length and CRC-32.
const HEADER_BYTES: usize = 8;

type InstanceId = Vec<u8>;

#[derive(Debug)]
pub(super) struct Judge {
    folder: PathBuf,
    keys: LogKeys,
    /// How far each segment was read.
    read_bytes: BTreeMap<PathBuf, usize>,
    records: u64,
    /// The newest sequence of each instance in the log.
    newest: BTreeMap<InstanceId, u64>,
    /// Instances that the log says were lost.
    lost: BTreeSet<InstanceId>,
    /// Instances that ended, and what of them must be in the log.
    over: BTreeMap<InstanceId, u64>,
    /// Those of them that ended without a word.
    dead: BTreeSet<InstanceId>,
    /// Those whose death the control plane may not have seen.
    unseen: BTreeSet<InstanceId>,
}

impl Judge {
    pub(super) fn new(folder: PathBuf, keys: LogKeys) -> Self {
        Self {
            folder,
            keys,
            read_bytes: BTreeMap::new(),
            records: 0,
            newest: BTreeMap::new(),
            lost: BTreeSet::new(),
            over: BTreeMap::new(),
            dead: BTreeSet::new(),
            unseen: BTreeSet::new(),
        }
    }

    /// An instance died with what was not acknowledged.
    pub(super) fn died(&mut self, sent: Sent) {
        self.ended(sent);
        self.lost_for_good(vec![sent.instance_id.to_vec()]);
    }

    /// Instances died, which must be said.
    pub(super) fn lost_for_good(&mut self, instances: Vec<Vec<u8>>) {
        self.dead.extend(instances);
    }

    /// An instance said goodbye.
    pub(super) fn ended(&mut self, sent: Sent) {
        let id = sent.instance_id.to_vec();
        self.over.insert(id, sent.acknowledged);
    }

    pub(super) fn acknowledged(&self) -> u64 {
        self.over.values().sum()
    }

    pub(super) fn records(&self) -> u64 {
        self.records
    }

    pub(super) fn losses(&self) -> u64 {
        u64::try_from(self.lost.len()).unwrap_or(u64::MAX)
    }

    /// The control plane died, with whatever it knew of those who died before.
    pub(super) fn control_plane_died(&mut self) {
        self.unseen
            .extend(self.dead.difference(&self.lost).cloned());
    }

    /// Looks at the log as a crash has left it.
    pub(super) fn look(
        &mut self,
        cycle: u64,
        sent: impl Iterator<Item = Sent>,
    ) -> Result<(), TortureError> {
        // What is acknowledged now was durable before the crash.
        let sent: Vec<_> = sent.collect();
        verify(&self.folder, &self.keys, &[])
            .map_err(|error| TortureError::Verify { cycle, error })?;
        self.read(cycle)?;
        let live = sent
            .iter()
            .map(|sent| (sent.instance_id.to_vec(), sent.acknowledged));
        for (id, acknowledged) in self.over.clone().into_iter().chain(live) {
            let found = self.newest.get(&id).copied().unwrap_or(0);
            if found < acknowledged {
                let problem = format!(
                    "instance {id:02x?} had {acknowledged} entries acknowledged, and {found} are there"
                );
                return Err(TortureError::Record { cycle, problem });
            }
        }
        Ok(())
    }

    /// Waits until the log says of everybody who died that they are lost: of all, or of all but those whose
    /// death the control plane could not see, because it died as well.
    pub(super) async fn wait_for_losses(
        &mut self,
        cycle: u64,
        of_all: bool,
    ) -> Result<(), TortureError> {
        self.read(cycle)?;
        let mut wanted = self.dead.clone();
        // A control plane that died as well knows by the record alone who was there before it.
        wanted.retain(|id| self.newest.contains_key(id) && (of_all || !self.unseen.contains(id)));
        let said = wait::until("losses to be recorded", wait::PATIENCE, async || {
            self.read(cycle)?;
            let is_said = wanted.is_subset(&self.lost);
            Ok::<_, TortureError>(is_said.then_some(()))
        });
        said.await.map_err(|error| {
            let missing = wanted.difference(&self.lost);
            let missing = missing.map(|id| format!("{id:02x?} ({:?})", self.newest.get(id)));
            let problem = format!("{error}: of {}", missing.collect::<Vec<_>>().join(", "));
            TortureError::Record { cycle, problem }
        })
    }

    /// Reads on from where it was.
    pub(super) fn read(&mut self, cycle: u64) -> Result<(), TortureError> {
        let mut paths = Vec::new();
        for file in fs::read_dir(&self.folder)? {
            let path = file?.path();
            if path.extension().is_some_and(|it| it == "segment") {
                paths.push(path);
            }
        }
        paths.sort();
        for path in paths {
            let bytes = fs::read(&path)?;
            let mut at = self.read_bytes.get(&path).copied().unwrap_or(0);
            while let Some(frame) = frame(bytes.get(at..).unwrap_or_default()) {
                self.record(cycle, frame)?;
                at += HEADER_BYTES + frame.len();
            }
            self.read_bytes.insert(path, at);
        }
        Ok(())
    }

    fn record(&mut self, cycle: u64, record: &[u8]) -> Result<(), TortureError> {
        let wrong = |problem: String| TortureError::Record { cycle, problem };
        let record = Record::decode(record).map_err(|error| wrong(error.to_string()))?;
        self.records += 1;
        if record.node_id.is_empty() {
            let entry = Entry::decode(&*record.entry).map_err(|error| wrong(error.to_string()))?;
            if let Some(Event::Gap(gap)) = entry.event
                && gap.reason == "instance_lost"
            {
                self.lost.insert(gap.instance_id);
            }
            return Ok(());
        }
        let Record {
            node_id,
            instance_id,
            sequence,
            ..
        } = record;
        let newest = self.newest.entry(instance_id).or_default();
        // Envoy's may leave out what its ring had no room for, and says so.
        let is_next = sequence == *newest + 1 || !node_id.starts_with("torture-");
        if sequence <= *newest || !is_next {
            return Err(wrong(format!(
                "{node_id} has entry {sequence} after entry {newest}"
            )));
        }
        *newest = sequence;
        Ok(())
    }
}

/// The whole frame at the start of these bytes.
fn frame(bytes: &[u8]) -> Option<&[u8]> {
    let (size, _) = bytes.split_first_chunk()?;
    let size = usize::try_from(u32::from_le_bytes(*size)).ok()?;
    bytes.get(HEADER_BYTES..HEADER_BYTES.checked_add(size)?)
}
