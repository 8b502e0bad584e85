//! Entries on their way to the record: bounded, in order, kept until they are durable.
//!
//! Entries about calls and anonymous refusals have budgets of their own, and what calls say is sent
//! first: a flood of strangers can neither displace nor delay it. An entry gets its sequence when it is
//! first sent, so that those of an instance arrive in the order of their sequences.

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

/// Which of the entries about calls one is, to ask whether it is durable.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Ticket(u64);

/// The entries of one lane that were never sent.
#[derive(Debug, Default)]
struct Waiting {
    entries: VecDeque<Vec<u8>>,
    /// Bytes of these, and of those sent and not acknowledged.
    held_bytes: usize,
}

/// The entries that are not known to be durable.
#[derive(Debug)]
pub struct Ring {
    limits: Limits,
    calls: Waiting,
    anonymous: Waiting,
    /// Those that have a sequence, in the order of it.
    sequenced: VecDeque<Sequenced>,
    next_sequence: u64,
    /// How many of `sequenced`, from the front, have been sent on the present stream.
    sent: usize,
    sent_bytes: usize,
    /// Of these, bytes of the anonymous lane.
    sent_anonymous_bytes: usize,
    /// Entries about calls that were kept, and those of them that are durable, since the beginning.
    kept_calls: u64,
    durable_calls: u64,
    dropped: u64,
    coalesced: u64,
    /// The second that `anonymous_in_second` counts for.
    second: u64,
    anonymous_in_second: u32,
}

/// Most bytes that are sent and not acknowledged. The host accepts any amount silently, so this
/// window is the only back-pressure there is.
pub const WINDOW_BYTES: usize = 1 << 20;

/// Most bytes of the window that strangers take.
const ANONYMOUS_WINDOW_BYTES: usize = WINDOW_BYTES / 4;

/// Most bytes of entries in one batch.
pub const BATCH_BYTES: usize = 256 << 10;

