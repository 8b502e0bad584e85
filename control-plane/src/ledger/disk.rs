//! What a segment is written to: a file, or in tests one that fails.

use std::{
    fmt,
    fs::File,
    io::{self, Write as _},
    sync::Arc,
};

/// Where frames go.
pub(super) trait Disk: fmt::Debug + Send {
    /// Writes at the end. Some of it may be written where this fails.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Returns once all that was written is durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Takes away all behind so many bytes, durably.
    fn cut(&mut self, length_bytes: u64) -> io::Result<()>;
}

impl Disk for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, length_bytes: u64) -> io::Result<()> {
        self.set_len(length_bytes)?;
        self.sync_all()
    }
}

/// Makes of a segment's file what it is written to.
#[derive(Clone)]
pub(super) struct Disks(Arc<dyn Fn(File) -> Box<dyn Disk> + Send + Sync>);

impl Disks {
    pub(super) fn new(disk: impl Fn(File) -> Box<dyn Disk> + Send + Sync + 'static) -> Self {
        Self(Arc::new(disk))
    }

    pub(super) fn of(&self, file: File) -> Box<dyn Disk> {
        (self.0)(file)
    }
}

impl Default for Disks {
    /// The files themselves.
    fn default() -> Self {
        Self::new(|file| Box::new(file))
    }
}

impl fmt::Debug for Disks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disks").finish_non_exhaustive()
    }
}
