use std::collections::BTreeSet;

use chancery_engine::snapshot::FEATURES;
use chancery_proto::{
    admin::v1::{self as admin, detector::Matcher},
    policy::v1::{Effect, RedactionAction, RedactionChoice, Subjects, section::Content},
};
use prost::Message as _;

use super::*;

fn resources() -> Vec<Resource> {
    let detector = |id: &str| {
        Resource::Detector(admin::Detector {
            name: format!("organizations/o/detectors/{id}"),
            matcher: Some(Matcher::Regex("T-[0-9]+".to_owned())),
            ..admin::Detector::default()
        })
    };
    let profile = admin::RedactionProfile {
        name: "organizations/o/redactionProfiles/p".to_owned(),
        choices: vec![RedactionChoice {
            detectors: vec!["email".to_owned(), "ticket".to_owned()],
            action: RedactionAction::Mask.into(),
            ..RedactionChoice::default()
        }],
        allowlists: vec!["ours".to_owned()],
        ..admin::RedactionProfile::default()
    };
    let allowlist = admin::Allowlist {
        name: "organizations/o/allowlists/ours".to_owned(),
        values: vec!["ann@example.com".to_owned()],
        ..admin::Allowlist::default()
    };
    let rule = admin::Rule {
        name: "organizations/o/rules/r".to_owned(),
        effect: Effect::Allow.into(),
        subjects: Some(Subjects {
            anyone: true,
            ..Subjects::default()
        }),
        servers: vec!["*".to_owned()],
        tools: vec!["*".to_owned()],
        obligations: Some(policy::Obligations {
            redact: vec!["p".to_owned()],
            reveal: Vec::new(),
        }),
        ..admin::Rule::default()
    };
    vec![
        detector("ticket"),
        detector("unused"),
        Resource::RedactionProfile(profile),
        Resource::Allowlist(allowlist),
        Resource::Rule(rule),
    ]
}

fn sections(features: Features<'_>) -> (Vec<policy::Section>, Vec<String>) {
    sections_of(&resources(), features)
}

fn sections_of(
    resources: &[Resource],
    features: Features<'_>,
) -> (Vec<policy::Section>, Vec<String>) {
    let time = prost_types::Timestamp::default();
    let built = build(resources, &KeySets::new(), (1, 1), time, features).unwrap();
    let sections = built.sections.values();
    let decoded = sections.map(|bytes| policy::Section::decode(&**bytes).unwrap());
    (decoded.collect(), built.warnings)
}

#[test]
fn a_profile_goes_out_with_all_that_it_names_and_no_more() {
    let (sections, warnings) = sections(None);
    assert!(warnings.is_empty(), "{warnings:?}");
    let profiles = sections.iter().find_map(|section| match &section.content {
        Some(Content::RedactionProfileSet(set)) => Some((section, set)),
        _ => None,
    });
    let (section, set) = profiles.unwrap();
    assert_eq!(section.required_features, [REDACTION_PROFILES_FEATURE]);
    let [profile] = &*set.redaction_profiles else {
        panic!("{set:?}")
    };
    let detectors: Vec<_> = profile.detectors.iter().map(|it| &*it.name).collect();
    assert_eq!(detectors, ["organizations/o/detectors/ticket"]);
    let allowlists: Vec<_> = profile.allowlists.iter().map(|it| &*it.name).collect();
    assert_eq!(allowlists, ["organizations/o/allowlists/ours"]);
}

#[test]
fn a_filter_without_profiles_gets_a_deny() {
    let features = FEATURES.iter().map(|&feature| feature.to_owned());
    let features: BTreeSet<String> = features
        .filter(|feature| feature != REDACTION_PROFILES_FEATURE)
        .collect();
    let (sections, warnings) = sections(Some(&features));
    let [section] = &*sections else {
        panic!("{sections:?}")
    };
    let Some(Content::RuleSet(set)) = &section.content else {
        panic!("{section:?}")
    };
    let [rule] = &*set.rules else {
        panic!("{set:?}")
    };
    assert_eq!((rule.effect(), &rule.obligations), (Effect::Deny, &None));
    assert_eq!(
        warnings,
        ["organizations/o/rules/r denies here, because this filter lacks `redaction_profiles.v1`"]
    );
}

#[test]
fn a_server_with_variable_fields_is_unknown_to_a_filter_that_pins_them_as_they_are() {
    let server = Resource::Server(admin::Server {
        name: "organizations/o/workspaces/w/servers/s".to_owned(),
        endpoints: vec![policy::Endpoint {
            cluster: "c".to_owned(),
            path: "/mcp".to_owned(),
            ..policy::Endpoint::default()
        }],
        pinning: policy::Pinning::Enforce.into(),
        instructions: vec!["Today is Monday".to_owned()],
        variable_fields: vec![policy::VariableField {
            kind: policy::PinnedKind::Instructions.into(),
            pattern: "Today is [A-Z][a-z]+".to_owned(),
            ..policy::VariableField::default()
        }],
        ..admin::Server::default()
    });
    let (known, _) = sections_of(std::slice::from_ref(&server), None);
    let needed = [PINS_FEATURE, VARIABLE_PINS_FEATURE];
    assert_eq!(known[0].required_features, needed);
    let features = FEATURES.iter().map(|&feature| feature.to_owned());
    let older = features.filter(|feature| feature != VARIABLE_PINS_FEATURE);
    let (sections, warnings) = sections_of(&[server], Some(&older.collect()));
    assert_eq!((sections.len(), warnings.len()), (0, 1));
}

