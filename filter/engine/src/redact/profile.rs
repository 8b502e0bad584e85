//! What is looked for, where, and what is done with what is found.

use std::sync::Arc;

use regex_lite::Regex;

use super::{Detector, Detectors, Place};
use crate::{entry::Direction, glob::Glob};

/// The id of the profile that every organization has.
pub const DEFAULT_PROFILE: &str = "default";

/// The id that stands for every detector that is built in.
pub const ALL_DETECTORS: &str = "all";

/// What is done with a find, the least protective first: where several choices or profiles cover
/// one find, the most protective is done.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Action {
    /// All but the last four letters and digits are masked.
    Partial,
    /// A token takes its place that opens again for the same principal ([`crate::seal`]).
    Token,
    /// A keyed hash takes its place, the same for the same value in one organization.
    Hash,
    /// Its letters and digits are masked; its shape stays.
    Mask,
    /// The name of its detector takes its place.
    Replace,
    /// The message is refused.
    Block,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Partial,
        Self::Token,
        Self::Hash,
        Self::Mask,
        Self::Replace,
        Self::Block,
    ];

    /// The stable id.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::Token => "token",
            Self::Hash => "hash",
            Self::Mask => "mask",
            Self::Replace => "replace",
            Self::Block => "block",
        }
    }
}

/// What an organization defines to be looked for.
#[derive(Clone, Debug)]
pub struct CustomDetector {
    /// The last segment of its resource name.
    pub id: Box<str>,
    /// What it finds.
    pub matcher: Matcher,
}

/// What a custom detector finds.
#[derive(Clone, Debug)]
pub enum Matcher {
    /// What this matches. It never matches the empty string.
    Regex(Regex),
    /// These words, in whatever case, where no letter or digit stands before or after.
    Keywords(Vec<Box<str>>),
    /// Whatever stands in these fields.
    Fields(Vec<FieldPath>),
}

/// Which fields: their keys, the innermost last; `*` is any one key. Positions in arrays do not
/// count.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldPath {
    /// The keys.
    pub keys: Vec<Box<str>>,
    /// Whether the first key is one of the outermost object: of the arguments, of the structured
    /// content, or of the JSON in a text.
    pub is_anchored: bool,
}

/// What is left alone although a detector finds it.
#[derive(Clone, Debug, Default)]
pub struct Allowlist {
    /// Only finds of these ids, built in or custom. Empty: of all.
    pub detectors: Vec<Box<str>>,
    /// Whole values, in whatever case.
    pub values: Vec<Box<str>>,
    /// Globs over whole values.
    pub globs: Vec<Glob>,
}

/// What is done with content that no detector reads.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Media {
    /// By MIME type, as globs (`image/*`): the first that matches decides.
    pub types: Vec<(Glob, MediaAction)>,
    /// Images that no type matches.
    pub images: MediaAction,
    /// Audio that no type matches.
    pub audio: MediaAction,
    /// Blobs of resources that no type matches.
    pub blobs: MediaAction,
}

impl Media {
    /// All of it goes on.
    pub const PASSED: Self = Self {
        types: Vec::new(),
        images: MediaAction::Pass,
        audio: MediaAction::Pass,
        blobs: MediaAction::Pass,
    };

    /// What a profile does that does not say.
    pub const BLOCKED: Self = Self {
        types: Vec::new(),
        images: MediaAction::Block,
        audio: MediaAction::Block,
        blobs: MediaAction::Block,
    };
}

/// What is done with one content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MediaAction {
    /// It goes on.
    Pass,
    /// A text that says so takes its place.
    Block,
}

/// Whether what is found is changed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ProfileMode {
    /// It is changed and recorded.
    #[default]
    Enforce,
    /// It is recorded.
    Observe,
}

/// A part of a profile: some detectors, where, and what is done.
#[derive(Clone, Debug)]
pub struct Choice {
    /// Which of those that are built in.
    pub detectors: Detectors,
    /// Which custom ones, by id.
    pub custom: Vec<Box<str>>,
    /// In messages of which directions.
    pub directions: Vec<Direction>,
    /// Where in them.
    pub places: Vec<Place>,
    /// What is done.
    pub action: Action,
}

/// What a profile is made of.
#[derive(Clone, Debug)]
pub struct ProfileParts {
    /// Its resource name.
    pub name: Box<str>,
    /// Whether what is found is changed.
    pub mode: ProfileMode,
    /// What is looked for. Custom detectors that are not in `custom` are ignored: whoever builds it
    /// has checked them.
    pub choices: Vec<Choice>,
    /// The custom detectors.
    pub custom: Vec<CustomDetector>,
    /// What is left alone.
    pub allowlists: Vec<Allowlist>,
    /// What is done with content that no detector reads.
    pub media: Media,
}

/// What a profile does, ready to be asked.
#[derive(Clone, Debug)]
pub struct Profile {
    name: Box<str>,
    mode: ProfileMode,
    /// For each direction and place.
    desks: Vec<Desk>,
    custom: Vec<CustomDetector>,
    allowlists: Vec<Allowlist>,
    media: Media,
}

/// What is done at one place in one direction.
#[derive(Clone, Debug)]
struct Desk {
    detectors: Detectors,
    /// By the position of the detector.
    actions: [Option<Action>; Detector::ALL.len()],
    /// By the position of the custom detector.
    custom: Vec<Option<Action>>,
}

