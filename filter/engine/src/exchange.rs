//! One HTTP exchange, judged: the state machine that the filter, the tests and the simulator drive
//! alike.
//!
//! ```text
//! open ─┬─ Pass, Watch                            not governed, and that is allowed
//!       ├─ Reply                                  refused
//!       ├─ AwaitKey                               a key is to be asked for; then opened again
//!       ├─ Verify ── verified ─┐                  a signature is to be checked
//!       └──────────────────────┼─ AwaitBody ── body ──┬─ Reply
//!                              │                      ├─ Spend ── spent ─┬─ Reply
//!                              └─ Forward             └──────────────────┴─ Forward
//! Forward ── response_head ─┬─ Hold ── response_body
//!                           └─ Stream ── response_chunk…
//! ```
//! Where the server is called with a credential, `AwaitCredential` comes in the place of `Forward`,
//! and [`Exchange::credential`] goes on from there. Where its decision must be durable first,
//! `AwaitRecord` does, after the credential, and [`Exchange::record_ahead`] and
//! [`Exchange::recorded`] go on from there.
//!
//! Entries collect on the way and are taken with [`Exchange::take_entries`]. Whatever way it goes,
//! one decision entry is made for the request, and one outcome entry for what was forwarded.

mod ahead;
mod answer;
mod assume;
mod body;
mod capabilities;
mod claims;
mod credential;
mod discovery;
mod dispatch;
mod drift;
mod forward;
mod handles;
mod head;
mod headers;
mod identity;
mod list;
mod malformed;
mod pass;
mod record;
mod renew;
mod response;
mod reveal;
mod schemas;
mod situation;
mod spend;
mod stateless;
mod stream;
mod strip;
mod target;
mod verdict;

use std::sync::{Arc, Mutex};

use ahead::Ahead;
pub use assume::{Assumed, headers_with, task_handle};
pub use body::BodyStep;
use claims::HeaderClaims;
pub use credential::CredentialStep;
use credential::Pending;
pub use head::{HeadStep, RequestHead};
pub(crate) use headers::is_json;
pub use headers::{HeaderEdit, Headers};
pub use identity::Vouched;
use malformed::Malformed;
use record::Ending;
pub use response::{Judged, ResponseHead, ResponseStep};
use spend::Allowed;
use stream::Stream;

use crate::{
    audit::AuditLevel,
    canonical::ListMemory,
    credential::{Credential, Need},
    decide::Verdict,
    entry::{Capability, Content, Direction, Entry, Fact, OutcomeStatus, RequestIds},
    explain::NearMiss,
    id::{DecisionId, Time},
    limits::Limits,
    message::{Era, Method},
    policy::{Arrival, Policy},
    principal::Principal,
    reason::Reason,
    redact::{Finding, Plan, Redactor},
    refusal::{Extra, Refusal, Reply},
    seal::Keyring,
    secret::Secret,
    server::Server,
    token::{UnverifiedToken, VerifiedToken},
};

/// What an exchange is judged with.
#[derive(Clone, Debug)]
pub struct Context {
    /// What is enforced. `None`: nothing yet, so everything is refused.
    pub policy: Option<Arc<Policy>>,
    /// What seals handles.
    pub keys: Arc<Keyring>,
    /// The bounds.
    pub limits: Limits,
    /// What happens to requests that no endpoint matches.
    pub unmatched: Unmatched,
    /// Names the decision; from 16 random bytes.
    pub decision_id: DecisionId,
    /// When the request came.
    pub now: Time,
    /// Whether the request may still be held for a key.
    pub may_wait: bool,
    /// Which lists were approved as a whole, as all exchanges of an instance know. `None`: every
    /// definition of every list is compared.
    pub lists: Option<Arc<Mutex<ListMemory>>>,
    /// The keys of `_meta` of which the first that is there names the conversation.
    pub conversation_keys: Arc<[Box<str>]>,
}

