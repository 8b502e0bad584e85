//! Quotas in shared data, which all VMs of a node count in.

use chancery_engine::quota::Shelves;

use crate::host;

/// The node's shelves.
pub(crate) struct SharedData;

impl Shelves for SharedData {
    type Stamp = Option<u32>;

    fn get(&mut self, key: &str) -> (Vec<u8>, Option<u32>) {
        let (bytes, stamp) = host::stamped(key);
        (bytes.unwrap_or_default(), stamp)
    }

    fn put(&mut self, key: &str, bytes: &[u8], stamp: Option<u32>) -> bool {
        host::swap_shared(key, bytes, stamp)
    }
}