const DIRECTIONS: [Direction; 2] = [Direction::ToServer, Direction::ToClient];

impl Profile {
    /// Puts a profile together.
    pub fn new(parts: ProfileParts) -> Self {
        let ProfileParts {
            name,
            mode,
            choices,
            custom,
            allowlists,
            media,
        } = parts;
        let idle = Desk {
            detectors: Detectors::default(),
            actions: [None; Detector::ALL.len()],
            custom: vec![None; custom.len()],
        };
        let mut desks = vec![idle; DIRECTIONS.len() * Place::ALL.len()];
        for choice in &choices {
            for direction in &choice.directions {
                for place in &choice.places {
                    if let Some(desk) = desks.get_mut(position(*direction, *place)) {
                        desk.add(choice, &custom);
                    }
                }
            }
        }
        Self {
            name,
            mode,
            desks,
            custom,
            allowlists,
            media,
        }
    }

    /// The profile that every organization has: every detector, everywhere, replaced by type. Images,
    /// audio and blobs pass, so that it can be laid over any server.
    pub fn built_in() -> Self {
        let mut detectors = Detectors::default();
        for detector in Detector::ALL {
            detectors.insert(detector);
        }
        let everywhere = Choice {
            detectors,
            custom: Vec::new(),
            directions: DIRECTIONS.into(),
            places: Place::ALL.into(),
            action: Action::Replace,
        };
        Self::new(ProfileParts {
            name: DEFAULT_PROFILE.into(),
            mode: ProfileMode::Enforce,
            choices: vec![everywhere],
            custom: Vec::new(),
            allowlists: Vec::new(),
            media: Media::PASSED,
        })
    }

    /// Its resource name; [`DEFAULT_PROFILE`] where it is built in.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether what is found is changed.
    pub fn mode(&self) -> ProfileMode {
        self.mode
    }

    /// What is done with content that no detector reads.
    pub fn media(&self) -> &Media {
        &self.media
    }

    /// Its custom detectors.
    pub fn custom(&self) -> &[CustomDetector] {
        &self.custom
    }

    /// What it leaves alone.
    pub fn allowlists(&self) -> &[Allowlist] {
        &self.allowlists
    }

    /// What is looked for at a place, of what is built in.
    pub fn detectors(&self, direction: Direction, place: Place) -> Detectors {
        self.desk(direction, place)
            .map(|desk| desk.detectors)
            .unwrap_or_default()
    }

    /// What is done with a find of a detector; `None` where it is not looked for.
    pub fn action(&self, direction: Direction, place: Place, detector: Detector) -> Option<Action> {
        let desk = self.desk(direction, place)?;
        desk.actions.get(detector.position()).copied().flatten()
    }

    /// What is done with a find of the custom detector at a position of [`Self::custom`].
    pub fn custom_action(
        &self,
        direction: Direction,
        place: Place,
        position: usize,
    ) -> Option<Action> {
        let desk = self.desk(direction, place)?;
        desk.custom.get(position).copied().flatten()
    }

    fn desk(&self, direction: Direction, place: Place) -> Option<&Desk> {
        self.desks.get(position(direction, place))
    }
}

fn position(direction: Direction, place: Place) -> usize {
    let before = match direction {
        Direction::ToServer => 0,
        Direction::ToClient => Place::ALL.len(),
    };
    before.saturating_add(place.position())
}

impl Desk {
    fn add(&mut self, choice: &Choice, custom: &[CustomDetector]) {
        let strongest = |done: &mut Option<Action>| *done = (*done).max(Some(choice.action));
        for detector in Detector::ALL {
            if choice.detectors.contains(detector)
                && let Some(done) = self.actions.get_mut(detector.position())
            {
                self.detectors.insert(detector);
                strongest(done);
            }
        }
        for (detector, done) in custom.iter().zip(&mut self.custom) {
            if choice.custom.contains(&detector.id) {
                strongest(done);
            }
        }
    }
}

/// The profiles that apply to one exchange, of whatever rules asked for them.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    profiles: Vec<Arc<Profile>>,
}

impl Plan {
    /// Adds a profile, once.
    pub fn add(&mut self, profile: &Arc<Profile>) {
        if !self.profiles.iter().any(|held| Arc::ptr_eq(held, profile)) {
            self.profiles.push(Arc::clone(profile));
        }
    }

    /// Adds those of another plan.
    pub fn extend(&mut self, other: &Self) {
        for profile in &other.profiles {
            self.add(profile);
        }
    }

    /// Whether nothing is looked for.
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }

    /// Whether another plan has the very same profiles.
    pub fn is_same(&self, other: &Self) -> bool {
        let has = |plan: &Self, profile: &Arc<Profile>| {
            let mut held = plan.profiles.iter();
            held.any(|held| Arc::ptr_eq(held, profile))
        };
        self.profiles.len() == other.profiles.len()
            && self.profiles.iter().all(|profile| has(other, profile))
    }

    /// The profiles.
    pub fn profiles(&self) -> &[Arc<Profile>] {
        &self.profiles
    }

    /// What is looked for at a place by any of them, of what is built in.
    pub fn detectors(&self, direction: Direction, place: Place) -> Detectors {
        let mut detectors = Detectors::default();
        for profile in &self.profiles {
            detectors.extend(profile.detectors(direction, place));
        }
        detectors
    }
}
