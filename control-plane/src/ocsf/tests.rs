use chancery_proto::audit::v1::{
    Attribute, CapabilityKind, Decision, Outcome, OutcomeStatus, Principal, Session,
    SightingSource, Verdict,
};

use super::{said::is_empty, *};

fn principal() -> Principal {
    let attribute = |value: &str| {
        Some(Attribute {
            value: value.to_owned(),
            ..Attribute::default()
        })
    };
    Principal {
        user: attribute("ann"),
        issuer: attribute("https://idp.example"),
        agent: attribute("crawler"),
        source: attribute("10.0.0.1:4711"),
        groups: vec!["eng".to_owned()],
        organization: attribute("acme"),
        ..Principal::default()
    }
}

fn events() -> Vec<Event> {
    let server = || "organizations/acme/workspaces/w/servers/notes".to_owned();
    vec![
        Event::Decision(Decision {
            principal: Some(principal()),
            session: Some(Session {
                id: "s1".to_owned(),
                ..Session::default()
            }),
            request_id: "r1".to_owned(),
            protocol_version: "2025-11-25".to_owned(),
            method: "tools/call".to_owned(),
            server: server(),
            capability: "delete_repo".to_owned(),
            capability_kind: CapabilityKind::Tool.into(),
            verdict: Verdict::Deny.into(),
            reason: "denied_by_rule".to_owned(),
            rules: vec!["organizations/acme/rules/no".to_owned()],
            snapshot_version: 7,
            count: 3,
            ..Decision::default()
        }),
        Event::Decision(Decision {
            method: "resources/read".to_owned(),
            verdict: Verdict::RequireApproval.into(),
            ..Decision::default()
        }),
        Event::Decision(Decision::default()),
        Event::Outcome(Outcome {
            status: OutcomeStatus::RpcError.into(),
            rpc_code: -32_602,
            latency: Some(prost_types::Duration {
                seconds: 1,
                nanos: 2_000_000,
            }),
            server: server(),
            ..Outcome::default()
        }),
        Event::Outcome(Outcome::default()),
        Event::Drift(DriftSighting {
            server: server(),
            source: SightingSource::Scan.into(),
            ..DriftSighting::default()
        }),
        Event::Shadow(ShadowSighting {
            host: "mcp.example".to_owned(),
            ..ShadowSighting::default()
        }),
        Event::AdminChange(AdminChange {
            principal: Some(principal()),
            method: "ApplyResources".to_owned(),
            resource: "organizations/acme/rules/a organizations/acme/rules/b".to_owned(),
            error: "no".to_owned(),
            ..AdminChange::default()
        }),
        Event::Gap(Gap::default()),
        Event::Review(Review::default()),
        Event::RecordAccess(RecordAccess {
            principal: Some(principal()),
            method: "SearchRecords".to_owned(),
            organizations: vec!["organizations/-".to_owned()],
            ..RecordAccess::default()
        }),
    ]
}

fn event_of(event: Option<Event>) -> Json {
    let entry = Entry {
        time: Some("2026-07-03T10:15:00.25Z".parse().unwrap()),
        decision_id: vec![7; 16],
        event,
        ..Entry::default()
    };
    let record = Record {
        node_id: "node-1".to_owned(),
        instance_id: vec![1; 16],
        sequence: 9,
        ..Record::default()
    };
    super::event(4, &record, &entry, &json!({"decision": {}}))
}

#[test]
fn every_kind_of_entry_has_what_the_class_requires() {
    let entries = events().into_iter().map(Some).chain([None]);
    for entry in entries {
        let event = event_of(entry.clone());
        for field in [
            "activity_id",
            "actor",
            "api",
            "category_uid",
            "class_uid",
            "metadata",
            "severity_id",
            "src_endpoint",
            "time",
            "type_uid",
        ] {
            assert!(!is_empty(&event[field]), "{field} of {entry:?}");
        }
        assert!(
            !event["api"]["operation"].as_str().unwrap().is_empty(),
            "{entry:?}"
        );
        let actor = &event["actor"];
        assert!(
            actor["user"].is_object() || actor["invoked_by"].is_string(),
            "{entry:?}"
        );
        let activity = event["activity_id"].as_i64().unwrap();
        assert_eq!(event["type_uid"], 600_300 + activity, "{entry:?}");
        assert_eq!(
            event["activity_name"].is_string(),
            activity == 99,
            "{entry:?}"
        );
        if let Ok(folder) = std::env::var("CHANCERY_OCSF") {
            // What a validator of the schema is then given.
            use std::io::Write as _;

            let file = std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(folder);
            writeln!(file.unwrap(), "{event}").unwrap();
        }
    }
}

#[test]
fn a_refusal_says_who_what_and_why() {
    let event = event_of(events().into_iter().next());
    for (pointer, value) in [
        ("/time", json!(1_783_073_700_250_i64)),
        ("/action_id", json!(2)),
        ("/disposition_id", json!(2)),
        ("/status_id", json!(2)),
        ("/status_detail", json!("denied_by_rule")),
        ("/api/operation", json!("tools/call delete_repo")),
        (
            "/api/service/name",
            json!("organizations/acme/workspaces/w/servers/notes"),
        ),
        ("/api/request/uid", json!("r1")),
        ("/actor/user/uid", json!("ann")),
        ("/actor/user/groups/0/name", json!("eng")),
        ("/actor/session/uid", json!("s1")),
        ("/src_endpoint/ip", json!("10.0.0.1")),
        (
            "/authorizations/0/policy/uid",
            json!("organizations/acme/rules/no"),
        ),
        ("/policy/version", json!("0.7")),
        ("/metadata/correlation_uid", json!("07".repeat(16))),
        ("/count", json!(3)),
        ("/unmapped/position", json!(4)),
    ] {
        assert_eq!(event.pointer(pointer), Some(&value), "{pointer}");
    }
}