/// What happens to requests that no endpoint matches.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Unmatched {
    /// They are refused: the listener carries MCP alone.
    #[default]
    Refuse,
    /// They go through untouched, the listener carries other traffic too; but not where the route
    /// names a server or leads to the cluster of one.
    Pass,
    /// As [`Unmatched::Pass`], and what of it is MCP is recorded.
    Observe,
}

/// An exchange in progress.
#[derive(Debug)]
pub struct Exchange {
    context: Context,
    /// As of when it is judged.
    now: Time,
    ids: RequestIds,
    facts: Vec<Fact>,
    /// The lower-case `:authority`.
    host: Box<str>,
    arrival: Option<Arrival>,
    server_name: Box<str>,
    /// The id of the workspace that the exchange belongs to.
    workspace: Box<str>,
    principal: Arc<Principal>,
    /// What the principal's token proved. `None`: there is none.
    admitted: Option<VerifiedToken>,
    /// The agent in the peer's certificate, until it is known whether there is a user too.
    peer: Option<identity::Peer>,
    /// The HTTP method, where it is one that is governed.
    verb: Verb,
    claims: HeaderClaims,
    /// The prompt, as the head has it.
    prompt: Option<Box<str>>,
    /// Whether head or message have one.
    has_prompt: bool,
    /// The session as the client shows it, until it is used.
    session: Option<Box<str>>,
    /// Whether the client wants to go on after an event.
    resumes: bool,
    /// What is wrong with the head beside its token.
    fault: Option<Reason>,
    /// Changes to the request's headers.
    edits: Vec<HeaderEdit>,
    unverified: Option<Box<UnverifiedToken>>,
    /// The client's own token, where it is needed for the credential. It goes nowhere else.
    bearer: Option<Secret>,
    /// What goes on once its quotas have been asked.
    allowed: Option<Allowed>,
    /// What goes on once there is a credential for it.
    pending: Option<Box<Pending>>,
    /// What goes on once its decision is durable.
    ahead: Ahead,
    /// What the server was called with.
    used: Option<(Need, Arc<Credential>)>,
    /// What the answer is judged by.
    asked: Asked,
    stream: Stream,
    /// Why nothing more of the answer may go on.
    lost: Option<Reason>,
    phase: Phase,
    entries: Vec<Entry>,
    /// Why rules did not apply, where that is asked.
    near_misses: Vec<NearMiss>,
    /// What finds that out, where it is asked: a filter never asks, and has none of it.
    explain: Option<assume::Explain>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verb {
    Post,
    Get,
    Delete,
}

/// What the answer must fit.
#[derive(Debug, Default)]
struct Asked {
    /// The request's id token. `None`: no answer is due, or it is not known which.
    rpc_id: Option<Box<str>>,
    era: Era,
    method: Option<Method>,
    capability: Option<Capability>,
    /// The tools that the call of a dispatcher calls in turn.
    inner: Vec<Capability>,
    /// The tasks that it names.
    tasks: Vec<handles::Task>,
    /// What a server may ask the client before it answers.
    answerable: Vec<Method>,
    protocol_version: Option<Box<str>>,
    /// What must be redacted.
    plan: Plan,
    /// When it goes on.
    audit: AuditLevel,
}

impl Asked {
    /// What it acts on, and the calls inside it do.
    fn named(&self) -> impl Iterator<Item = &Capability> {
        self.capability.iter().chain(&self.inner)
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// The request is not judged yet, or what was allowed of it is not recorded yet.
    Request,
    /// It is recorded as allowed, but was not sent on: an outcome is due.
    Ahead,
    /// Forwarded: an outcome is due.
    Response,
    /// Refused or ended: nothing more is recorded.
    Done,
    /// Not governed.
    Passed,
}

/// What is known of a message when it is decided on.
#[derive(Debug, Default)]
struct Subject<'a> {
    method: &'a str,
    rpc_id: Option<&'a str>,
    capability: Option<Capability>,
    arguments: Option<Content>,
    prompt: Option<Content>,
    findings: Vec<Finding>,
    rules: Vec<Box<str>>,
    shadow_rules: Vec<Box<str>>,
    /// What rules read of it.
    facts: Vec<Fact>,
    size_bytes: usize,
    detail: Option<&'a str>,
    extra: Extra<'a>,
}

impl Exchange {
    fn new(context: Context) -> Self {
        Self {
            now: context.now,
            context,
            ids: RequestIds::default(),
            facts: Vec::new(),
            host: Box::default(),
            arrival: None,
            server_name: Box::default(),
            workspace: Box::default(),
            principal: Arc::new(Principal::anonymous()),
            admitted: None,
            peer: None,
            verb: Verb::Post,
            claims: HeaderClaims::default(),
            prompt: None,
            has_prompt: false,
            session: None,
            resumes: false,
            fault: None,
            edits: Vec::new(),
            unverified: None,
            bearer: None,
            allowed: None,
            pending: None,
            ahead: Ahead::default(),
            used: None,
            asked: Asked::default(),
            stream: Stream::default(),
            lost: None,
            phase: Phase::Request,
            entries: Vec::new(),
            near_misses: Vec::new(),
            explain: None,
        }
    }

