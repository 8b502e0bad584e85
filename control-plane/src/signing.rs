//! The keys that sign manifests, so that a filter can tell this control plane from anyone else who
//! reaches its stream.

use std::{
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use chancery_engine::{
    id::Hex,
    trust::{MAX_TRUST_KEYS, signed_bytes},
};
use chancery_proto::policy::v1::Signature;
use ed25519_dalek::{
    SECRET_KEY_LENGTH, Signer as _,
    pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _, spki::der::pem::LineEnding},
};
use sha2::{Digest as _, Sha256};

/// Bytes of a key's digest that are its id.
const ID_BYTES: usize = 8;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SigningError {
    /// The file.
    #[error("the signing key {}: {error}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What is in the file. What was found is not said: it may be another secret.
    #[error(
        "the signing key {} is none; expected Ed25519 as PKCS #8 in PEM, or its 32 bytes in base64; \
         `chancery keygen FILE` makes one",
        path.display()
    )]
    NotAKey {
        /// Which.
        path: PathBuf,
    },
    /// One key twice.
    #[error("the signing key `{id}` is given twice")]
    Duplicate {
        /// Its id.
        id: String,
    },
    /// More than a filter may trust.
    #[error("{found} signing keys, at most {MAX_TRUST_KEYS} are used")]
    TooMany {
        /// How many.
        found: usize,
    },
    /// The system.
    #[error("the system has no random bytes for a signing key: {0}")]
    Random(#[from] getrandom::Error),
}

/// A private key, and the id that filters know its public half by.
pub struct SigningKey {
    id: String,
    key: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// Makes one.
    ///
    /// # Errors
    /// Where the system has no randomness.
    pub fn generate() -> Result<Self, SigningError> {
        let mut secret = [0; SECRET_KEY_LENGTH];
        getrandom::getrandom(&mut secret)?;
        Ok(Self::from_secret(&secret))
    }

    /// The key of a secret (RFC 8032 section 5.1.5).
    pub fn from_secret(secret: &[u8; SECRET_KEY_LENGTH]) -> Self {
        Self::new(ed25519_dalek::SigningKey::from_bytes(secret))
    }

    /// Reads one.
    ///
    /// # Errors
    /// Where there is no file, or no key in it.
    pub fn read(path: &Path) -> Result<Self, SigningError> {
        let text = fs::read_to_string(path).map_err(|error| SigningError::File {
            path: path.to_owned(),
            error,
        })?;
        let raw = || {
            let bytes = STANDARD.decode(text.trim()).ok()?;
            let secret = bytes.try_into().ok()?;
            Some(ed25519_dalek::SigningKey::from_bytes(&secret))
        };
        let key = ed25519_dalek::SigningKey::from_pkcs8_pem(&text)
            .ok()
            .or_else(raw);
        key.map(Self::new).ok_or_else(|| SigningError::NotAKey {
            path: path.to_owned(),
        })
    }

    /// Writes it to a file that is not there yet, for its owner alone.
    ///
    /// # Errors
    /// Where there is one, or it cannot be made.
    pub fn write(&self, path: &Path) -> Result<(), SigningError> {
        let file = |error| SigningError::File {
            path: path.to_owned(),
            error,
        };
        let pem = self.key.to_pkcs8_pem(LineEnding::LF);
        let pem = pem.map_err(|error| file(io::Error::other(error)))?;
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut opened = options.open(path).map_err(file)?;
        opened.write_all(pem.as_bytes()).map_err(file)?;
        opened.sync_all().map_err(file)
    }

    /// The key in a file, which is made where it is not there.
    ///
    /// # Errors
    /// Where it can be neither read nor made.
    pub fn read_or_make(path: &Path) -> Result<Self, SigningError> {
        match Self::read(path) {
            Err(SigningError::File { path: _, error })
                if error.kind() == io::ErrorKind::NotFound =>
            {
                let key = Self::generate()?;
                key.write(path)?;
                Ok(key)
            }
            read => read,
        }
    }

    fn new(key: ed25519_dalek::SigningKey) -> Self {
        let digest = Sha256::digest(key.verifying_key().as_bytes());
        let short = digest.first_chunk::<ID_BYTES>().map_or(&[][..], |id| id);
        Self {
            id: Hex(short).to_string(),
            key,
        }
    }

