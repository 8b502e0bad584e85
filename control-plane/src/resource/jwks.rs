//! JWK Sets (RFC 7517) to verification keys, each bound to one algorithm.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_proto::policy::v1::{SignatureAlgorithm, VerificationKey};
use serde::Deserialize;
use spki::{
    AlgorithmIdentifierOwned, ObjectIdentifier, SubjectPublicKeyInfoOwned,
    der::{
        Any, Encode as _,
        asn1::{BitString, Null, UintRef},
    },
};

/// Fewest bits of an RSA key (RFC 7518 section 3.3).
const MIN_RSA_BITS: usize = 2_048;

/// Most keys of a set that an issuer publishes.
const MAX_PUBLISHED_KEYS: usize = 64;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// Why a set is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwksError {
    /// Not a set.
    #[error("no JWK Set: {0}")]
    Json(#[from] serde_json::Error),
    /// A key that nobody else may have.
    #[error("keys[{position}] with the private member `{member}`; publish public keys only")]
    Private {
        /// Which key.
        position: usize,
        /// Which member.
        member: &'static str,
    },
    /// A key that cannot be used.
    #[error(
        "keys[{position}] with {found}; usable are RSA of {MIN_RSA_BITS} bits or more, EC P-256 and OKP Ed25519"
    )]
    Unusable {
        /// Which key.
        position: usize,
        /// What is wrong with it.
        found: String,
    },
    /// Two keys with one id and algorithm.
    #[error("keys[{position}] with the `kid` of an earlier key")]
    DuplicateId {
        /// The later.
        position: usize,
    },
    /// More keys than an issuer needs.
    #[error("{found} keys, at most {MAX_PUBLISHED_KEYS} are taken")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// Nothing to verify with.
    #[error("no key for signatures")]
    Empty,
}

/// The keys of a set that signatures can be verified with. Keys for other uses are passed over.
///
/// # Errors
/// Where the set or one of its keys is unfit.
pub fn verification_keys(text: &str) -> Result<Vec<VerificationKey>, JwksError> {
    let set: Set = serde_json::from_str(text)?;
    let mut keys: Vec<VerificationKey> = Vec::new();
    for (position, jwk) in set.keys.iter().enumerate() {
        let Some(key) = verification_key(position, jwk)? else {
            continue;
        };
        if has_same(&keys, &key) {
            return Err(JwksError::DuplicateId { position });
        }
        keys.push(key);
    }
    if keys.is_empty() {
        Err(JwksError::Empty)
    } else {
        Ok(keys)
    }
}

/// The keys of a set that an issuer publishes. What cannot be used, of which others may have a use,
/// is passed over: each is said in the second list.
///
/// # Errors
/// Where the set is none, has too many keys, or none that can be used.
pub fn published_keys(text: &str) -> Result<(Vec<VerificationKey>, Vec<JwksError>), JwksError> {
    let set: Set = serde_json::from_str(text)?;
    let found = set.keys.len();
    if found > MAX_PUBLISHED_KEYS {
        return Err(JwksError::TooMany { found });
    }
    let (mut keys, mut passed_over) = (Vec::new(), Vec::new());
    for (position, jwk) in set.keys.iter().enumerate() {
        match verification_key(position, jwk) {
            Ok(Some(key)) if has_same(&keys, &key) => {
                passed_over.push(JwksError::DuplicateId { position });
            }
            Ok(Some(key)) => keys.push(key),
            Ok(None) => {}
            Err(error) => passed_over.push(error),
        }
    }
    if keys.is_empty() {
        Err(passed_over.pop().unwrap_or(JwksError::Empty))
    } else {
        Ok((keys, passed_over))
    }
}

fn has_same(keys: &[VerificationKey], key: &VerificationKey) -> bool {
    let is_same = |other: &VerificationKey| {
        other.key_id == key.key_id && other.algorithm == key.algorithm && !key.key_id.is_empty()
    };
    keys.iter().any(is_same)
}

