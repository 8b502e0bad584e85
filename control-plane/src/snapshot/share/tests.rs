//! Whatever changes, a share is what everything built anew is, and refuses what that refuses.

use chancery_proto::{
    admin::v1::{self as admin, credential::Kind as CredentialKind, detector::Matcher},
    policy::v1::{
        Audience, Effect, Endpoint, Pinning, RedactionAction, RedactionChoice, SignatureAlgorithm,
        Subjects, VerificationKey,
    },
};
use proptest::{prelude::*, sample::select};

use super::*;
use crate::{
    access::scope::Slice,
    resource::Resource,
    snapshot::{PINS_FEATURE, ROLES_FEATURE, build},
};

const ORGANIZATIONS: [&str; 3] = ["a", "a-b", "b"];

#[derive(Clone, Debug)]
enum Step {
    Put(Box<Resource>),
    Remove(Kind, String),
    /// An issuer publishes so many keys.
    Keys(String, usize),
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn server() -> impl Strategy<Value = Resource> {
    let name = (select(&ORGANIZATIONS[..]), select(&["w", "v"][..]), 0..4_u8);
    let place = (
        0..5_u8,
        select(&["eu", "us"][..]),
        select(&["", "", "x", "y"][..]),
    );
    (name, place, any::<bool>()).prop_map(
        |((organization, workspace, id), (path, cluster, audience), is_pinned)| {
            let audiences = [audience].into_iter().filter(|value| !value.is_empty());
            let audiences = audiences.map(|value| Audience {
                value: value.to_owned(),
                ..Audience::default()
            });
            Resource::Server(admin::Server {
                name: format!("organizations/{organization}/workspaces/{workspace}/servers/s{id}"),
                endpoints: vec![Endpoint {
                    path: format!("/{path}"),
                    cluster: cluster.to_owned(),
                    audiences: audiences.collect(),
                    ..Endpoint::default()
                }],
                pinning: if is_pinned {
                    Pinning::Enforce
                } else {
                    Pinning::Unspecified
                }
                .into(),
                ..admin::Server::default()
            })
        },
    )
}

fn rule() -> impl Strategy<Value = Resource> {
    let named = (select(&["", "r0", "r1"][..]), select(&["", "p0", "p1"][..]));
    (select(&ORGANIZATIONS[..]), 0..4_u8, named, 0..3_u8).prop_map(
        |(organization, id, (role, profile), tool)| {
            let some = |id: &str| {
                if id.is_empty() {
                    Vec::new()
                } else {
                    texts(&[id])
                }
            };
            let obligations = chancery_proto::policy::v1::Obligations {
                redact: some(profile),
                ..Default::default()
            };
            Resource::Rule(admin::Rule {
                name: format!("organizations/{organization}/rules/r{id}"),
                effect: Effect::Allow.into(),
                subjects: Some(Subjects {
                    users: texts(&["ann"]),
                    roles: some(role),
                    ..Subjects::default()
                }),
                servers: texts(&["*"]),
                tools: vec![format!("t{tool}")],
                obligations: (!profile.is_empty()).then_some(obligations),
                ..admin::Rule::default()
            })
        },
    )
}

fn beside() -> impl Strategy<Value = Resource> {
    (select(&ORGANIZATIONS[..]), 0..2_u8, 0..6_u8, 0..3_u8).prop_map(
        |(organization, id, kind, edition)| {
            let name = |collection: &str, letter: &str| {
                format!("organizations/{organization}/{collection}/{letter}{id}")
            };
            let subjects = Some(Subjects {
                users: vec![format!("user{edition}")],
                ..Subjects::default()
            });
            match kind {
                0 => Resource::Role(admin::Role {
                    name: name("roles", "r"),
                    subjects,
                    ..admin::Role::default()
                }),
                1 => Resource::RedactionProfile(admin::RedactionProfile {
                    name: name("redactionProfiles", "p"),
                    choices: vec![RedactionChoice {
                        detectors: texts(&["email", "d0"]),
                        action: RedactionAction::Mask.into(),
                        ..RedactionChoice::default()
                    }],
                    allowlists: texts(&["l0"]),
                    ..admin::RedactionProfile::default()
                }),
                2 => Resource::Detector(admin::Detector {
                    name: name("detectors", "d"),
                    matcher: Some(Matcher::Regex(format!("T{edition}-[0-9]+"))),
                    ..admin::Detector::default()
                }),
                3 => Resource::Allowlist(admin::Allowlist {
                    name: name("allowlists", "l"),
                    values: vec![format!("value{edition}")],
                    ..admin::Allowlist::default()
                }),
                4 => Resource::Credential(admin::Credential {
                    name: name("credentials", "c"),
                    servers: vec![format!("s{edition}")],
                    kind: Some(CredentialKind::Assertion(admin::Assertion {
                        audience: "https://upstream.test".to_owned(),
                        lifetime: None,
                    })),
                    ..admin::Credential::default()
                }),
                _ => Resource::Offer(admin::Offer {
                    name: name("offers", "o"),
                    servers: texts(&["*"]),
                    workspaces: vec![format!("w{edition}")],
                    ..admin::Offer::default()
                }),
            }
        },
    )
}

fn provider() -> impl Strategy<Value = Resource> {
    let named = (select(&ORGANIZATIONS[..]), 0..2_u8);
    (named, 0..3_u8, select(&["x", "y", "z"][..])).prop_map(
        |((organization, id), issuer, audience)| {
            Resource::IdentityProvider(admin::IdentityProvider {
                name: format!("organizations/{organization}/identityProviders/i{id}"),
                issuer: format!("https://issuer{issuer}.test"),
                audiences: texts(&[audience]),
                jwks_uri: "https://keys.test".to_owned(),
                ..admin::IdentityProvider::default()
            })
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let put = prop_oneof![4 => server(), 3 => rule(), 3 => beside(), 1 => provider()];
    (put, 0..8_u8, 0..3_usize).prop_map(|(resource, choice, keys)| match choice {
        0 | 1 => Step::Remove(resource.kind(), resource.name().to_owned()),
        2 if resource.kind() == Kind::IdentityProvider => {
            Step::Keys(resource.name().to_owned(), keys)
        }
        _ => Step::Put(Box::new(resource)),
    })
}

/// What is kept for one kind of nodes, and everything built anew for it.
fn naive(share: &Share, resources: &Resources, key_sets: &KeySets) -> Result<Snapshot, BuildError> {
    let is_served = |resource: &&Resource| {
        if let Some(server) = resource.as_server() {
            return share.scope.serves(server);
        }
        let mut servers = resources.within(Kind::Server, resource.organization());
        let has_some = servers.any(|it| it.as_server().is_some_and(|it| share.scope.serves(it)));
        share.scope.serves_all_beside(resource.name())
            || share.scope.covers(resource.name()) && has_some
    };
    let served: Vec<_> = resources.values().filter(is_served).cloned().collect();
    let time = prost_types::Timestamp::default();
    build(&served, key_sets, (1, 1), time, share.features.as_ref())
}

fn kinds_of_nodes() -> Vec<Share> {
    let without = |missing: &[&str]| {
        let features = chancery_engine::snapshot::FEATURES
            .iter()
            .filter(|it| !missing.contains(it));
        Some(features.map(|&it| it.to_owned()).collect())
    };
    let slice = |organizations: &[&str], clusters: &[&str]| {
        let glob = |text: &&str| chancery_engine::glob::Glob::parse(text).unwrap();
        let slice = Slice {
            organizations: Some(texts(organizations).into_iter().collect()),
            clusters: clusters.iter().map(glob).collect(),
            ..Slice::default()
        };
        NodeScope::from(slice)
    };
    vec![
        Share::new(None, NodeScope::everything()),
        Share::new(None, NodeScope::everything()).keeping(),
        Share::new(
            without(&[PINS_FEATURE, ROLES_FEATURE]),
            NodeScope::everything(),
        ),
        Share::new(None, slice(&["a"], &[])),
        Share::new(None, slice(&["a", "a-b"], &["e*"])),
        Share::new(None, slice(&["a"], &["eu"]).join(&slice(&["b"], &[]))),
    ]
}

fn key(number: usize) -> VerificationKey {
    let secret = [u8::try_from(number).unwrap(); 32];
    let key = ed25519_dalek::SigningKey::from_bytes(&secret).verifying_key();
    VerificationKey {
        key_id: number.to_string(),
        algorithm: SignatureAlgorithm::Eddsa.into(),
        public_key: key.to_bytes().to_vec(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_share_is_what_is_built_anew(steps in prop::collection::vec(step(), 1..60)) {
        let mut shares = kinds_of_nodes();
        let (mut resources, mut key_sets) = (Resources::new(), KeySets::new());
        for step in steps {
            let (mut next, mut next_keys) = (resources.clone(), key_sets.clone());
            match step {
                Step::Put(resource) => next.put(*resource),
                Step::Remove(kind, name) => drop(next.remove(&(kind, name))),
                Step::Keys(provider, count) => {
                    next_keys.insert(provider, (0..count).map(key).collect());
                }
            }
            let mut is_possible = true;
            for share in &mut shares {
                let anew = naive(share, &next, &next_keys);
                let advanced = share.advance(&next, &next_keys);
                prop_assert_eq!(anew.is_ok(), advanced.is_ok(), "{:?} {:?}", anew, advanced);
                let (Ok(anew), Ok(advanced)) = (anew, advanced) else {
                    is_possible = false;
                    continue;
                };
                let time = prost_types::Timestamp::default();
                let made = advanced.snapshot((1, 1), time);
                prop_assert_eq!(&made.sections, &anew.sections);
                prop_assert_eq!(&made.manifest, &anew.manifest);
                let sorted = |mut warnings: Vec<String>| {
                    warnings.sort();
                    warnings
                };
                prop_assert_eq!(sorted(made.warnings), sorted(anew.warnings));
                // Some are left behind now and then, as nodes that are away are.
                if next.values().count() % 3 != 0 {
                    *share = advanced;
                }
            }
            // What does not compile for all nodes is not published, and so is not there.
            if is_possible {
                (resources, key_sets) = (next, next_keys);
            }
        }
    }
}

#[test]
fn what_did_not_change_is_not_made_again() {
    let mut resources = Resources::new();
    for id in ["s0", "s1"] {
        resources.put(Resource::Server(admin::Server {
            name: format!("organizations/a/workspaces/w/servers/{id}"),
            endpoints: vec![Endpoint {
                path: format!("/{id}"),
                cluster: "c".to_owned(),
                ..Endpoint::default()
            }],
            ..admin::Server::default()
        }));
    }
    let none = Share::new(None, NodeScope::everything());
    let first = none.advance(&resources, &KeySets::new()).unwrap();
    resources.remove(&(
        Kind::Server,
        "organizations/a/workspaces/w/servers/s0".to_owned(),
    ));
    let second = first.advance(&resources, &KeySets::new()).unwrap();
    let [(digest, section)] = &*second.sections.iter().collect::<Vec<_>>() else {
        panic!("{:?}", second.sections)
    };
    assert!(Arc::ptr_eq(section, &first.sections[*digest]));
    assert_eq!(second.sections.len() + 1, first.sections.len());
}