    /// What filters know it by: the beginning of the SHA-256 of its public half.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The private key itself.
    pub(crate) fn secret(&self) -> &ed25519_dalek::SigningKey {
        &self.key
    }

    /// The public half.
    pub(crate) fn public(&self) -> ed25519_dalek::VerifyingKey {
        self.key.verifying_key()
    }

    /// What a filter that trusts it has among its `trust_keys`.
    pub fn trust_key(&self) -> serde_json::Value {
        let public_key = STANDARD.encode(self.key.verifying_key().as_bytes());
        serde_json::json!({ "key_id": self.id, "public_key": public_key })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, key: _ } = self;
        f.debug_struct("SigningKey")
            .field("id", id)
            .finish_non_exhaustive()
    }
}

/// Signs manifests, with every key there is: during a rotation filters know one or the other.
#[derive(Debug, Default)]
pub struct Signer(Vec<SigningKey>);

impl Signer {
    /// Signs with these.
    ///
    /// # Errors
    /// Where one occurs twice, or they are too many.
    pub fn new(keys: Vec<SigningKey>) -> Result<Self, SigningError> {
        let found = keys.len();
        if found > MAX_TRUST_KEYS {
            return Err(SigningError::TooMany { found });
        }
        for (position, key) in keys.iter().enumerate() {
            if keys.iter().take(position).any(|other| other.id == key.id) {
                let id = key.id.clone();
                return Err(SigningError::Duplicate { id });
            }
        }
        Ok(Self(keys))
    }

    /// Its keys.
    pub fn keys(&self) -> &[SigningKey] {
        &self.0
    }

    /// Signs a manifest's exact bytes.
    pub fn sign(&self, manifest: &[u8]) -> Vec<Signature> {
        let message = signed_bytes(manifest);
        let signature = |key: &SigningKey| Signature {
            key_id: key.id.clone(),
            signature: key.key.sign(&message).to_vec(),
        };
        self.0.iter().map(signature).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use chancery_engine::trust::{TrustKey, TrustKeys};

    use super::*;

    fn trusting(key: &SigningKey) -> TrustKeys {
        let document = key.trust_key();
        let public = STANDARD.decode(document["public_key"].as_str().unwrap());
        let id = document["key_id"].as_str().unwrap();
        let key = TrustKey::new(id, &public.unwrap()).unwrap();
        TrustKeys::new(vec![key]).unwrap()
    }

    #[test]
    fn every_key_signs_and_a_filter_that_trusts_one_is_content() {
        let keys = vec![
            SigningKey::generate().unwrap(),
            SigningKey::generate().unwrap(),
        ];
        let trusted: Vec<_> = keys.iter().map(trusting).collect();
        let signatures = Signer::new(keys).unwrap().sign(b"manifest");
        assert_eq!(signatures.len(), 2);
        let signatures: Vec<_> = signatures
            .iter()
            .map(|s| (&*s.key_id, &*s.signature))
            .collect();
        for trust in &trusted {
            assert_eq!(trust.check(b"manifest", &signatures), Ok(()));
        }
        let stranger = trusting(&SigningKey::generate().unwrap());
        assert!(stranger.check(b"manifest", &signatures).is_err());
    }

    #[test]
    fn a_key_survives_its_file_and_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.pem");
        let made = SigningKey::read_or_make(&path).unwrap();
        let permissions = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(permissions & 0o777, 0o600);
        assert_eq!(SigningKey::read_or_make(&path).unwrap().id, made.id);
        assert!(matches!(
            SigningKey::generate().unwrap().write(&path),
            Err(SigningError::File { .. })
        ));
        let raw = folder.path().join("raw");
        let encoded = STANDARD.encode(made.key.to_bytes());
        fs::write(&raw, format!("{encoded}\n")).unwrap();
        assert_eq!(SigningKey::read(&raw).unwrap().id, made.id);
        let twice = vec![made, SigningKey::read(&raw).unwrap()];
        assert!(matches!(
            Signer::new(twice),
            Err(SigningError::Duplicate { .. })
        ));
    }

    #[test]
    fn what_is_no_key_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other");
        fs::write(&path, "hunter2").unwrap();
        let error = SigningKey::read(&path).unwrap_err().to_string();
        assert!(!error.contains("hunter2") && error.contains("chancery keygen"));
        let key = SigningKey::generate().unwrap();
        let secret = STANDARD.encode(key.key.to_bytes());
        assert!(!format!("{key:?}").contains(&secret));
    }
}
