//! The body of a request: read once, judged by what it does, rewritten where it must be.

use std::borrow::Cow;

use super::{
    Allowed, Exchange, HeaderEdit, Malformed, Subject,
    dispatch::{Inner, inner_calls},
    forward::Going,
    handles::{Opened, Task},
    list::Reader,
    reveal::{Revealed, Unopened},
    stateless::{answerable, check_capability, era_of},
    target::{capability_of, is_normal_uri},
    verdict::Place as At,
};
use crate::{
    entry::{Capability, bounded},
    glob::percent_encoded,
    json::{Edits, Kind, Value},
    limits::Limits,
    message::{
        self, Body, CLIENT_INFO_KEY, Call, Era, Message, Method, PROTOCOL_VERSION_KEY, Sender,
    },
    quota::Charge,
    reason::Reason,
    refusal::Reply,
    rule::{Act, Given, Target},
    server::Server,
};

/// What is to be done once a body was judged.
#[derive(Debug)]
pub enum BodyStep {
    /// Answer with this.
    Reply(Reply),
    /// Send it on.
    Forward {
        /// Changes to its headers.
        headers: Vec<HeaderEdit>,
        /// The body in place of the one that came, if it was rewritten.
        body: Option<String>,
    },
    /// Change it, and hold it until there is what [`Exchange::need`] says; then
    /// [`Exchange::credential`].
    AwaitCredential {
        /// Changes to its headers.
        headers: Vec<HeaderEdit>,
        /// The body in place of the one that came, if it was rewritten.
        body: Option<String>,
    },
    /// Change it, and hold it until its decision is durable.
    AwaitRecord {
        /// Changes to its headers.
        headers: Vec<HeaderEdit>,
        /// The body in place of the one that came, if it was rewritten.
        body: Option<String>,
    },
    /// Spend from these buckets with [`quota::spend`](crate::quota::spend) and say what came of it
    /// with [`Exchange::spent`].
    Spend(Vec<Charge>),
}

/// A message with what was found out about it on the way to being judged.
pub(super) struct Reading<'d> {
    pub(super) call: Option<Call<'d>>,
    pub(super) capability: Option<Capability>,
    /// The calls that it makes in turn, where it calls a dispatcher.
    pub(super) inner: Vec<Inner<'d>>,
    /// Everything it acts on beside the capability.
    tasks: Vec<Task>,
    resources: Vec<Capability>,
    edits: Edits,
}

impl Exchange {
    /// Judges a whole body.
    pub fn body(&mut self, bytes: &[u8]) -> BodyStep {
        match self.judge_body(bytes) {
            Ok(allowed) => self.allow(allowed),
            Err(reply) => BodyStep::Reply(reply),
        }
    }

    fn judge_body(&mut self, bytes: &[u8]) -> Result<Allowed, Reply> {
        let limits = self.context.limits;
        let size_bytes = bytes.len();
        let malformed = |exchange: &mut Self, error: message::MessageError| {
            let detail = error.to_string();
            let detail = Some(&*detail);
            exchange.refuse(
                error.reason(),
                Subject {
                    size_bytes,
                    detail,
                    ..Subject::default()
                },
            )
        };
        let document = message::parse(bytes, limits.max_body_bytes, &limits);
        let document = document.map_err(|error| malformed(self, error))?;
        let message = Message::read(&document).map_err(|error| malformed(self, error))?;
        let policy = self.policy();
        let Some(place) = self.place(policy.as_deref()) else {
            return Err(self.refuse(Reason::NoSnapshot, Subject::default()));
        };
        let name = message.call().map_or(Cow::Borrowed("response"), Call::name);
        let mut subject = Subject {
            method: &name,
            rpc_id: match message.body {
                Body::Request { id, .. } => Some(id.raw()),
                Body::Notification(_) | Body::Response { .. } => None,
            },
            size_bytes,
            ..Subject::default()
        };
        let reading = match self.read(place.server, &message) {
            Ok(reading) => reading,
            Err(malformed) => {
                subject.detail = malformed.detail;
                subject.extra = malformed.extra();
                return Err(self.refuse(malformed.reason, subject));
            }
        };
        subject.capability.clone_from(&reading.capability);
        for inner in &reading.inner {
            self.facts.push(inner.fact());
        }
        let revealed = match self.reveal(&place, &document, &reading) {
            Ok(revealed) => revealed,
            Err(Unopened { reason, detail }) => {
                subject.detail = detail.as_deref();
                return Err(self.refuse(reason, subject));
            }
        };
        let subject = self.judge_revealed_request(&place, &reading, &revealed, subject)?;
        let charges = self.charges(&place, &reading.called_tools());
        self.asked.rpc_id = subject.rpc_id.map(Box::from);
        self.asked.method = reading.call.and_then(|call| call.method);
        self.asked.capability = reading.capability;
        self.asked.inner = reading.inner.iter().map(Inner::capability).collect();
        self.asked.tasks = reading.tasks;
        let mut edits = reading.edits;
        if let Some(call) = &reading.call {
            let reader = Reader {
                rules: &place.rules,
                limits: &self.context.limits,
                approved: None,
                known: None,
            };
            reader.strip_client(call, &mut edits);
        }
        let going = Going { edits, revealed };
        let allowed = self.forward(place.server, (&document, &message), going, subject)?;
        Ok(Allowed { charges, ..allowed })
    }

