//! A record as an OCSF event: API Activity (class 6003) of version 1.8.0, with the profile
//! `security_control`. Pure.
//!
//! What OCSF has no place for is in `unmapped`, where the whole entry is.

mod call;
mod party;
mod said;
#[cfg(test)]
mod tests;

use chancery_engine::id::Hex;
use chancery_proto::audit::v1::{
    AdminChange, DriftSighting, Entry, Gap, Record, RecordAccess, Review, ReviewVerdict,
    ShadowSighting, entry::Event,
};
use prost_types::Timestamp;
use serde_json::{Value as Json, json};

use self::{
    call::{decided, ended},
    party::{actor, source},
    said::{Activity, Said, Severity, drop_empty},
};

/// The version of the schema.
const VERSION: &str = "1.8.0";

const CATEGORY: i64 = 6;
const CLASS: i64 = 6003;

/// The event of a record. `entry_json` is its entry as `chancery audit search -o json` writes it.
pub fn event(position: u64, record: &Record, entry: &Entry, entry_json: &Json) -> Json {
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
        Some(Event::Tombstone(tombstone)) => {
            let message = format!(
                "records {} to {} were dropped, as their time was over",
                tombstone.from_position,
                tombstone.to_position.saturating_sub(1)
            );
            Said::new(Activity::Delete, "tombstone", message)
        }
        Some(Event::Restoration(restoration)) => {
            let message = format!(
                "the record goes on from a copy of {} with {} records",
                restoration.origin, restoration.size
            );
            Said::new(Activity::Other, "restoration", message).severity(Severity::High)
        }
        Some(Event::InstanceEnd(end)) => {
            let message = format!("an instance of {} ended", end.node_id);
            Said::new(Activity::Other, "instance_end", message)
        }
        None => Said::new(
            Activity::Other,
            "unknown",
            "an entry of a newer kind".to_owned(),
        ),
    }
}

fn drifted(drift: &DriftSighting) -> Said {
    let message = format!(
        "`{}` of {} is not as approved",
        drift.capability, drift.server
    );
    let (action, disposition) = if drift.hidden { (2, 2) } else { (1, 1) };
    Said::new(Activity::Other, "drift", message)
        .severity(Severity::High)
        .with("action_id", json!(action))
        .with("disposition_id", json!(disposition))
        .resources([
            ("server", drift.server.clone()),
            ("definition", drift.capability.clone()),
        ])
}

fn shadowed(shadow: &ShadowSighting) -> Said {
    let message = format!(
        "MCP to {}{}, which nobody registered",
        shadow.host, shadow.path
    );
    Said::new(Activity::Other, "shadow", message)
        .severity(Severity::Medium)
        .with("action_id", json!(3))
        .with("count", json!(shadow.count.max(1)))
        .with(
            "dst_endpoint",
            json!({"hostname": shadow.host, "name": shadow.host}),
        )
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
    } else if starts(&[
        "Update", "Apply", "Change", "Rotate", "Rollback", "Approve", "Reject",
    ]) {
        Activity::Update
    } else {
        Activity::Other
    };
    let has = change.error.is_empty();
    let detail = if has { &change.reason } else { &change.error };
    let severity = if has {
        Severity::Informational
    } else {
        Severity::Medium
    };
    let names = change
        .resource
        .split(' ')
        .map(|name| ("configuration", name.to_owned()));
    Said::new(activity, method, format!("{method} {}", change.resource))
        .severity(severity)
        .succeeded(Some(has), detail)
        .with(
            "count",
            if change.count > 1 {
                json!(change.count)
            } else {
                Json::Null
            },
        )
        .resources(names)
}

fn missed(gap: &Gap) -> Said {
    let message = format!(
        "entries of {} are missing: {}",
        or_unknown(&gap.node_id),
        gap.reason
    );
    Said::new(Activity::Other, "gap", message)
        .severity(Severity::High)
        .with(
            "count",
            if gap.count > 0 {
                json!(gap.count)
            } else {
                Json::Null
            },
        )
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
        .resources([
            ("server", review.server.clone()),
            ("definition", review.capability.clone()),
        ])
}

fn accessed(access: &RecordAccess) -> Said {
    let places = access
        .organizations
        .iter()
        .map(|name| ("record", name.clone()));
    Said::new(
        Activity::Read,
        or_unknown(&access.method),
        format!("read the record: {}", access.filter),
    )
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
