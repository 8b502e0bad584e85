//! Shared queues: named per `vm_id`; the last VM that registered a name is told of messages.

use std::collections::{BTreeMap, VecDeque};

use super::Status;

/// One queue and who is told when it has something.
#[derive(Debug, Default)]
struct Queue {
    owner: (usize, u32),
    messages: VecDeque<Vec<u8>>,
}

/// All queues of a node.
#[derive(Debug, Default)]
pub(super) struct Queues {
    tokens: BTreeMap<(String, Vec<u8>), u32>,
    by_token: BTreeMap<u32, Queue>,
    /// `(vm, root, token)` for each message that has not been announced yet.
    ready: VecDeque<(usize, u32, u32)>,
}

impl Queues {
    /// Registers a queue for a root context of a VM, taking it over if the name exists.
    pub(super) fn register(&mut self, vm_id: &str, name: &[u8], owner: (usize, u32)) -> u32 {
        let next = u32::try_from(self.tokens.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let token = *self
            .tokens
            .entry((vm_id.to_owned(), name.to_vec()))
            .or_insert(next);
        self.by_token.entry(token).or_default().owner = owner;
        token
    }

    pub(super) fn resolve(&self, vm_id: &str, name: &[u8]) -> Result<u32, Status> {
        let key = (vm_id.to_owned(), name.to_vec());
        self.tokens.get(&key).copied().ok_or(Status::NotFound)
    }

    pub(super) fn enqueue(&mut self, token: u32, message: Vec<u8>) -> Result<(), Status> {
        let queue = self.by_token.get_mut(&token).ok_or(Status::NotFound)?;
        queue.messages.push_back(message);
        self.ready.push_back((queue.owner.0, queue.owner.1, token));
        Ok(())
    }

    pub(super) fn dequeue(&mut self, token: u32) -> Result<Vec<u8>, Status> {
        let queue = self.by_token.get_mut(&token).ok_or(Status::NotFound)?;
        queue.messages.pop_front().ok_or(Status::Empty)
    }

    /// The announcements due, in order.
    pub(super) fn take_ready(&mut self) -> Vec<(usize, u32, u32)> {
        self.ready.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Queues;
    use crate::wasm_host::Status;

    #[test]
    fn the_last_registration_is_told() {
        let mut queues = Queues::default();
        let token = queues.register("v", b"q", (0, 1));
        assert_eq!(queues.register("v", b"q", (1, 2)), token);
        assert_eq!(queues.resolve("v", b"q"), Ok(token));
        assert_eq!(queues.resolve("w", b"q"), Err(Status::NotFound));
        assert_eq!(queues.enqueue(token, vec![1]), Ok(()));
        assert_eq!(queues.take_ready(), vec![(1, 2, token)]);
        assert_eq!(queues.dequeue(token), Ok(vec![1]));
        assert_eq!(queues.dequeue(token), Err(Status::Empty));
    }
}
