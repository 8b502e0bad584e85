//! Calls: what was decided, and what came of it.

use chancery_engine::id::Hex;
use chancery_proto::audit::v1::{CapabilityKind, Decision, Outcome, OutcomeStatus, Verdict};
use serde_json::{Map, Value as Json, json};

use super::{
    or_unknown,
    said::{Activity, Said, Severity},
};

pub(super) fn decided(decision: &Decision) -> Said {
    let method = or_unknown(&decision.method);
    let activity = match method {
        "resources/read" | "prompts/get" => Activity::Read,
        method if method.ends_with("/list") => Activity::Read,
        _ => Activity::Other,
    };
    let operation = match &*decision.capability {
        "" => method.to_owned(),
        capability => format!("{method} {capability}"),
    };
    let (action, disposition, severity, has) = match decision.verdict() {
        Verdict::Allow => (1, 1, Severity::Informational, Some(true)),
        Verdict::Deny => (2, 2, Severity::Medium, Some(false)),
        Verdict::RequireApproval => (99, 99, Severity::Low, None),
        Verdict::Unspecified => (0, 0, Severity::Low, None),
    };
    let verdict = match decision.verdict() {
        Verdict::Allow => "Allowed",
        Verdict::Deny => "Denied",
        Verdict::RequireApproval => "Approval Required",
        Verdict::Unspecified => "Unknown",
    };
    let authorization = |rule: &String| json!({"decision": verdict, "policy": {"uid": rule}});
    let authorizations: Vec<_> = decision.rules.iter().map(authorization).collect();
    let kind = match decision.capability_kind() {
        CapabilityKind::Tool => "tool",
        CapabilityKind::Prompt => "prompt",
        CapabilityKind::Resource => "resource",
        CapabilityKind::Unspecified => "capability",
    };
    let message = format!("{verdict}: {operation} ({})", decision.reason);
    Said::new(activity, &operation, message)
        .severity(severity)
        .succeeded(has, &decision.reason)
        .with(
            "api",
            api(
                &decision.server,
                &decision.protocol_version,
                &decision.request_id,
            ),
        )
        .with("action_id", json!(action))
        .with("action", json!(verdict))
        .with("disposition_id", json!(disposition))
        .with(
            "disposition",
            json!(if disposition == 2 { "Blocked" } else { verdict }),
        )
        .with("authorizations", json!(authorizations))
        .with("policy", policy(decision))
        .with(
            "count",
            if decision.count > 1 {
                json!(decision.count)
            } else {
                Json::Null
            },
        )
        .resources([
            ("server", decision.server.clone()),
            (kind, decision.capability.clone()),
        ])
}

fn policy(decision: &Decision) -> Json {
    let version = format!("{}.{}", decision.snapshot_epoch, decision.snapshot_version);
    json!({"name": "snapshot", "uid": Hex(&decision.snapshot_digest).to_string(), "version": version})
}

fn api(server: &str, version: &str, request_id: &str) -> Json {
    let mut api = Map::new();
    if !server.is_empty() {
        api.insert("service".to_owned(), json!({"name": server}));
    }
    if !version.is_empty() {
        api.insert("version".to_owned(), json!(version));
    }
    if !request_id.is_empty() {
        api.insert("request".to_owned(), json!({"uid": request_id}));
    }
    Json::Object(api)
}

pub(super) fn ended(outcome: &Outcome) -> Said {
    let (has, detail) = match outcome.status() {
        OutcomeStatus::Result => (Some(true), "result"),
        OutcomeStatus::ToolError => (Some(false), "tool_error"),
        OutcomeStatus::RpcError => (Some(false), "rpc_error"),
        OutcomeStatus::Refused => (Some(false), "refused"),
        OutcomeStatus::Http => (Some(false), "http"),
        OutcomeStatus::Unknown | OutcomeStatus::Unspecified => (None, "unknown"),
    };
    let mut answer = api(&outcome.server, "", "");
    let code = if outcome.rpc_code == 0 {
        i64::from(outcome.http_status)
    } else {
        outcome.rpc_code
    };
    if let Some(api) = answer.as_object_mut() {
        api.insert(
            "response".to_owned(),
            json!({"code": code, "message": detail}),
        );
    }
    let latency = outcome.latency.unwrap_or_default();
    let duration = latency.seconds.saturating_mul(1_000) + i64::from(latency.nanos) / 1_000_000;
    let severity = match has {
        Some(true) => Severity::Informational,
        Some(false) => Severity::Low,
        None => Severity::Medium,
    };
    Said::new(Activity::Other, "outcome", format!("ended: {detail}"))
        .severity(severity)
        .succeeded(
            has,
            if outcome.reason.is_empty() {
                detail
            } else {
                &outcome.reason
            },
        )
        .with("api", answer)
        .with("duration", json!(duration))
        .resources([("server", outcome.server.clone())])
}
