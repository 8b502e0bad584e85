use std::{path::Path, sync::Arc};

use super::*;
use crate::{
    ledger::{
        Batch, Filter,
        checkpoint::{Checkpoints, LogSigner},
    },
    signing::SigningKey,
};

/// Proofs of each record of a log, and its key.
async fn proofs(folder: &Path, records: u64) -> (Vec<Proof>, LogKeys) {
    let ledger = Ledger::open_with(folder, 300).unwrap();
    let key = Arc::new(SigningKey::from_secret(&[1; 32]));
    let signer = LogSigner::open(folder, key).unwrap();
    let keys = LogKeys::parse(&signer.public_key()).unwrap();
    for sequence in 1..=records {
        let batch = Batch {
            source: ("node".to_owned(), vec![1]),
            entries: vec![(sequence, vec![0x1a, 0x01, 0x61])],
        };
        ledger.append(batch).await.unwrap();
    }
    let checkpoint = Checkpoints::open(&ledger, signer).unwrap().sign().unwrap();
    let all = ledger.range(&Filter::default(), 0, u64::MAX).unwrap();
    (ledger.prove(&all, &checkpoint).unwrap(), keys)
}

#[tokio::test]
async fn a_file_of_proofs_stands_for_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (made, keys) = proofs(folder.path(), 23).await;
    assert_eq!(made.len(), 23);
    let text: String = made.iter().map(Proof::to_text).collect();
    let read = Proof::parse_all(&text).unwrap();
    assert_eq!(read, made);
    for (position, proof) in (0_u64..).zip(&read) {
        let proven = proof.check(&keys).unwrap();
        assert_eq!(
            (proven.position, proven.record.sequence),
            (position, position + 1)
        );
        assert!(proof.to_text().len() < 1_500, "a proof is small");
    }
}

#[tokio::test]
async fn a_proof_of_anything_else_proves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (made, keys) = proofs(folder.path(), 23).await;
    let good = &made[11];
    let stranger = tempfile::tempdir().unwrap();
    let signer = SigningKey::from_secret(&[2; 32]);
    let strange = LogSigner::open(stranger.path(), Arc::new(signer)).unwrap();
    let refused = |proof: Proof, keys: &LogKeys| proof.check(keys).unwrap_err();

    let strange = LogKeys::parse(&strange.public_key()).unwrap();
    assert!(matches!(
        refused(good.clone(), &strange),
        ProofError::Checkpoint(_)
    ));
    let elsewhere = Proof {
        position: 12,
        ..good.clone()
    };
    assert!(matches!(
        refused(elsewhere, &keys),
        ProofError::OtherRecord { position: 12 }
    ));
    let behind = Proof {
        position: 23,
        ..good.clone()
    };
    assert!(matches!(
        refused(behind, &keys),
        ProofError::NotCovered { size: 23, .. }
    ));
    for bit in 0..good.leaf.len() * 8 {
        let mut leaf = good.leaf.clone();
        leaf[bit / 8] ^= 1 << (bit % 8);
        let altered = Proof {
            leaf,
            ..good.clone()
        };
        assert!(
            matches!(refused(altered, &keys), ProofError::OtherRecord { .. }),
            "{bit}"
        );
    }
    let mut short = good.clone();
    short.hashes.pop();
    assert!(matches!(
        refused(short, &keys),
        ProofError::OtherRecord { .. }
    ));
}

#[tokio::test]
async fn what_is_no_proof_is_said_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let (made, _) = proofs(folder.path(), 5).await;
    let text = made[2].to_text();
    for (from, to, expected) in [
        ("c2sp.org/tlog-proof@v1", "tlog", "line 1: found `tlog`"),
        ("extra ", "extra !", "line 2: found `!"),
        (
            "index 2",
            "index two",
            "line 3: found `two`, expected `index ` and the record's position",
        ),
        (
            "index 2\n",
            "index 2\nx\n",
            "line 4: found `x`, expected a hash in base64",
        ),
    ] {
        let refused = Proof::parse_all(&text.replacen(from, to, 1)).unwrap_err();
        assert!(refused.to_string().starts_with(expected), "{refused}");
    }
    assert!(Proof::parse_all("").is_err());
    for end in 0..text.len() - 1 {
        // Cut anywhere it is no proof, or its checkpoint is none.
        let cut = text.get(..end).unwrap_or_default();
        if let Ok(read) = Proof::parse_all(cut) {
            assert_ne!(read, [made[2].clone()]);
        }
    }
}
