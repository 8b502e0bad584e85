//! Who issues tokens, and how they are checked.

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    each, named,
};
use crate::{
    claims::{ClaimMapping, ClaimPath, RequiredClaim},
    spiffe::is_trust_domain,
    token::{Algorithm, IdentityProvider, KeySet, Source, VerificationKey},
};

/// Most seconds that clocks may differ.
const MAX_LEEWAY_SECONDS: i64 = 300;

impl TryFrom<pb::IdentityProvider> for IdentityProvider {
    type Error = Invalid;

    fn try_from(message: pb::IdentityProvider) -> Result<Self, Invalid> {
        let pb::IdentityProvider {
            name,
            issuer,
            audiences,
            keys,
            claims,
            leeway,
            source,
            metadata_key,
            trust_domain,
            required_claims,
            algorithms,
            access_tokens_only,
            has_key_set,
        } = message;
        let name = named(name, ["organizations", "identityProviders"])?;
        let source = source_of(source, metadata_key, trust_domain)?;
        let issuer = issuer_of(issuer, &source)?;
        if audiences.iter().any(String::is_empty) {
            return Err(Invalid::new("audiences", "an empty one", "exact `aud`s"));
        }
        let has_keys = has_key_set || !keys.is_empty();
        if source == Source::Token && !has_keys {
            let expected = "at least one public key, or a key set";
            return Err(Invalid::new("keys", "none", expected));
        }
        let claims = claims.unwrap_or_default();
        let claims = ClaimMapping::try_from(claims).map_err(|error| error.within("claims"))?;
        let seconds = leeway.map_or(0, |leeway| leeway.seconds);
        if !(0..=MAX_LEEWAY_SECONDS).contains(&seconds) {
            let expected = format!("0 to {MAX_LEEWAY_SECONDS} seconds");
            return Err(Invalid::new("leeway", format!("{seconds} s"), expected));
        }
        Ok(Self {
            name,
            issuer,
            source,
            audiences: audiences.into_iter().map(Box::from).collect(),
            keys: each("keys", keys, VerificationKey::try_from)?,
            algorithms: each("algorithms", algorithms, algorithm)?,
            access_tokens_only,
            has_key_set,
            claims,
            required_claims: each("required_claims", required_claims, RequiredClaim::try_from)?,
            leeway_seconds: seconds.unsigned_abs(),
        })
    }
}

fn source_of(source: i32, metadata_key: String, trust_domain: String) -> Result<Source, Invalid> {
    let unused = |field: &str, value: &str| match value {
        "" => Ok(()),
        found => Err(Invalid::new(
            field,
            shown(found),
            "nothing for this `source`",
        )),
    };
    match pb::IdentitySource::try_from(source) {
        Ok(pb::IdentitySource::Token) => {
            unused("metadata_key", &metadata_key)?;
            unused("trust_domain", &trust_domain)?;
            Ok(Source::Token)
        }
        Ok(pb::IdentitySource::EnvoyMetadata) => {
            unused("trust_domain", &trust_domain)?;
            if metadata_key.is_empty() {
                let expected = "the `payload_in_metadata` of Envoy's `jwt_authn`";
                return Err(Invalid::new("metadata_key", "nothing", expected));
            }
            let key = metadata_key.into();
            Ok(Source::Metadata { key })
        }
        Ok(pb::IdentitySource::PeerCertificate) => {
            unused("metadata_key", &metadata_key)?;
            if !is_trust_domain(&trust_domain) {
                let expected = "a SPIFFE trust domain, such as `prod.example.org`";
                return Err(Invalid::new("trust_domain", shown(&trust_domain), expected));
            }
            let trust_domain = trust_domain.into();
            Ok(Source::Certificate { trust_domain })
        }
        Ok(pb::IdentitySource::Unspecified) | Err(_) => {
            let expected = "`token`, `envoy_metadata` or `peer_certificate`";
            Err(Invalid::new("source", source, expected))
        }
    }
}

