//! Entries on their way to the record: bounded, in order, kept until they are durable.
//!
//! Entries about calls and anonymous refusals share one sequence but not one budget, so a flood of
//! strangers can neither displace nor delay what calls say.

use std::collections::VecDeque;

use crate::{id::Time, limits::Limits};

/// Which budget an entry counts against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Lane {
    /// Entries about calls.
    Calls,
    /// Refusals of someone who is not known.
    Anonymous,
}

/// An entry in its place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sequenced {
    /// Counts up from 1.
    pub sequence: u64,
    /// The entry's bytes.
    pub bytes: Vec<u8>,
    lane: Lane,
}

/// The entries that are not known to be durable.
#[derive(Debug)]
pub struct Ring {
    limits: Limits,
    entries: VecDeque<Sequenced>,
    next_sequence: u64,
    /// How many of `entries`, from the front, have been sent on the present stream.
    sent: usize,
    sent_bytes: usize,
    call_bytes: usize,
    anonymous_bytes: usize,
    dropped: u64,
    coalesced: u64,
    /// The second that `anonymous_in_second` counts for.
    second: u64,
    anonymous_in_second: u32,
}

/// Most bytes that are sent and not acknowledged. The host accepts any amount silently, so this
/// window is the only back-pressure there is.
pub const WINDOW_BYTES: usize = 1 << 20;

/// Most bytes of entries in one batch.
pub const BATCH_BYTES: usize = 256 << 10;

