//! What is redacted.

mod detector;

use std::collections::BTreeSet;

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    each, named,
};
use crate::{
    entry::Direction,
    glob::Glob,
    redact::{
        ALL_DETECTORS, Action, Allowlist, Choice, CustomDetector, Detector, DetectorGroup,
        Detectors, Media, MediaAction, Place, Profile, ProfileMode, ProfileParts,
    },
};

/// Most custom detectors of one profile.
const MAX_CUSTOM_DETECTORS: usize = 100;
/// Most values and globs of the allowlists of one profile together.
const MAX_ALLOWED: usize = 1000;
/// Most media types of one profile.
const MAX_MEDIA_TYPES: usize = 100;

impl TryFrom<pb::RedactionProfile> for Profile {
    type Error = Invalid;

    fn try_from(message: pb::RedactionProfile) -> Result<Self, Invalid> {
        let pb::RedactionProfile {
            name,
            mode,
            choices,
            media,
            detectors,
            allowlists,
        } = message;
        let name = named(name, ["organizations", "redactionProfiles"])?;
        if choices.is_empty() {
            let expected = "at least one choice of detectors";
            return Err(Invalid::new("choices", "none", expected));
        }
        at_most("detectors", detectors.len(), MAX_CUSTOM_DETECTORS)?;
        let names: Vec<_> = detectors.iter().map(|detector| &*detector.name).collect();
        of_one_organization("detectors", &name, &names)?;
        let names: Vec<_> = allowlists.iter().map(|list| &*list.name).collect();
        of_one_organization("allowlists", &name, &names)?;
        let media = media.map(Media::try_from).transpose();
        let media = media.map_err(|error| error.within("media"))?;
        let custom = each("detectors", detectors, CustomDetector::try_from)?;
        let allowlists = each("allowlists", allowlists, Allowlist::try_from)?;
        let allowed = allowlists
            .iter()
            .map(|allowlist| allowlist.values.len().saturating_add(allowlist.globs.len()));
        at_most("allowlists", allowed.sum(), MAX_ALLOWED)?;
        Ok(Self::new(ProfileParts {
            name,
            mode: mode_of(mode)?,
            choices: each("choices", choices, |one| choice(one, &custom))?,
            custom,
            allowlists,
            media: media.unwrap_or(Media::BLOCKED),
        }))
    }
}

fn at_most(field: &str, found: usize, most: usize) -> Result<(), Invalid> {
    if found <= most {
        return Ok(());
    }
    Err(Invalid::new(field, found, format!("at most {most}")))
}

/// Checks that what a profile holds is of its organization, and there once.
fn of_one_organization(field: &str, profile: &str, names: &[&str]) -> Result<(), Invalid> {
    let organization = profile.split("/redactionProfiles/").next();
    let mut seen = BTreeSet::new();
    for (position, name) in names.iter().enumerate() {
        let rest = organization.and_then(|organization| name.strip_prefix(organization));
        let is_own = rest.is_some_and(|rest| rest.starts_with('/'));
        if !is_own || !seen.insert(name) {
            let field = format!("{field}[{position}].name");
            let expected = "one of the profile's organization, once";
            return Err(Invalid::new(field, shown(name), expected));
        }
    }
    Ok(())
}

/// The detectors that an id stands for, of those that are built in.
pub(super) fn built_in(id: &str) -> Option<Vec<Detector>> {
    if let Some(detector) = Detector::parse(id) {
        return Some(vec![detector]);
    }
    let group = DetectorGroup::ALL
        .into_iter()
        .find(|group| group.as_str() == id);
    if group.is_none() && id != ALL_DETECTORS {
        return None;
    }
    let is_chosen = |detector: &Detector| group.is_none_or(|group| detector.group() == group);
    Some(Detector::ALL.into_iter().filter(is_chosen).collect())
}

fn mode_of(mode: i32) -> Result<ProfileMode, Invalid> {
    match pb::RedactionMode::try_from(mode) {
        Ok(pb::RedactionMode::Unspecified | pb::RedactionMode::Enforce) => Ok(ProfileMode::Enforce),
        Ok(pb::RedactionMode::Observe) => Ok(ProfileMode::Observe),
        Err(_) => Err(Invalid::new("mode", mode, "`enforce` or `observe`")),
    }
}

