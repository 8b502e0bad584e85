//! The key of this process: control planes that it starts sign with it, filters that it starts
//! trust nothing else.

use std::sync::LazyLock;

use chancery::signing::{Signer, SigningKey};
use chancery_proto::policy::v1::SignedManifest;
use serde_json::{Value, json};

static SECRET: LazyLock<[u8; 32]> = LazyLock::new(rand::random);

/// The key.
pub fn key() -> SigningKey {
    SigningKey::from_secret(&SECRET)
}

/// What a filter has in `trust_keys`.
pub fn trust_keys() -> Value {
    json!([key().trust_key()])
}

/// A manifest as this process's control planes sign it.
pub fn signed(manifest: &[u8]) -> SignedManifest {
    signed_by(vec![key()], manifest)
}

/// A manifest that these keys signed; one that is there twice signs once.
pub fn signed_by(keys: Vec<SigningKey>, manifest: &[u8]) -> SignedManifest {
    let signer = Signer::new(keys).unwrap_or_default();
    SignedManifest {
        signatures: signer.sign(manifest),
        manifest: manifest.to_vec(),
    }
}
