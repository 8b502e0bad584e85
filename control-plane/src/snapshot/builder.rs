//! Sorts what filters get into sections, each with the features that it needs.
//!
//! A filter that lacks a feature gets something stricter in place of what it could not honour, never
//! something weaker: a rule becomes a deny, a server or an identity provider is left out, and where
//! an organization's offers, quotas or blocks cannot be honoured, all its rules deny.

mod needed;
mod redaction;

use std::collections::{BTreeMap, BTreeSet};

use chancery_engine::id::Hex;
use chancery_proto::policy::v1::{self as policy, section::Content};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use self::needed::{has_new_subjects, needed_by_provider, needed_by_rule, needed_by_server};
pub(super) use self::redaction::Redaction;
use super::{
    BLOCKS_FEATURE, Features, HOST_BLOCKS_FEATURE, JWT_FEATURE, KEY_SETS_FEATURE, KeySets,
    OFFERS_FEATURE, QUOTAS_FEATURE, REDACTION_PROFILES_FEATURE, ROLES_FEATURE, RULES_FEATURE,
    Sections,
};
use crate::resource::PolicyPart;

/// What one organization has.
#[derive(Default)]
struct Organization {
    servers: Vec<policy::Server>,
    rules: Vec<policy::Rule>,
    roles: Vec<policy::Role>,
    offers: Vec<policy::Offer>,
    quotas: Vec<policy::Quota>,
    redaction: Redaction,
    blocks: Vec<policy::Block>,
    providers: Vec<policy::IdentityProvider>,
    /// By the ids of servers.
    upstreams: BTreeMap<String, policy::Upstream>,
}

/// Collects what filters get.
pub(super) struct Builder<'f> {
    features: Features<'f>,
    key_sets: &'f KeySets,
    /// By their names.
    organizations: BTreeMap<String, Organization>,
    warnings: Vec<String>,
}

