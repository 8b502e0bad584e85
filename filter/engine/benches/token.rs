//! What it takes to know who asks: a token that was seen before, and one that was not, but for its
//! signature.

use std::hint::black_box;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_engine::{
    claims::{ClaimMapping, ClaimPath},
    id::{Digest, SnapshotVersion, Time},
    limits::Limits,
    policy::{Parts, Policy},
    token::{Algorithm, IdentityProvider, Source, TokenCache, VerificationKey, read},
};
use criterion::Criterion;
use serde_json::json;

const ISSUER: &str = "https://login.microsoftonline.com/72f988bf-86f1-41af-91ab-2d7cd011db47/v2.0";
const ORGANIZATION: &str = "organizations/o";

fn path(text: &str) -> Option<ClaimPath> {
    ClaimPath::parse(text).ok()
}

fn policy(roles: &str) -> Option<Policy> {
    let provider = IdentityProvider {
        name: "organizations/o/identityProviders/p".into(),
        issuer: ISSUER.into(),
        source: Source::Token,
        audiences: vec!["https://mcp.test".into()],
        keys: vec![VerificationKey {
            key_id: "k".into(),
            algorithm: Algorithm::Rs256,
            public_key: vec![7; 294].into(),
        }],
        algorithms: Vec::new(),
        access_tokens_only: false,
        has_key_set: true,
        claims: ClaimMapping {
            user: path("$.oid"),
            groups: path("$.groups"),
            roles: path(roles),
            ..ClaimMapping::default()
        },
        required_claims: Vec::new(),
        leeway_seconds: 60,
    };
    let version = SnapshotVersion {
        epoch: 1,
        version: 1,
        digest: Digest::of(b""),
    };
    let identity_providers = vec![provider];
    let parts = Parts {
        identity_providers,
        ..Parts::default()
    };
    Policy::new(version, parts).ok()
}

/// As Entra ID issues them, with a signature of RSA's length: about 1.5 KB.
fn token() -> String {
    let group = |number: u32| format!("1bf1bfc8-5c14-4c8a-9bbd-6b1a5c4e{number:04}");
    let claims = json!({
        "iss": ISSUER, "aud": ["https://mcp.test"], "exp": 2_000_000_000, "nbf": 1_700_000_000,
        "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474", "azp": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        "name": "Ann Acme", "preferred_username": "ann@acme.test", "scp": "access_as_user notes.read",
        "roles": ["Notes.Writer"], "groups": (0..9).map(group).collect::<Vec<_>>(),
        "tid": "72f988bf-86f1-41af-91ab-2d7cd011db47", "ver": "2.0", "jti": "onrtac:6b1b6a0e",
    });
    let header = json!({ "alg": "RS256", "kid": "k", "typ": "JWT" });
    let encode = |text: &[u8]| URL_SAFE_NO_PAD.encode(text);
    let [header, claims] = [header, claims].map(|part| encode(part.to_string().as_bytes()));
    format!("{header}.{claims}.{}", encode(&[7; 256]))
}

fn tokens(criterion: &mut Criterion) {
    let limits = Limits::DEFAULT;
    let now = Time::from_unix_ms(1_800_000_000_000);
    let token = token();
    for (name, roles) in [("names", "$.roles"), ("a tree", "$..roles[*]")] {
        let Some(policy) = policy(roles) else {
            continue;
        };
        let read = || read(black_box(&token), &policy, ORGANIZATION, now, &limits);
        criterion.bench_function(
            &format!("{} bytes, new, claims by {name}", token.len()),
            |bencher| bencher.iter(read),
        );
        let mut cache = TokenCache::new((1, 2), 1_024);
        if let Ok(unverified) = read() {
            let (token, verified) = unverified.into_verified();
            cache.insert(token, ORGANIZATION, verified);
        }
        criterion.bench_function(
            &format!("{} bytes, seen before, claims by {name}", token.len()),
            |bencher| {
                bencher.iter(|| {
                    let found = cache.find(black_box(&token), ORGANIZATION, now);
                    found.map(|verified| verified.principal.is_authenticated())
                });
            },
        );
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    tokens(&mut criterion);
    criterion.final_summary();
}