impl Ring {
    /// An empty ring.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            calls: Waiting::default(),
            anonymous: Waiting::default(),
            sequenced: VecDeque::new(),
            next_sequence: 1,
            sent: 0,
            sent_bytes: 0,
            sent_anonymous_bytes: 0,
            kept_calls: 0,
            durable_calls: 0,
            dropped: 0,
            coalesced: 0,
            second: 0,
            anonymous_in_second: 0,
        }
    }

    /// The sequence after that of the last entry, where no more come.
    pub fn next_sequence(&self) -> u64 {
        let waiting = self
            .calls
            .entries
            .len()
            .saturating_add(self.anonymous.entries.len());
        self.next_sequence
            .saturating_add(u64::try_from(waiting).unwrap_or(u64::MAX))
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

    /// Keeps an entry, or drops it and leaves a hole in the sequence where its lane is full. A ticket
    /// for one about a call that is kept.
    pub fn push(&mut self, lane: Lane, bytes: Vec<u8>) -> Option<Ticket> {
        let (waiting, most) = match lane {
            Lane::Calls => (&mut self.calls, self.limits.max_call_ring_bytes),
            Lane::Anonymous => (&mut self.anonymous, self.limits.max_anonymous_ring_bytes),
        };
        let with = waiting.held_bytes.saturating_add(bytes.len());
        if with > most {
            self.dropped = self.dropped.saturating_add(1);
            self.next_sequence = self.next_sequence.saturating_add(1);
            return None;
        }
        waiting.held_bytes = with;
        waiting.entries.push_back(bytes);
        match lane {
            Lane::Anonymous => None,
            Lane::Calls => {
                self.kept_calls = self.kept_calls.saturating_add(1);
                Some(Ticket(self.kept_calls))
            }
        }
    }

    /// The entries to send next, within the window; empty where nothing may be sent now.
    pub fn next_batch(&mut self) -> Vec<Sequenced> {
        let mut batch = Vec::new();
        let mut batch_bytes: usize = 0;
        while batch_bytes < BATCH_BYTES {
            if self.sent == self.sequenced.len() && !self.sequence_next() {
                break;
            }
            let Some(entry) = self.sequenced.get(self.sent) else {
                break;
            };
            let length = entry.bytes.len();
            let with = self.sent_bytes.saturating_add(length);
            if with > WINDOW_BYTES && self.sent > 0 {
                break;
            }
            batch_bytes = batch_bytes.saturating_add(length);
            self.sent_bytes = with;
            self.sent = self.sent.saturating_add(1);
            if entry.lane == Lane::Anonymous {
                self.sent_anonymous_bytes = self.sent_anonymous_bytes.saturating_add(length);
            }
            batch.push(entry.clone());
        }
        batch
    }

    /// Gives the next entry its sequence; whether there is one that may be sent.
    fn sequence_next(&mut self) -> bool {
        let fits = |bytes: &Vec<u8>, sent: usize, most: usize| {
            sent == 0 || sent.saturating_add(bytes.len()) <= most
        };
        let calls = self.calls.entries.front();
        let (lane, waiting) = match calls {
            Some(bytes) if fits(bytes, self.sent_bytes, WINDOW_BYTES) => {
                (Lane::Calls, &mut self.calls)
            }
            Some(_) => return false,
            None => {
                let next = self.anonymous.entries.front();
                let may_go = next.is_some_and(|bytes| {
                    let (all, anonymous) = (self.sent_bytes, self.sent_anonymous_bytes);
                    fits(bytes, all, WINDOW_BYTES) && fits(bytes, anonymous, ANONYMOUS_WINDOW_BYTES)
                });
                if !may_go {
                    return false;
                }
                (Lane::Anonymous, &mut self.anonymous)
            }
        };
        let Some(bytes) = waiting.entries.pop_front() else {
            return false;
        };
        let sequence = self.next_sequence;
        self.next_sequence = sequence.saturating_add(1);
        self.sequenced.push_back(Sequenced {
            sequence,
            bytes,
            lane,
        });
        true
    }

    /// Frees every entry up to and including `sequence`.
    pub fn acknowledge(&mut self, sequence: u64) {
        let is_durable = |entry: &mut Sequenced| entry.sequence <= sequence;
        while let Some(entry) = self.sequenced.pop_front_if(is_durable) {
            let length = entry.bytes.len();
            let was_sent = self.sent > 0;
            if was_sent {
                self.sent = self.sent.saturating_sub(1);
                self.sent_bytes = self.sent_bytes.saturating_sub(length);
            }
            let waiting = match entry.lane {
                Lane::Calls => {
                    self.durable_calls = self.durable_calls.saturating_add(1);
                    &mut self.calls
                }
                Lane::Anonymous => {
                    if was_sent {
                        self.sent_anonymous_bytes =
                            self.sent_anonymous_bytes.saturating_sub(length);
                    }
                    &mut self.anonymous
                }
            };
            waiting.held_bytes = waiting.held_bytes.saturating_sub(length);
        }
    }

    /// Whether an entry is durable, and with it all about calls before it.
    pub fn is_durable(&self, ticket: Ticket) -> bool {
        ticket.0 <= self.durable_calls
    }

    /// The newest of the entries about calls that are durable, with all before it.
    pub fn durable(&self) -> Ticket {
        Ticket(self.durable_calls)
    }

    /// The stream is gone: everything unacknowledged is to be sent again.
    pub fn rewind(&mut self) {
        self.sent = 0;
        self.sent_bytes = 0;
        self.sent_anonymous_bytes = 0;
    }

    /// Whether nothing waits for an acknowledgement.
    pub fn is_empty(&self) -> bool {
        self.sequenced.is_empty()
            && self.calls.entries.is_empty()
            && self.anonymous.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sequences(batch: &[Sequenced]) -> Vec<u64> {
        batch.iter().map(|entry| entry.sequence).collect()
    }

    fn push(ring: &mut Ring, lane: Lane, bytes: Vec<u8>) {
        let _ticket = ring.push(lane, bytes);
    }

    /// What all batches hold that may be sent now.
    fn drain(ring: &mut Ring) -> Vec<Sequenced> {
        std::iter::repeat_with(|| ring.next_batch())
            .take_while(|batch| !batch.is_empty())
            .flatten()
            .collect()
    }

    #[test]
    fn keeps_entries_until_they_are_durable_and_sends_them_again() {
        let mut ring = Ring::new(Limits::DEFAULT);
        let tickets: Vec<_> = (0..3)
            .map(|byte| ring.push(Lane::Calls, vec![byte]).unwrap())
            .collect();
        assert_eq!(ring.next_sequence(), 4);
        assert_eq!(sequences(&ring.next_batch()), [1, 2, 3]);
        assert_eq!(sequences(&ring.next_batch()), [0_u64; 0]);
        ring.acknowledge(1);
        let durable: Vec<_> = tickets.iter().map(|it| ring.is_durable(*it)).collect();
        assert_eq!(durable, [true, false, false]);
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
        (0..9).for_each(|_| push(&mut ring, Lane::Anonymous, vec![0]));
        let kept = (0..5).filter_map(|_| ring.push(Lane::Calls, vec![0]));
        assert_eq!(kept.count(), 4);
        assert_eq!(ring.dropped(), 8);
        // The holes come first, then the calls, then the strangers.
        let batch = ring.next_batch();
        assert_eq!(sequences(&batch), [9, 10, 11, 12, 13, 14]);
        let lanes = batch.iter().map(|entry| entry.lane);
        assert_eq!(lanes.filter(|lane| *lane == Lane::Calls).count(), 4);
        assert_eq!(batch.last().unwrap().lane, Lane::Anonymous);
        ring.acknowledge(14);
        assert!(ring.push(Lane::Calls, vec![0; 4]).is_some());
        assert_eq!(sequences(&ring.next_batch()), [15]);
    }

    #[test]
    fn what_calls_say_does_not_wait_behind_strangers() {
        let mut ring = Ring::new(Limits::DEFAULT);
        let strangers = 64;
        (0..strangers).for_each(|_| push(&mut ring, Lane::Anonymous, vec![0; WINDOW_BYTES / 64]));
        let sent = drain(&mut ring).len();
        assert_eq!(sent, strangers / 4, "a quarter of the window");
        let ticket = ring.push(Lane::Calls, vec![0; WINDOW_BYTES / 2]).unwrap();
        let batch = drain(&mut ring);
        assert_eq!(batch.first().unwrap().lane, Lane::Calls);
        ring.acknowledge(batch.first().unwrap().sequence);
        assert!(ring.is_durable(ticket));
        assert!(!drain(&mut ring).is_empty(), "the strangers come later");
    }

    #[test]
    fn sends_no_more_than_the_window() {
        let mut ring = Ring::new(Limits::DEFAULT);
        (0..12).for_each(|_| push(&mut ring, Lane::Calls, vec![0; WINDOW_BYTES / 8]));
        assert_eq!(drain(&mut ring).len(), 8);
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
