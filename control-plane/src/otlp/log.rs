//! A record as an OTLP log record, with the attributes of OpenTelemetry's conventions for MCP where they
//! have one. Pure. No arguments, no results and no prompts are in it.

use chancery_engine::id::Hex;
use chancery_proto::audit::v1::{
    AdminChange, Attribute, CapabilityKind, Decision, Entry, Outcome, OutcomeStatus, Principal,
    SessionSource, Verdict, entry::Event,
};
use opentelemetry_proto::tonic::{
    collector::logs::v1::ExportLogsServiceRequest,
    common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
    resource::v1::Resource,
};
use prost::Message as _;
use prost_types::Timestamp;

use crate::ledger::Positioned;

/// What is sent to a collector for some records.
pub fn request(records: &[Positioned]) -> ExportLogsServiceRequest {
    let version = env!("CARGO_PKG_VERSION");
    let attributes = vec![
        pair("service.name", text("chancery")),
        pair("service.version", text(version)),
    ];
    let scope = InstrumentationScope {
        name: "chancery.record".to_owned(),
        version: version.to_owned(),
        ..InstrumentationScope::default()
    };
    let logs = ScopeLogs {
        scope: Some(scope),
        log_records: records.iter().map(log_record).collect(),
        ..ScopeLogs::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            resource: Some(Resource {
                attributes,
                ..Resource::default()
            }),
            scope_logs: vec![logs],
            ..ResourceLogs::default()
        }],
    }
}

/// What a log record says.
struct Said {
    event: &'static str,
    severity: SeverityNumber,
    body: String,
    attributes: Attributes,
    trace_parent: String,
}

impl Said {
    fn new(event: &'static str, severity: SeverityNumber, body: String) -> Self {
        Self {
            event,
            severity,
            body,
            attributes: Attributes::default(),
            trace_parent: String::new(),
        }
    }
}

/// Attributes; empty ones are left out.
#[derive(Default)]
struct Attributes(Vec<KeyValue>);

impl Attributes {
    fn text(&mut self, key: &str, value: &str) {
        if !value.is_empty() {
            self.0.push(pair(key, text(value)));
        }
    }

    fn number(&mut self, key: &str, value: u64) {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        self.0.push(pair(key, Value::IntValue(value)));
    }

    fn texts(&mut self, key: &str, values: &[String]) {
        if values.is_empty() {
            return;
        }
        let values = values.iter().map(|value| AnyValue {
            value: Some(text(value)),
        });
        let values = ArrayValue {
            values: values.collect(),
        };
        self.0.push(pair(key, Value::ArrayValue(values)));
    }

    fn principal(&mut self, principal: Option<&Principal>) {
        let Some(principal) = principal else { return };
        for (key, attribute) in [
            ("user.id", &principal.user),
            ("chancery.issuer", &principal.issuer),
            ("chancery.agent", &principal.agent),
            ("chancery.client", &principal.client),
            ("chancery.workspace", &principal.workspace),
            ("chancery.organization", &principal.organization),
            ("client.address", &principal.source),
        ] {
            let value = attribute.as_ref().map_or("", |it: &Attribute| &it.value);
            self.text(key, value);
        }
    }
}

fn log_record(found: &Positioned) -> LogRecord {
    let record = &found.record;
    let Ok(entry) = Entry::decode(&*record.entry) else {
        return LogRecord {
            observed_time_unix_nano: nanoseconds(record.receive_time),
            body: Some(AnyValue {
                value: Some(text("an entry that cannot be read")),
            }),
            attributes: vec![pair("chancery.position", Value::IntValue(position(found)))],
            ..LogRecord::default()
        };
    };
    let mut said = said(entry.event.as_ref());
    let attributes = &mut said.attributes;
    attributes.number("chancery.position", found.position);
    attributes.text("chancery.node", &record.node_id);
    attributes.text("chancery.instance", &Hex(&record.instance_id).to_string());
    attributes.number("chancery.sequence", record.sequence);
    attributes.text("chancery.decision.id", &Hex(&entry.decision_id).to_string());
    let (trace_id, span_id) = ids(&said.trace_parent).unwrap_or_default();
    LogRecord {
        time_unix_nano: nanoseconds(entry.time),
        observed_time_unix_nano: nanoseconds(record.receive_time),
        severity_number: said.severity.into(),
        severity_text: severity_text(said.severity).to_owned(),
        body: Some(AnyValue {
            value: Some(text(&said.body)),
        }),
        attributes: said.attributes.0,
        event_name: format!("chancery.{}", said.event),
        trace_id,
        span_id,
        ..LogRecord::default()
    }
}

