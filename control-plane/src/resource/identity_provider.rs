//! Identity providers as filters get them.

use chancery_engine::{token, wire::Invalid};
use chancery_proto::{admin::v1 as admin, policy::v1 as policy};

use super::{invalid, jwks};

/// Seconds of leeway where none is given.
const DEFAULT_LEEWAY_SECONDS: i64 = 60;

/// What a filter gets of an identity provider.
pub(super) fn to_policy(
    provider: &admin::IdentityProvider,
) -> Result<policy::IdentityProvider, Invalid> {
    let message = policy_identity_provider(provider)?;
    token::IdentityProvider::try_from(message.clone()).map_err(as_written)?;
    Ok(message)
}

/// Keys are written as a JWK Set.
fn as_written(error: Invalid) -> Invalid {
    let is_of_keys = error.field == "keys" || error.field.starts_with("keys[");
    let field = if is_of_keys {
        "jwks".to_owned()
    } else {
        error.field
    };
    Invalid { field, ..error }
}

fn default_claims() -> policy::ClaimMapping {
    policy::ClaimMapping {
        user: "$.sub".to_owned(),
        groups: "$.groups".to_owned(),
        ..policy::ClaimMapping::default()
    }
}

fn policy_identity_provider(
    provider: &admin::IdentityProvider,
) -> Result<policy::IdentityProvider, Invalid> {
    let admin::IdentityProvider {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        issuer,
        audiences,
        jwks,
        leeway,
        claims,
        source,
        metadata_key,
        trust_domain,
        required_claims,
        algorithms,
        access_tokens_only,
        jwks_uri,
    } = provider.clone();
    let mut claims = claims.unwrap_or_else(default_claims);
    if claims.user.is_empty() && claims.agent.is_empty() {
        "$.sub".clone_into(&mut claims.user);
    }
    let source = match policy::IdentitySource::try_from(source) {
        Ok(policy::IdentitySource::Unspecified) => policy::IdentitySource::Token.into(),
        Ok(
            policy::IdentitySource::Token
            | policy::IdentitySource::EnvoyMetadata
            | policy::IdentitySource::PeerCertificate,
        )
        | Err(_) => source,
    };
    if !jwks.is_empty() && !jwks_uri.is_empty() {
        let expected = "`jwks`, or where it is fetched from, and not both";
        return Err(invalid("jwks_uri", "a JWK Set beside it", expected));
    }
    let keys = if jwks.is_empty() {
        Vec::new()
    } else {
        jwks::verification_keys(&jwks)
            .map_err(|error| invalid("jwks", error.to_string(), "a JWK Set of public keys"))?
    };
    let is_token = source == i32::from(policy::IdentitySource::Token);
    Ok(policy::IdentityProvider {
        name,
        issuer,
        audiences,
        keys,
        claims: Some(claims),
        leeway: Some(leeway.unwrap_or(prost_types::Duration {
            seconds: DEFAULT_LEEWAY_SECONDS,
            nanos: 0,
        })),
        source,
        metadata_key,
        trust_domain,
        required_claims,
        algorithms,
        access_tokens_only,
        has_key_set: is_token && jwks.is_empty(),
    })
}
