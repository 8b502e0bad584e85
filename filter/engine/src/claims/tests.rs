//! Tokens in the shapes that identity providers issue, after what they document. Names are made up.

use serde_json::{Value, json};

use super::*;
use crate::{json::Document, limits::Limits};

fn path(text: &str) -> Option<ClaimPath> {
    ClaimPath::parse(text).ok()
}

fn mapping(user: &str, groups: &str) -> ClaimMapping {
    ClaimMapping {
        user: path(user),
        groups: path(groups),
        ..ClaimMapping::default()
    }
}

fn principal(mapping: &ClaimMapping, claims: &Value) -> Result<Principal, TokenError> {
    let text = claims.to_string();
    let limits = Limits::DEFAULT;
    let document = Document::parse(text.as_bytes(), limits.max_token_bytes, &limits).unwrap();
    let issuer = claims["iss"].as_str().unwrap_or_default();
    mapping.principal(&Claims::new(document.root()), issuer)
}

fn texts(found: &[Box<str>]) -> Vec<&str> {
    found.iter().map(|text| &**text).collect()
}

/// developer.okta.com, "Build a JWT for access tokens" of a custom authorization server: `scp` is an
/// array, the client is `cid`, groups come in a claim that the administrator names.
#[test]
fn okta() {
    let claims = json!({
        "ver": 1, "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
        "iss": "https://acme.okta.com/oauth2/aus9o8wvkhckw9TLa0h7z", "aud": "https://mcp.acme.test",
        "iat": 1_467_145_094, "exp": 1_467_148_694, "cid": "nmdP1fcyvdVO11AL7ECm",
        "uid": "00ugrenMeqvYla4HW0g3", "scp": ["openid", "notes:read"],
        "sub": "ann@acme.test", "groups": ["Everyone", "dev"]
    });
    let mapping = ClaimMapping {
        client: path("$.cid"),
        ..mapping("$.sub", "$.groups")
    };
    let found = principal(&mapping, &claims).unwrap();
    assert_eq!(found.user.as_deref(), Some("ann@acme.test"));
    assert_eq!(texts(&found.groups), ["Everyone", "dev"]);
    assert_eq!(texts(&found.scopes), ["openid", "notes:read"]);
    assert_eq!(found.client.as_deref(), Some("nmdP1fcyvdVO11AL7ECm"));
    assert_eq!(
        found.issuer.as_deref(),
        Some("https://acme.okta.com/oauth2/aus9o8wvkhckw9TLa0h7z")
    );
    assert_eq!(found.agent, None);
    assert!(!found.has_more_groups && found.token_id_digest.is_some());
}

fn entra() -> Value {
    json!({
        "aud": "6e74172b-be56-4843-9ff4-e66a39bb12e3",
        "iss": "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0",
        "iat": 1_537_231_048, "nbf": 1_537_231_048, "exp": 1_537_234_948, "ver": "2.0",
        "azp": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "azpacr": "0",
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "name": "Ann Acme",
        "preferred_username": "ann@acme.test", "scp": "access_as_user notes.read",
        "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
        "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "roles": ["Notes.Writer"],
        "groups": ["1bf1bfc8-5c14-4c8a-9bbd-6b1a5c4ed2d8"]
    })
}

/// learn.microsoft.com, "Access token claims reference" and "Configure group claims": v2.0 tokens
/// with app roles.
#[test]
fn entra_with_roles() {
    let mapping = ClaimMapping {
        roles: path("$.roles"),
        ..mapping("$.oid", "$.groups")
    };
    let found = principal(&mapping, &entra()).unwrap();
    assert_eq!(
        found.user.as_deref(),
        Some("690222be-ff1a-4d56-abd1-7e4f7d38e474")
    );
    assert_eq!(texts(&found.token_roles), ["Notes.Writer"]);
    assert_eq!(texts(&found.scopes), ["access_as_user", "notes.read"]);
    assert_eq!(
        found.client.as_deref(),
        Some("04b07795-8ddb-461a-bbee-02f9e1bf7b46")
    );
    assert!(!found.has_more_groups);
}

/// The same page, "Groups overage claim": more than 200 groups are left out, and the token says
/// where to ask; in the implicit flow it only says that there are some.
#[test]
fn entra_with_group_overage() {
    let mapping = mapping("$.oid", "$.groups");
    for overage in [
        json!({
            "_claim_names": { "groups": "src1" },
            "_claim_sources": { "src1": { "endpoint": "https://graph.microsoft.com/v1.0/users/690222be/getMemberObjects" } }
        }),
        json!({ "hasgroups": true }),
        json!({ "hasgroups": "true" }),
    ] {
        let mut claims = entra();
        let members = claims.as_object_mut().unwrap();
        members.remove("groups");
        members.extend(overage.as_object().unwrap().clone());
        let found = principal(&mapping, &claims).unwrap();
        assert!(found.has_more_groups && found.groups.is_empty(), "{claims}");
    }
    let mut claims = entra();
    claims["_claim_names"] = json!({ "address": "src1" });
    claims["hasgroups"] = json!(false);
    assert!(!principal(&mapping, &claims).unwrap().has_more_groups);
}

