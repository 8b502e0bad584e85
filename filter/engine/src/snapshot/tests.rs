use ed25519_dalek::{Signer as _, SigningKey};

use super::*;
use crate::{
    limits::Limits,
    trust::{TrustKey, TrustKeys, signed_bytes},
};

fn key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn trusting() -> TrustKeys {
    let key = TrustKey::new("key", key().verifying_key().as_bytes()).unwrap();
    TrustKeys::new(vec![key]).unwrap()
}

fn manifest(epoch: u64, version: u64) -> Vec<u8> {
    let manifest = pb::Manifest {
        epoch,
        version,
        ..pb::Manifest::default()
    };
    manifest.encode_to_vec()
}

fn signed(manifest: Vec<u8>) -> pb::SignedManifest {
    let signature = pb::Signature {
        key_id: "key".to_owned(),
        signature: key().sign(&signed_bytes(&manifest)).to_bytes().to_vec(),
    };
    pb::SignedManifest {
        manifest,
        signatures: vec![signature],
    }
}

fn unsigned(manifest: Vec<u8>) -> pb::SignedManifest {
    pb::SignedManifest {
        manifest,
        signatures: Vec::new(),
    }
}

fn take(loader: &mut Loader, offered: pb::SignedManifest) -> Result<Progress, InvalidSnapshot> {
    loader.offer(offered)?;
    loader.proceed(usize::MAX)
}

#[test]
fn only_newer_manifests_by_a_trusted_key_replace_what_is_in_force() {
    let mut loader = Loader::new(Limits::DEFAULT, trusting());
    assert!(matches!(
        loader.offer(unsigned(manifest(5, 5))),
        Err(InvalidSnapshot::Untrusted(Untrusted::Unsigned { .. }))
    ));
    assert_eq!(loader.applied(), None);
    let progress = take(&mut loader, signed(manifest(5, 5)));
    assert!(matches!(progress, Ok(Progress::Applied(_))));
    let applied = loader.applied();
    for (epoch, version) in [(5, 5), (5, 4), (4, 9)] {
        assert!(matches!(
            loader.offer(signed(manifest(epoch, version))),
            Err(InvalidSnapshot::Stale { .. })
        ));
    }
    let mut altered = signed(manifest(5, 6));
    altered.manifest = manifest(5, 7);
    assert!(matches!(
        loader.offer(altered),
        Err(InvalidSnapshot::Untrusted(Untrusted::Altered { .. }))
    ));
    assert_eq!(loader.applied(), applied);
    assert!(take(&mut loader, signed(manifest(6, 1))).is_ok());
}

#[test]
fn what_is_kept_for_the_next_vm_is_kept_with_its_signatures() {
    let mut loader = Loader::new(Limits::DEFAULT, trusting());
    take(&mut loader, signed(manifest(1, 1))).unwrap();
    let stored = loader.stored().unwrap();
    let mut next = Loader::new(Limits::DEFAULT, trusting());
    assert!(matches!(next.restore(&stored), Ok(Progress::Applied(_))));
    assert_eq!(next.applied(), loader.applied());

    let mut trusting_all = Loader::new(Limits::DEFAULT, TrustKeys::default());
    take(&mut trusting_all, unsigned(manifest(1, 1))).unwrap();
    let by_nobody = trusting_all.stored().unwrap();
    let mut next = Loader::new(Limits::DEFAULT, trusting());
    assert!(matches!(
        next.restore(&by_nobody),
        Err(InvalidSnapshot::Untrusted(Untrusted::Unsigned { .. }))
    ));
    assert_eq!(next.applied(), None);
}
