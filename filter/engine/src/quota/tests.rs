use std::{collections::BTreeMap, num::NonZeroU32};

use super::*;

/// A node's shelves, of which each of the first few writings is overtaken by somebody else's.
#[derive(Debug, Default)]
struct Map {
    shelves: BTreeMap<String, (Vec<u8>, u32)>,
    overtaken: usize,
}

impl Shelves for Map {
    type Stamp = u32;

    fn get(&mut self, key: &str) -> (Vec<u8>, u32) {
        self.shelves.get(key).cloned().unwrap_or_default()
    }

    fn put(&mut self, key: &str, bytes: &[u8], stamp: u32) -> bool {
        let known = self.shelves.entry(key.to_owned()).or_default();
        if self.overtaken > 0 {
            self.overtaken -= 1;
            known.1 += 1;
        }
        let is_current = known.1 == stamp;
        if is_current {
            *known = (bytes.to_vec(), stamp + 1);
        }
        is_current
    }
}

fn quota(name: &str, calls: u32, per: &[Per]) -> Quota {
    Quota {
        name: format!("organizations/o/quotas/{name}").into(),
        subjects: Subjects {
            authenticated: true,
            ..Subjects::default()
        },
        servers: vec![Glob::parse("*").unwrap()],
        tools: Vec::new(),
        rate: Rate {
            calls: NonZeroU32::new(calls).unwrap(),
            period_ms: NonZeroU32::new(60_000).unwrap(),
        },
        per: per.iter().copied().collect(),
    }
}

fn user(name: &str) -> Principal {
    Principal {
        user: Some(name.into()),
        issuer: Some("https://idp.test".into()),
        ..Principal::default()
    }
}

fn charge(quota: &Quota, principal: &Principal, tool: &str) -> Option<Charge> {
    let server = "organizations/o/workspaces/w/servers/s";
    quota.charge(Caller { principal, server }, tool)
}

const NOW: Time = Time::from_unix_ms(1_790_000_000_000);

#[test]
fn a_bucket_belongs_to_what_the_quota_names() {
    let (ada, bob) = (user("ada"), user("bob"));
    let shared = quota("q", 5, &[]);
    assert_eq!(charge(&shared, &ada, "t"), charge(&shared, &bob, "u"));
    let each = quota("q", 5, &[Per::Principal]);
    assert_eq!(charge(&each, &ada, "t"), charge(&each, &ada, "u"));
    assert_ne!(charge(&each, &ada, "t"), charge(&each, &bob, "t"));
    let tool = quota("q", 5, &[Per::Tool]);
    assert_eq!(charge(&tool, &ada, "t"), charge(&tool, &bob, "t"));
    assert_ne!(charge(&tool, &ada, "t"), charge(&tool, &ada, "u"));
    let other_rate = quota("q", 6, &[]);
    assert_ne!(
        charge(&shared, &ada, "t").unwrap().place.tag,
        charge(&other_rate, &ada, "t").unwrap().place.tag
    );
}

#[test]
fn a_users_calls_count_together_whatever_the_agent() {
    let each = quota("q", 5, &[Per::Principal]);
    let through = |agent: &str| Principal {
        agent: Some(agent.into()),
        ..user("ada")
    };
    let alone = Principal {
        user: None,
        ..through("ada")
    };
    assert_eq!(
        charge(&each, &through("a"), "t"),
        charge(&each, &user("ada"), "t")
    );
    assert_ne!(charge(&each, &alone, "t"), charge(&each, &user("ada"), "t"));
}

#[test]
fn only_what_is_named_is_counted() {
    let some = Quota {
        tools: vec![Glob::parse("get_*").unwrap()],
        ..quota("q", 5, &[])
    };
    assert!(charge(&some, &user("ada"), "get_x").is_some());
    assert_eq!(charge(&some, &user("ada"), "set_x"), None);
}

#[test]
fn what_one_quota_refuses_no_other_has_spent() {
    let (wide, narrow) = (quota("wide", 3, &[]), quota("narrow", 1, &[]));
    let ada = user("ada");
    let both = [&wide, &narrow].map(|quota| charge(quota, &ada, "t").unwrap());
    let mut shelves = Map::default();
    assert_eq!(spend(&both, &mut shelves, NOW), Ok(()));
    for _ in 0..10 {
        let exceeded = spend(&both, &mut shelves, NOW).unwrap_err();
        assert_eq!(*exceeded.quota, *narrow.name);
        assert_eq!(exceeded.retry_after_seconds, 60);
    }
    let [wide, _] = both;
    let alone = [wide];
    assert_eq!(spend(&alone, &mut shelves, NOW), Ok(()));
    assert_eq!(spend(&alone, &mut shelves, NOW), Ok(()));
    assert!(spend(&alone, &mut shelves, NOW).is_err());
}

#[test]
fn a_shelf_that_others_write_is_written_again_and_not_for_ever() {
    let charges = [charge(&quota("q", 100, &[]), &user("ada"), "t").unwrap()];
    let mut shelves = Map {
        overtaken: MAX_TRIES - 1,
        ..Map::default()
    };
    assert_eq!(spend(&charges, &mut shelves, NOW), Ok(()));
    shelves.overtaken = MAX_TRIES;
    let exceeded = spend(&charges, &mut shelves, NOW).unwrap_err();
    assert_eq!(exceeded.retry_after_seconds, 1);
}