/// keycloak.org, Server Administration Guide, protocol mappers: realm and client roles, groups as
/// paths with "Full group path".
#[test]
fn keycloak() {
    let claims = json!({
        "exp": 1_700_003_600, "iat": 1_700_000_000, "jti": "onrtac:6b1b6a0e",
        "iss": "https://sso.acme.test/realms/acme", "aud": ["notes", "account"],
        "sub": "b0a6fd7b-5a37-4b5d-8a2f-1f6c7a1d2f7e", "typ": "Bearer", "azp": "claude",
        "realm_access": { "roles": ["offline_access", "engineer"] },
        "resource_access": {
            "notes": { "roles": ["editor"] },
            "account": { "roles": ["manage-account", "view-profile"] }
        },
        "scope": "openid profile", "preferred_username": "ann",
        "groups": ["/dev", "/dev/platform"]
    });
    let by_realm = ClaimMapping {
        roles: path("$.realm_access.roles"),
        group_prefix: "/".into(),
        ..mapping("$.preferred_username", "$.groups")
    };
    let found = principal(&by_realm, &claims).unwrap();
    assert_eq!(texts(&found.groups), ["dev", "dev/platform"]);
    assert_eq!(texts(&found.token_roles), ["offline_access", "engineer"]);
    assert_eq!(texts(&found.scopes), ["openid", "profile"]);
    assert_eq!(found.client.as_deref(), Some("claude"));
    let by_client = ClaimMapping {
        roles: path("$.resource_access.*.roles"),
        ..by_realm
    };
    let found = principal(&by_client, &claims).unwrap();
    assert_eq!(
        texts(&found.token_roles),
        ["editor", "manage-account", "view-profile"]
    );
}

/// developers.google.com, "OpenID Connect": no groups; `hd` says which Workspace domain.
#[test]
fn google() {
    let claims = json!({
        "iss": "https://accounts.google.com", "azp": "1234987819200.apps.googleusercontent.com",
        "aud": "1234987819200.apps.googleusercontent.com", "sub": "10769150350006150715113082367",
        "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q", "hd": "acme.test", "email": "ann@acme.test",
        "email_verified": "true", "iat": 1_353_601_026, "exp": 1_353_604_926, "nonce": "0394852-3190485-2490358"
    });
    let found = principal(&mapping("$.email", "$.groups"), &claims).unwrap();
    assert_eq!(found.user.as_deref(), Some("ann@acme.test"));
    assert!(found.groups.is_empty() && found.scopes.is_empty());
    let text = claims.to_string();
    let limits = Limits::DEFAULT;
    let document = Document::parse(text.as_bytes(), limits.max_token_bytes, &limits).unwrap();
    let claims = Claims::new(document.root());
    let of = |value: &str| RequiredClaim {
        path: ClaimPath::parse("$.hd").unwrap(),
        value: value.into(),
    };
    assert_eq!(of("acme.test").check(&claims), Ok(()));
    assert_eq!(
        of("other.test").check(&claims),
        Err(TokenError::RequiredClaim)
    );
}

#[test]
fn the_agent_is_who_acts_now() {
    // RFC 8693 section 4.1, figure 6.
    let claims = json!({
        "sub": "user@example.com",
        "act": { "sub": "https://service16.example.com", "act": { "sub": "https://service77.example.com" } }
    });
    let by_default = mapping("$.sub", "$.groups");
    let found = principal(&by_default, &claims).unwrap();
    assert_eq!(
        found.agent.as_deref(),
        Some("https://service16.example.com")
    );
    let mapped = ClaimMapping {
        agent: path("$.agent_id"),
        ..by_default.clone()
    };
    assert_eq!(principal(&mapped, &claims).unwrap().agent, None);
    let alone = json!({ "agent_id": "bot-7" });
    assert_eq!(principal(&by_default, &alone), Err(TokenError::User));
    let found = principal(&mapped, &alone).unwrap();
    assert_eq!((found.user, found.agent.as_deref()), (None, Some("bot-7")));
}

#[test]
fn what_has_another_form_is_refused_by_its_name() {
    let mapping = ClaimMapping {
        roles: path("$..roles"),
        team: path("$.team"),
        agent: path("$.agent"),
        ..mapping("$.sub", "$.groups")
    };
    for (claims, error) in [
        (json!({}), TokenError::User),
        (json!({ "sub": "" }), TokenError::User),
        (json!({ "sub": 7 }), TokenError::User),
        (json!({ "sub": ["ann"] }), TokenError::User),
        (
            json!({ "sub": "a", "groups": { "dev": true } }),
            TokenError::Groups,
        ),
        (
            json!({ "sub": "a", "groups": ["dev", 7] }),
            TokenError::Groups,
        ),
        (json!({ "sub": "a", "groups": null }), TokenError::Groups),
        (
            json!({ "sub": "a", "x": { "roles": 7 } }),
            TokenError::Roles,
        ),
        (
            json!({ "sub": "a", "x": { "roles": [["r"]] } }),
            TokenError::Roles,
        ),
        (json!({ "sub": "a", "team": ["t"] }), TokenError::Team),
        (json!({ "sub": "a", "agent": "" }), TokenError::Agent),
        (json!({ "sub": "a", "client_id": 7 }), TokenError::Client),
        (
            json!({ "sub": "a", "scope": { "x": 1 } }),
            TokenError::Scope,
        ),
        (json!({ "sub": "a", "scp": 7 }), TokenError::Scope),
    ] {
        assert_eq!(principal(&mapping, &claims), Err(error), "{claims}");
    }
    let without_agent = ClaimMapping {
        agent: None,
        ..mapping
    };
    let claims = json!({ "sub": "a", "act": { "client_id": "x" } });
    assert_eq!(principal(&without_agent, &claims), Err(TokenError::Agent));
}
