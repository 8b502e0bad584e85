//! Whose manifests are taken: signatures over their exact bytes, by keys that the operator names.
//!
//! Pure and rare: once for each manifest, some hundred microseconds in Wasm.

use std::fmt;

use ed25519_dalek::{Signature, VerifyingKey};

/// What every signature begins with, so that it can be mistaken for no other.
const DOMAIN: &[u8] = b"chancery.manifest.v1\n";

/// Keys that may be named at once: more than a rotation needs.
pub const MAX_TRUST_KEYS: usize = 16;

/// The bytes that a signature of a manifest is over.
pub fn signed_bytes(manifest: &[u8]) -> Vec<u8> {
    [DOMAIN, manifest].concat()
}

/// A key whose signature makes a manifest a control plane's.
#[derive(Clone, Eq, PartialEq)]
pub struct TrustKey {
    id: Box<str>,
    key: VerifyingKey,
}

/// The keys that are trusted. None: whatever comes over the stream is taken.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrustKeys(Vec<TrustKey>);

/// What cannot be trusted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTrustKey {
    /// Nothing to find it by.
    #[error("a trust key without `key_id`")]
    NoId,
    /// Not 32 bytes that are a point of the curve, or one of few values (RFC 8032 section 5.1.3).
    #[error("trust key `{id}`: `public_key` is no Ed25519 public key of 32 bytes")]
    NotAKey {
        /// Its id.
        id: Box<str>,
    },
    /// Two with one id.
    #[error("trust key `{id}` occurs twice")]
    Duplicate {
        /// The id.
        id: Box<str>,
    },
    /// More than anyone needs.
    #[error("{found} trust keys, at most {MAX_TRUST_KEYS} are taken")]
    TooMany {
        /// How many.
        found: usize,
    },
}

/// Why a manifest is nobody's that is trusted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Untrusted {
    /// No signature at all.
    #[error("the manifest is not signed, and this filter trusts only {trusted}")]
    Unsigned {
        /// The ids of the keys.
        trusted: String,
    },
    /// Signatures, none by a key that is trusted.
    #[error("the manifest is signed by no key that this filter trusts; it trusts {trusted}")]
    UnknownKey {
        /// The ids of the keys.
        trusted: String,
    },
    /// A signature by a trusted key that does not fit.
    #[error("the manifest is not what key `{id}` signed")]
    Altered {
        /// The id of the key.
        id: Box<str>,
    },
}

impl TrustKey {
    /// Reads a key.
    ///
    /// # Errors
    /// Where it is none that a signature could be trusted by.
    pub fn new(id: &str, public_key: &[u8]) -> Result<Self, InvalidTrustKey> {
        if id.is_empty() {
            return Err(InvalidTrustKey::NoId);
        }
        let read = public_key.try_into().ok();
        let key = read
            .and_then(|bytes| VerifyingKey::from_bytes(bytes).ok())
            .filter(|key| !key.is_weak())
            .ok_or_else(|| InvalidTrustKey::NotAKey { id: id.into() })?;
        let id = id.into();
        Ok(Self { id, key })
    }
}

impl fmt::Debug for TrustKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, key: _ } = self;
        f.debug_struct("TrustKey")
            .field("id", id)
            .finish_non_exhaustive()
    }
}

impl TrustKeys {
    /// Puts keys together.
    ///
    /// # Errors
    /// Where two have one id, or they are too many.
    pub fn new(keys: Vec<TrustKey>) -> Result<Self, InvalidTrustKey> {
        let found = keys.len();
        if found > MAX_TRUST_KEYS {
            return Err(InvalidTrustKey::TooMany { found });
        }
        for (position, key) in keys.iter().enumerate() {
            if keys.iter().take(position).any(|other| other.id == key.id) {
                let id = key.id.clone();
                return Err(InvalidTrustKey::Duplicate { id });
            }
        }
        Ok(Self(keys))
    }

    /// Whether whatever comes is taken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a manifest is by a key that is trusted; one is enough.
    ///
    /// For each trusted key only the first signature under its id is looked at, so that no number
    /// of signatures makes this long.
    ///
    /// # Errors
    /// Where it is not.
    pub fn check(&self, manifest: &[u8], signatures: &[(&str, &[u8])]) -> Result<(), Untrusted> {
        if self.is_empty() {
            return Ok(());
        }
        let message = signed_bytes(manifest);
        let mut altered = None;
        for TrustKey { id, key } in &self.0 {
            let by_it = signatures.iter().find(|(by, _)| **by == **id);
            let Some((_, signature)) = by_it else {
                continue;
            };
            // Strict: neither small-order points nor a signature's other encodings are taken.
            let fits = Signature::from_slice(signature)
                .and_then(|signature| key.verify_strict(&message, &signature));
            match fits {
                Ok(()) => return Ok(()),
                Err(_) => altered = Some(id.clone()),
            }
        }
        let trusted = self.ids();
        Err(match altered {
            Some(id) => Untrusted::Altered { id },
            None if signatures.is_empty() => Untrusted::Unsigned { trusted },
            None => Untrusted::UnknownKey { trusted },
        })
    }