fn said(event: Option<&Event>) -> Said {
    match event {
        Some(Event::Decision(decision)) => decided(decision),
        Some(Event::Outcome(outcome)) => ended(outcome),
        Some(Event::Drift(drift)) => {
            let body = format!("`{}` is not as approved", drift.capability);
            let mut said = Said::new("drift", SeverityNumber::Warn, body);
            said.attributes.text("chancery.server", &drift.server);
            said.attributes
                .text("chancery.capability", &drift.capability);
            with(said, drift.principal.as_ref())
        }
        Some(Event::Shadow(shadow)) => {
            let body = format!("MCP to {}, which nobody registered", shadow.host);
            let mut said = Said::new("shadow", SeverityNumber::Warn, body);
            said.attributes.text("server.address", &shadow.host);
            said.attributes.text("url.path", &shadow.path);
            said.attributes.text("mcp.method.name", &shadow.method);
            with(said, shadow.principal.as_ref())
        }
        Some(Event::Gap(gap)) => {
            let body = format!("entries are missing: {}", gap.reason);
            let mut said = Said::new("gap", SeverityNumber::Warn, body);
            said.attributes.text("chancery.reason", &gap.reason);
            said.attributes.text("chancery.gap.node", &gap.node_id);
            said.attributes.number("chancery.count", gap.count);
            said
        }
        Some(Event::AdminChange(change)) => changed(change),
        Some(Event::Review(review)) => {
            let body = format!("{} `{}`", review.verdict().as_str_name(), review.capability);
            let mut said = Said::new("review", SeverityNumber::Info, body);
            said.attributes.text("chancery.server", &review.server);
            said.attributes
                .text("chancery.capability", &review.capability);
            with(said, review.principal.as_ref())
        }
        Some(Event::Tombstone(tombstone)) => {
            let last = tombstone.to_position.saturating_sub(1);
            let body = format!("records {} to {last} were dropped", tombstone.from_position);
            Said::new("tombstone", SeverityNumber::Info, body)
        }
        Some(Event::Restoration(restoration)) => {
            let body = format!("the record goes on from a copy of {}", restoration.origin);
            Said::new("restoration", SeverityNumber::Warn, body)
        }
        Some(Event::InstanceEnd(end)) => {
            let body = format!("an instance of {} ended", end.node_id);
            Said::new("instance_end", SeverityNumber::Info, body)
        }
        Some(Event::RecordAccess(access)) => {
            let body = "the record was read".to_owned();
            let mut said = Said::new("record_access", SeverityNumber::Info, body);
            said.attributes.text("rpc.method", &access.method);
            said.attributes.text("chancery.filter", &access.filter);
            said.attributes.number("chancery.count", access.given_count);
            with(said, access.principal.as_ref())
        }
        None => {
            let body = "an entry of a newer kind".to_owned();
            Said::new("unknown", SeverityNumber::Info, body)
        }
    }
}

fn changed(change: &AdminChange) -> Said {
    let severity = if change.error.is_empty() {
        SeverityNumber::Info
    } else {
        SeverityNumber::Warn
    };
    let body = format!("{} {} {}", change.method, change.resource, change.error);
    let mut said = Said::new("admin_change", severity, body.trim().to_owned());
    said.attributes.text("rpc.method", &change.method);
    said.attributes.text("chancery.resource", &change.resource);
    said.attributes.text("error.message", &change.error);
    with(said, change.principal.as_ref())
}

fn with(mut said: Said, principal: Option<&Principal>) -> Said {
    said.attributes.principal(principal);
    said
}

