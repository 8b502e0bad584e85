//! Redaction profiles, detectors and allowlists as filters get them.

use chancery_engine::{
    name::organization_of,
    redact::{
        ALL_DETECTORS, Allowlist as EngineAllowlist, CustomDetector as EngineDetector, Detector,
        DetectorGroup, Profile as EngineProfile,
    },
    wire::Invalid,
};
use chancery_proto::{
    admin::v1::{self as admin, detector::Matcher as AdminMatcher},
    policy::v1::{self as policy, custom_detector::Matcher},
};

use super::name;

/// Every id that names detectors which are built in: of one, of a group, of all.
pub(crate) fn built_in_ids() -> impl Iterator<Item = &'static str> {
    let one = Detector::ALL.into_iter().map(Detector::as_str);
    let group = DetectorGroup::ALL.into_iter().map(DetectorGroup::as_str);
    one.chain(group).chain([ALL_DETECTORS])
}

/// Whether an id names detectors that are built in.
pub(crate) fn is_built_in(id: &str) -> bool {
    built_in_ids().any(|built_in| built_in == id)
}

/// What a filter gets of a redaction profile, without what it names, and the ids of the allowlists
/// that it names.
pub(super) fn profile_to_policy(
    profile: &admin::RedactionProfile,
) -> Result<(policy::RedactionProfile, Vec<String>), Invalid> {
    let admin::RedactionProfile {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        description: _,
        mode,
        choices,
        media,
        allowlists,
    } = profile.clone();
    let mode = match policy::RedactionMode::try_from(mode) {
        Ok(policy::RedactionMode::Unspecified) => policy::RedactionMode::Enforce.into(),
        Ok(policy::RedactionMode::Enforce | policy::RedactionMode::Observe) | Err(_) => mode,
    };
    let message = policy::RedactionProfile {
        name,
        mode,
        choices,
        media,
        detectors: Vec::new(),
        allowlists: Vec::new(),
    };
    EngineProfile::try_from(with_stand_ins(message.clone())).map_err(|error| {
        match &*error.field {
            // They are named there.
            "detectors" => Invalid {
                field: "choices".to_owned(),
                ..error
            },
            _ => error,
        }
    })?;
    Ok((message, allowlists))
}

/// A profile with something in the place of each detector that it names, so that everything else
/// about it can be checked; which detectors there are is asked where references are.
fn with_stand_ins(mut profile: policy::RedactionProfile) -> policy::RedactionProfile {
    let organization = organization_of(&profile.name).to_owned();
    let mut ids: Vec<String> = Vec::new();
    for choice in &mut profile.choices {
        for id in &mut choice.detectors {
            if is_built_in(id) {
                continue;
            }
            if !name::is_id(id) {
                *id = format!("stand-in-{}", ids.len());
            }
            if !ids.contains(id) {
                ids.push(id.clone());
            }
        }
    }
    let stand_in = |id| policy::CustomDetector {
        name: format!("{organization}/detectors/{id}"),
        matcher: Some(Matcher::Keywords(policy::Keywords {
            words: vec!["x".to_owned()],
        })),
    };
    profile.detectors = ids.into_iter().map(stand_in).collect();
    profile
}

/// What a filter gets of a detector.
pub(super) fn detector_to_policy(
    detector: &admin::Detector,
) -> Result<policy::CustomDetector, Invalid> {
    let admin::Detector {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        description: _,
        matcher,
    } = detector.clone();
    let matcher = matcher.map(|matcher| match matcher {
        AdminMatcher::Regex(regex) => Matcher::Regex(regex),
        AdminMatcher::Keywords(keywords) => Matcher::Keywords(keywords),
        AdminMatcher::Fields(fields) => Matcher::Fields(fields),
    });
    let message = policy::CustomDetector { name, matcher };
    EngineDetector::try_from(message.clone())?;
    Ok(message)
}

/// What a filter gets of an allowlist.
pub(super) fn allowlist_to_policy(
    allowlist: &admin::Allowlist,
) -> Result<policy::Allowlist, Invalid> {
    let admin::Allowlist {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        description: _,
        values,
        globs,
        detectors,
    } = allowlist.clone();
    let message = policy::Allowlist {
        name,
        detectors,
        values,
        globs,
    };
    EngineAllowlist::try_from(message.clone())?;
    Ok(message)
}
