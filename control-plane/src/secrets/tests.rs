use std::{fs, path::Path};

use rusqlite::Connection;

use super::{key_file::KeyFile, *};

const NAME: &str = "organizations/o/credentials/c";

fn open(folder: &Path) -> Secrets {
    let key = folder.join("store.key");
    let keys = KeyFile::open(&key).or_else(|_none| KeyFile::create(&key, 0));
    let store = Store::open(&folder.join("store.sqlite"), 1).unwrap();
    Secrets::open(Arc::new(store), Arc::new(keys.unwrap())).unwrap()
}

fn place(create_seconds: u64) -> Place {
    Place {
        purpose: Purpose::Credential,
        name: NAME.to_owned(),
        create_seconds,
    }
}

/// Whether any file of a folder has these bytes.
fn is_found(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let content = fs::read(entry.unwrap().path()).unwrap();
        content.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn a_secret_is_read_as_it_was_kept_and_is_in_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = open(folder.path());
    let secret = Secret::new("the-plain-secret-itself");
    secrets.add(place(5), &secret, 0, 1).unwrap();
    let kept = secrets.read(Purpose::Credential, NAME).unwrap();
    assert_eq!(kept, [(5, secret.clone())]);
    assert!(is_found(folder.path(), NAME.as_bytes()));
    assert!(!is_found(folder.path(), secret.expose()));
    drop(secrets);
    assert!(!is_found(folder.path(), secret.expose()));
    assert_eq!(
        open(folder.path()).read(Purpose::Credential, NAME).unwrap(),
        kept
    );
}

#[test]
fn only_the_newest_are_kept_and_none_is_added_twice_in_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = open(folder.path());
    for (seconds, unless_after, text) in [(1, 0, "a"), (2, 0, "b"), (3, 2, "c"), (4, 2, "d")] {
        secrets
            .add(place(seconds), &Secret::new(text), unless_after, 2)
            .unwrap();
    }
    let kept = secrets.read(Purpose::Credential, NAME).unwrap();
    assert_eq!(kept, [(3, Secret::new("c")), (1, Secret::new("a"))]);
}

#[test]
fn a_secret_opens_in_its_own_place_alone() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = open(folder.path());
    secrets.add(place(1), &Secret::new("a"), 0, 1).unwrap();
    for change in [
        "UPDATE secrets SET name = 'organizations/p/credentials/c'",
        "UPDATE secrets SET create_seconds = 2",
        "UPDATE secrets SET purpose = 'sealing'",
        "UPDATE secrets SET content = zeroblob(17)",
    ] {
        let connection = Connection::open(folder.path().join("store.sqlite")).unwrap();
        connection
            .execute_batch(&format!("BEGIN; {change}"))
            .unwrap();
        let row = connection.query_row(
            "SELECT purpose, name, create_seconds, key_id, data_key, content FROM secrets",
            [],
            |row| {
                Ok(Sealed {
                    place: Place {
                        purpose: Purpose::from_word(&row.get::<_, String>(0)?).unwrap(),
                        name: row.get(1)?,
                        create_seconds: row.get::<_, i64>(2)?.unsigned_abs(),
                    },
                    key_id: row.get(3)?,
                    data_key: row.get(4)?,
                    content: row.get(5)?,
                })
            },
        );
        assert!(secrets.unseal(&row.unwrap()).is_err(), "{change}");
    }
}

#[test]
fn a_rotated_store_key_opens_until_everything_is_wrapped_anew() {
    let folder = tempfile::tempdir().unwrap();
    let secrets = open(folder.path());
    for seconds in 1..=250 {
        let before = seconds - 1;
        secrets
            .add(place(seconds), &Secret::new("a"), before, 250)
            .unwrap();
    }
    let first = secrets.keys().unwrap();
    assert_eq!(first.len(), 1);
    let made = secrets.rotate_key(1_000).unwrap();
    let wrapped = |secrets: &Secrets| -> Vec<(String, u64)> {
        let keys = secrets.keys().unwrap().into_iter();
        keys.map(|(key, count)| (key.id, count)).collect()
    };
    let old = first[0].0.id.clone();
    let all = first[0].1;
    assert_eq!(
        wrapped(&secrets),
        [(old.clone(), all), (made.id.clone(), 0)]
    );
    assert!(secrets.read(Purpose::Credential, NAME).is_ok());
    secrets.rewrap(1_000).unwrap();
    assert_eq!(wrapped(&secrets), [(old, 0), (made.id.clone(), all)]);
    secrets.rewrap(1_000 + RETIRED_AFTER_SECONDS).unwrap();
    assert_eq!(wrapped(&secrets), [(made.id, all)]);
    drop(secrets);
    assert!(
        !open(folder.path())
            .read(Purpose::Credential, NAME)
            .unwrap()
            .is_empty()
    );
}

#[test]
fn sealing_keys_that_were_kept_as_they_were_are_sealed_at_the_first_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.sqlite");
    drop(Store::open(&path, 1).unwrap());
    let plain = [0x5A; 64];
    let connection = Connection::open(&path).unwrap();
    connection
        .execute(
            "INSERT INTO sealing_keys VALUES ('organizations/o', 7, ?1)",
            [plain],
        )
        .unwrap();
    drop(connection);
    assert!(is_found(folder.path(), &plain));
    let secrets = open(folder.path());
    let kept = secrets.read(Purpose::Sealing, "organizations/o").unwrap();
    assert_eq!(kept, [(7, Secret::new(plain))]);
    assert!(!is_found(folder.path(), &plain));
}
