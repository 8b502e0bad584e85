use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// What the engine's loader does with sections, and nothing else of it.
#[derive(Debug, Default)]
struct Instance {
    held: Digests,
    applied: Option<(u64, Digests)>,
    offer: Option<(u64, Digests)>,
}

impl Instance {
    fn take(&mut self, version: u64, sections: Digests, sent: Digests) {
        self.offer = Some((version, sections));
        self.held.extend(sent);
    }

    fn is_waiting(&self) -> bool {
        let offer = self.offer.as_ref();
        offer.is_some_and(|(_, sections)| !sections.is_subset(&self.held))
    }

    /// Compiles what is offered; what it says then.
    fn finish(&mut self, compiles: bool) -> Option<(u64, bool)> {
        let (version, sections) = self.offer.take()?;
        if compiles {
            self.applied = Some((version, sections));
        }
        let used = self.applied.iter().flat_map(|(_, sections)| sections);
        let used: BTreeSet<_> = used.copied().collect();
        self.held.retain(|digest| used.contains(digest));
        Some((version, compiles))
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Of these sections.
    Offer(Vec<u8>),
    /// The instance reads the next message.
    Read,
    /// The instance compiles what it was offered, or refuses it.
    Compile(bool),
    /// The control plane reads the next message.
    Hear,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        prop::collection::vec(0..6_u8, 0..5).prop_map(Step::Offer),
        Just(Step::Read),
        prop::bool::weighted(0.8).prop_map(Step::Compile),
        Just(Step::Hear),
    ]
}

fn digests(sections: &[u8]) -> Digests {
    sections.iter().map(|section| [*section; 32]).collect()
}

fn hear(holdings: &mut Holdings, said: &mut VecDeque<(u64, bool)>) {
    match said.pop_front() {
        Some((applied, true)) => holdings.acknowledged((1, applied)),
        Some((_, false)) => holdings.refused(),
        None => {}
    }
}

proptest! {
    #[test]
    fn an_instance_never_waits_for_a_section_that_is_not_sent(
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let mut holdings = Holdings::new(Vec::new());
        let mut instance = Instance::default();
        let mut offers = VecDeque::new();
        let mut said = VecDeque::new();
        let mut newest = 0;
        for step in steps {
            match step {
                Step::Offer(sections) => {
                    newest += 1;
                    let sections = digests(&sections);
                    let sent = holdings.offer((1, newest), sections.clone());
                    offers.push_back((newest, sections, sent));
                }
                Step::Read => {
                    if let Some((version, sections, sent)) = offers.pop_front() {
                        instance.take(version, sections, sent);
                        prop_assert!(!instance.is_waiting());
                    }
                }
                Step::Compile(compiles) => said.extend(instance.finish(compiles)),
                Step::Hear => hear(&mut holdings, &mut said),
            }
        }
    }
}

#[test]
fn what_is_acknowledged_is_not_sent_again() {
    let mut holdings = Holdings::new(vec![vec![1; 32]]);
    assert_eq!(holdings.offer((1, 1), digests(&[1, 2])), digests(&[2]));
    holdings.acknowledged((1, 1));
    assert_eq!(holdings.offer((1, 2), digests(&[1, 2])), digests(&[]));
}

#[test]
fn a_section_that_was_dropped_is_sent_again() {
    let mut holdings = Holdings::new(Vec::new());
    for (version, section) in [(1, 1), (2, 2), (3, 1)] {
        let sections = digests(&[section]);
        assert_eq!(holdings.offer((1, version), sections.clone()), sections);
        holdings.acknowledged((1, version));
    }
}