    fn ids(&self) -> String {
        let ids: Vec<_> = self.0.iter().map(|key| format!("`{}`", key.id)).collect();
        ids.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::{Signer as _, SigningKey};

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn trusting(seeds: &[(&str, u8)]) -> TrustKeys {
        let trusted = seeds
            .iter()
            .map(|(id, seed)| TrustKey::new(id, key(*seed).verifying_key().as_bytes()).unwrap());
        TrustKeys::new(trusted.collect()).unwrap()
    }

    fn check(
        trust: &TrustKeys,
        manifest: &[u8],
        signed: &[(&str, Vec<u8>)],
    ) -> Result<(), Untrusted> {
        let signed: Vec<_> = signed.iter().map(|(id, s)| (*id, &**s)).collect();
        trust.check(manifest, &signed)
    }

    fn sign(seed: u8, bytes: &[u8]) -> Vec<u8> {
        key(seed).sign(bytes).to_bytes().to_vec()
    }

    #[test]
    fn one_signature_by_a_trusted_key_is_enough() {
        let trust = trusting(&[("old", 1), ("new", 2)]);
        let good = signed_bytes(b"manifest");
        for (id, seed) in [("old", 1), ("new", 2)] {
            let signed = [("stranger", sign(9, &good)), (id, sign(seed, &good))];
            assert_eq!(check(&trust, b"manifest", &signed), Ok(()));
        }
        // A key that is being retired may sign badly, if the other one signs well.
        let signed = [("old", vec![0; 64]), ("new", sign(2, &good))];
        assert_eq!(check(&trust, b"manifest", &signed), Ok(()));
        assert_eq!(check(&TrustKeys::default(), b"manifest", &[]), Ok(()));
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        let trust = trusting(&[("key", 1)]);
        let good = sign(1, &signed_bytes(b"manifest"));
        let altered = Err(Untrusted::Altered { id: "key".into() });
        let trusted = "`key`".to_owned();
        let unsigned = check(&trust, b"manifest", &[]);
        assert_eq!(
            unsigned,
            Err(Untrusted::Unsigned {
                trusted: trusted.clone()
            })
        );
        let stranger = check(&trust, b"manifest", &[("other", good.clone())]);
        assert_eq!(stranger, Err(Untrusted::UnknownKey { trusted }));
        assert_eq!(
            check(&trust, b"manifesT", &[("key", good.clone())]),
            altered
        );
        for bit in 0..512 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(check(&trust, b"manifest", &[("key", flipped)]), altered);
        }
        for length in [0, 63, 65] {
            let cut = good.iter().copied().chain([0]).take(length).collect();
            assert_eq!(check(&trust, b"manifest", &[("key", cut)]), altered);
        }
        // Another key's signature under this one's name, and one without the domain.
        for other in [sign(2, &signed_bytes(b"manifest")), sign(1, b"manifest")] {
            assert_eq!(check(&trust, b"manifest", &[("key", other)]), altered);
        }
    }

    #[test]
    fn a_key_that_anyone_can_sign_for_is_none() {
        // The neutral element and other points of small order (RFC 7748 and 8032).
        let mut neutral = [0; 32];
        neutral[0] = 1;
        for weak in [[0; 32], neutral] {
            let refused = TrustKey::new("k", &weak);
            assert!(matches!(refused, Err(InvalidTrustKey::NotAKey { .. })));
        }
        // A y without an x.
        let mut off_the_curve = [0; 32];
        off_the_curve[0] = 2;
        for wrong in [&[7; 31][..], &[7; 33], &off_the_curve] {
            let refused = TrustKey::new("k", wrong);
            assert!(matches!(refused, Err(InvalidTrustKey::NotAKey { .. })));
        }
        let good = key(1).verifying_key().to_bytes();
        assert_eq!(TrustKey::new("", &good), Err(InvalidTrustKey::NoId));
        let twice = vec![TrustKey::new("k", &good).unwrap(); 2];
        assert!(matches!(
            TrustKeys::new(twice),
            Err(InvalidTrustKey::Duplicate { .. })
        ));
    }
}
