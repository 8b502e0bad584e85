//! What an instance says happened: the entries of the record, before they are bytes.

use std::{borrow::Cow, sync::Arc};

use crate::{
    approved::Drift,
    audit::AuditLevel,
    canonical::{DefinitionPlace, Pin},
    decide::Verdict,
    id::{DecisionId, Digest, SnapshotVersion, Time},
    message::Method,
    principal::Principal,
    redact::Finding,
    rule::Target,
    server::UpstreamIdentity,
};

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub time: Time,
    /// Which decision it belongs to. `None`: nothing was decided.
    pub decision_id: Option<DecisionId>,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message was judged.
    Decision(Box<DecisionEvent>),
    /// A judged exchange ended.
    Outcome(Box<OutcomeEvent>),
    /// What a server offers is not what people have approved.
    Drift(Box<DriftEvent>),
    /// MCP went through to a host that nobody registered.
    Shadow(Box<ShadowEvent>),
    /// Entries are missing.
    Gap {
        /// Why: a stable word.
        reason: &'static str,
        /// How many.
        count: u64,
    },
}

impl Event {
    /// Whether it is the refusal of someone who is not known, which must never displace others.
    pub fn is_anonymous_refusal(&self) -> bool {
        match self {
            Self::Decision(decision) => {
                !decision.principal.is_authenticated() && decision.verdict != Verdict::Allow
            }
            Self::Outcome(_) | Self::Drift(_) | Self::Shadow(_) | Self::Gap { .. } => false,
        }
    }
}

/// A message was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionEvent {
    /// Envoy's request id and the trace context.
    pub request: RequestIds,
    /// Who acted.
    pub principal: Arc<Principal>,
    /// Which way the message went.
    pub direction: Direction,
    /// The protocol version, where it is known.
    pub protocol_version: Option<Box<str>>,
    /// The method; empty where none could be read.
    pub method: Box<str>,
    /// The JSON-RPC id's token.
    pub rpc_id: Option<Box<str>>,
    /// The server's resource name; empty where none was found.
    pub server: Box<str>,
    /// The id of the workspace that the call belongs to; empty where no server was found.
    pub workspace: Box<str>,
    /// What the message acts on.
    pub capability: Option<Capability>,
    /// The pin of its approved definition, where there is one.
    pub pin: Option<Pin>,
    /// Where the data come from that it touches, as far as that is known.
    pub data_sources: Vec<Box<str>>,
    /// The arguments as forwarded.
    pub arguments: Option<Content>,
    /// The user's words behind it, as forwarded.
    pub prompt: Option<Content>,
    /// What was decided.
    pub verdict: Verdict,
    /// The rules that decided.
    pub rules: Vec<Box<str>>,
    /// The rules in shadow mode that would have decided otherwise.
    pub shadow_rules: Vec<Box<str>>,
    /// What was read to decide.
    pub facts: Vec<Fact>,
    /// Under which snapshot.
    pub snapshot: Option<SnapshotVersion>,
    /// What detectors found in what was sent.
    pub findings: Vec<Finding>,
    /// The message's length in bytes.
    pub size_bytes: usize,
    /// Whose identity the server sees. `None`: nobody's.
    pub upstream_identity: Option<UpstreamIdentity>,
    /// When the message goes on, where it is allowed.
    pub audit: AuditLevel,
}

/// What names a request beside its decision.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RequestIds {
    /// `x-request-id`.
    pub request_id: Option<Box<str>>,
    /// `traceparent`, of the message or else of the request.
    pub trace_parent: Option<Box<str>>,
    /// `tracestate`, from there too.
    pub trace_state: Option<Box<str>>,
    /// What the message calls the conversation that it belongs to.
    pub conversation: Option<Box<str>>,
    /// `mcp-session-id`.
    pub session_id: Option<Box<str>>,
    /// The peer's address.
    pub source: Option<Box<str>>,
    /// What the client calls itself.
    pub client_name: Option<Box<str>>,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From client to server.
    ToServer,
    /// From server to client.
    ToClient,
}

/// What a message acts on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Capability {
    /// A tool, by name.
    Tool(Box<str>),
    /// A prompt, by name.
    Prompt(Box<str>),
    /// A resource, by URI.
    Resource(Box<str>),
}

impl Capability {
    /// Its name or URI.
    pub fn name(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) | Self::Resource(name) => name,
        }
    }

    /// As what rules are asked about.
    pub fn target(&self) -> Target<'_> {
        match self {
            Self::Tool(name) => Target::Tool(name),
            Self::Prompt(name) => Target::Prompt(name),
            Self::Resource(uri) => Target::Resource(uri),
        }
    }
}

/// Bounded content with the digest of all of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Content {
    /// The first bytes.
    pub data: Vec<u8>,
    /// SHA-256 of the whole. `None`: not asked for.
    pub digest: Option<Digest>,
    /// Length of the whole.
    pub size_bytes: usize,
}