    /// Reads what a message does: its era, what it acts on, and what its handles stand for.
    fn read<'d>(
        &mut self,
        server: &Server,
        message: &Message<'d>,
    ) -> Result<Reading<'d>, Malformed> {
        let limits = self.context.limits;
        self.asked.era = era_of(message, &self.claims)?;
        let mut edits = Edits::default();
        let call = message.call().copied();
        let mut reading = Reading {
            call,
            capability: None,
            inner: Vec::new(),
            tasks: Vec::new(),
            resources: Vec::new(),
            edits: Edits::default(),
        };
        if let Some(call) = &call {
            let version = call.meta(PROTOCOL_VERSION_KEY).and_then(Value::as_str);
            if let Some(version) = version {
                self.asked.protocol_version = Some(version.into());
            }
            self.ids.client_name = client_name(call);
            self.situate(call);
            self.claims
                .agree(call, self.asked.era)
                .map_err(|header| Malformed::new(Reason::HeaderMismatch, header))?;
            let method = sent_by_client(call, self.asked.era)?;
            if let (Body::Request { .. }, Era::Stateless) = (message.body, self.asked.era) {
                check_capability(call, method)?;
                self.asked.answerable = answerable(call);
            }
            reading.capability = capability_of(call, method, &limits)?;
            reading.resources = listened_to(call, method, &limits)?;
            if let (Method::ToolsCall, Some(tool)) = (method, &reading.capability) {
                let arguments = call.param("arguments");
                reading.inner = inner_calls(server, tool.name(), arguments, &limits)?;
            }
            check_inputs(call)?;
        } else if !self.claims.are_silent() {
            return Err(Reason::HeaderMismatch.into());
        }
        self.use_session(server, reading.method())?;
        if let Some(call) = &call {
            let inner = reading.inner.iter().map(Inner::capability);
            let named: Vec<_> = reading.capability.iter().cloned().chain(inner).collect();
            let Opened { tasks, headers } = self.open_handles(server, call, &named, &mut edits)?;
            self.edits.extend(headers);
            reading.tasks = tasks;
            if call.method.is_some_and(Method::is_about_a_task) {
                reading.capability = reading.tasks.first().map(|(_, made_by)| made_by.clone());
            }
        }
        self.open_related_task(server, message, &mut edits)?;
        reading.edits = edits;
        Ok(reading)
    }

    /// The legacy era has sessions, which open for whom they began with; the stateless era has
    /// none, and a server that serves both must not see one.
    fn use_session(&mut self, server: &Server, method: Option<Method>) -> Result<(), Malformed> {
        match (self.asked.era, self.session.take()) {
            (Era::Legacy, Some(token)) => {
                let edit = self.open_session(server, &token)?;
                self.edits.push(edit);
            }
            (Era::Stateless, Some(_)) => {
                let name = "mcp-session-id".to_owned();
                self.edits.push(HeaderEdit::Remove(name));
            }
            // Without a key the session that begins could not be handed out.
            (Era::Legacy, None) if self.begins_session(method) => {
                if !self.context.keys.holds(server.organization()) {
                    return Err(Reason::NoSealingKey.into());
                }
            }
            (Era::Legacy | Era::Stateless, None) => {}
        }
        if self.resumes {
            let name = "last-event-id".to_owned();
            self.edits.push(HeaderEdit::Remove(name));
        }
        Ok(())
    }

    /// Asks the rules about a request as the server will get it.
    fn judge_revealed_request<'s>(
        &mut self,
        place: &At<'_>,
        reading: &Reading<'_>,
        revealed: &Revealed,
        subject: Subject<'s>,
    ) -> Result<Subject<'s>, Reply> {
        let arguments = reading.call.and_then(|call| call.param("arguments"));
        let acts = reading.acts(arguments, &reading.inner);
        let Some(text) = &revealed.text else {
            return self.judge_request(place, &acts, None, subject);
        };
        let document = match self.reread(text) {
            Ok(document) => document,
            Err(Unopened { reason, .. }) => return Err(self.refuse(reason, subject)),
        };
        let params = document.root().get("params");
        let arguments = params.and_then(|params| params.get("arguments"));
        let inner = match self.inner_again(place, arguments, reading) {
            Ok(inner) => inner,
            Err(Unopened { reason, .. }) => return Err(self.refuse(reason, subject)),
        };
        let opened = reading.acts(arguments, &inner);
        self.judge_request(place, &opened, Some(&acts), subject)
    }
}