impl Ring {
    /// An empty ring.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: VecDeque::new(),
            next_sequence: 1,
            sent: 0,
            sent_bytes: 0,
            call_bytes: 0,
            anonymous_bytes: 0,
            dropped: 0,
            coalesced: 0,
            second: 0,
            anonymous_in_second: 0,
        }
    }

    /// The sequence that the next entry will have.
    pub fn next_sequence(&self) -> u64 {
        self.next_sequence
    }

    /// Entries lost because their lane was full, since the beginning.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Anonymous refusals that were counted instead of kept, since this was last asked.
    pub fn take_coalesced(&mut self) -> u64 {
        std::mem::take(&mut self.coalesced)
    }

    /// Whether an anonymous refusal may be kept by itself at this time, or is to be counted only.
    pub fn admit_anonymous(&mut self, now: Time) -> bool {
        let second = now.unix_ms() / 1_000;
        if second != self.second {
            self.second = second;
            self.anonymous_in_second = 0;
        }
        self.anonymous_in_second = self.anonymous_in_second.saturating_add(1);
        let admitted = self.anonymous_in_second <= self.limits.max_anonymous_entries_per_second;
        if !admitted {
            self.coalesced = self.coalesced.saturating_add(1);
        }
        admitted
    }

    /// Keeps an entry, or drops it and leaves a hole in the sequence where its lane is full.
    pub fn push(&mut self, lane: Lane, bytes: Vec<u8>) {
        let sequence = self.next_sequence;
        self.next_sequence = sequence.saturating_add(1);
        let (held, most) = match lane {
            Lane::Calls => (&mut self.call_bytes, self.limits.max_call_ring_bytes),
            Lane::Anonymous => (
                &mut self.anonymous_bytes,
                self.limits.max_anonymous_ring_bytes,
            ),
        };
        let with = held.saturating_add(bytes.len());
        if with > most {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        *held = with;
        self.entries.push_back(Sequenced {
            sequence,
            bytes,
            lane,
        });
    }

    /// The entries to send next, within the window; empty where nothing may be sent now.
    pub fn next_batch(&mut self) -> Vec<Sequenced> {
        let mut batch = Vec::new();
        let mut batch_bytes: usize = 0;
        while let Some(entry) = self.entries.get(self.sent) {
            let with = self.sent_bytes.saturating_add(entry.bytes.len());
            let is_full = with > WINDOW_BYTES && self.sent > 0;
            if is_full || batch_bytes >= BATCH_BYTES {
                break;
            }
            batch_bytes = batch_bytes.saturating_add(entry.bytes.len());
            self.sent_bytes = with;
            self.sent = self.sent.saturating_add(1);
            batch.push(entry.clone());
        }
        batch
    }

    /// Frees every entry up to and including `sequence`.
    pub fn acknowledge(&mut self, sequence: u64) {
        while self
            .entries
            .front()
            .is_some_and(|entry| entry.sequence <= sequence)
        {
            let Some(entry) = self.entries.pop_front() else {
                break;
            };
            let length = entry.bytes.len();
            if self.sent > 0 {
                self.sent = self.sent.saturating_sub(1);
                self.sent_bytes = self.sent_bytes.saturating_sub(length);
            }
            let held = match entry.lane {
                Lane::Calls => &mut self.call_bytes,
                Lane::Anonymous => &mut self.anonymous_bytes,
            };
            *held = held.saturating_sub(length);
        }
    }

    /// The stream is gone: everything unacknowledged is to be sent again.
    pub fn rewind(&mut self) {
        self.sent = 0;
        self.sent_bytes = 0;
    }

    /// Whether nothing waits for an acknowledgement.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences(batch: &[Sequenced]) -> Vec<u64> {
        batch.iter().map(|entry| entry.sequence).collect()
    }

    #[test]
    fn keeps_entries_until_they_are_durable_and_sends_them_again() {
        let mut ring = Ring::new(Limits::DEFAULT);
        (0..3).for_each(|byte| ring.push(Lane::Calls, vec![byte]));
        assert_eq!(sequences(&ring.next_batch()), [1, 2, 3]);
        assert_eq!(sequences(&ring.next_batch()), [0_u64; 0]);
        ring.acknowledge(1);
        ring.rewind();
        assert_eq!(sequences(&ring.next_batch()), [2, 3]);
        ring.acknowledge(3);
        assert!(ring.is_empty());
        assert_eq!(ring.next_sequence(), 4);
    }

    #[test]
    fn anonymous_entries_never_displace_calls() {
        let limits = Limits {
            max_call_ring_bytes: 4,
            max_anonymous_ring_bytes: 2,
            ..Limits::DEFAULT
        };
        let mut ring = Ring::new(limits);
        (0..9).for_each(|_| ring.push(Lane::Anonymous, vec![0]));
        (0..5).for_each(|_| ring.push(Lane::Calls, vec![0]));
        assert_eq!(sequences(&ring.next_batch()), [1, 2, 10, 11, 12, 13]);
        assert_eq!(ring.dropped(), 8);
        ring.acknowledge(13);
        ring.push(Lane::Calls, vec![0; 4]);
        assert_eq!(sequences(&ring.next_batch()), [15]);
    }

    #[test]
    fn sends_no_more_than_the_window() {
        let mut ring = Ring::new(Limits::DEFAULT);
        (0..12).for_each(|_| ring.push(Lane::Calls, vec![0; WINDOW_BYTES / 8]));
        let mut sent = 0;
        loop {
            let batch = ring.next_batch();
            if batch.is_empty() {
                break;
            }
            sent += batch.len();
        }
        assert_eq!(sent, 8);
        ring.acknowledge(1);
        assert_eq!(sequences(&ring.next_batch()), [9]);
    }

    #[test]
    fn counts_a_flood_instead_of_keeping_it() {
        let mut ring = Ring::new(Limits {
            max_anonymous_entries_per_second: 2,
            ..Limits::DEFAULT
        });
        let at = Time::from_unix_ms;
        let admitted: Vec<_> = [0, 1, 2, 999, 1_000]
            .map(|ms| ring.admit_anonymous(at(ms)))
            .into();
        assert_eq!(admitted, [true, true, false, false, true]);
        assert_eq!(ring.take_coalesced(), 2);
    }
}