fn decided(decision: &Decision) -> Said {
    let (verdict, severity) = match decision.verdict() {
        Verdict::Allow => ("allow", SeverityNumber::Info),
        Verdict::Deny => ("deny", SeverityNumber::Warn),
        Verdict::RequireApproval => ("require_approval", SeverityNumber::Info),
        Verdict::Unspecified => ("unknown", SeverityNumber::Warn),
    };
    let (method, capability) = (&*decision.method, &*decision.capability);
    let body = format!("{verdict}: {method} {capability} ({})", decision.reason);
    let mut said = Said::new("decision", severity, body);
    said.trace_parent.clone_from(&decision.trace_parent);
    let attributes = &mut said.attributes;
    attributes.text("mcp.method.name", method);
    let key = match decision.capability_kind() {
        CapabilityKind::Tool => "gen_ai.tool.name",
        CapabilityKind::Prompt => "gen_ai.prompt.name",
        CapabilityKind::Resource => "mcp.resource.uri",
        CapabilityKind::Unspecified => "chancery.capability",
    };
    attributes.text(key, capability);
    attributes.text("mcp.protocol.version", &decision.protocol_version);
    attributes.text("jsonrpc.request.id", &decision.rpc_id);
    if let Some(session) = &decision.session {
        let key = match session.source() {
            SessionSource::McpSession => "mcp.session.id",
            SessionSource::Meta | SessionSource::Trace | SessionSource::Unspecified => {
                "gen_ai.conversation.id"
            }
        };
        attributes.text(key, &session.id);
    }
    attributes.text("chancery.server", &decision.server);
    attributes.text("chancery.decision", verdict);
    attributes.text("chancery.reason", &decision.reason);
    attributes.texts("chancery.rule.ids", &decision.rules);
    attributes.texts("chancery.shadow_rule.ids", &decision.shadow_rules);
    attributes.number("chancery.snapshot.version", decision.snapshot_version);
    let detectors: Vec<_> = decision
        .findings
        .iter()
        .map(|found| found.detector.clone())
        .collect();
    attributes.texts("chancery.findings", &detectors);
    with(said, decision.principal.as_ref())
}

fn ended(outcome: &Outcome) -> Said {
    let (status, severity) = match outcome.status() {
        OutcomeStatus::Result => ("result", SeverityNumber::Info),
        OutcomeStatus::ToolError => ("tool_error", SeverityNumber::Info),
        OutcomeStatus::RpcError => ("rpc_error", SeverityNumber::Info),
        OutcomeStatus::Refused => ("refused", SeverityNumber::Warn),
        OutcomeStatus::Http => ("http", SeverityNumber::Info),
        OutcomeStatus::Unknown | OutcomeStatus::Unspecified => ("unknown", SeverityNumber::Warn),
    };
    let mut said = Said::new("outcome", severity, format!("ended: {status}"));
    let attributes = &mut said.attributes;
    attributes.text("chancery.server", &outcome.server);
    attributes.text("chancery.status", status);
    attributes.text("chancery.reason", &outcome.reason);
    if outcome.http_status != 0 {
        attributes.number("http.response.status_code", outcome.http_status.into());
    }
    if outcome.rpc_code != 0 {
        attributes.text("rpc.response.status_code", &outcome.rpc_code.to_string());
        attributes.text("error.type", &outcome.rpc_code.to_string());
    } else if outcome.status() == OutcomeStatus::ToolError {
        attributes.text("error.type", "tool_error");
    }
    said
}

fn severity_text(severity: SeverityNumber) -> &'static str {
    if severity == SeverityNumber::Warn {
        "WARN"
    } else {
        "INFO"
    }
}

/// The trace and span of a W3C trace context.
fn ids(trace_parent: &str) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut parts = trace_parent.split('-').skip(1);
    let (trace, span) = (parts.next()?, parts.next()?);
    let bytes = |digits: &str, length: usize| {
        let pairs = digits.as_bytes().chunks(2);
        let bytes = pairs.map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        });
        let bytes: Option<Vec<u8>> = bytes.collect();
        bytes.filter(|bytes| digits.len() == length && bytes.iter().any(|byte| *byte != 0))
    };
    Some((bytes(trace, 32)?, bytes(span, 16)?))
}

fn position(found: &Positioned) -> i64 {
    i64::try_from(found.position).unwrap_or(i64::MAX)
}

fn nanoseconds(time: Option<Timestamp>) -> u64 {
    let time = time.unwrap_or_default();
    let seconds = u64::try_from(time.seconds)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000);
    seconds.saturating_add(u64::try_from(time.nanos).unwrap_or(0))
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(text: &str) -> Value {
    Value::StringValue(text.to_owned())
}
