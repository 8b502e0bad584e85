//! The engine's entries to `chancery.audit.v1`.

mod drift;
mod session;
mod shadow;

use chancery_proto::audit::v1 as pb;

use crate::{
    VERSION,
    audit::AuditLevel,
    decide::Verdict,
    entry::{
        Capability, Content, DecisionEvent, Direction, Entry, Event, Fact, OutcomeEvent,
        OutcomeStatus, Provenance, Pruned, RequestIds,
    },
    id::Time,
    principal::Principal,
    redact::{Action, Finding},
    server::UpstreamIdentity,
};

/// The version of the record's schema.
const SCHEMA_VERSION: u32 = 1;

impl From<Entry> for pb::Entry {
    fn from(entry: Entry) -> Self {
        let Entry {
            time,
            decision_id,
            event,
        } = entry;
        Self {
            schema_version: SCHEMA_VERSION,
            time: Some(timestamp(time)),
            decision_id: decision_id
                .map(|id| id.as_bytes().to_vec())
                .unwrap_or_default(),
            event: Some(match event {
                Event::Decision(decision) => pb::entry::Event::Decision(decision_event(*decision)),
                Event::Outcome(outcome) => pb::entry::Event::Outcome(outcome_event(*outcome)),
                Event::Drift(drift) => pb::entry::Event::Drift(drift::sighting(*drift)),
                Event::Shadow(shadow) => pb::entry::Event::Shadow(shadow::sighting(*shadow)),
                Event::Gap { reason, count } => pb::entry::Event::Gap(pb::Gap {
                    reason: reason.to_owned(),
                    count,
                    after_sequence: 0,
                    node_id: String::new(),
                    instance_id: Vec::new(),
                }),
            }),
        }
    }
}

/// A time as protobuf has it.
pub(crate) fn timestamp(time: Time) -> prost_types::Timestamp {
    let (seconds, milliseconds) = (time.unix_ms() / 1_000, time.unix_ms() % 1_000);
    prost_types::Timestamp {
        seconds: i64::try_from(seconds).unwrap_or(i64::MAX),
        nanos: i32::try_from(milliseconds)
            .unwrap_or(0)
            .saturating_mul(1_000_000),
    }
}

fn seen_as(identity: Option<UpstreamIdentity>) -> String {
    identity.map_or("none", UpstreamIdentity::as_str).to_owned()
}

/// A time off the wire; one before 1970 is 1970.
pub(crate) fn time_of(timestamp: prost_types::Timestamp) -> Time {
    let seconds = u64::try_from(timestamp.seconds).unwrap_or(0);
    let milliseconds = u64::try_from(timestamp.nanos).unwrap_or(0) / 1_000_000;
    Time::from_unix_ms(seconds.saturating_mul(1_000).saturating_add(milliseconds))
}

