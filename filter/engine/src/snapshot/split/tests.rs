use chancery_proto::policy::v1::{self as pb, section::Content};
use prost::Message as _;

use super::*;

fn taken_apart(content: Content) -> (Kind, Vec<Vec<u8>>) {
    let section = pb::Section {
        required_features: vec!["a.v1".to_owned(), "b.v2".to_owned()],
        content: Some(content),
    };
    let bytes = section.encode_to_vec();
    let digest = Digest::of(&bytes);
    let split = split(digest, &bytes).unwrap();
    assert_eq!(split.required_features, ["a.v1", "b.v2"]);
    let items = split.items.into_iter().map(|place| bytes[place].to_vec());
    (split.kind, items.collect())
}

fn encoded<M: prost::Message>(messages: &[M]) -> Vec<Vec<u8>> {
    messages.iter().map(M::encode_to_vec).collect()
}

/// What a section of each content is taken apart into: exhaustive, so that a new one is not forgotten.
fn expected(content: &Content) -> (Kind, Vec<Vec<u8>>) {
    match content {
        Content::Server(server) => (Kind::Server, encoded(std::slice::from_ref(server))),
        Content::KeySet(set) => (Kind::KeySet, encoded(std::slice::from_ref(set))),
        Content::RuleSet(set) => (Kind::Rule, encoded(&set.rules)),
        Content::IdentityProviderSet(set) => {
            (Kind::IdentityProvider, encoded(&set.identity_providers))
        }
        Content::RoleSet(set) => (Kind::Role, encoded(&set.roles)),
        Content::OfferSet(set) => (Kind::Offer, encoded(&set.offers)),
        Content::QuotaSet(set) => (Kind::Quota, encoded(&set.quotas)),
        Content::RedactionProfileSet(set) => {
            (Kind::RedactionProfile, encoded(&set.redaction_profiles))
        }
        Content::BlockSet(set) => (Kind::Block, encoded(&set.blocks)),
    }
}

macro_rules! named {
    ($($kind:ident),+) => {
        vec![$(pb::$kind { name: "first".to_owned(), ..pb::$kind::default() },
               pb::$kind { name: "second".to_owned(), ..pb::$kind::default() },
               pb::$kind::default()),+]
    };
}

#[test]
fn every_content_is_taken_apart_into_its_messages() {
    let name = "organizations/o".to_owned();
    for content in [
        Content::Server(named!(Server).remove(0)),
        Content::KeySet(pb::KeySet {
            identity_provider: "p".to_owned(),
            keys: vec![pb::VerificationKey::default()],
        }),
        Content::RuleSet(pb::RuleSet {
            name: name.clone(),
            rules: named!(Rule),
        }),
        Content::IdentityProviderSet(pb::IdentityProviderSet {
            name: name.clone(),
            identity_providers: named!(IdentityProvider),
        }),
        Content::RoleSet(pb::RoleSet {
            name: name.clone(),
            roles: named!(Role),
        }),
        Content::OfferSet(pb::OfferSet {
            name: name.clone(),
            offers: named!(Offer),
        }),
        Content::BlockSet(pb::BlockSet {
            name: name.clone(),
            blocks: named!(Block),
        }),
        Content::QuotaSet(pb::QuotaSet {
            name: name.clone(),
            quotas: named!(Quota),
        }),
        Content::RedactionProfileSet(pb::RedactionProfileSet {
            name,
            redaction_profiles: named!(RedactionProfile),
        }),
    ] {
        let expected = expected(&content);
        assert_eq!(taken_apart(content), expected);
    }
}

#[test]
fn what_is_no_section_is_refused() {
    let refused = |bytes: &[u8]| split(Digest::of(bytes), bytes).unwrap_err();
    let server = pb::Section {
        required_features: vec![],
        content: Some(Content::Server(named!(Server).remove(0))),
    };
    let server = server.encode_to_vec();
    let twice = [&*server, &*server].concat();
    assert!(matches!(
        refused(&twice),
        InvalidSnapshot::SeveralContents { .. }
    ));
    // A number that nobody knows, and a known one that has no length.
    for bytes in [&[0x7a, 1, 0][..], &[0x10, 1], &[]] {
        assert!(matches!(
            refused(bytes),
            InvalidSnapshot::UnknownContent { .. }
        ));
    }
    for length in 1..server.len() {
        let cut = &server[..length];
        assert!(matches!(refused(cut), InvalidSnapshot::Section { .. }));
    }
}
