use std::collections::BTreeSet;

use chancery_proto::{
    audit::v1::{Content, Decision, Drift, Outcome},
    policy::v1::{BlockedCapability, ServerState},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const ACME: &str = "organizations/acme";
const SERVER: &str = "organizations/acme/workspaces/w/servers/notes";
const BLOCK: &str = "organizations/acme/blocks/drift-0123456789ab";

/// One server, one quarantine, and one node, which serves one organization.
struct Site;

impl Known for Site {
    fn server(&self, name: &str) -> Option<Server> {
        (name == SERVER).then(|| Server {
            name: SERVER.to_owned(),
            etag: "\"e2\"".to_owned(),
            owner: "team-notes".to_owned(),
            state: ServerState::Suspended.into(),
            ..Server::default()
        })
    }

    fn block(&self, name: &str) -> Option<Block> {
        (name == BLOCK).then(|| Block {
            name: BLOCK.to_owned(),
            sighted_pins: vec![vec![0xcd; 32]],
            target: Some(Target::Capability(BlockedCapability {
                server: SERVER.to_owned(),
                kind: BlockedKind::Tool.into(),
                name: "search".to_owned(),
            })),
            ..Block::default()
        })
    }

    fn serves(&self, node_id: &str, name: &str) -> bool {
        node_id == "envoy-1" && organization_of(name) == ACME
    }
}

fn recorded(node_id: &str, event: Recorded) -> Positioned {
    let entry = Entry {
        time: Some(Timestamp {
            seconds: 1_800_000_000,
            nanos: 0,
        }),
        event: Some(event),
        ..Entry::default()
    };
    Positioned {
        position: 7,
        record: Record {
            node_id: node_id.to_owned(),
            entry: entry.encode_to_vec(),
            ..Record::default()
        },
    }
}

fn told(node_id: &str, event: Recorded) -> Option<Notification> {
    Notification::of(ACME, &recorded(node_id, event), &Site)
}

fn body(notification: &Notification) -> Value {
    serde_json::from_slice(&notification.body().unwrap()).unwrap()
}

fn alice() -> Principal {
    Principal {
        user: Some(Attribute {
            value: "alice".to_owned(),
            provenance: 1,
        }),
        ..Principal::default()
    }
}

fn drift(capability: &str) -> DriftSighting {
    DriftSighting {
        server: SERVER.to_owned(),
        definition_kind: DefinitionKind::Tool.into(),
        capability: capability.to_owned(),
        seen: vec![0xab; 32],
        drift: Drift::Changed.into(),
        definition: Some(Content {
            data: b"{\"description\": \"hunter2\"}".to_vec(),
            ..Content::default()
        }),
        principal: Some(alice()),
        ..DriftSighting::default()
    }
}

fn change(method: &str, resource: &str, etags: (&str, &str)) -> AdminChange {
    AdminChange {
        principal: Some(alice()),
        method: method.to_owned(),
        resource: resource.to_owned(),
        etag_before: etags.0.to_owned(),
        etag_after: etags.1.to_owned(),
        ..AdminChange::default()
    }
}

#[test]
fn drift_says_where_to_look_and_nothing_of_the_definition() {
    let notification = told("envoy-1", Recorded::Drift(drift("search"))).unwrap();
    assert!(notification.once.is_some());
    assert_eq!(
        body(&notification),
        json!({
            "type": "drift.sighted",
            "timestamp": "2027-01-15T08:00:00Z",
            "data": {
                "organization": ACME,
                "server": SERVER,
                "owner": "team-notes",
                "what": "tool/search",
                "drift": "changed",
                "pin": "ab".repeat(32),
                "by": "alice",
                "position": 7,
                "command": "chancery review show notes tool/search --pin abababababab \
                            --organization acme --workspace w",
            },
        })
    );
}

#[test]
fn a_node_is_believed_of_what_it_serves() {
    let event = || Recorded::Drift(drift("search"));
    assert!(told("envoy-1", event()).is_some());
    assert!(told("", event()).is_some());
    assert_eq!(told("envoy-2", event()), None);
    // Changes are the control plane's own to record.
    let suspended = change("ChangeServerState", SERVER, ("\"e1\"", "\"e2\""));
    assert_eq!(told("envoy-1", Recorded::AdminChange(suspended)), None);
}

#[test]
fn another_organization_is_told_nothing() {
    for event in [
        Recorded::Drift(drift("search")),
        Recorded::AdminChange(change("Quarantine", BLOCK, ("", "\"e\""))),
        Recorded::AdminChange(change("ChangeServerState", SERVER, ("\"e1\"", "\"e2\""))),
        Recorded::Gap(Gap {
            node_id: "envoy-1".to_owned(),
            ..Gap::default()
        }),
    ] {
        let found = recorded("", event.clone());
        assert_eq!(Notification::of("organizations/ac", &found, &Site), None);
        assert!(Notification::of(ACME, &found, &Site).is_some(), "{event:?}");
    }
}

#[test]
fn a_quarantine_begins_and_ends_and_a_block_of_peoples_is_none() {
    fn event(method: &str, resource: &str, etags: (&str, &str)) -> Option<(Event, Data)> {
        let change = Recorded::AdminChange(change(method, resource, etags));
        told("", change).map(|it| (it.event, it.data))
    }
    let (begun, data) = event("Quarantine", BLOCK, ("", "\"e\"")).unwrap();
    assert_eq!(begun, Event::QuarantineBegun);
    assert_eq!(data.what.as_deref(), Some("tool/search"));
    assert_eq!(data.owner.as_deref(), Some("team-notes"));
    assert_eq!(data.pin, Some("cd".repeat(32)));
    let (ended, data) = event("ApplyResources", BLOCK, ("\"e\"", "")).unwrap();
    assert_eq!(ended, Event::QuarantineEnded);
    assert_eq!((data.by.as_deref(), data.command), (Some("alice"), None));
    // Seen in another version.
    assert_eq!(event("Quarantine", BLOCK, ("\"e\"", "\"f\"")), None);
    for name in ["stop-it", "drift-", "drift-0123456789ag"] {
        let name = format!("{ACME}/blocks/{name}");
        assert_eq!(event("CreateBlock", &name, ("", "\"e\"")), None, "{name}");
    }
}

#[test]
fn a_state_is_said_where_it_is_still_that() {
    let event = |etag| {
        let change = change("ChangeServerState", SERVER, ("\"e1\"", etag));
        told("", Recorded::AdminChange(change)).unwrap().data.state
    };
    assert_eq!(event("\"e2\""), Some("suspended"));
    assert_eq!(event("\"e9\""), None);
    let mut failed = change("ChangeServerState", SERVER, ("", ""));
    failed.error = "no".to_owned();
    assert_eq!(told("", Recorded::AdminChange(failed)), None);
    let applied = change("ApplyResources", SERVER, ("\"e1\"", "\"e2\""));
    assert_eq!(told("", Recorded::AdminChange(applied)), None);
}

#[test]
fn gaps_are_told_where_the_node_serves_and_everybody_of_the_control_planes_own() {
    let gap = |node_id: &str| Gap {
        reason: "instance_lost".to_owned(),
        count: 3,
        node_id: node_id.to_owned(),
        ..Gap::default()
    };
    let lost = told("", Recorded::Gap(gap("envoy-1"))).unwrap();
    let data = &body(&lost)["data"];
    assert_eq!(
        (&data["node"], &data["count"]),
        (&"envoy-1".into(), &3.into())
    );
    assert!(told("", Recorded::Gap(gap(""))).is_some());
    assert_eq!(told("", Recorded::Gap(gap("envoy-2"))), None);
    // Who sends it counts, not whom it names.
    assert_eq!(told("envoy-2", Recorded::Gap(gap("envoy-1"))), None);
}

#[test]
fn what_was_judged_is_told_nobody() {
    let decision = Recorded::Decision(Decision {
        server: SERVER.to_owned(),
        ..Decision::default()
    });
    let outcome = Recorded::Outcome(Outcome::default());
    assert_eq!(told("envoy-1", decision), None);
    assert_eq!(told("envoy-1", outcome), None);
}

#[test]
fn what_differs_is_told_by_itself() {
    let variants = [
        drift("search"),
        drift("read"),
        DriftSighting {
            seen: vec![1; 32],
            ..drift("search")
        },
        DriftSighting {
            drift: Drift::Removed.into(),
            ..drift("search")
        },
        DriftSighting {
            definition_kind: DefinitionKind::Prompt.into(),
            ..drift("search")
        },
    ];
    let subjects: BTreeSet<_> = variants.iter().map(subject_of).collect();
    assert_eq!(subjects.len(), variants.len());
    let by_another = DriftSighting {
        principal: None,
        hidden: true,
        ..drift("search")
    };
    assert!(subjects.contains(&subject_of(&by_another)));
}

proptest! {
    /// Whatever a server calls a tool, the command is plain words, and what is shown is short and visible.
    #[test]
    fn a_name_of_a_servers_reaches_no_shell(name in any::<String>()) {
        let notification = told("envoy-1", Recorded::Drift(drift(&name))).unwrap();
        let command = notification.data.command.unwrap();
        let plain = |c: char| c.is_ascii_alphanumeric() || " _-./:".contains(c);
        prop_assert!(command.chars().all(plain), "{command}");
        let what = notification.data.what.unwrap();
        prop_assert!(!what.chars().any(char::is_control));
        prop_assert!(what.chars().count() <= MAX_COLUMNS * 2, "{what}");
    }
}

#[test]
fn a_review_is_told_with_who_and_why() {
    let review = |node: &str, verdict: ReviewVerdict| {
        let review = Review {
            principal: Some(alice()),
            server: SERVER.to_owned(),
            definition_kind: DefinitionKind::Tool.into(),
            capability: "search".to_owned(),
            seen: vec![0xab; 32],
            verdict: verdict.into(),
            reason: "reads \u{202e}mail".to_owned(),
        };
        told(node, Recorded::Review(review))
    };
    for (verdict, event) in [
        (ReviewVerdict::Approved, Event::ReviewApproved),
        (ReviewVerdict::Rejected, Event::ReviewRejected),
    ] {
        let told = review("", verdict).unwrap();
        assert_eq!(told.event, event);
        assert_eq!(told.data.what.as_deref(), Some("tool/search"));
        assert_eq!(told.data.by.as_deref(), Some("alice"));
        assert_eq!(told.data.reason.as_deref(), Some("reads \\u{202e}mail"));
    }
    assert_eq!(review("", ReviewVerdict::Withdrawn), None);
    // No node reviews.
    assert_eq!(review("envoy-1", ReviewVerdict::Rejected), None);
}

#[test]
fn how_a_lost_instance_ended_is_told_once_for_each_server() {
    let outcome = |instance: u8| Outcome {
        server: SERVER.to_owned(),
        reason: "instance_lost".to_owned(),
        lost_node_id: "envoy-1".to_owned(),
        lost_instance_id: vec![instance; 16],
        ..Outcome::default()
    };
    let first = told("", Recorded::Outcome(outcome(1))).unwrap();
    assert_eq!(first.event, Event::OutcomeUnknown);
    assert_eq!(first.data.server.as_deref(), Some(SERVER));
    assert_eq!(first.data.node.as_deref(), Some("envoy-1"));
    assert!(first.data.command.unwrap().starts_with("chancery explain"));
    let again = told("", Recorded::Outcome(outcome(1))).unwrap();
    let other = told("", Recorded::Outcome(outcome(2))).unwrap();
    assert!(again.once == first.once && other.once != first.once);
    // A node cannot say so of itself, and what ended is no news.
    assert_eq!(told("envoy-1", Recorded::Outcome(outcome(1))), None);
    let ended = Outcome {
        server: SERVER.to_owned(),
        ..Outcome::default()
    };
    assert_eq!(told("", Recorded::Outcome(ended)), None);
}
