use super::*;

fn signer(folder: &Path, secret: u8) -> LogSigner {
    let key = SigningKey::from_secret(&[secret; 32]);
    LogSigner::open(folder, Arc::new(key)).unwrap()
}

#[test]
fn a_checkpoint_is_opened_with_the_logs_key_alone() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (log, stranger) = (signer(folder.path(), 1), signer(other.path(), 2));
    let note = log.sign(Head::EMPTY).unwrap();
    let text = String::from_utf8(note.clone()).unwrap();
    let origin = log.origin();
    let expected =
        format!("{origin}\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— {origin} ");
    assert!(text.starts_with(&expected), "{text}");

    let keys = LogKeys::parse(&log.public_key()).unwrap();
    let signed = keys.open(&note).unwrap();
    assert_eq!((&*signed.origin, signed.head), (origin, Head::EMPTY));
    let strange = LogKeys::parse(&stranger.public_key()).unwrap();
    let refused = strange.open(&note).unwrap_err();
    assert!(
        matches!(refused, CheckpointError::OtherKey { .. }),
        "{refused}"
    );
    let both = format!("{}\n{}\n", stranger.public_key(), log.public_key());
    LogKeys::parse(&both).unwrap().open(&note).unwrap();
}

#[test]
fn a_key_speaks_for_its_own_log_alone() {
    let folder = tempfile::tempdir().unwrap();
    let log = signer(folder.path(), 1);
    let elsewhere = Checkpoint::new("example.com/other", 0, Head::EMPTY.root, "").unwrap();
    let mut note = Note::new(&elsewhere.to_bytes(), &[]).unwrap();
    note.add_sigs(&[&log]).unwrap();
    let keys = LogKeys::parse(&log.public_key()).unwrap();
    let refused = keys.open(&note.to_bytes()).unwrap_err();
    assert!(
        matches!(refused, CheckpointError::OtherLog { .. }),
        "{refused}"
    );
}

#[test]
fn a_log_keeps_its_name_when_its_key_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let before = signer(folder.path(), 1);
    let after = signer(folder.path(), 2);
    assert_eq!(before.origin(), after.origin());
    assert_ne!(before.public_key(), after.public_key());
}

#[test]
fn what_is_no_key_is_said_with_what_was_found() {
    for text in ["", "log", "log+00000000+AAAA"] {
        let refused = LogKeys::parse(text).unwrap_err().to_string();
        assert!(refused.contains(&format!("`{text}`")), "{refused}");
    }
}