impl Reading<'_> {
    fn method(&self) -> Option<Method> {
        self.call.and_then(|call| call.method)
    }

    /// The tools that are called, the outermost first.
    fn called_tools(&self) -> Vec<&str> {
        match (self.method(), &self.capability) {
            (Some(Method::ToolsCall), Some(tool)) => {
                let inner = self.inner.iter().map(|inner| &*inner.tool);
                std::iter::once(tool.name()).chain(inner).collect()
            }
            (Some(_) | None, Some(_) | None) => Vec::new(),
        }
    }

    /// Everything the rules are asked about. A list is asked for as part of the conversation and
    /// pruned when it comes. A task was judged with its arguments when it was made.
    /// `arguments` and `inner` are its own, or the same revealed.
    pub(super) fn acts<'a>(
        &'a self,
        arguments: Option<Value<'a>>,
        inner: &'a [Inner<'a>],
    ) -> Vec<Act<'a>> {
        let method = self.method();
        let given = match method {
            Some(method) if method.has_arguments() => Given::Settled(arguments),
            Some(method) if method.is_about_a_task() => Given::Open,
            Some(_) | None => Given::Settled(None),
        };
        let own = match &self.capability {
            Some(capability) => act(method, capability, given),
            None if method.is_some_and(Method::is_list) => Act::on_server(None),
            None => Act::on_server(method),
        };
        let inner = inner.iter().map(|inner| Act {
            method,
            target: Target::Tool(&inner.tool),
            given: Given::Settled(inner.arguments),
        });
        let tasks = self.tasks.iter();
        let tasks = tasks.map(|(_, made_by)| act(method, made_by, Given::Open));
        let resources = self.resources.iter();
        let resources = resources.map(|uri| act(method, uri, Given::Settled(None)));
        std::iter::once(own)
            .chain(inner)
            .chain(tasks)
            .chain(resources)
            .collect()
    }
}

fn act<'a>(method: Option<Method>, capability: &'a Capability, given: Given<'a>) -> Act<'a> {
    Act {
        method,
        target: capability.target(),
        given,
    }
}

/// What the client calls itself, for the record alone.
fn client_name(call: &Call<'_>) -> Option<Box<str>> {
    let info = call.meta(CLIENT_INFO_KEY).or_else(|| {
        let is_handshake = call.method == Some(Method::Initialize);
        call.param("clientInfo").filter(|_| is_handshake)
    });
    let name = info?.get("name")?.as_str()?;
    Some(bounded(&name).into())
}

/// The method of a call, if it is one that a client may send in this era.
fn sent_by_client(call: &Call<'_>, era: Era) -> Result<Method, Malformed> {
    let method = call.method.ok_or(Reason::UnknownMethod)?;
    match method.sender() {
        Sender::Client | Sender::Both if method.exists_in(era) => Ok(method),
        Sender::Client | Sender::Both | Sender::Server => Err(Reason::UnknownMethod.into()),
    }
}

/// The resources whose changes a listener asks for, each judged by itself.
fn listened_to(
    call: &Call<'_>,
    method: Method,
    limits: &Limits,
) -> Result<Vec<Capability>, Malformed> {
    const URIS: &str = "`params.notifications.resourceSubscriptions` is not a list of normal URIs";
    const NOTIFICATIONS: &str = "`params.notifications` is not an object";
    if method != Method::Listen {
        return Ok(Vec::new());
    }
    let notifications = call.param("notifications");
    if notifications.is_some_and(|value| value.kind() != Kind::Object) {
        return Err(Malformed::new(Reason::InvalidParams, NOTIFICATIONS));
    }
    let uris = notifications.and_then(|value| value.get("resourceSubscriptions"));
    let Some(uris) = uris else {
        return Ok(Vec::new());
    };
    let malformed = || Malformed::new(Reason::InvalidParams, URIS);
    if uris.kind() != Kind::Array {
        return Err(malformed());
    }
    let resource = |value: Value<'_>| {
        let uri = value.as_str().filter(|uri| is_normal_uri(uri, limits));
        uri.map(|uri| Capability::Resource(percent_encoded(&uri).into()))
            .ok_or_else(malformed)
    };
    uris.items().map(resource).collect()
}

/// What a client answers to a server's questions (MCP 2026-07-28, multi-round-trip requests) is
/// data like arguments, in an object of its own.
fn check_inputs(call: &Call<'_>) -> Result<(), Malformed> {
    const INPUTS: &str = "`params.inputResponses` is not an object";
    match call.param("inputResponses") {
        Some(inputs) if inputs.kind() != Kind::Object => {
            Err(Malformed::new(Reason::InvalidParams, INPUTS))
        }
        Some(_) | None => Ok(()),
    }
}