/// One key of a set; `None` where it is for other uses.
fn verification_key(
    position: usize,
    jwk: &serde_json::Map<String, serde_json::Value>,
) -> Result<Option<VerificationKey>, JwksError> {
    let member = |name: &str| jwk.get(name).and_then(serde_json::Value::as_str);
    if let Some(member) = ["d", "p", "q", "k"]
        .into_iter()
        .find(|name| jwk.contains_key(*name))
    {
        return Err(JwksError::Private { position, member });
    }
    let verifies = |operation: &serde_json::Value| operation == "verify";
    let is_for_others = member("use").is_some_and(|purpose| purpose != "sig")
        || jwk.get("key_ops").is_some_and(|operations| {
            !operations
                .as_array()
                .is_some_and(|list| list.iter().any(verifies))
        });
    if is_for_others {
        return Ok(None);
    }
    let (algorithm, public_key) =
        convert(member).map_err(|found| JwksError::Unusable { position, found })?;
    Ok(Some(VerificationKey {
        key_id: member("kid").unwrap_or_default().to_owned(),
        algorithm: algorithm.into(),
        public_key,
    }))
}

fn convert<'j>(
    member: impl Fn(&str) -> Option<&'j str>,
) -> Result<(SignatureAlgorithm, Vec<u8>), String> {
    let bytes = |name: &str| {
        let text = member(name).ok_or_else(|| format!("no `{name}`"))?;
        URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|error| format!("`{name}` that is no base64url: {error}"))
    };
    let (name, algorithm, key) = match (member("kty"), member("crv")) {
        (Some("RSA"), _) => (
            "RS256",
            SignatureAlgorithm::Rs256,
            rsa_key(&bytes("n")?, &bytes("e")?)?,
        ),
        (Some("EC"), Some("P-256")) => (
            "ES256",
            SignatureAlgorithm::Es256,
            p256_key(&bytes("x")?, &bytes("y")?)?,
        ),
        (Some("OKP"), Some("Ed25519")) => {
            let point = bytes("x")?;
            if point.len() != 32 {
                return Err(format!("an `x` of {} bytes, expected 32", point.len()));
            }
            ("EdDSA", SignatureAlgorithm::Eddsa, point)
        }
        (kind, curve) => return Err(format!("kty {kind:?} and crv {curve:?}")),
    };
    match member("alg") {
        Some(alg) if alg != name => Err(format!("`alg` {alg}, expected {name} for such a key")),
        _ => Ok((algorithm, key)),
    }
}

fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Result<Vec<u8>, String> {
    let first = modulus
        .iter()
        .position(|byte| *byte != 0)
        .unwrap_or(modulus.len());
    let modulus = modulus.get(first..).unwrap_or_default();
    let leading = modulus.first().map_or(0, |byte| byte.leading_zeros());
    let bits = (modulus.len() * 8).saturating_sub(usize::try_from(leading).unwrap_or(0));
    if bits < MIN_RSA_BITS {
        return Err(format!("an RSA key of {bits} bits"));
    }
    if is_roca(modulus) {
        return Err("an RSA key that can be factored (CVE-2017-15361)".to_owned());
    }
    let inner = || {
        let key = pkcs1::RsaPublicKey {
            modulus: UintRef::new(modulus)?,
            public_exponent: UintRef::new(exponent)?,
        };
        public_key_info(RSA, Any::from(Null), &key.to_der()?)
    };
    inner().map_err(|error| error.to_string())
}

/// Whether a modulus was made of primes that are powers of 65,537 modulo every small prime, as a
/// chip's library made them (Nemec et al., "The Return of Coppersmith's Attack", section 2.1).
fn is_roca(modulus: &[u8]) -> bool {
    const SMALL_PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89,
        97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    SMALL_PRIMES.into_iter().all(|prime| {
        let remainder = modulus
            .iter()
            .fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let next = |power: &u32| Some(power * 65_537 % prime).filter(|power| *power != 1);
        std::iter::successors(Some(1), next).any(|power| power == remainder)
    })
}

fn p256_key(x: &[u8], y: &[u8]) -> Result<Vec<u8>, String> {
    if x.len() != 32 || y.len() != 32 {
        return Err(format!(
            "coordinates of {} and {} bytes, expected 32",
            x.len(),
            y.len()
        ));
    }
    // An uncompressed point (SEC 1 section 2.3.3).
    let point = [&[4], x, y].concat();
    public_key_info(EC, Any::from(&P256), &point).map_err(|error| error.to_string())
}

fn public_key_info(
    oid: ObjectIdentifier,
    parameters: Any,
    key: &[u8],
) -> Result<Vec<u8>, spki::der::Error> {
    SubjectPublicKeyInfoOwned {
        algorithm: AlgorithmIdentifierOwned {
            oid,
            parameters: Some(parameters),
        },
        subject_public_key: BitString::from_bytes(key)?,
    }
    .to_der()
}