#[test]
fn a_server_with_schemas_is_unknown_to_a_filter_that_cannot_ask_them() {
    let pinned = |definition: &str| {
        Resource::Server(admin::Server {
            name: "organizations/o/workspaces/w/servers/s".to_owned(),
            endpoints: vec![policy::Endpoint {
                cluster: "c".to_owned(),
                path: "/mcp".to_owned(),
                ..policy::Endpoint::default()
            }],
            pinning: policy::Pinning::Enforce.into(),
            tools: vec![admin::ToolDefinition {
                name: "t".to_owned(),
                definition: definition.to_owned(),
            }],
            ..admin::Server::default()
        })
    };
    let features = FEATURES.iter().map(|&feature| feature.to_owned());
    let older: BTreeSet<String> = features
        .filter(|feature| feature != SCHEMAS_FEATURE)
        .collect();
    let typed = pinned(r#"{"name": "t", "inputSchema": {"type": "object"}}"#);
    let (known, _) = sections_of(std::slice::from_ref(&typed), None);
    let needed = [PINS_FEATURE, SCHEMAS_FEATURE, WRITE_AHEAD_FEATURE];
    assert_eq!(known[0].required_features, needed);
    let (sections, warnings) = sections_of(&[typed], Some(&older));
    assert_eq!(sections, []);
    assert_eq!(
        warnings,
        [
            "organizations/o/workspaces/w/servers/s is refused here, because this filter lacks `schemas.v1`"
        ]
    );
    let (sections, warnings) = sections_of(&[pinned(r#"{"name": "t"}"#)], Some(&older));
    assert_eq!((sections.len(), warnings.len()), (1, 0));
}

#[test]
fn a_filter_that_cannot_wait_for_the_record_denies_what_would() {
    let rule = |id: &str, audit: policy::AuditLevel| {
        Resource::Rule(admin::Rule {
            name: format!("organizations/o/rules/{id}"),
            effect: Effect::Allow.into(),
            subjects: Some(Subjects {
                anyone: true,
                ..Subjects::default()
            }),
            servers: vec!["*".to_owned()],
            tools: vec![id.to_owned()],
            audit: audit.into(),
            ..admin::Rule::default()
        })
    };
    let rules = [
        rule("later", policy::AuditLevel::WriteAhead),
        rule("now", policy::AuditLevel::Standard),
    ];
    let features = FEATURES.iter().map(|&feature| feature.to_owned());
    let older = features.filter(|feature| feature != WRITE_AHEAD_FEATURE);
    let (sections, warnings) = sections_of(&rules, Some(&older.collect()));
    let [Some(Content::RuleSet(set))] = [&sections[0].content] else {
        panic!("{sections:?}")
    };
    let effects: Vec<_> = set.rules.iter().map(policy::Rule::effect).collect();
    assert_eq!(effects, [Effect::Deny, Effect::Allow]);
    assert_eq!(
        warnings,
        ["organizations/o/rules/later denies here, because this filter lacks `write_ahead.v1`"]
    );
}

#[test]
fn a_filter_that_cannot_block_hosts_denies_and_blocks_the_rest_all_the_same() {
    use admin::block::Target;
    let block = |id: &str, target| {
        Resource::Block(admin::Block {
            name: format!("organizations/o/blocks/{id}"),
            reason: "a test".to_owned(),
            target: Some(target),
            ..admin::Block::default()
        })
    };
    let mut all = resources();
    all.push(block("host", Target::Host("evil.test".to_owned())));
    all.push(block("user", Target::User("ann".to_owned())));
    let kinds = |sections: &[policy::Section]| {
        let blocks = sections
            .iter()
            .filter_map(|section| match &section.content {
                Some(Content::BlockSet(set)) => {
                    Some((section.required_features[0].clone(), set.blocks.len()))
                }
                _ => None,
            });
        blocks.collect::<BTreeSet<_>>()
    };
    let of = |feature: &str| (feature.to_owned(), 1);
    let (sections, warnings) = sections_of(&all, None);
    assert_eq!(
        kinds(&sections),
        [of(BLOCKS_FEATURE), of(HOST_BLOCKS_FEATURE)].into()
    );
    assert_eq!(warnings, [""; 0]);
    let features = FEATURES.iter().map(|&feature| feature.to_owned());
    let older: BTreeSet<String> = features
        .filter(|feature| feature != HOST_BLOCKS_FEATURE)
        .collect();
    let (sections, warnings) = sections_of(&all, Some(&older));
    assert_eq!(kinds(&sections), [of(BLOCKS_FEATURE)].into());
    assert_eq!(
        warnings,
        ["organizations/o/rules/r denies here, because this filter lacks `host_blocks.v1`"]
    );
}
