//! From a recorded decision back to the call that it was made about.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use chancery_engine::{
    entry::Capability,
    exchange::task_handle,
    id::{Digest, Time},
    message::{CLIENT_CAPABILITIES_KEY, Method, PROTOCOL_VERSION_KEY, STATELESS_VERSION},
    principal::Principal,
    reason::Reason,
    seal::Binding,
};
use chancery_proto::audit::v1::{
    Attribute, CapabilityKind, Content, Decision, Direction, Principal as RecordedPrincipal,
    Provenance, Verdict,
};
use serde::Serialize;
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};

use super::{Call, Place, Simulator, arguments::Known, peer};

/// The extension that brings tasks to the stateless era.
const TASKS_EXTENSION: &str = "io.modelcontextprotocol/tasks";

/// What can be made of a recorded decision.
#[derive(Clone, Debug)]
pub enum Recall {
    /// The call, whole.
    Whole(Box<Call>),
    /// The call, of whose arguments not all is known.
    Partial(Box<Partial>),
    /// What the server sent by itself.
    Sent(Box<Sent>),
    /// It was not rules that decided.
    PassedOver,
    /// Rules decided about something that the record does not keep.
    Unknown(&'static str),
}

/// A call of whose arguments not all is known.
#[derive(Clone, Debug)]
pub struct Partial {
    /// The call without arguments.
    pub bare: Call,
    /// The call with those values that the decision read.
    pub known: Call,
    /// The paths of those values.
    paths: BTreeSet<String>,
    /// Why the others are not known.
    pub why: &'static str,
}

impl Partial {
    /// Whether a decision read nothing of the arguments but what is known.
    pub fn suffices_for(&self, decision: &Decision) -> bool {
        let read = decision.facts.iter().map(|fact| &fact.key);
        let read: BTreeSet<_> = read.filter(|key| key.starts_with('$')).collect();
        // Of more paths than are kept, some may have been read that are not named.
        read.len() < MAX_PATHS && read.into_iter().all(|path| self.paths.contains(path))
    }
}

/// Paths that a decision keeps as facts.
const MAX_PATHS: usize = 32;

/// A request or notification of a server's.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Whom it is for.
    pub principal: Principal,
    /// That one's peer address.
    pub source: Option<SocketAddr>,
    /// Its method.
    pub method: Method,
}

/// Reasons that rules give.
const OF_RULES: [Reason; 4] = [
    Reason::DeniedByRule,
    Reason::NoMatchingRule,
    Reason::NotOffered,
    Reason::InsufficientScope,
];

/// Calls back what a decision was about, so that it can be judged again as of `time`.
pub fn recall(simulator: &Simulator, decision: &Decision, time: Time) -> Recall {
    let was_refused = match decision.verdict() {
        Verdict::Allow => false,
        Verdict::Deny | Verdict::RequireApproval => true,
        Verdict::Unspecified => return Recall::Unknown("its verdict is of a newer kind"),
    };
    let by_rules = OF_RULES
        .iter()
        .any(|reason| reason.as_str() == decision.reason);
    if was_refused && !by_rules {
        return Recall::PassedOver;
    }
    let Some(recorded) = &decision.principal else {
        return Recall::Unknown("who acted is not recorded");
    };
    let principal = principal(recorded);
    let source = recorded
        .source
        .as_ref()
        .and_then(|source| peer(&source.value));
    if decision.direction() == Direction::ToClient {
        return match Method::parse(&decision.method) {
            Some(method) => Recall::Sent(Box::new(Sent {
                principal,
                source,
                method,
            })),
            None => Recall::Unknown("its method is not known here"),
        };
    }
    let Some(place) = place(decision) else {
        return Recall::Unknown("where it went is not recorded");
    };
    let call = Call {
        place,
        principal: Arc::new(principal),
        source,
        message: None,
        answer: None,
        time,
        is_explained: false,
    };
    if call.place.verb != "POST" {
        return Recall::Whole(Box::new(call));
    }
    let written = match arguments(decision, was_refused) {
        Ok(arguments) => whole(simulator, decision, call, arguments),
        Err(why) => partial(simulator, decision, &call, why),
    };
    written.unwrap_or_else(Recall::Unknown)
}

fn whole(
    simulator: &Simulator,
    decision: &Decision,
    mut call: Call,
    arguments: Option<&Content>,
) -> Result<Recall, &'static str> {
    const UNREADABLE: &str = "its arguments are recorded as what is no JSON";
    let text = arguments.map(|content| std::str::from_utf8(&content.data));
    let text = text.transpose().map_err(|_error| UNREADABLE)?;
    call.message = Some(message(simulator, decision, &call.principal, text)?);
    Ok(Recall::Whole(Box::new(call)))
}

fn partial(
    simulator: &Simulator,
    decision: &Decision,
    call: &Call,
    why: &'static str,
) -> Result<Recall, &'static str> {
    let with = |arguments: Option<&str>| {
        let message = message(simulator, decision, &call.principal, arguments)?;
        Ok::<_, &'static str>(Call {
            message: Some(message),
            ..call.clone()
        })
    };
    let known = Known::of(&decision.facts);
    Ok(Recall::Partial(Box::new(Partial {
        bare: with(None)?,
        known: with(Some(&known.text()))?,
        paths: known.paths,
        why,
    })))
}

/// Where Envoy sent it.
fn place(decision: &Decision) -> Option<Place> {
    let fact = |key: &str| {
        let fact = decision.facts.iter().find(|fact| fact.key == key);
        fact.map(|fact| fact.value.clone())
    };
    let workspace = decision.principal.as_ref();
    let workspace = workspace.and_then(|principal| principal.workspace.as_ref());
    let verb = match &*decision.method {
        verb @ ("GET" | "DELETE") => verb,
        _ => "POST",
    };
    Some(Place {
        verb: verb.to_owned(),
        authority: fact("endpoint.host")?,
        path: fact("endpoint.path")?,
        cluster: fact("endpoint.cluster")?,
        route_server: fact("route.server"),
        workspace: workspace.map(|workspace| workspace.value.clone()),
    })
}