    /// The entries made since this was last asked.
    pub fn take_entries(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.entries)
    }

    /// The decision's id, for the access log.
    pub fn decision_id(&self) -> DecisionId {
        self.context.decision_id
    }

    /// Whether no server is governed here, so that nothing of the exchange is touched.
    pub fn is_passed(&self) -> bool {
        self.phase == Phase::Passed
    }

    /// The exchange is over, for whatever cause. A forwarded request without an answer ends as
    /// unknown, one that was never whole as aborted.
    pub fn close(&mut self, now: Time) {
        match self.phase {
            Phase::Response => self.end(OutcomeStatus::Unknown, now, Ending::default()),
            Phase::Ahead => drop(self.refuse_response(Reason::Aborted, None, now)),
            Phase::Request => drop(self.refuse(Reason::Aborted, Subject::default())),
            Phase::Done | Phase::Passed => {}
        }
    }

    /// The shell could not carry on; what is due is recorded and refused.
    pub fn fail(&mut self, reason: Reason, now: Time) -> Reply {
        match self.phase {
            Phase::Request => {
                let rpc_id = self.asked.rpc_id.clone();
                let rpc_id = rpc_id.as_deref();
                self.refuse(
                    reason,
                    Subject {
                        rpc_id,
                        ..Subject::default()
                    },
                )
            }
            Phase::Ahead | Phase::Response | Phase::Done | Phase::Passed => {
                self.refuse_response(reason, None, now)
            }
        }
    }

    fn policy(&self) -> Option<Arc<Policy>> {
        self.context.policy.as_ref().map(Arc::clone)
    }

    fn refusal<'a>(
        &self,
        reason: Reason,
        rpc_id: Option<&'a str>,
        detail: Option<&'a str>,
    ) -> Refusal<'a> {
        Refusal {
            reason,
            decision_id: self.context.decision_id,
            rpc_id,
            era: self.asked.era,
            detail,
            extra: Extra::None,
        }
    }

    /// Refuses the request, with its one decision entry.
    fn refuse(&mut self, reason: Reason, subject: Subject<'_>) -> Reply {
        let refusal = Refusal {
            extra: subject.extra,
            ..self.refusal(reason, subject.rpc_id, subject.detail)
        };
        let reply = refusal.reply();
        let allowed = self.pending.take().map(|pending| pending.decision);
        match allowed.or_else(|| self.ahead.decision.take()) {
            None => self.decide(Verdict::Deny(reason), Direction::ToServer, subject),
            Some(decision) => self.take_back(decision, reason),
        }
        self.phase = Phase::Done;
        reply
    }

    fn redactor<'a>(&'a self, server: &'a Server, direction: Direction) -> Redactor<'a> {
        Redactor {
            plan: &self.asked.plan,
            direction,
            binding: Some(self.binding(server)),
        }
    }
}

#[cfg(test)]
#[cfg(feature = "proto")]
mod tests;