#[expect(
    clippy::too_many_lines,
    reason = "each field once, so that none is forgotten"
)]
fn decision_event(event: DecisionEvent) -> pb::Decision {
    let DecisionEvent {
        request:
            RequestIds {
                request_id,
                trace_parent,
                trace_state,
                conversation,
                session_id,
                source,
                client_name,
            },
        principal,
        direction,
        protocol_version,
        method,
        rpc_id,
        server,
        workspace,
        capability,
        pin,
        data_sources,
        arguments,
        prompt,
        verdict,
        rules,
        shadow_rules,
        facts,
        snapshot,
        findings,
        size_bytes,
        upstream_identity,
        audit,
    } = event;
    let (verdict, reason, audit) = match verdict {
        Verdict::Allow => (pb::Verdict::Allow, "", level(audit)),
        Verdict::Deny(reason) => {
            let never = pb::AuditLevel::Unspecified;
            (pb::Verdict::Deny, reason.as_str(), never)
        }
    };
    let (kind, capability) = kind_and_name(capability);
    let session = session::of(session_id, conversation, trace_parent.as_deref());
    pb::Decision {
        request_id: text(request_id),
        trace_parent: text(trace_parent),
        principal: Some(pb::Principal {
            source: Some(verified(source.as_deref())),
            ..principal_at(&principal, client_name, &server, &workspace)
        }),
        session,
        direction: match direction {
            Direction::ToServer => pb::Direction::ToServer.into(),
            Direction::ToClient => pb::Direction::ToClient.into(),
        },
        protocol_version: text(protocol_version),
        method: method.into(),
        rpc_id: text(rpc_id),
        server: server.into(),
        capability_kind: kind.into(),
        capability: capability.into(),
        pin: pin.map(|pin| pin.as_bytes().to_vec()).unwrap_or_default(),
        arguments: arguments.map(content),
        prompt: prompt.map(content),
        data_sources: data_sources.into_iter().map(String::from).collect(),
        verdict: verdict.into(),
        reason: reason.to_owned(),
        rules: rules.into_iter().map(String::from).collect(),
        shadow_rules: shadow_rules.into_iter().map(String::from).collect(),
        facts: facts.into_iter().map(fact).collect(),
        snapshot_epoch: snapshot.map_or(0, |snapshot| snapshot.epoch),
        snapshot_version: snapshot.map_or(0, |snapshot| snapshot.version),
        snapshot_digest: snapshot
            .map(|s| s.digest.as_bytes().to_vec())
            .unwrap_or_default(),
        engine_version: VERSION.to_owned(),
        findings: findings.into_iter().map(finding).collect(),
        size_bytes: count(size_bytes),
        count: 1,
        upstream_identity: seen_as(upstream_identity),
        audit: audit.into(),
        trace_state: text(trace_state),
    }
}

fn level(audit: AuditLevel) -> pb::AuditLevel {
    match audit {
        AuditLevel::Standard => pb::AuditLevel::Standard,
        AuditLevel::WriteAhead => pb::AuditLevel::WriteAhead,
    }
}

fn kind_and_name(capability: Option<Capability>) -> (pb::CapabilityKind, Box<str>) {
    match capability {
        None => (pb::CapabilityKind::Unspecified, Box::default()),
        Some(Capability::Tool(name)) => (pb::CapabilityKind::Tool, name),
        Some(Capability::Prompt(name)) => (pb::CapabilityKind::Prompt, name),
        Some(Capability::Resource(uri)) => (pb::CapabilityKind::Resource, uri),
    }
}

fn outcome_event(event: OutcomeEvent) -> pb::Outcome {
    let OutcomeEvent {
        server,
        status,
        http_status,
        rpc_code,
        result,
        pruned: Pruned {
            names,
            count: pruned_count,
        },
        findings,
        latency_ms,
        size_bytes,
        reason,
        is_unsent,
    } = event;
    let status = match status {
        OutcomeStatus::Result => pb::OutcomeStatus::Result,
        OutcomeStatus::ToolError => pb::OutcomeStatus::ToolError,
        OutcomeStatus::RpcError => pb::OutcomeStatus::RpcError,
        OutcomeStatus::Refused => pb::OutcomeStatus::Refused,
        OutcomeStatus::Http => pb::OutcomeStatus::Http,
        OutcomeStatus::Unknown => pb::OutcomeStatus::Unknown,
    };
    let latency = timestamp(Time::from_unix_ms(latency_ms));
    pb::Outcome {
        status: status.into(),
        http_status: http_status.into(),
        rpc_code: rpc_code.unwrap_or(0),
        result: result.map(content),
        pruned: names.into_iter().map(String::from).collect(),
        pruned_count: count(pruned_count),
        findings: findings.into_iter().map(finding).collect(),
        latency: Some(prost_types::Duration {
            seconds: latency.seconds,
            nanos: latency.nanos,
        }),
        size_bytes: count(size_bytes),
        reason: reason.map_or("", crate::reason::Reason::as_str).to_owned(),
        server: server.into(),
        unsent: is_unsent,
        // What instances know of themselves ended otherwise.
        lost_node_id: String::new(),
        lost_instance_id: Vec::new(),
    }
}