fn choice(message: pb::RedactionChoice, custom: &[CustomDetector]) -> Result<Choice, Invalid> {
    let pb::RedactionChoice {
        detectors: ids,
        direction,
        places,
        action,
    } = message;
    if ids.is_empty() {
        let expected = "at least one id of a detector, or `personal`, `secrets` or `all`";
        return Err(Invalid::new("detectors", "none", expected));
    }
    let mut detectors = Detectors::default();
    let mut own: Vec<Box<str>> = Vec::new();
    for (position, id) in ids.iter().enumerate() {
        let is_twice = ids.iter().take(position).any(|before| before == id);
        let is_custom = custom.iter().any(|detector| *detector.id == **id);
        match built_in(id) {
            Some(chosen) if !is_twice => {
                for detector in chosen {
                    detectors.insert(detector);
                }
            }
            None if is_custom && !is_twice => own.push((**id).into()),
            Some(_) | None => {
                let field = format!("detectors[{position}]");
                let expected = "the id of a detector, or `personal`, `secrets` or `all`, once";
                return Err(Invalid::new(field, shown(id), expected));
            }
        }
    }
    let places = if places.is_empty() {
        Place::ALL.into()
    } else {
        each("places", places, |id| place(&id))?
    };
    Ok(Choice {
        detectors,
        custom: own,
        directions: directions(direction)?,
        places,
        action: action_of(action)?,
    })
}

fn place(id: &str) -> Result<Place, Invalid> {
    let found = Place::ALL.into_iter().find(|place| place.as_str() == id);
    found.ok_or_else(|| Invalid::new("", shown(id), one_of(Place::ALL.map(Place::as_str))))
}

fn one_of<const N: usize>(ids: [&str; N]) -> String {
    format!("one of {}", ids.map(|id| format!("`{id}`")).join(", "))
}

fn directions(direction: i32) -> Result<Vec<Direction>, Invalid> {
    match pb::RedactionDirection::try_from(direction) {
        Ok(pb::RedactionDirection::Unspecified) => {
            Ok(vec![Direction::ToServer, Direction::ToClient])
        }
        Ok(pb::RedactionDirection::ToServer) => Ok(vec![Direction::ToServer]),
        Ok(pb::RedactionDirection::ToClient) => Ok(vec![Direction::ToClient]),
        Err(_) => {
            let expected = "`to_server`, `to_client`, or nothing for both";
            Err(Invalid::new("direction", direction, expected))
        }
    }
}

fn action_of(action: i32) -> Result<Action, Invalid> {
    match pb::RedactionAction::try_from(action) {
        Ok(pb::RedactionAction::Partial) => Ok(Action::Partial),
        Ok(pb::RedactionAction::Token) => Ok(Action::Token),
        Ok(pb::RedactionAction::Hash) => Ok(Action::Hash),
        Ok(pb::RedactionAction::Mask) => Ok(Action::Mask),
        Ok(pb::RedactionAction::Replace) => Ok(Action::Replace),
        Ok(pb::RedactionAction::Block) => Ok(Action::Block),
        Ok(pb::RedactionAction::Unspecified) | Err(_) => {
            let expected = one_of(Action::ALL.map(Action::as_str));
            Err(Invalid::new("action", action, expected))
        }
    }
}

impl TryFrom<pb::Media> for Media {
    type Error = Invalid;

    fn try_from(message: pb::Media) -> Result<Self, Invalid> {
        let pb::Media {
            types,
            images,
            audio,
            blobs,
        } = message;
        at_most("types", types.len(), MAX_MEDIA_TYPES)?;
        let by_type = |pb::MediaType { r#type, action }| {
            let glob = Glob::parse(&r#type).map_err(|error| {
                let found = format!("{}, which {error}", shown(&r#type));
                Invalid::new("type", found, "a MIME type or glob, such as `image/*`")
            })?;
            Ok((glob, media_action("action", action)?))
        };
        let media = Self {
            types: each("types", types, by_type)?,
            images: media_action("images", images)?,
            audio: media_action("audio", audio)?,
            blobs: media_action("blobs", blobs)?,
        };
        Ok(media)
    }
}

fn media_action(field: &str, action: i32) -> Result<MediaAction, Invalid> {
    match pb::MediaAction::try_from(action) {
        Ok(pb::MediaAction::Unspecified | pb::MediaAction::Block) => Ok(MediaAction::Block),
        Ok(pb::MediaAction::Pass) => Ok(MediaAction::Pass),
        Err(_) => Err(Invalid::new(field, action, "`block` or `pass`")),
    }
}

#[cfg(test)]
mod tests;
