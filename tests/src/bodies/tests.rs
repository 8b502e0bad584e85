use chancery_engine::{
    entry::Direction,
    limits::Limits,
    redact::{Plan, Profile, Redacted, Redactor},
};

use super::*;

fn redacted(body: &str, direction: Direction) -> Redacted {
    let mut plan = Plan::default();
    plan.add(&std::sync::Arc::new(Profile::built_in()));
    let redactor = Redactor {
        plan: &plan,
        direction,
        binding: None,
    };
    redactor
        .body("application/json", body.as_bytes(), &Limits::default())
        .unwrap()
}

fn count(redacted: &Redacted) -> u32 {
    redacted.findings.iter().map(|finding| finding.count).sum()
}

#[test]
fn bodies_have_about_the_size_that_is_wanted() {
    for traffic in [Traffic::Clean, Traffic::Dense]
        .into_iter()
        .chain(Traffic::CLEAN)
    {
        for (size_bytes, least) in [(4 << 10, 3 << 10), (64 << 10, 63 << 10)] {
            for body in [
                traffic.answer(size_bytes, 7),
                traffic.call("get", size_bytes, 7),
            ] {
                assert!(
                    (least..=size_bytes).contains(&body.len()),
                    "{traffic:?}: {}",
                    body.len()
                );
            }
        }
    }
}

#[test]
fn the_same_number_makes_the_same_body() {
    assert_eq!(
        Traffic::Clean.answer(4 << 10, 3),
        Traffic::Clean.answer(4 << 10, 3)
    );
    assert_ne!(
        Traffic::Clean.answer(4 << 10, 3),
        Traffic::Clean.answer(4 << 10, 4)
    );
}

#[test]
fn nothing_is_found_in_clean_bodies_and_they_stay() {
    for traffic in Traffic::CLEAN {
        for number in 0..10 {
            let body = traffic.answer(16 << 10, number);
            let redacted = redacted(&body, Direction::ToClient);
            assert_eq!(redacted.findings, [], "{traffic:?} {number}");
            assert_eq!(redacted.body, body);
        }
    }
}

#[test]
fn much_is_found_in_dense_bodies() {
    let body = Traffic::Dense.answer(16 << 10, 1);
    let found = count(&redacted(&body, Direction::ToClient));
    assert!(found > 100, "{found}");
    let body = Traffic::Dense.call("get", 16 << 10, 1);
    let found = count(&redacted(&body, Direction::ToServer));
    assert!(found > 100, "{found}");
}

/// What is refused at once is no measure of anything.
#[test]
fn floods_are_bodies_that_are_taken() {
    for flood in Flood::ALL {
        let body = flood.answer(64 << 10);
        assert!(
            ((30 << 10)..=(66 << 10)).contains(&body.len()),
            "{flood:?}: {}",
            body.len()
        );
        redacted(&body, Direction::ToClient);
    }
}
