//! The Merkle tree over the log (RFC 6962 section 2.1), and its hashes in a file beside the segments.
//!
//! A leaf is a record's bytes as its segment has them. The file holds each leaf's hash, followed by
//! those of the subtrees that it completes, in the order of `tlog_tiles`: any proof is a few reads.
//! Hashes of what is durable can be made again, so they are written without waiting for the disk,
//! until a segment is full.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use tlog_tiles::{EMPTY_HASH, HASH_SIZE, Hash, HashReader, node_hash, record_hash};

use super::{LedgerError, io_error, segment::length};

/// What a checkpoint says of a log: how many records, and the root over them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Head {
    /// How many records.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Head {
    /// Of a log without records.
    pub const EMPTY: Self = Self {
        size: 0,
        root: EMPTY_HASH,
    };
}

/// The roots of the complete subtrees that a tree is made of, the largest first: all that it takes to
/// add to the tree and to know its root.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontier {
    size: u64,
    roots: Vec<Hash>,
}

impl Frontier {
    /// The frontier of the first `size` leaves, from their stored hashes.
    pub(super) fn read(size: u64, hashes: &impl HashReader) -> Result<Self, tlog_tiles::Error> {
        let indexes = tlog_tiles::sub_tree_index(0, size, Vec::new());
        let roots = hashes.read_hashes(&indexes)?;
        Ok(Self { size, roots })
    }

    /// How many leaves there are.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, and shows its hash and those of the subtrees that it completes, as they are stored.
    pub(super) fn add(&mut self, leaf: Hash, mut stored: impl FnMut(Hash)) {
        let mut hash = leaf;
        stored(hash);
        for _ in 0..self.size.trailing_ones() {
            // As many as `size` has bits, so there is one.
            let Some(left) = self.roots.pop() else { break };
            hash = node_hash(left, hash);
            stored(hash);
        }
        self.roots.push(hash);
        self.size = self.size.saturating_add(1);
    }

    /// What a checkpoint says of it.
    pub(super) fn head(&self) -> Head {
        let mut roots = self.roots.iter().rev();
        let Some(last) = roots.next() else {
            return Head::EMPTY;
        };
        Head {
            size: self.size,
            root: roots.fold(*last, |right, left| node_hash(*left, right)),
        }
    }
}

/// The hashes of a tree in a file.
#[derive(Debug)]
pub(super) struct HashFile {
    path: PathBuf,
    file: File,
}

impl HashFile {
    fn path(folder: &Path) -> PathBuf {
        folder.join("tree")
    }

    /// Opens the file to read it alone.
    pub(super) fn open(folder: &Path) -> Result<Self, LedgerError> {
        let path = Self::path(folder);
        let file = File::open(&path).map_err(io_error(&path))?;
        Ok(Self { path, file })
    }

    /// The same file once more.
    pub(super) fn again(&self) -> Result<Self, LedgerError> {
        let path = self.path.clone();
        let file = File::open(&path).map_err(io_error(&path))?;
        Ok(Self { path, file })
    }

    fn open_or_make(folder: &Path) -> Result<Self, LedgerError> {
        let path = Self::path(folder);
        let mut options = OpenOptions::new();
        options.create(true).read(true).write(true).truncate(false);
        let file = options.open(&path).map_err(io_error(&path))?;
        Ok(Self { path, file })
    }

    /// How many hashes it has.
    pub(super) fn hashes(&self) -> Result<u64, LedgerError> {
        let metadata = self.file.metadata().map_err(io_error(&self.path))?;
        Ok(metadata.len() / length(HASH_SIZE))
    }

    /// The bytes of hashes from one on.
    pub(super) fn bytes(&self, from: u64, bytes: &mut [u8]) -> Result<(), LedgerError> {
        self.file
            .read_exact_at(bytes, from.saturating_mul(length(HASH_SIZE)))
            .map_err(io_error(&self.path))
    }
}

impl HashReader for HashFile {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        let read = |index: &u64| {
            let mut hash = Hash([0; HASH_SIZE]);
            self.bytes(*index, &mut hash.0)
                .map_err(|error| tlog_tiles::Error::InvalidInput(error.to_string()))?;
            Ok(hash)
        };
        indexes.iter().map(read).collect()
    }
}

/// The tree of a log that grows.
#[derive(Debug)]
pub(super) struct Tree {
    file: HashFile,
    frontier: Frontier,
    /// Hashes that are not in the file yet, and their place in it.
    pending: Vec<u8>,
    pending_at_bytes: u64,
    /// The frontier before what is pending of records that are not durable.
    committed: Frontier,
    committed_pending_bytes: usize,
}

impl Tree {
    /// Goes on with the tree of the first `size` leaves, if the file has their hashes.
    pub(super) fn open(folder: &Path, size: u64) -> Result<Option<Self>, LedgerError> {
        let file = HashFile::open_or_make(folder)?;
        let stored = tlog_tiles::stored_hash_count(size);
        if file.hashes()? < stored {
            return Ok(None);
        }
        let frontier = Frontier::read(size, &file).map_err(tree_error(&file.path))?;
        let tree = Self {
            file,
            pending: Vec::new(),
            pending_at_bytes: stored.saturating_mul(length(HASH_SIZE)),
            committed: frontier.clone(),
            committed_pending_bytes: 0,
            frontier,
        };
        Ok(Some(tree))
    }

