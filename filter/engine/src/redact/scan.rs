//! Finds what is sensitive in one decoded string.
//!
//! One pass over the bytes: most are passed over by their class, around the others something is
//! looked at within bounds. So a scan takes time in proportion to the text, whatever stands in it.

mod assign;
mod bytes;
mod checks;
mod custom;
mod date;
mod email;
mod field;
mod groups;
mod header;
mod hunt;
mod network;
mod number;
mod option;
mod ours;
mod phone;
mod placeholder;
mod table;
mod token;
mod told;
mod url;
mod wallet;
mod word;
mod words;

use std::{cell::Cell, ops::Range};

pub(super) use words::{Topics, of_key};

use super::{
    Detector, Detectors, Matcher, Place, Plan, Profile, ProfileMode,
    view::{self, View},
};
use crate::{entry::Direction, order, redact::Action};
use hunt::Hunt;
use words::Label;

/// What found something.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Finder {
    /// A detector that is built in.
    BuiltIn(Detector),
    /// The custom detector at a position of the profile at a position of the plan.
    Custom(usize, usize),
}

/// A find in a decoded string.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Find {
    /// Its bytes in the decoded string.
    pub(super) range: Range<usize>,
    pub(super) finder: Finder,
}

/// What is done with a find, the least first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Verdict {
    /// Every profile leaves it alone.
    Left,
    /// It is recorded.
    Recorded,
    /// It is changed, and recorded.
    Changed(Action),
}

/// What is looked for at one place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sought<'p> {
    pub(super) detectors: Detectors,
    pub(super) plan: &'p Plan,
    pub(super) direction: Direction,
    pub(super) place: Place,
    /// Whether a custom detector looks for something.
    has_custom: bool,
    has_allowlists: bool,
}

impl<'p> Sought<'p> {
    pub(super) fn new(plan: &'p Plan, direction: Direction, place: Place) -> Self {
        let profiles = plan.profiles();
        Self {
            detectors: plan.detectors(direction, place),
            plan,
            direction,
            place,
            has_custom: profiles.iter().any(|profile| !profile.custom().is_empty()),
            has_allowlists: profiles
                .iter()
                .any(|profile| !profile.allowlists().is_empty()),
        }
    }

    /// Whether a custom detector looks for something.
    pub(super) fn has_custom(&self) -> bool {
        self.has_custom
    }

    /// Whether a custom detector goes by keys.
    pub(super) fn has_fields(&self) -> bool {
        let mut custom = self
            .plan
            .profiles()
            .iter()
            .flat_map(|profile| profile.custom());
        self.has_custom && custom.any(|custom| matches!(custom.matcher, Matcher::Fields(_)))
    }

    /// What a profile does with a find; `None` where it does not look for it.
    fn action(&self, position: usize, profile: &Profile, finder: Finder) -> Option<Action> {
        match finder {
            Finder::BuiltIn(detector) => profile.action(self.direction, self.place, detector),
            Finder::Custom(of, custom) if of == position => {
                profile.custom_action(self.direction, self.place, custom)
            }
            Finder::Custom(..) => None,
        }
    }

    /// The id of what found something.
    pub(super) fn id(&self, finder: Finder) -> &'p str {
        match finder {
            Finder::BuiltIn(detector) => detector.as_str(),
            Finder::Custom(profile, custom) => self
                .plan
                .profiles()
                .get(profile)
                .and_then(|profile| profile.custom().get(custom))
                .map_or("custom", |custom| &custom.id),
        }
    }

    /// What is done with a value that was found.
    pub(super) fn verdict(&self, finder: Finder, value: &str) -> Verdict {
        let mut verdict = Verdict::Left;
        for (position, profile) in self.plan.profiles().iter().enumerate() {
            let Some(action) = self.action(position, profile, finder) else {
                continue;
            };
            if self.has_allowlists
                && custom::is_allowed(profile.allowlists(), self.id(finder), value)
            {
                continue;
            }
            verdict = verdict.max(match profile.mode() {
                ProfileMode::Enforce => Verdict::Changed(action),
                ProfileMode::Observe => Verdict::Recorded,
            });
        }
        verdict
    }
}

/// Where a string stands, as far as its finds depend on it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Field<'k> {
    /// What the keys around it say.
    pub(super) topics: Topics,
    /// The keys around it, the innermost first, up to the outermost object of its JSON.
    pub(super) keys: &'k [&'k str],
}

/// How often what is decoded is decoded again.
const MAX_VIEWS: u8 = 2;

/// Finds everything that is sought, ascending and without overlaps.
pub(super) fn scan(text: &str, field: Field<'_>, sought: &Sought<'_>, finds: &mut Vec<Find>) {
    hunt(text, field.topics, sought.detectors, MAX_VIEWS, finds);
    if sought.has_custom {
        custom::scan(text, field, sought, finds);
    }
    if !finds.is_empty() {
        settle(text, finds);
        if sought.has_allowlists {
            finds.retain(|find| {
                let value = text.get(find.range.clone()).unwrap_or_default();
                sought.verdict(find.finder, value) != Verdict::Left
            });
        }
    }
}

fn hunt(text: &str, topics: Topics, detectors: Detectors, views: u8, finds: &mut Vec<Find>) {
    let mut hunt = Hunt {
        bytes: text.as_bytes(),
        ambient: topics,
        detectors,
        finds,
        is_disguised: false,
        runs: Vec::new(),
        run_floor: 0,
        told_floor: 0,
        is_endless: false,
        said: Cell::new((usize::MAX, Label::default())),
    };
    if topics != Topics::default() {
        hunt.field(topics, 0, text.len());
    }
    hunt.run();
    hunt.table();
    if views == 0 {
        return;
    }
    let (is_disguised, runs) = (hunt.is_disguised, std::mem::take(&mut hunt.runs));
    if is_disguised && let Some(view) = View::undisguised(text) {
        behind(&view, topics, detectors, views, finds);
    }
    for run in runs {
        let encoded = text.get(run.clone()).unwrap_or_default();
        let Some(decoded) = view::decoded(encoded) else {
            continue;
        };
        let mut hidden = Vec::new();
        self::hunt(
            &decoded,
            Topics::default(),
            detectors,
            views.saturating_sub(1),
            &mut hidden,
        );
        if let Some(find) = hidden.first() {
            finds.push(Find {
                range: run,
                finder: find.finder,
            });
        }
    }
}

/// Finds what a text says to who reads through its disguise.
fn behind(view: &View, topics: Topics, detectors: Detectors, views: u8, finds: &mut Vec<Find>) {
    let mut hidden = Vec::new();
    hunt(
        &view.text,
        topics,
        detectors,
        views.saturating_sub(1),
        &mut hidden,
    );
    finds.extend(hidden.into_iter().map(|find| Find {
        range: view.raw(&find.range),
        finder: find.finder,
    }));
}

/// Sorts finds; of two that overlap, the later is cut to what the earlier leaves of it. What we
/// wrote ourselves is none.
fn settle(text: &str, finds: &mut Vec<Find>) {
    order::sort_by_range(finds, |find| find.range.clone());
    let mut end = 0;
    finds.retain_mut(|find| {
        find.range.start = find.range.start.max(end);
        while !text.is_char_boundary(find.range.end) {
            find.range.end = find.range.end.saturating_add(1);
        }
        while !text.is_char_boundary(find.range.start) {
            find.range.start = find.range.start.saturating_sub(1);
        }
        if find.range.start >= find.range.end
            || find.range.start < end
            || ours::holds(text.as_bytes(), &find.range)
        {
            return false;
        }
        end = find.range.end;
        true
    });
}

#[cfg(test)]
mod tests;
