//! Who issues tokens, and how they are checked.

use chancery_proto::policy::v1 as pb;

use super::{super::Invalid, each, named, not_yet};
use crate::token::{Algorithm, IdentityProvider, VerificationKey};

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
            source: _,
            metadata_key: _,
            trust_domain: _,
            required_claims,
            algorithms,
            access_tokens_only: _,
            has_key_set: _,
        } = message;
        not_yet("required_claims", required_claims.is_empty())?;
        not_yet("algorithms", algorithms.is_empty())?;
        let name = named(name, ["organizations", "identityProviders"])?;
        if issuer.is_empty() {
            return Err(Invalid::new(
                "issuer",
                "nothing",
                "the exact `iss` of its tokens",
            ));
        }
        if audiences.is_empty() || audiences.iter().any(String::is_empty) {
            let expected = "at least one exact `aud`, none of them empty";
            return Err(Invalid::new("audiences", "none", expected));
        }
        if keys.is_empty() {
            return Err(Invalid::new("keys", "none", "at least one public key"));
        }
        let keys = each("keys", keys, VerificationKey::try_from)?;
        let pb::ClaimMapping { user, groups, .. } = claims.unwrap_or_default();
        let path = |path: String| -> Vec<Box<str>> {
            let keys = path.trim_start_matches("$.").split('.');
            keys.map(Box::from).collect()
        };
        let user_claim = path(user);
        let seconds = leeway.map_or(0, |leeway| leeway.seconds);
        if !(0..=MAX_LEEWAY_SECONDS).contains(&seconds) {
            let expected = format!("0 to {MAX_LEEWAY_SECONDS} seconds");
            return Err(Invalid::new("leeway", format!("{seconds} s"), expected));
        }
        Ok(Self {
            name,
            issuer: issuer.into(),
            audiences: audiences.into_iter().map(Box::from).collect(),
            keys,
            user_claim,
            groups_claim: path(groups),
            leeway_seconds: seconds.unsigned_abs(),
        })
    }
}

impl TryFrom<pb::VerificationKey> for VerificationKey {
    type Error = Invalid;

    fn try_from(message: pb::VerificationKey) -> Result<Self, Invalid> {
        let pb::VerificationKey {
            key_id,
            algorithm,
            public_key,
        } = message;
        let algorithm = match pb::SignatureAlgorithm::try_from(algorithm) {
            Ok(pb::SignatureAlgorithm::Rs256) => Algorithm::Rs256,
            Ok(pb::SignatureAlgorithm::Es256) => Algorithm::Es256,
            Ok(pb::SignatureAlgorithm::Eddsa) => Algorithm::EdDsa,
            Ok(pb::SignatureAlgorithm::Unspecified) | Err(_) => {
                return Err(Invalid::new(
                    "algorithm",
                    algorithm,
                    "`RS256`, `ES256` or `EdDSA`",
                ));
            }
        };
        if public_key.is_empty() {
            return Err(Invalid::new("public_key", "nothing", "a public key"));
        }
        Ok(Self {
            key_id: key_id.into(),
            algorithm,
            public_key,
        })
    }
}