impl<'f> Builder<'f> {
    pub(super) fn new(features: Features<'f>, key_sets: &'f KeySets) -> Self {
        Self {
            features,
            key_sets,
            organizations: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    fn has(&self, feature: &str) -> bool {
        self.features
            .is_none_or(|features| features.contains(feature))
    }

    fn missing(&self, needed: &BTreeSet<&'static str>) -> Option<&'static str> {
        needed.iter().copied().find(|feature| !self.has(feature))
    }

    pub(super) fn add(&mut self, organization: &str, part: PolicyPart) {
        let organization = self
            .organizations
            .entry(organization.to_owned())
            .or_default();
        match part {
            PolicyPart::Server(server) => organization.servers.push(server),
            PolicyPart::Rule(rule) => organization.rules.push(rule),
            PolicyPart::Role(role) => organization.roles.push(role),
            PolicyPart::Offer(offer) => organization.offers.push(offer),
            PolicyPart::Quota(quota) => organization.quotas.push(quota),
            PolicyPart::Block(block) => organization.blocks.push(block),
            PolicyPart::RedactionProfile(profile, allowlists) => {
                organization.redaction.add_profile(profile, allowlists);
            }
            PolicyPart::Detector(detector) => organization.redaction.add_detector(detector),
            PolicyPart::Allowlist(allowlist) => organization.redaction.add_allowlist(allowlist),
            PolicyPart::IdentityProvider(provider) => organization.providers.push(provider),
            PolicyPart::Credential(servers, upstream) => {
                let each = servers.into_iter().map(|server| (server, upstream.clone()));
                organization.upstreams.extend(each);
            }
        }
    }

    /// What a filter with these features can honour nothing of.
    pub(super) fn lacks(&self) -> Vec<String> {
        let consequences = [
            (RULES_FEATURE, "everything is denied"),
            (JWT_FEATURE, "no token is accepted"),
        ];
        let missing = consequences
            .iter()
            .filter(|(feature, _)| !self.has(feature));
        missing
            .map(|(feature, consequence)| format!("{consequence}: this filter lacks `{feature}`"))
            .collect()
    }

    /// The sections, and what differs in them from what was written.
    pub(super) fn finish(mut self) -> (Sections, Vec<String>) {
        let mut sections = Vec::new();
        for (name, mut organization) in std::mem::take(&mut self.organizations) {
            organization.sort();
            self.servers(&mut organization, &mut sections);
            self.rules(&name, &mut organization, &mut sections);
            self.providers(&name, organization.providers, &mut sections);
        }
        let digested = |section: policy::Section| {
            let bytes = section.encode_to_vec();
            (Sha256::digest(&bytes).into(), bytes.into())
        };
        (sections.into_iter().map(digested).collect(), self.warnings)
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    /// One section each. A server that the filter cannot honour is unknown to it.
    fn servers(&mut self, organization: &mut Organization, sections: &mut Vec<policy::Section>) {
        for mut server in std::mem::take(&mut organization.servers) {
            let id = server.name.rsplit('/').next().unwrap_or_default();
            // Where two workspaces have servers of this id, both get it here and neither is handed
            // the credential itself: their calls are refused.
            server.upstream = organization.upstreams.get(id).cloned();
            let needed = needed_by_server(&server);
            match self.missing(&needed) {
                None => sections.push(section(needed, Content::Server(server))),
                Some(feature) => self.warn(format!(
                    "{} is refused here, because this filter lacks `{feature}`",
                    server.name
                )),
            }
        }
    }

    #[expect(clippy::too_many_lines, reason = "each set once, with its feature")]
    fn rules(
        &mut self,
        name: &str,
        organization: &mut Organization,
        sections: &mut Vec<policy::Section>,
    ) {
        if !self.has(RULES_FEATURE) {
            return;
        }
        let Organization {
            rules,
            roles,
            offers,
            quotas,
            redaction,
            blocks,
            ..
        } = organization;
        let redaction_profiles = std::mem::take(redaction).into_profiles();
        let (hosts, blocks): (Vec<_>, Vec<_>) =
            std::mem::take(blocks).into_iter().partition(is_of_host);
        let name = || name.to_owned();
        let sets = [
            (
                !roles.is_empty(),
                ROLES_FEATURE,
                Content::RoleSet(policy::RoleSet {
                    name: name(),
                    roles: std::mem::take(roles),
                }),
            ),
            (
                !offers.is_empty(),
                OFFERS_FEATURE,
                Content::OfferSet(policy::OfferSet {
                    name: name(),
                    offers: std::mem::take(offers),
                }),
            ),
            (
                !quotas.is_empty(),
                QUOTAS_FEATURE,
                Content::QuotaSet(policy::QuotaSet {
                    name: name(),
                    quotas: std::mem::take(quotas),
                }),
            ),
            (
                !blocks.is_empty(),
                BLOCKS_FEATURE,
                Content::BlockSet(policy::BlockSet {
                    name: name(),
                    blocks,
                }),
            ),
            (
                !hosts.is_empty(),
                HOST_BLOCKS_FEATURE,
                Content::BlockSet(policy::BlockSet {
                    name: name(),
                    blocks: hosts,
                }),
            ),
            (
                !redaction_profiles.is_empty(),
                REDACTION_PROFILES_FEATURE,
                Content::RedactionProfileSet(policy::RedactionProfileSet {
                    name: name(),
                    redaction_profiles,
                }),
            ),
        ];
        let mut bound = BTreeSet::new();
        for (_, feature, content) in sets.into_iter().filter(|(is_there, ..)| *is_there) {
            if self.has(feature) {
                sections.push(section([feature], content));
            }
            // Without its roles or profiles, only the rules that name them cannot be honoured.
            if ![ROLES_FEATURE, REDACTION_PROFILES_FEATURE].contains(&feature) {
                bound.insert(feature);
            }
        }
        let rules: Vec<_> = std::mem::take(rules)
            .into_iter()
            .filter_map(|rule| self.honourable(rule, &bound))
            .collect();
        if rules.is_empty() {
            return;
        }
        let mut needed: BTreeSet<_> = rules.iter().flat_map(needed_by_rule).collect();
        needed.insert(RULES_FEATURE);
        let set = policy::RuleSet {
            name: name(),
            rules,
        };
        sections.push(section(needed, Content::RuleSet(set)));
    }

    /// A rule that the filter cannot honour denies instead: what it would have allowed must not go
    /// on without its obligations or conditions, beyond what is offered, or uncounted.
    /// One in shadow mode changes nothing, and so is left out.
    fn honourable(
        &mut self,
        rule: policy::Rule,
        bound: &BTreeSet<&'static str>,
    ) -> Option<policy::Rule> {
        let mut needed = needed_by_rule(&rule);
        if rule.effect == i32::from(policy::Effect::Allow) {
            needed.extend(bound);
        }
        let Some(feature) = self.missing(&needed) else {
            return Some(rule);
        };
        if rule.mode == i32::from(policy::RuleMode::Shadow) {
            self.warn(format!(
                "{} is not tried here, because this filter lacks `{feature}`",
                rule.name
            ));
            return None;
        }
        self.warn(format!(
            "{} denies here, because this filter lacks `{feature}`",
            rule.name
        ));
        let names_capability =
            !(rule.tools.is_empty() && rule.prompts.is_empty() && rule.resources.is_empty());
        let everything = || vec!["*".to_owned()];
        let (tools, prompts, resources) = if names_capability {
            (rule.tools, rule.prompts, rule.resources)
        } else {
            (everything(), everything(), everything())
        };
        // Whom a new kind of subject stands for, this filter cannot tell: everyone.
        let subjects = rule.subjects.filter(|subjects| !has_new_subjects(subjects));
        let subjects = subjects.unwrap_or_else(|| policy::Subjects {
            anyone: true,
            ..policy::Subjects::default()
        });
        Some(policy::Rule {
            name: organization_level(&rule.name),
            effect: policy::Effect::Deny.into(),
            subjects: Some(subjects),
            servers: rule.servers,
            tools,
            prompts,
            resources,
            mode: policy::RuleMode::Enforce.into(),
            ..policy::Rule::default()
        })
    }

    /// An identity provider that the filter cannot honour is unknown to it.
    fn providers(
        &mut self,
        name: &str,
        providers: Vec<policy::IdentityProvider>,
        sections: &mut Vec<policy::Section>,
    ) {
        if !self.has(JWT_FEATURE) {
            return;
        }
        let mut honoured = Vec::new();
        let mut needed = BTreeSet::from([JWT_FEATURE]);
        for provider in providers {
            let of_provider = needed_by_provider(&provider);
            match self.missing(&of_provider) {
                None => {
                    needed.extend(of_provider);
                    self.key_set(&provider, sections);
                    honoured.push(provider);
                }
                Some(feature) => self.warn(format!(
                    "no principal of {} is accepted here, because this filter lacks `{feature}`",
                    provider.name
                )),
            }
        }
        if honoured.is_empty() {
            return;
        }
        let set = policy::IdentityProviderSet {
            name: name.to_owned(),
            identity_providers: honoured,
        };
        sections.push(section(needed, Content::IdentityProviderSet(set)));
    }

    /// What an issuer publishes changes more often than what is written: a section of its own.
    fn key_set(&self, provider: &policy::IdentityProvider, sections: &mut Vec<policy::Section>) {
        let keys = self.key_sets.get(&provider.name);
        let Some(keys) = keys.filter(|_| provider.has_key_set) else {
            return;
        };
        let set = policy::KeySet {
            identity_provider: provider.name.clone(),
            keys: keys.clone(),
        };
        let needed = BTreeSet::from([JWT_FEATURE, KEY_SETS_FEATURE]);
        sections.push(section(needed, Content::KeySet(set)));
    }
}

impl Organization {
    fn sort(&mut self) {
        self.rules.sort_by(|a, b| a.name.cmp(&b.name));
        self.roles.sort_by(|a, b| a.name.cmp(&b.name));
        self.offers.sort_by(|a, b| a.name.cmp(&b.name));
        self.quotas.sort_by(|a, b| a.name.cmp(&b.name));
        self.blocks.sort_by(|a, b| a.name.cmp(&b.name));
        self.providers.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

fn is_of_host(block: &policy::Block) -> bool {
    matches!(block.target, Some(policy::block::Target::Host(_)))
}

fn section(features: impl IntoIterator<Item = &'static str>, content: Content) -> policy::Section {
    policy::Section {
        required_features: features.into_iter().map(str::to_owned).collect(),
        content: Some(content),
    }
}

/// A name that a filter without workspaces takes, and no other rule has.
fn organization_level(name: &str) -> String {
    let Some((organization, _)) = name.split_once("/workspaces/") else {
        return name.to_owned();
    };
    let digest = Sha256::digest(name);
    let short = digest.first_chunk::<16>().map_or(&[][..], |bytes| bytes);
    format!("{organization}/rules/{}", Hex(short))
}
