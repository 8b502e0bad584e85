//! Redaction profiles with all that they name in them.

use std::collections::{BTreeMap, BTreeSet};

use chancery_proto::policy::v1 as policy;

/// What one organization redacts by.
#[derive(Default)]
pub(in crate::snapshot) struct Redaction {
    /// By their names, with the ids of the allowlists that they name.
    profiles: BTreeMap<String, (policy::RedactionProfile, Vec<String>)>,
    /// By their ids.
    detectors: BTreeMap<String, policy::CustomDetector>,
    /// By their ids.
    allowlists: BTreeMap<String, policy::Allowlist>,
}

impl Redaction {
    pub(in crate::snapshot) fn add_profile(
        &mut self,
        profile: policy::RedactionProfile,
        allowlists: Vec<String>,
    ) {
        self.profiles
            .insert(profile.name.clone(), (profile, allowlists));
    }

    pub(in crate::snapshot) fn add_detector(&mut self, detector: policy::CustomDetector) {
        self.detectors.insert(id(&detector.name), detector);
    }

    pub(in crate::snapshot) fn add_allowlist(&mut self, allowlist: policy::Allowlist) {
        self.allowlists.insert(id(&allowlist.name), allowlist);
    }

    /// The profiles in the order of their names.
    pub(in crate::snapshot) fn into_profiles(self) -> Vec<policy::RedactionProfile> {
        let Self {
            profiles,
            detectors,
            allowlists,
        } = self;
        let complete = |(mut profile, named): (policy::RedactionProfile, Vec<String>)| {
            let chosen = profile.choices.iter().flat_map(|choice| &choice.detectors);
            let chosen: BTreeSet<_> = chosen.cloned().collect();
            let own = chosen.iter().filter_map(|id| detectors.get(id));
            profile.detectors = own.cloned().collect();
            let named: BTreeSet<_> = named.into_iter().collect();
            let named = named.iter().filter_map(|id| allowlists.get(id));
            profile.allowlists = named.cloned().collect();
            profile
        };
        profiles.into_values().map(complete).collect()
    }
}

fn id(name: &str) -> String {
    name.rsplit('/').next().unwrap_or_default().to_owned()
}
