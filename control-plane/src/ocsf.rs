//! A record as an OCSF event: API Activity (class 6003) of version 1.8.0, with the profile
//! `security_control`. Pure.
//!
//! What OCSF has no place for is in `unmapped`, where the whole entry is.

mod party;
#[cfg(test)]
mod tests;

use chancery_engine::id::Hex;
use chancery_proto::audit::v1::{
    AdminChange, CapabilityKind, Decision, DriftSighting, Entry, Gap, Outcome, OutcomeStatus,
    Record, RecordAccess, Review, ReviewVerdict, ShadowSighting, Verdict, entry::Event,
};
use prost_types::Timestamp;
use serde_json::{Map, Value as Json, json};

use self::party::{actor, source};

/// The version of the schema.
const VERSION: &str = "1.8.0";

const CATEGORY: i64 = 6;
const CLASS: i64 = 6003;

/// What was done, as OCSF counts it.
#[derive(Clone, Copy)]
enum Activity {
    Create = 1,
    Read = 2,
    Update = 3,
    Delete = 4,
    Other = 99,
}

/// How grave it is.
#[derive(Clone, Copy)]
enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
    High = 4,
}

/// What an entry is as an event, beside what all entries have.
struct Said {
    activity: Activity,
    /// What was called, in the API's own words.
    operation: String,
    severity: Severity,
    message: String,
    fields: Map<String, Json>,
}

impl Said {
    fn new(activity: Activity, operation: &str, message: String) -> Self {
        Self {
            activity,
            operation: operation.to_owned(),
            severity: Severity::Informational,
            message,
            fields: Map::new(),
        }
    }

    fn severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    fn with(mut self, field: &str, value: Json) -> Self {
        if !is_empty(&value) {
            self.fields.insert(field.to_owned(), value);
        }
        self
    }

    fn succeeded(self, has: Option<bool>, detail: &str) -> Self {
        let status = match has {
            None => json!(0),
            Some(true) => json!(1),
            Some(false) => json!(2),
        };
        self.with("status_id", status).with("status_detail", json!(detail))
    }

    fn resources(self, resources: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let named = resources.into_iter().filter(|(_, name)| !name.is_empty());
        let resources: Vec<_> = named.map(|(kind, name)| json!({"type": kind, "name": name})).collect();
        self.with("resources", json!(resources))
    }
}

/// The event of a record. `entry_json` is its entry as `chancery audit search -o json` writes it.
pub fn event(position: u64, record: &Record, entry: &Entry, entry_json: Json) -> Json {
    let said = said(entry);
    let activity = said.activity as i64;
    let time = entry.time.or(record.receive_time).unwrap_or_default();
    let mut unmapped = json!({
        "position": position,
        "instance_id": Hex(&record.instance_id).to_string(),
        "sequence": record.sequence,
        "entry": entry_json,
    });
    drop_empty(&mut unmapped);
    let mut event = json!({
        "metadata": {
            "version": VERSION,
            "product": {
                "name": "Chancery",
                "vendor_name": "Chancery",
                "version": env!("CARGO_PKG_VERSION"),
            },
            "profiles": ["security_control"],
            "uid": format!("{}/{}/{}", record.node_id, Hex(&record.instance_id), record.sequence),
            "correlation_uid": Hex(&entry.decision_id).to_string(),
            "logged_time": milliseconds(record.receive_time.unwrap_or_default()),
            "log_name": "record",
            "log_provider": record.node_id,
        },
        "category_uid": CATEGORY,
        "category_name": "Application Activity",
        "class_uid": CLASS,
        "class_name": "API Activity",
        "activity_id": activity,
        "type_uid": CLASS * 100 + activity,
        "severity_id": said.severity as i64,
        "time": milliseconds(time),
        "message": said.message,
        "actor": actor(entry, record),
        "src_endpoint": source(entry, record),
        "api": {"operation": said.operation},
        "unmapped": unmapped,
    });
    if let Some(fields) = event.as_object_mut() {
        if matches!(said.activity, Activity::Other) {
            fields.insert("activity_name".to_owned(), json!(said.operation));
        }
        for (field, value) in said.fields {
            match (fields.get_mut(&field), value) {
                (Some(Json::Object(known)), Json::Object(more)) => known.extend(more),
                (_, value) => {
                    fields.insert(field, value);
                }
            }
        }
    }
    if let Some(metadata) = event.get_mut("metadata") {
        drop_empty(metadata);
    }
    event
}

fn said(entry: &Entry) -> Said {
    match &entry.event {
        Some(Event::Decision(decision)) => decided(decision),
        Some(Event::Outcome(outcome)) => ended(outcome),
        Some(Event::Drift(drift)) => drifted(drift),
        Some(Event::Shadow(shadow)) => shadowed(shadow),
        Some(Event::AdminChange(change)) => changed(change),
        Some(Event::Gap(gap)) => missed(gap),
        Some(Event::Review(review)) => reviewed(review),
        Some(Event::RecordAccess(access)) => accessed(access),
        None => Said::new(Activity::Other, "unknown", "an entry of a newer kind".to_owned()),
    }
}

