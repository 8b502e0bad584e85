//! Shared data: one map per `vm_id`, alive as long as the node.

use std::collections::BTreeMap;

use super::Status;

/// Values with the number of the write that made them.
#[derive(Debug)]
pub(super) struct SharedData {
    next_cas: u32,
    values: BTreeMap<(String, Vec<u8>), (Vec<u8>, u32)>,
}

impl Default for SharedData {
    fn default() -> Self {
        Self {
            next_cas: 1,
            values: BTreeMap::new(),
        }
    }
}

impl SharedData {
    pub(super) fn value(&self, vm_id: &str, key: &[u8]) -> Option<&(Vec<u8>, u32)> {
        self.values.get(&(vm_id.to_owned(), key.to_vec()))
    }

    pub(super) fn keys(&self, vm_id: &str) -> Vec<Vec<u8>> {
        self.values
            .keys()
            .filter(|key| key.0 == vm_id)
            .map(|key| key.1.clone())
            .collect()
    }

    /// Writes a value. A `cas` of 0 writes always; a key that is not there accepts any.
    pub(super) fn set(
        &mut self,
        vm_id: &str,
        key: &[u8],
        value: Vec<u8>,
        cas: u32,
    ) -> Result<(), Status> {
        let current = self.value(vm_id, key);
        if current.is_some_and(|(_, current)| cas != 0 && cas != *current) {
            return Err(Status::CasMismatch);
        }
        self.write(vm_id, key, value);
        Ok(())
    }

    /// Writes a value whatever was there.
    pub(super) fn write(&mut self, vm_id: &str, key: &[u8], value: Vec<u8>) {
        self.values
            .insert((vm_id.to_owned(), key.to_vec()), (value, self.next_cas));
        self.next_cas = self.next_cas.checked_add(1).unwrap_or(1);
    }
}

#[cfg(test)]
mod tests {
    use super::SharedData;
    use crate::wasm_host::Status;

    #[test]
    fn a_stale_write_is_refused() {
        let mut data = SharedData::default();
        assert_eq!(data.set("v", b"k", vec![1], 99), Ok(()));
        let cas = data.value("v", b"k").unwrap().1;
        assert_eq!(data.set("v", b"k", vec![2], cas), Ok(()));
        assert_eq!(data.set("v", b"k", vec![3], cas), Err(Status::CasMismatch));
        assert_eq!(data.set("v", b"k", vec![4], 0), Ok(()));
        assert_eq!(data.value("v", b"k").unwrap().0, vec![4]);
        assert!(data.value("w", b"k").is_none());
    }
}
