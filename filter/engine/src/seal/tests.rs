use super::*;

fn principal(user: &str) -> Principal {
    Principal {
        user: Some(user.into()),
        issuer: Some("https://idp.test".into()),
        ..Principal::default()
    }
}

fn keyring(keys: &[u8]) -> Keyring {
    let key = |byte: &u8| SealingKey([*byte; SEALING_KEY_BYTES]);
    let mut keyring = Keyring::default();
    keyring.insert("organizations/o", keys.iter().map(key).collect());
    keyring
}

fn binding<'a>(keys: &'a Keyring, server: &'a str, principal: &'a Principal) -> Binding<'a> {
    Binding {
        keys,
        organization: "organizations/o",
        server,
        principal,
    }
}

#[test]
fn opens_for_whom_it_was_sealed_and_for_no_one_else() {
    let (alice, bob) = (principal("alice"), principal("bob"));
    let keys = keyring(&[1]);
    let here = binding(&keys, "s", &alice);
    let token = here.seal(Handle::Session, "", "id-7").unwrap();
    assert_eq!(token, here.seal(Handle::Session, "", "id-7").unwrap());
    assert!(!token.contains("id-7"));
    let opened = Ok((String::new(), "id-7".to_owned()));
    assert_eq!(here.open(Handle::Session, &token), opened);

    let foreign = Err(SealError::Foreign);
    let anonymous = Principal::anonymous();
    let through = Principal {
        agent: Some("bot".into()),
        ..alice.clone()
    };
    let agent = Principal {
        user: None,
        agent: Some("alice".into()),
        ..alice.clone()
    };
    let namesake = Principal {
        issuer: Some("https://other.test".into()),
        ..alice.clone()
    };
    let elsewhere = keyring(&[2]);
    for other in [
        binding(&keys, "s", &bob),
        binding(&keys, "t", &alice),
        binding(&keys, "s", &anonymous),
        binding(&keys, "s", &through),
        binding(&keys, "s", &agent),
        binding(&keys, "s", &namesake),
        binding(&elsewhere, "s", &alice),
    ] {
        assert_eq!(other.open(Handle::Session, &token), foreign);
    }
    assert_eq!(here.open(Handle::Task, &token), foreign);
    assert_eq!(here.open(Handle::Session, "id-7"), foreign);
    let mut altered = token;
    let last = if altered.pop() == Some('A') { 'B' } else { 'A' };
    altered.push(last);
    assert_eq!(here.open(Handle::Session, &altered), foreign);
}

#[test]
fn the_key_before_still_opens() {
    let alice = principal("alice");
    let (old, both) = (keyring(&[1]), keyring(&[2, 1]));
    let token = binding(&old, "s", &alice).seal(Handle::Task, "tool:a", "t");
    let opened = binding(&both, "s", &alice).open(Handle::Task, &token.unwrap());
    assert_eq!(opened, Ok(("tool:a".to_owned(), "t".to_owned())));
}

#[test]
fn a_value_opens_for_the_same_principal_type_and_organization_alone() {
    let (alice, bob) = (principal("alice"), principal("bob"));
    let (keys, newer) = (keyring(&[1]), keyring(&[2, 1]));
    let here = binding(&keys, "s", &alice);
    let sealed = here.seal_value("email", "a@b.io").unwrap();
    assert_eq!(here.seal_value("email", "a@b.io").unwrap(), sealed);
    for other in [
        binding(&keys, "t", &alice).seal_value("email", "a@b.io"),
        here.seal_value("phone", "a@b.io"),
        here.seal_value("email", "b@b.io"),
        binding(&keys, "s", &bob).seal_value("email", "a@b.io"),
        binding(&newer, "s", &alice).seal_value("email", "a@b.io"),
    ] {
        assert_ne!(other.unwrap(), sealed);
    }
    let opened = Ok(("s".to_owned(), "a@b.io".to_owned()));
    for other in [
        here,
        binding(&keys, "t", &alice),
        binding(&newer, "t", &alice),
    ] {
        assert_eq!(other.open_value("email", &sealed), opened);
    }
    let mut keys_of_both = keyring(&[1]);
    let of_o = keys_of_both.of("organizations/o").to_vec();
    keys_of_both.insert("organizations/p", of_o);
    let elsewhere = Binding {
        organization: "organizations/p",
        ..binding(&keys_of_both, "s", &alice)
    };
    let foreign = Err(SealError::Foreign);
    assert_eq!(elsewhere.open_value("email", &sealed), foreign);
    assert_eq!(here.open_value("phone", &sealed), foreign);
    assert_eq!(
        binding(&keys, "s", &bob).open_value("email", &sealed),
        foreign
    );
    // A handle is no value, and a value no handle.
    let handle = here.seal(Handle::Task, "email", "a@b.io").unwrap();
    assert_eq!(
        here.open_value("email", handle.trim_start_matches("c1.")),
        foreign
    );
    assert_eq!(here.open(Handle::Task, &format!("c1.{sealed}")), foreign);
}

#[test]
fn a_hash_is_of_the_value_the_detector_and_the_organization() {
    let (alice, bob) = (principal("alice"), principal("bob"));
    let (keys, others) = (keyring(&[1]), keyring(&[2]));
    let hash = binding(&keys, "s", &alice).hash("email", "a@b.io").unwrap();
    assert_eq!(hash.len(), 16);
    assert_eq!(
        binding(&keys, "t", &bob).hash("email", "a@b.io").unwrap(),
        hash
    );
    for other in [
        binding(&keys, "s", &alice).hash("email", "A@b.io"),
        binding(&keys, "s", &alice).hash("phone", "a@b.io"),
        binding(&others, "s", &alice).hash("email", "a@b.io"),
    ] {
        assert_ne!(other.unwrap(), hash);
    }
}

#[test]
fn without_a_key_nothing_is_sealed_or_opened() {
    let alice = principal("alice");
    let keys = Keyring::default();
    let here = binding(&keys, "s", &alice);
    assert_eq!(here.seal(Handle::Task, "", "t"), Err(SealError::NoKey));
    assert_eq!(here.open(Handle::Task, "c1.x"), Err(SealError::NoKey));
}