fn decided(decision: &Decision) -> Said {
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
        .with("api", api(&decision.server, &decision.protocol_version, &decision.request_id))
        .with("action_id", json!(action))
        .with("action", json!(verdict))
        .with("disposition_id", json!(disposition))
        .with("disposition", json!(if disposition == 2 { "Blocked" } else { verdict }))
        .with("authorizations", json!(authorizations))
        .with("policy", policy(decision))
        .with("count", if decision.count > 1 { json!(decision.count) } else { Json::Null })
        .resources([("server", decision.server.clone()), (kind, decision.capability.clone())])
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

fn ended(outcome: &Outcome) -> Said {
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
        api.insert("response".to_owned(), json!({"code": code, "message": detail}));
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
        .succeeded(has, if outcome.reason.is_empty() { detail } else { &outcome.reason })
        .with("api", answer)
        .with("duration", json!(duration))
        .resources([("server", outcome.server.clone())])
}

fn drifted(drift: &DriftSighting) -> Said {
    let message = format!("`{}` of {} is not as approved", drift.capability, drift.server);
    let (action, disposition) = if drift.hidden { (2, 2) } else { (1, 1) };
    Said::new(Activity::Other, "drift", message)
        .severity(Severity::High)
        .with("action_id", json!(action))
        .with("disposition_id", json!(disposition))
        .resources([("server", drift.server.clone()), ("definition", drift.capability.clone())])
}

fn shadowed(shadow: &ShadowSighting) -> Said {
    let message = format!("MCP to {}{}, which nobody registered", shadow.host, shadow.path);
    Said::new(Activity::Other, "shadow", message)
        .severity(Severity::Medium)
        .with("action_id", json!(3))
        .with("count", json!(shadow.count.max(1)))
        .with("dst_endpoint", json!({"hostname": shadow.host, "name": shadow.host}))
}

fn changed(change: &AdminChange) -> Said {
    let method = or_unknown(&change.method);
    let starts = |words: &[&str]| words.iter().any(|word| method.starts_with(word));
    let activity = if starts(&["Create"]) {
        Activity::Create
    } else if starts(&["Delete"]) {
        Activity::Delete
    } else if starts(&["Get", "List", "Search", "Tail"]) {
        Activity::Read
    } else if starts(&["Update", "Apply", "Change", "Rotate", "Rollback", "Approve", "Reject"]) {
        Activity::Update
    } else {
        Activity::Other
    };
    let has = change.error.is_empty();
    let detail = if has { &change.reason } else { &change.error };
    let severity = if has { Severity::Informational } else { Severity::Medium };
    let names = change.resource.split(' ').map(|name| ("configuration", name.to_owned()));
    Said::new(activity, method, format!("{method} {}", change.resource))
        .severity(severity)
        .succeeded(Some(has), detail)
        .with("count", if change.count > 1 { json!(change.count) } else { Json::Null })
        .resources(names)
}

fn missed(gap: &Gap) -> Said {
    let message = format!("entries of {} are missing: {}", or_unknown(&gap.node_id), gap.reason);
    Said::new(Activity::Other, "gap", message)
        .severity(Severity::High)
        .with("count", if gap.count > 0 { json!(gap.count) } else { Json::Null })
}

fn reviewed(review: &Review) -> Said {
    let verdict = match review.verdict() {
        ReviewVerdict::Approved => "approved",
        ReviewVerdict::Withdrawn => "withdrawn",
        ReviewVerdict::Rejected => "rejected",
        ReviewVerdict::Unspecified => "unknown",
    };
    let message = format!("{verdict}: `{}` of {}", review.capability, review.server);
    Said::new(Activity::Update, "review", message)
        .succeeded(Some(true), &review.reason)
        .resources([("server", review.server.clone()), ("definition", review.capability.clone())])
}

fn accessed(access: &RecordAccess) -> Said {
    let places = access.organizations.iter().map(|name| ("record", name.clone()));
    Said::new(Activity::Read, or_unknown(&access.method), format!("read the record: {}", access.filter))
        .succeeded(Some(true), "")
        .resources(places)
}

fn or_unknown(text: &str) -> &str {
    if text.is_empty() { "unknown" } else { text }
}

fn milliseconds(time: Timestamp) -> i64 {
    let seconds = time.seconds.saturating_mul(1_000);
    seconds.saturating_add(i64::from(time.nanos) / 1_000_000)
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Leaves out what is empty of an object.
fn drop_empty(value: &mut Json) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !is_empty(value));
    }
}