/// Who acted, each field with how it is known: what a token or certificate says was verified, what a
/// client says of itself is claimed.
fn principal_at(
    principal: &Principal,
    client_name: Option<Box<str>>,
    server: &str,
    workspace: &str,
) -> pb::Principal {
    let Principal {
        user,
        groups,
        has_more_groups,
        token_roles,
        team,
        agent,
        client,
        scopes,
        issuer,
        token_id_digest,
    } = principal;
    // Without a user a list has nothing to say, not even that there are none.
    let listed = match user {
        Some(_) => pb::Provenance::Verified,
        None => pb::Provenance::Absent,
    };
    let texts = |texts: &[Box<str>]| texts.iter().map(ToString::to_string).collect();
    pb::Principal {
        user: Some(verified(user.as_deref())),
        issuer: Some(verified(issuer.as_deref())),
        token_id_digest: token_id_digest
            .map(|digest| digest.as_bytes().to_vec())
            .unwrap_or_default(),
        groups: texts(groups),
        groups_provenance: listed.into(),
        has_more_groups: *has_more_groups,
        roles: texts(token_roles),
        roles_provenance: listed.into(),
        team: Some(verified(team.as_deref())),
        workspace: Some(derived(workspace)),
        organization: Some(derived(organization_id(server))),
        agent: Some(verified(agent.as_deref())),
        client: Some(match (client, client_name) {
            (None, Some(name)) => attribute(&name, pb::Provenance::Claimed),
            (client, _) => verified(client.as_deref()),
        }),
        source: None,
        scopes: texts(scopes),
    }
}

/// A principal as it acts at a server, in a workspace.
pub(crate) fn acting(principal: &Principal, server: &str, workspace: &str) -> pb::Principal {
    principal_at(principal, None, server, workspace)
}

/// The id of the organization that a resource belongs to.
fn organization_id(name: &str) -> &str {
    name.split('/').nth(1).unwrap_or_default()
}

fn verified(value: Option<&str>) -> pb::Attribute {
    match value {
        Some(value) => attribute(value, pb::Provenance::Verified),
        None => absent(),
    }
}

fn derived(value: &str) -> pb::Attribute {
    match value {
        "" => absent(),
        value => attribute(value, pb::Provenance::Derived),
    }
}

fn absent() -> pb::Attribute {
    attribute("", pb::Provenance::Absent)
}

fn attribute(value: &str, provenance: pb::Provenance) -> pb::Attribute {
    pb::Attribute {
        value: value.to_owned(),
        provenance: provenance.into(),
    }
}

fn content(content: Content) -> pb::Content {
    let Content {
        data,
        digest,
        size_bytes,
    } = content;
    pb::Content {
        truncated: data.len() < size_bytes,
        data,
        digest: digest
            .map(|digest| digest.as_bytes().to_vec())
            .unwrap_or_default(),
        size_bytes: count(size_bytes),
    }
}

fn fact(fact: Fact) -> pb::Fact {
    let Fact {
        key,
        value,
        provenance,
        is_altered,
    } = fact;
    let provenance = match provenance {
        Provenance::Verified => pb::Provenance::Verified,
        Provenance::Claimed => pb::Provenance::Claimed,
        Provenance::Absent => pb::Provenance::Absent,
    };
    pb::Fact {
        key: key.into_owned(),
        value: value.into(),
        provenance: provenance.into(),
        altered: is_altered,
    }
}

fn finding(finding: Finding) -> pb::Finding {
    let Finding {
        detector,
        pointer,
        count,
        action,
    } = finding;
    pb::Finding {
        detector: detector.into_owned(),
        pointer,
        count,
        action: action.map_or("observe", Action::as_str).to_owned(),
    }
}

fn text(text: Option<Box<str>>) -> String {
    text.map(String::from).unwrap_or_default()
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
