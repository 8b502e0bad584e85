//! What rules, redaction profiles and allowlists name.

use std::collections::BTreeSet;

use chancery_engine::redact::DEFAULT_PROFILE;
use chancery_proto::admin::v1 as admin;

use super::{Check, MAX_LISTED};
use crate::{
    nearest::nearest,
    resource::redaction::{built_in_ids, is_built_in},
};

/// Most values and globs of the allowlists of one profile together, as the engine bounds them.
const MAX_ALLOWED: usize = 1000;

impl Check<'_, '_> {
    /// A rule obliges to profiles that there are, and reveals what something finds.
    pub(super) fn obligations(&mut self, rule: &admin::Rule) {
        let Some(obligations) = &rule.obligations else {
            return;
        };
        let profiles = self.all.profiles.get(self.resource.organization());
        let own = profiles.into_iter().flat_map(|profiles| profiles.keys());
        let known: BTreeSet<_> = own.copied().chain([DEFAULT_PROFILE]).collect();
        for (index, id) in obligations.redact.iter().enumerate() {
            let field = format!("obligations.redact[{index}]");
            self.known("redaction profile", &field, id, &known);
        }
        for (index, id) in obligations.reveal.iter().enumerate() {
            let field = format!("obligations.reveal[{index}]");
            self.detector(&field, id);
        }
    }

    pub(super) fn profile(&mut self, profile: &admin::RedactionProfile) {
        for (index, choice) in profile.choices.iter().enumerate() {
            for (at, id) in choice.detectors.iter().enumerate() {
                self.detector(&format!("choices[{index}].detectors[{at}]"), id);
            }
        }
        let all = self.all;
        let allowlists = all.allowlists.get(self.resource.organization());
        let known = allowlists.into_iter().flat_map(|lists| lists.keys());
        let known: BTreeSet<_> = known.copied().collect();
        for (index, id) in profile.allowlists.iter().enumerate() {
            self.known("allowlist", &format!("allowlists[{index}]"), id, &known);
        }
        let allowed = self.allowed(profile);
        if allowed > MAX_ALLOWED {
            let found = format!("{allowed} values and globs");
            let expected = format!("at most {MAX_ALLOWED} together");
            self.say("allowlists".to_owned(), found, expected);
        }
    }

    pub(super) fn allowlist(&mut self, allowlist: &admin::Allowlist) {
        for (index, id) in allowlist.detectors.iter().enumerate() {
            self.detector(&format!("detectors[{index}]"), id);
        }
        let all = self.all;
        let profiles = all.profiles.get(self.resource.organization());
        let id = self.resource.id();
        let naming = profiles.into_iter().flat_map(|profiles| profiles.values());
        let mut naming = naming.filter(|profile| profile.allowlists.iter().any(|one| one == id));
        let too_large = naming.find(|profile| self.allowed(profile) > MAX_ALLOWED);
        if let Some(profile) = too_large {
            let found = format!(
                "{} values and globs in the allowlists of `{}`",
                self.allowed(profile),
                profile.name
            );
            let expected = format!("at most {MAX_ALLOWED} together");
            self.say("values".to_owned(), found, expected);
        }
    }

    /// How many values and globs the allowlists of a profile have.
    fn allowed(&self, profile: &admin::RedactionProfile) -> usize {
        let lists = self.all.allowlists.get(self.resource.organization());
        let named: BTreeSet<_> = profile.allowlists.iter().collect();
        let named = named.into_iter().filter_map(|id| lists?.get(&**id));
        named
            .map(|list| list.values.len().saturating_add(list.globs.len()))
            .fold(0, usize::saturating_add)
    }

    /// One that is built in, a group of them, or one of the organization's.
    fn detector(&mut self, field: &str, id: &str) {
        if is_built_in(id) {
            return;
        }
        let mut known: BTreeSet<&str> = built_in_ids().collect();
        let own = self.all.detectors.get(self.resource.organization());
        known.extend(own.into_iter().flatten());
        self.known("detector", field, id, &known);
    }

    fn known(&mut self, what: &str, field: &str, id: &str, known: &BTreeSet<&str>) {
        if known.contains(id) {
            return;
        }
        let ids: Vec<_> = known.iter().copied().collect();
        let listed = ids.iter().take(MAX_LISTED).copied().collect::<Vec<_>>();
        let mut expected = super::one_of(what, &listed, ids.len());
        if let Some(meant) = nearest(id, &ids) {
            expected = format!("{expected} (did you mean `{meant}`?)");
        }
        self.say(field.to_owned(), format!("`{id}`"), expected);
    }
}

#[cfg(test)]
mod tests;