/// A trust domain is an issuer of its own.
fn issuer_of(issuer: String, source: &Source) -> Result<Box<str>, Invalid> {
    match source {
        Source::Token | Source::Metadata { .. } if issuer.is_empty() => {
            let expected = "the exact `iss` of its tokens";
            Err(Invalid::new("issuer", "nothing", expected))
        }
        Source::Token | Source::Metadata { .. } => Ok(issuer.into()),
        Source::Certificate { trust_domain } => {
            let own = format!("spiffe://{trust_domain}");
            if issuer.is_empty() || issuer == own {
                return Ok(own.into());
            }
            let expected = format!("`{own}`, or nothing");
            Err(Invalid::new("issuer", shown(&issuer), expected))
        }
    }
}

impl TryFrom<pb::ClaimMapping> for ClaimMapping {
    type Error = Invalid;

    fn try_from(message: pb::ClaimMapping) -> Result<Self, Invalid> {
        let pb::ClaimMapping {
            user,
            groups,
            roles,
            team,
            agent,
            client,
            group_prefix,
        } = message;
        let path = |field: &str, text: String| match &*text {
            "" => Ok(None),
            text => claim_path(field, text).map(Some),
        };
        Ok(Self {
            user: path("user", user)?,
            groups: path("groups", groups)?,
            roles: path("roles", roles)?,
            team: path("team", team)?,
            agent: path("agent", agent)?,
            client: path("client", client)?,
            group_prefix: group_prefix.into(),
        })
    }
}

impl TryFrom<pb::RequiredClaim> for RequiredClaim {
    type Error = Invalid;

    fn try_from(message: pb::RequiredClaim) -> Result<Self, Invalid> {
        let pb::RequiredClaim { path, value } = message;
        if value.is_empty() {
            return Err(Invalid::new("value", "nothing", "the exact string"));
        }
        Ok(Self {
            path: claim_path("path", &path)?,
            value: value.into(),
        })
    }
}

fn claim_path(field: &str, text: &str) -> Result<ClaimPath, Invalid> {
    ClaimPath::parse(text).map_err(|error| {
        let found = format!("{}, which is {error}", shown(text));
        Invalid::new(field, found, "a JSONPath, such as `$.realm_access.roles`")
    })
}

impl TryFrom<pb::KeySet> for KeySet {
    type Error = Invalid;

    fn try_from(message: pb::KeySet) -> Result<Self, Invalid> {
        let pb::KeySet {
            identity_provider,
            keys,
        } = message;
        Ok(Self {
            identity_provider: named(identity_provider, ["organizations", "identityProviders"])
                .map_err(|error| Invalid {
                    field: "identity_provider".to_owned(),
                    ..error
                })?,
            keys: each("keys", keys, VerificationKey::try_from)?,
        })
    }
}

fn algorithm(algorithm: i32) -> Result<Algorithm, Invalid> {
    match pb::SignatureAlgorithm::try_from(algorithm) {
        Ok(pb::SignatureAlgorithm::Rs256) => Ok(Algorithm::Rs256),
        Ok(pb::SignatureAlgorithm::Es256) => Ok(Algorithm::Es256),
        Ok(pb::SignatureAlgorithm::Eddsa) => Ok(Algorithm::EdDsa),
        Ok(pb::SignatureAlgorithm::Unspecified) | Err(_) => {
            let expected = "`RS256`, `ES256` or `EdDSA`";
            Err(Invalid::new("", algorithm, expected))
        }
    }
}

impl TryFrom<pb::VerificationKey> for VerificationKey {
    type Error = Invalid;

    fn try_from(message: pb::VerificationKey) -> Result<Self, Invalid> {
        let pb::VerificationKey {
            key_id,
            algorithm: found,
            public_key,
        } = message;
        let algorithm = algorithm(found).map_err(|error| Invalid {
            field: "algorithm".to_owned(),
            ..error
        })?;
        if public_key.is_empty() {
            return Err(Invalid::new("public_key", "nothing", "a public key"));
        }
        Ok(Self {
            key_id: key_id.into(),
            algorithm,
            public_key: public_key.into(),
        })
    }
}