/// Who acted, by what was proven then.
fn principal(recorded: &RecordedPrincipal) -> Principal {
    // What a client merely says of itself is no part of a principal.
    let text = |attribute: &Option<Attribute>| {
        let proven = attribute.as_ref();
        let proven = proven.filter(|known| known.provenance() == Provenance::Verified);
        proven.map(|known| Box::from(&*known.value))
    };
    let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
    Principal {
        user: text(&recorded.user),
        groups: texts(&recorded.groups),
        has_more_groups: recorded.has_more_groups,
        token_roles: texts(&recorded.roles),
        team: text(&recorded.team),
        agent: text(&recorded.agent),
        client: text(&recorded.client),
        scopes: texts(&recorded.scopes),
        issuer: text(&recorded.issuer),
        token_id_digest: Digest::from_slice(&recorded.token_id_digest),
    }
}

/// The arguments that rules judged; `Ok(None)` where there were none.
fn arguments(decision: &Decision, was_refused: bool) -> Result<Option<&Content>, &'static str> {
    let takes_arguments = matches!(
        Method::parse(&decision.method),
        Some(Method::ToolsCall | Method::PromptsGet)
    );
    let is_masked = |pointer: &str| pointer.starts_with("/params/arguments");
    match &decision.arguments {
        _ if !takes_arguments => Ok(None),
        None if was_refused => Err("its arguments are not recorded, as it was refused"),
        None => Ok(None),
        Some(content) if content.data.is_empty() => {
            Err("only a digest of its arguments is recorded")
        }
        Some(content) if content.truncated => Err("its arguments are recorded in part"),
        Some(_)
            if decision
                .findings
                .iter()
                .any(|found| is_masked(&found.pointer)) =>
        {
            Err("its arguments are recorded masked")
        }
        Some(content) => Ok(Some(content)),
    }
}

/// The parameters of a message, as text: numbers keep their digits.
type Params = BTreeMap<&'static str, Box<RawValue>>;

/// A JSON-RPC message.
#[derive(Serialize)]
struct Message<'m> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u8>,
    method: &'m str,
    params: Params,
}

const UNWRITABLE: &str = "what was called cannot be written as JSON";

fn raw(value: &impl Serialize) -> Result<Box<RawValue>, &'static str> {
    to_raw_value(value).map_err(|_error| UNWRITABLE)
}

/// The message that was judged, as far as rules look at it.
fn message(
    simulator: &Simulator,
    decision: &Decision,
    principal: &Principal,
    arguments: Option<&str>,
) -> Result<String, &'static str> {
    if decision.method == "response" {
        return Ok(json!({"jsonrpc": "2.0", "id": 1, "result": {}}).to_string());
    }
    let method = Method::parse(&decision.method).ok_or("its method is not known here")?;
    let mut params = params(simulator, decision, principal, method)?;
    if let Some(arguments) = arguments {
        let arguments = RawValue::from_string(arguments.to_owned());
        params.insert("arguments", arguments.map_err(|_error| UNWRITABLE)?);
    }
    if decision.protocol_version == STATELESS_VERSION {
        let meta = json!({
            PROTOCOL_VERSION_KEY: STATELESS_VERSION,
            CLIENT_CAPABILITIES_KEY: {"extensions": {TASKS_EXTENSION: {}}},
        });
        params.insert("_meta", raw(&meta)?);
    }
    let message = Message {
        jsonrpc: "2.0",
        id: (!decision.rpc_id.is_empty()).then_some(1),
        method: &decision.method,
        params,
    };
    serde_json::to_string(&message).map_err(|_error| UNWRITABLE)
}

/// What names the capability.
fn params(
    simulator: &Simulator,
    decision: &Decision,
    principal: &Principal,
    method: Method,
) -> Result<Params, &'static str> {
    if method == Method::Listen {
        return Err("what it listened to is not recorded");
    }
    if method.is_about_a_task() {
        let handle = task(simulator, decision, principal).ok_or("its task is not recorded")?;
        return Ok(Params::from([("taskId", raw(&handle)?)]));
    }
    let name = &decision.capability;
    let named = match (method, decision.capability_kind()) {
        (Method::Complete, CapabilityKind::Prompt) => {
            ("ref", raw(&json!({"type": "ref/prompt", "name": name}))?)
        }
        (Method::Complete, CapabilityKind::Resource) => {
            ("ref", raw(&json!({"type": "ref/resource", "uri": name}))?)
        }
        (_, CapabilityKind::Tool | CapabilityKind::Prompt) => ("name", raw(name)?),
        (_, CapabilityKind::Resource) => ("uri", raw(name)?),
        (_, CapabilityKind::Unspecified) => return Ok(Params::new()),
    };
    Ok(Params::from([named]))
}

/// A handle of a task that was made by what the decision says.
fn task(simulator: &Simulator, decision: &Decision, principal: &Principal) -> Option<String> {
    let name = decision.capability.as_str().into();
    let made_by = match decision.capability_kind() {
        CapabilityKind::Tool => Capability::Tool(name),
        CapabilityKind::Prompt => Capability::Prompt(name),
        CapabilityKind::Resource => Capability::Resource(name),
        CapabilityKind::Unspecified => return None,
    };
    let organization = decision.server.split("/workspaces/").next()?;
    let binding = Binding {
        keys: &simulator.keys,
        organization,
        server: &decision.server,
        principal,
    };
    task_handle(&binding, &made_by).ok()
}
