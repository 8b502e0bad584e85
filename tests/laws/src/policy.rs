//! The policy that the laws are held under.

use std::sync::{Arc, OnceLock};

use chancery_engine::{
    circumstances::Circumstances,
    decide::Judgement,
    id::Time,
    policy::{Policy, ServerIndex},
    principal::Principal,
    redact::Plan,
    rule::{Act, Target},
    snapshot::{InvalidSnapshot, compile},
};
use chancery_proto::policy::v1 as pb;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

/// The host and the cluster of its one server, which is at `/mcp`.
pub(crate) const HOST: &str = "laws.test";

/// The issuer of its one identity provider.
pub(crate) const ISSUER: &str = "https://idp.test";

/// The audience of its tokens.
pub(crate) const AUDIENCE: &str = "https://mcp.test";

/// The organization of all of it.
pub(crate) const ORGANIZATION: &str = "organizations/o";

/// Where its calls come from, and when.
const CIRCUMSTANCES: Circumstances<'_> = Circumstances {
    workspace: "w",
    source: None,
    now: Time::from_unix_ms(0),
};

/// A policy under which some capabilities may be used by anyone and others by nobody.
#[expect(clippy::expect_used, reason = "what is written below compiles")]
pub(crate) fn policy() -> Arc<Policy> {
    static POLICY: OnceLock<Arc<Policy>> = OnceLock::new();
    Arc::clone(POLICY.get_or_init(|| {
        let sections = [server(), rules(), providers()].map(section);
        let manifest = manifest(1, 1, &sections);
        Arc::new(compile(&manifest, &sections).expect("a policy"))
    }))
}

/// The server of [`policy`] under other rules.
pub(crate) fn policy_with(rules: Vec<pb::Rule>) -> Result<Policy, InvalidSnapshot> {
    let sections = [server(), rule_set(rules)].map(section);
    compile(&manifest(1, 1, &sections), &sections)
}

/// What the rules of a policy say of an anonymous call.
pub(crate) fn judge<'p>(policy: &'p Policy, act: Act<'_>) -> Option<Judgement<'p>> {
    let index = server_index(policy)?;
    let rules = policy.rules_for(index, &Principal::anonymous(), &CIRCUMSTANCES);
    drop(rules.facts(act, &Plan::default()));
    drop(policy.near_misses(index, &Principal::anonymous(), &CIRCUMSTANCES, act));
    Some(rules.judge(act))
}

/// Whether anyone may use this.
pub(crate) fn allows(target: Target<'_>) -> bool {
    let policy = policy();
    let index = server_index(&policy);
    index.is_some_and(|index| {
        policy
            .rules_for(index, &Principal::anonymous(), &CIRCUMSTANCES)
            .allow(Act::using(target))
    })
}

fn server_index(policy: &Policy) -> Option<ServerIndex> {
    Some(policy.locate(HOST, "/mcp", HOST).ok()?.server)
}

/// A manifest over sections.
pub(crate) fn manifest(epoch: u64, version: u64, sections: &[Vec<u8>]) -> Vec<u8> {
    let reference = |section: &Vec<u8>| pb::SectionReference {
        digest: Sha256::digest(section).to_vec(),
        size_bytes: section.len() as u64,
    };
    let manifest = pb::Manifest {
        epoch,
        version,
        create_time: None,
        sections: sections.iter().map(reference).collect(),
    };
    manifest.encode_to_vec()
}

fn section(content: pb::section::Content) -> Vec<u8> {
    let section = pb::Section {
        required_features: Vec::new(),
        content: Some(content),
    };
    section.encode_to_vec()
}

fn server() -> pb::section::Content {
    pb::section::Content::Server(pb::Server {
        name: format!("{ORGANIZATION}/workspaces/w/servers/s"),
        endpoints: vec![pb::Endpoint {
            cluster: HOST.to_owned(),
            host: HOST.to_owned(),
            path: "/mcp".to_owned(),
            ..pb::Endpoint::default()
        }],
        authentication: pb::Authentication::Optional.into(),
        on_denied: pb::OnDenied::Reveal.into(),
        ..pb::Server::default()
    })
}

/// A rule about anyone at the server, and so far about everything there.
pub(crate) fn rule(id: &str, effect: pb::Effect) -> pb::Rule {
    pb::Rule {
        name: format!("{ORGANIZATION}/rules/{id}"),
        effect: effect.into(),
        subjects: Some(pb::Subjects {
            anyone: true,
            ..pb::Subjects::default()
        }),
        servers: vec!["s".to_owned()],
        ..pb::Rule::default()
    }
}

fn rules() -> pb::section::Content {
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    let rules = vec![
        pb::Rule {
            tools: texts(&["echo", "*_note"]),
            prompts: texts(&["summary"]),
            resources: texts(&["note://public/*", "file:///public/*"]),
            ..rule("allow", pb::Effect::Allow)
        },
        pb::Rule {
            tools: texts(&["send_mail"]),
            obligations: Some(pb::Obligations {
                redact: texts(&["default"]),
                reveal: Vec::new(),
            }),
            ..rule("allow-masked", pb::Effect::Allow)
        },
        pb::Rule {
            tools: texts(&["delete_*"]),
            resources: texts(&["note://public/secret*"]),
            ..rule("deny", pb::Effect::Deny)
        },
    ];
    rule_set(rules)
}

fn rule_set(rules: Vec<pb::Rule>) -> pb::section::Content {
    pb::section::Content::RuleSet(pb::RuleSet {
        name: String::new(),
        rules,
    })
}

fn providers() -> pb::section::Content {
    let key = |key_id: &str, algorithm: pb::SignatureAlgorithm| pb::VerificationKey {
        key_id: key_id.to_owned(),
        algorithm: algorithm.into(),
        public_key: vec![7; 32],
    };
    let provider = pb::IdentityProvider {
        name: format!("{ORGANIZATION}/identityProviders/p"),
        issuer: ISSUER.to_owned(),
        source: pb::IdentitySource::Token.into(),
        audiences: vec![AUDIENCE.to_owned()],
        keys: vec![
            key("1", pb::SignatureAlgorithm::Eddsa),
            key("2", pb::SignatureAlgorithm::Rs256),
        ],
        claims: Some(pb::ClaimMapping {
            user: "$.sub".to_owned(),
            groups: "$.groups".to_owned(),
            ..pb::ClaimMapping::default()
        }),
        ..pb::IdentityProvider::default()
    };
    pb::section::Content::IdentityProviderSet(pb::IdentityProviderSet {
        name: String::new(),
        identity_providers: vec![provider],
    })
}