impl Content {
    /// Keeps the first `max_bytes` of a text, cut between characters.
    pub fn bounded(text: &str, max_bytes: usize, digest: Option<Digest>) -> Self {
        let cut = text.floor_char_boundary(max_bytes);
        let data = text.get(..cut).unwrap_or_default().as_bytes().to_vec();
        Self {
            data,
            digest,
            size_bytes: text.len(),
        }
    }
}

/// A value that was read to decide.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fact {
    /// Which: a word of the engine's, or the path of an argument.
    pub key: Cow<'static, str>,
    /// The value.
    pub value: Box<str>,
    /// How it is known.
    pub provenance: Provenance,
    /// Whether the value was masked or cut, or others beside it were left out.
    pub is_altered: bool,
}

/// How much a value can be relied on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Provenance {
    /// Proven by a signature that was checked, or known to the proxy itself.
    Verified,
    /// Said by the client.
    Claimed,
    /// Looked for and not there.
    Absent,
}

/// What was pruned from lists. A server decides how much that is, so only some of it is named.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pruned {
    /// The first names or URIs, each bounded.
    pub names: Vec<Box<str>>,
    /// How many there were.
    pub count: usize,
}

impl Pruned {
    const MAX_NAMES: usize = 100;

    /// Counts one more.
    pub fn add(&mut self, name: &str) {
        self.count = self.count.saturating_add(1);
        if self.names.len() < Self::MAX_NAMES {
            self.names.push(bounded(name).into());
        }
    }
}

/// The beginning of a text that a stranger can make long, as an entry keeps it.
pub fn bounded(text: &str) -> &str {
    const MAX_BYTES: usize = 256;
    text.get(..text.floor_char_boundary(MAX_BYTES))
        .unwrap_or_default()
}

/// A judged exchange ended.
#[derive(Clone, Debug, PartialEq)]
pub struct OutcomeEvent {
    /// The server's resource name, as in the decision.
    pub server: Box<str>,
    /// How.
    pub status: OutcomeStatus,
    /// The HTTP status the client saw; 0 where it saw none.
    pub http_status: u16,
    /// The JSON-RPC error code.
    pub rpc_code: Option<i64>,
    /// The result as delivered.
    pub result: Option<Content>,
    /// What was pruned from lists.
    pub pruned: Pruned,
    /// What detectors found in what came back.
    pub findings: Vec<Finding>,
    /// From the request to the end of the answer, in milliseconds.
    pub latency_ms: u64,
    /// The answer's length in bytes, as delivered.
    pub size_bytes: usize,
    /// Why the answer was refused.
    pub reason: Option<crate::reason::Reason>,
    /// Whether the server got nothing, since the decision was not durable in time or the message was
    /// not allowed any more when it was.
    pub is_unsent: bool,
}

/// What a server offers is not what people have approved.
#[derive(Clone, Debug, PartialEq)]
pub struct DriftEvent {
    /// The server's resource name.
    pub server: Box<str>,
    /// Where it stands.
    pub place: DefinitionPlace,
    /// Its name, URI or URI template; empty for what the server says of itself.
    pub name: Box<str>,
    /// Its pin. `None`: it has none.
    pub seen: Option<Pin>,
    /// In which way it differs.
    pub drift: Drift,
    /// The definition, as JSON.
    pub definition: Content,
    /// Whether it was hidden.
    pub is_hidden: bool,
    /// Who asked for it.
    pub principal: Arc<Principal>,
}

/// MCP, or what could be, went through to a host that nobody registered.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowEvent {
    /// What was seen.
    pub kind: ShadowKind,
    /// The lower-case `:authority`, bounded.
    pub host: Box<str>,
    /// The path without its query, bounded; empty of a tunnel.
    pub path: Box<str>,
    /// The method. `None`: the head alone shows that it is MCP.
    pub method: Option<Method>,
    /// Who asked, as far as the proxy has verified it.
    pub principal: Arc<Principal>,
    /// The URI in the peer's certificate, which the proxy has verified.
    pub workload: Option<Box<str>>,
    /// The peer's address.
    pub source: Option<Box<str>>,
    /// The cluster that the route leads to.
    pub cluster: Box<str>,
    /// How many requests alike it stands for.
    pub count: u64,
}

/// What was seen going to a host that nobody registered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ShadowKind {
    /// A request that is MCP.
    Mcp,
    /// A tunnel, in which nothing can be seen.
    Tunnel,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OutcomeStatus {
    /// A result was delivered.
    Result,
    /// A tool said that it failed.
    ToolError,
    /// The server answered with a JSON-RPC error.
    RpcError,
    /// The answer was refused.
    Refused,
    /// An HTTP status and no message.
    Http,
    /// Nothing was seen of an answer.
    Unknown,
}
