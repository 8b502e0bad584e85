//! What `jsonwebtoken` verifies with in Wasm: the three algorithms that tokens may have.
//!
//! The library's own provider also signs, and knows other curves and HMAC; none of it could be
//! left out of the filter.

use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey as Ed25519Key};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    crypto::{CryptoProvider, JwtVerifier, KeyUtils},
    errors::{Error, ErrorKind},
    signature::{self, Verifier},
};
use p256::ecdsa::{Signature as P256Signature, VerifyingKey as P256Key};
use rsa::{
    Pkcs1v15Sign, RsaPublicKey,
    pkcs1::DecodeRsaPublicKey as _,
    sha2::{Digest as _, Sha256},
};

/// Verifies RS256, ES256 (RFC 7518 section 3) and `EdDSA` with Ed25519 (RFC 8037 section 3.1).
pub(super) static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(ErrorKind::InvalidAlgorithm.into()),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    key_utils: KeyUtils::new_unimplemented(),
};

enum Key {
    Rsa(RsaPublicKey),
    P256(P256Key),
    Ed25519(Ed25519Key),
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all it does not verify is refused"
)]
fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let bytes = key.try_get_as_bytes()?;
    let key = match algorithm {
        Algorithm::RS256 => RsaPublicKey::from_pkcs1_der(bytes).ok().map(Key::Rsa),
        Algorithm::ES256 => P256Key::from_sec1_bytes(bytes).ok().map(Key::P256),
        Algorithm::EdDSA => Ed25519Key::try_from(bytes).ok().map(Key::Ed25519),
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    };
    let key = key.ok_or(ErrorKind::InvalidKeyFormat)?;
    Ok(Box::new(key))
}

impl Verifier<Vec<u8>> for Key {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> signature::Result<()> {
        match self {
            Self::Rsa(key) => key
                .verify(
                    Pkcs1v15Sign::new::<Sha256>(),
                    &Sha256::digest(message),
                    signature,
                )
                .map_err(|_kept_vague| signature::Error::new()),
            Self::P256(key) => key.verify(message, &P256Signature::from_slice(signature)?),
            Self::Ed25519(key) => key.verify(message, &Ed25519Signature::from_slice(signature)?),
        }
    }
}

impl JwtVerifier for Key {
    fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa(_) => Algorithm::RS256,
            Self::P256(_) => Algorithm::ES256,
            Self::Ed25519(_) => Algorithm::EdDSA,
        }
    }
}
