use super::*;

const SERVER: &str = "organizations/o/workspaces/w/servers/s";

fn at(milliseconds: u64) -> Time {
    Time::from_unix_ms(milliseconds)
}

fn credentials(max_cached_credentials: usize) -> Credentials {
    Credentials::new(&Limits {
        max_cached_credentials,
        ..Limits::DEFAULT
    })
}

fn service() -> Need {
    Need::of_service(SERVER, "c")
}

fn user(name: &str, token: &str) -> Need {
    let principal = Principal {
        user: Some(name.into()),
        ..Principal::default()
    };
    let acting = Acting {
        principal: Arc::new(principal),
        workspace: "w".into(),
    };
    Need::of_principal(SERVER, "c", acting, Some(Secret::new(token)))
}

fn until(value: &str, expires: u64) -> Arc<Credential> {
    Arc::new(Credential {
        value: Secret::new(value),
        expires: at(expires),
    })
}

/// The question that a need leads to.
fn question(credentials: &mut Credentials, need: &Need, waiter: u32, now: u64) -> Question {
    let Asked::Waits(Some(question)) = credentials.ask(need, waiter, at(now)) else {
        panic!("nothing is asked");
    };
    question
}

fn value(answer: Option<Answer>) -> String {
    let credential = answer.unwrap().unwrap();
    credential.value.expose_text().unwrap().to_owned()
}

fn known(credentials: &mut Credentials, need: &Need, now: u64) -> Option<Answer> {
    match credentials.ask(need, 99, at(now)) {
        Asked::Answered(answer) => Some(answer),
        Asked::Waits(_) => None,
    }
}

#[test]
fn many_wait_for_one_answer_which_is_kept_until_it_expires() {
    let mut credentials = credentials(10);
    let asked = question(&mut credentials, &service(), 1, 0);
    assert_eq!((&*asked.server, &asked.acting), (SERVER, &None));
    for waiter in [2, 3] {
        let joined = credentials.ask(&service(), waiter, at(1));
        assert!(matches!(joined, Asked::Waits(None)));
    }
    let released = credentials.answered(asked.request_id, &Ok(until("v", 1_000)), at(2));
    let waiters: Vec<_> = released.iter().map(|release| release.waiter).collect();
    assert_eq!(waiters, [1, 2, 3]);
    assert_eq!(value(known(&mut credentials, &service(), 999)), "v");
    question(&mut credentials, &service(), 4, 1_000);
    assert!(
        credentials
            .answered(asked.request_id, &Ok(until("old", 9_000)), at(3))
            .is_empty()
    );
}

#[test]
fn what_is_a_principals_is_nobody_elses() {
    let mut credentials = credentials(10);
    for (need, text) in [
        (user("alice", "a"), "for alice"),
        (user("alice", "b"), "for alice's other token"),
        (user("bob", "a"), "for bob"),
        (service(), "for all"),
    ] {
        let asked = question(&mut credentials, &need, 1, 0);
        credentials.answered(asked.request_id, &Ok(until(text, 1_000)), at(0));
        assert_eq!(value(known(&mut credentials, &need, 1)), text);
    }
    assert_eq!(
        value(known(&mut credentials, &user("alice", "a"), 1)),
        "for alice"
    );
}

#[test]
fn nobody_waits_for_longer_than_the_deadline() {
    let mut credentials = credentials(10);
    let asked = question(&mut credentials, &service(), 1, 0);
    credentials.ask(&service(), 2, at(1_000));
    assert!(credentials.tick(at(WAITS_FOR_MS - 1)).is_empty());
    let late = credentials.tick(at(WAITS_FOR_MS));
    assert_eq!(late.len(), 1);
    assert_eq!(
        (late[0].waiter, late[0].answer.clone()),
        (1, Err(LATE.into()))
    );
    assert_eq!(credentials.tick(at(WAITS_FOR_MS + 1_000))[0].waiter, 2);
    assert!(
        credentials
            .answered(asked.request_id, &Ok(until("v", 9_000)), at(7_000))
            .is_empty()
    );
    question(&mut credentials, &service(), 3, 7_000);
}

#[test]
fn a_no_is_believed_for_a_moment() {
    let mut credentials = credentials(10);
    let asked = question(&mut credentials, &service(), 1, 0);
    let no = Err("token_endpoint_refused".into());
    assert_eq!(
        credentials.answered(asked.request_id, &no, at(0))[0].answer,
        no
    );
    assert_eq!(
        known(&mut credentials, &service(), BELIEVED_FOR_MS - 1),
        Some(no)
    );
    question(&mut credentials, &service(), 1, BELIEVED_FOR_MS);
}

#[test]
fn what_the_server_refused_is_asked_about_and_not_used_again() {
    let mut credentials = credentials(10);
    let asked = question(&mut credentials, &service(), 1, 0);
    let used = until("v", 9_000);
    credentials.answered(asked.request_id, &Ok(Arc::clone(&used)), at(0));
    credentials.refused(&service(), &used);
    let asked = question(&mut credentials, &service(), 2, 1);
    assert_eq!(asked.refused, Some(Digest::of(b"v")));
    credentials.answered(asked.request_id, &Ok(until("w", 9_000)), at(1));
    // Another exchange had the old one too; the new one stays.
    credentials.refused(&service(), &used);
    assert_eq!(value(known(&mut credentials, &service(), 2)), "w");
}

#[test]
fn credentials_end_when_they_are_told_to_and_with_the_stream() {
    let mut credentials = credentials(10);
    let asked = question(&mut credentials, &service(), 1, 0);
    credentials.answered(asked.request_id, &Ok(until("v", 9_000)), at(0));
    credentials.expire("another", at(5));
    credentials.expire(SERVER, at(100));
    credentials.expire(SERVER, at(200));
    assert_eq!(value(known(&mut credentials, &service(), 99)), "v");
    let asked = question(&mut credentials, &service(), 1, 100);
    assert!(credentials.questions().eq([&asked]));
    credentials.forget_all();
    credentials.answered(asked.request_id, &Ok(until("w", 9_000)), at(100));
    assert_eq!(value(known(&mut credentials, &service(), 101)), "w");
    assert_eq!(credentials.questions().count(), 0);
    credentials.forget_all();
    question(&mut credentials, &service(), 1, 102);
}

#[test]
fn they_are_bounded_known_and_asked_for() {
    let mut credentials = credentials(2);
    for name in ["a", "b", "c"] {
        let asked = question(&mut credentials, &user(name, name), 1, 0);
        credentials.answered(asked.request_id, &Ok(until(name, 9_000)), at(0));
    }
    assert_eq!(value(known(&mut credentials, &user("c", "c"), 1)), "c");
    question(&mut credentials, &user("a", "a"), 1, 1);
    question(&mut credentials, &user("d", "d"), 1, 1);
    let refused = known(&mut credentials, &user("e", "e"), 1);
    assert_eq!(refused, Some(Err(OVERLOADED.into())));
}

#[test]
fn nothing_shows_what_is_secret() {
    let mut credentials = credentials(2);
    let asked = question(&mut credentials, &user("a", "the-token"), 1, 0);
    credentials.answered(asked.request_id, &Ok(until("the-value", 9_000)), at(0));
    question(&mut credentials, &user("b", "the-token"), 1, 0);
    let shown = format!("{credentials:?}{asked:?}");
    assert!(!shown.contains("the-"), "{shown}");
}