    /// Adds a record.
    pub(super) fn append(&mut self, record: &[u8]) {
        let pending = &mut self.pending;
        self.frontier.add(record_hash(record), |hash| {
            pending.extend_from_slice(&hash.0);
        });
    }

    /// What was added is durable: its hashes go to the file. They may be written later where that fails.
    pub(super) fn commit(&mut self) -> Head {
        self.committed.clone_from(&self.frontier);
        match self.write() {
            Ok(()) => self.committed_pending_bytes = 0,
            Err(error) => {
                tracing::error!(%error, "hashes of the log wait to be written");
                self.committed_pending_bytes = self.pending.len();
            }
        }
        self.committed.head()
    }

    fn write(&mut self) -> Result<(), LedgerError> {
        let HashFile { path, file } = &self.file;
        file.write_all_at(&self.pending, self.pending_at_bytes)
            .map_err(io_error(path))?;
        let written = length(self.pending.len());
        self.pending_at_bytes = self.pending_at_bytes.saturating_add(written);
        self.pending.clear();
        Ok(())
    }

    /// What was added since the last commit is not durable: it is forgotten.
    pub(super) fn undo(&mut self) {
        self.frontier.clone_from(&self.committed);
        self.pending.truncate(self.committed_pending_bytes);
    }

    /// Makes all hashes durable, and cuts off what is behind them.
    pub(super) fn sync(&mut self) -> Result<(), LedgerError> {
        self.write()?;
        let HashFile { path, file } = &self.file;
        file.set_len(self.pending_at_bytes)
            .and_then(|()| file.sync_all())
            .map_err(io_error(path))
    }

    /// What a checkpoint says of what is durable.
    pub(super) fn head(&self) -> Head {
        self.committed.head()
    }
}

/// What a tree's own arithmetic or reads say, as an error of the log.
pub(super) fn tree_error(path: &Path) -> impl FnOnce(tlog_tiles::Error) -> LedgerError {
    let path = path.to_owned();
    move |error| LedgerError::Io {
        path,
        error: io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 6962 section 2.1, word for word.
    fn root_of(leaves: &[Vec<u8>]) -> Hash {
        match leaves {
            [] => EMPTY_HASH,
            [leaf] => record_hash(leaf),
            leaves => {
                let split = leaves.len().next_power_of_two() / 2;
                let (left, right) = leaves.split_at(split);
                node_hash(root_of(left), root_of(right))
            }
        }
    }

    fn tree_of(folder: &Path, leaves: &[Vec<u8>]) -> Tree {
        let mut tree = Tree::open(folder, 0).unwrap().unwrap();
        for leaf in leaves {
            tree.append(leaf);
        }
        tree.commit();
        tree
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn its_root_is_that_of_the_rfc_and_every_proof_holds(
            leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..4), 1..70),
            cut in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let tree = tree_of(folder.path(), &leaves);
            let Head { size, root } = tree.head();
            prop_assert_eq!(root, root_of(&leaves));
            let at = at.index(leaves.len());
            let proof = tlog_tiles::prove_record(size, at as u64, &tree.file).unwrap();
            tlog_tiles::check_record(&proof, size, root, at as u64, record_hash(&leaves[at])).unwrap();
            let cut = cut.index(leaves.len()) + 1;
            let old = root_of(&leaves[..cut]);
            let proof = tlog_tiles::prove_tree(size, cut as u64, &tree.file).unwrap();
            tlog_tiles::check_tree(&proof, size, root, cut as u64, old).unwrap();
            // Another tree of the same file, from any of its beginnings on.
            drop(tree);
            let mut again = Tree::open(folder.path(), cut as u64).unwrap().unwrap();
            for leaf in &leaves[cut..] { again.append(leaf); }
            prop_assert_eq!(again.commit().root, root);
        }

        #[test]
        fn what_is_undone_leaves_nothing(
            kept in prop::collection::vec(any::<u8>(), 0..20),
            undone in prop::collection::vec(any::<u8>(), 0..20),
            more in prop::collection::vec(any::<u8>(), 0..20),
        ) {
            let leaves = |bytes: &[u8]| bytes.iter().map(|byte| vec![*byte]).collect::<Vec<_>>();
            let folder = tempfile::tempdir().unwrap();
            let mut tree = tree_of(folder.path(), &leaves(&kept));
            for leaf in &leaves(&undone) { tree.append(leaf); }
            tree.undo();
            for leaf in &leaves(&more) { tree.append(leaf); }
            let all = leaves(&[kept, more].concat());
            prop_assert_eq!(tree.commit().root, root_of(&all));
            tree.sync().unwrap();
            prop_assert_eq!(
                tree.file.hashes().unwrap(),
                tlog_tiles::stored_hash_count(all.len() as u64)
            );
        }
    }

    #[test]
    fn a_file_that_lacks_hashes_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let leaves: Vec<_> = (0..9).map(|byte| vec![byte]).collect();
        drop(tree_of(folder.path(), &leaves));
        assert!(Tree::open(folder.path(), 10).unwrap().is_none());
        assert!(Tree::open(folder.path(), 9).unwrap().is_some());
    }
}
