//! The way to the server.

use std::{borrow::Cow, sync::Arc};

use super::{
    Context, Exchange, HeaderClaims, Headers, Phase, Subject, Unmatched, Verb,
    headers::{Repeated, is_json},
    target::{Malformed, capability_of},
};
use crate::{
    decide::Verdict,
    entry::{Capability, Content, Direction, Fact, Provenance, RequestIds},
    id::Digest,
    json::{Document, Edits, Value},
    message::{self, Answer, Body, Call, Message, Method, Sender},
    policy::{Policy, ServerIndex},
    reason::Reason,
    redact::redact,
    refusal::Reply,
    rule::Target,
    server::{Authentication, OnDenied, Server, normalise},
    token::{self, SignatureCheck, TokenCache, TokenError},
};

/// Headers that never reach a server: the user's token, and the wish for encodings that could not
/// be judged.
pub const STRIPPED_HEADERS: [&str; 2] = ["authorization", "accept-encoding"];

/// The head of a request and where Envoy would send it.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// `:method`
    pub method: &'a [u8],
    /// `:authority`
    pub authority: &'a [u8],
    /// `:path`
    pub path: &'a [u8],
    /// All other headers.
    pub headers: Headers<'a>,
    /// The cluster that the route leads to.
    pub cluster: &'a str,
    /// The server that the route's metadata names.
    pub route_server: Option<&'a str>,
    /// The peer's address.
    pub source: Option<&'a str>,
    /// Whether there is no body.
    pub ends: bool,
}

/// What is to be done once a head was judged.
#[derive(Debug)]
pub enum HeadStep {
    /// Let the whole exchange through.
    Pass,
    /// Answer with this.
    Reply(Reply),
    /// Check a signature and say so with [`Exchange::verified`].
    Verify(SignatureCheck),
    /// Hold the request until its body is whole, then [`Exchange::body`].
    AwaitBody,
    /// Send it on without [`STRIPPED_HEADERS`].
    Forward,
}

/// What is to be done once a body was judged.
#[derive(Debug)]
pub enum BodyStep {
    /// Answer with this.
    Reply(Reply),
    /// Send it on without [`STRIPPED_HEADERS`], with this body if there is one, else as it is.
    Forward(Option<String>),
}

impl Exchange {
    /// Judges the head of a request.
    pub fn open(context: Context, head: &RequestHead<'_>, tokens: &TokenCache) -> (Self, HeadStep) {
        let mut exchange = Self::new(context);
        let step = exchange
            .judge_head(head, tokens)
            .unwrap_or_else(|reason| HeadStep::Reply(exchange.refuse(reason, Subject::default())));
        (exchange, step)
    }

    fn judge_head(
        &mut self,
        head: &RequestHead<'_>,
        tokens: &TokenCache,
    ) -> Result<HeadStep, Reason> {
        self.ids = RequestIds {
            request_id: head.headers.text("x-request-id"),
            trace_parent: head.headers.text("traceparent"),
            session_id: head.headers.text("mcp-session-id"),
            source: head.source.map(Box::from),
        };
        let policy = self.policy().ok_or(Reason::NoSnapshot)?;
        match self.locate(&policy, head) {
            Ok(index) => self.server = Some(index),
            Err(Reason::UnknownServer) if self.context.unmatched == Unmatched::Pass => {
                self.phase = Phase::Passed;
                return Ok(HeadStep::Pass);
            }
            Err(reason) => return Err(reason),
        }
        let server = self.server.and_then(|index| policy.server(index));
        let server = server.ok_or(Reason::UnknownServer)?;
        self.server_name.clone_from(&server.name);
        self.verb = match head.method {
            b"POST" => Verb::Post,
            b"GET" => Verb::Get,
            b"DELETE" => Verb::Delete,
            _ => return Err(Reason::HttpMethod),
        };
        self.claims =
            HeaderClaims::read(head.headers).map_err(|_repeated| Reason::HeaderMismatch)?;
        self.asked
            .protocol_version
            .clone_from(&self.claims.protocol_version);
        match self.authenticate(&policy, server, head.headers, tokens) {
            Ok(Some(check)) => {
                // The checks after the token come again once it is verified.
                self.check_media(head)?;
                Ok(HeadStep::Verify(check))
            }
            Ok(None) => {
                self.check_media(head)?;
                Ok(self.after_token(&policy))
            }
            Err(error) => Ok(HeadStep::Reply(self.refuse_token(error))),
        }
    }

    fn locate(&mut self, policy: &Policy, head: &RequestHead<'_>) -> Result<ServerIndex, Reason> {
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let place = text(head.authority).zip(text(head.path));
        let place = place.and_then(|(authority, path)| normalise(authority, path));
        let (host, path) = place.ok_or(Reason::UnknownServer)?;
        let fact = |key, value: &str, provenance| Fact {
            key,
            value: value.into(),
            provenance,
        };
        self.facts = vec![
            fact("endpoint.host", &host, Provenance::Claimed),
            fact("endpoint.path", &path, Provenance::Claimed),
            fact("endpoint.cluster", head.cluster, Provenance::Verified),
        ];
        match head.route_server {
            Some(name) => {
                self.facts
                    .push(fact("route.server", name, Provenance::Verified));
                policy.locate_named(name, head.cluster)
            }
            None => policy.locate(&host, &path, head.cluster),
        }
    }

    /// Finds the principal, or what must be verified first.
    fn authenticate(
        &mut self,
        policy: &Policy,
        server: &Server,
        headers: Headers<'_>,
        tokens: &TokenCache,
    ) -> Result<Option<SignatureCheck>, Option<TokenError>> {
        let header = headers
            .single("authorization")
            .map_err(|Repeated| Some(TokenError::Scheme))?;
        let Some(header) = header else {
            return match server.authentication {
                Authentication::Required => Err(None),
                Authentication::Optional => Ok(None),
            };
        };
        let now = self.context.now;
        let bearer = token::bearer(header, &self.context.limits).map_err(Some)?;
        if let Some(verified) = tokens.find(bearer, server.organization(), now) {
            self.principal = Arc::clone(&verified.principal);
            return Ok(None);
        }
        let token = token::read(
            bearer,
            policy,
            server.organization(),
            now,
            &self.context.limits,
        );
        let token = token.map_err(Some)?;
        let check = token.check.clone();
        self.unverified = Some(Box::new((bearer.into(), token)));
        Ok(Some(check))
    }

    /// Takes the answer to [`HeadStep::Verify`].
    pub fn verified(&mut self, is_valid: bool, tokens: &mut TokenCache) -> HeadStep {
        let policy = self.policy();
        let (Some(pending), Some(policy)) = (self.unverified.take(), policy) else {
            return HeadStep::Reply(self.refuse(Reason::InvalidToken, Subject::default()));
        };
        if !is_valid {
            return HeadStep::Reply(self.refuse_token(Some(TokenError::Signature)));
        }
        let (bearer, token) = *pending;
        let verified = Arc::new(token.into_verified());
        self.principal = Arc::clone(&verified.principal);
        let server = self.server.and_then(|index| policy.server(index));
        tokens.insert(&bearer, server.map_or("", Server::organization), verified);
        self.after_token(&policy)
    }

    fn refuse_token(&mut self, error: Option<TokenError>) -> Reply {
        let reason = if error.is_some() {
            Reason::InvalidToken
        } else {
            Reason::NoToken
        };
        self.refuse(reason, Subject::default());
        self.refusal(reason, None, None).token_reply(error)
    }

    /// A body must be plain JSON; what has none must not claim one.
    fn check_media(&self, head: &RequestHead<'_>) -> Result<(), Reason> {
        let single = |name| {
            head.headers
                .single(name)
                .map_err(|Repeated| Reason::ContentType)
        };
        let encoding = single("content-encoding")?;
        if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
            return Err(Reason::ContentType);
        }
        let content_type = single("content-type")?;
        match self.verb {
            Verb::Post if head.ends => Err(Reason::InvalidJson),
            Verb::Post if content_type.is_some_and(is_json) => Ok(()),
            Verb::Post => Err(Reason::ContentType),
            Verb::Get | Verb::Delete if head.ends => Ok(()),
            Verb::Get | Verb::Delete => Err(Reason::InvalidMessage),
        }
    }

    /// The principal is known: a body is judged next; a request without one is judged now.
    fn after_token(&mut self, policy: &Policy) -> HeadStep {
        match self.verb {
            Verb::Post => HeadStep::AwaitBody,
            Verb::Get | Verb::Delete => {
                let subject = Subject {
                    method: self.verb.as_str(),
                    ..Subject::default()
                };
                match self.judge(policy, Target::Server, subject) {
                    Ok(subject) => {
                        self.decide(Verdict::Allow, Direction::ToServer, subject);
                        self.phase = Phase::Response;
                        HeadStep::Forward
                    }
                    Err(reply) => HeadStep::Reply(reply),
                }
            }
        }
    }

    /// Judges a whole body.
    pub fn body(&mut self, bytes: &[u8]) -> BodyStep {
        match self.judge_body(bytes) {
            Ok(forward) => {
                self.phase = Phase::Response;
                BodyStep::Forward(forward)
            }
            Err(reply) => BodyStep::Reply(reply),
        }
    }

    fn judge_body(&mut self, bytes: &[u8]) -> Result<Option<String>, Reply> {
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
        let Some(policy) = self.policy() else {
            return Err(self.refuse(Reason::NoSnapshot, Subject::default()));
        };
        let (rpc_id, call) = match message.body {
            Body::Request { id, call } => (Some(id.raw()), Some(call)),
            Body::Notification(call) => (None, Some(call)),
            Body::Response { .. } => (None, None),
        };
        let name = call.map_or(Cow::Borrowed("response"), |call| call.name());
        let mut subject = Subject {
            method: &name,
            rpc_id,
            size_bytes,
            ..Subject::default()
        };
        let capability = match self.read_call(call.as_ref()) {
            Ok(capability) => capability,
            Err((reason, detail)) => {
                subject.detail = detail;
                return Err(self.refuse(reason, subject));
            }
        };
        let target = capability
            .as_ref()
            .map_or(Target::Server, Capability::target);
        subject.capability.clone_from(&capability);
        let subject = self.judge(&policy, target, subject)?;
        self.asked.rpc_id = rpc_id.map(Box::from);
        self.asked.method = call.and_then(|call| call.method);
        self.forward(&document, &message, subject)
    }

    /// What a call acts on, once its headers agree with it.
    fn read_call(&mut self, call: Option<&Call<'_>>) -> Result<Option<Capability>, Malformed> {
        let Some(call) = call else { return Ok(None) };
        let method = call.method.ok_or((Reason::UnknownMethod, None))?;
        match method.sender() {
            Sender::Client | Sender::Both => {}
            Sender::Server => return Err((Reason::UnknownMethod, None)),
        }
        if let Some(version) = call.protocol_version() {
            self.asked.protocol_version = Some(version.into());
        }
        let capability = capability_of(call, method, self.context.limits.max_name_bytes)?;
        let name = capability.as_ref().map(Capability::name);
        self.claims
            .agree(call, name)
            .map_err(|header| (Reason::HeaderMismatch, Some(header)))?;
        Ok(capability)
    }

    /// Asks the rules; a refusal comes back as the reply to give.
    fn judge<'s>(
        &mut self,
        policy: &Policy,
        target: Target<'_>,
        mut subject: Subject<'s>,
    ) -> Result<Subject<'s>, Reply> {
        let Some(index) = self.server else {
            return Err(self.refuse(Reason::UnknownServer, subject));
        };
        let judgement = policy.judge(index, &self.principal, target);
        subject.rules = judgement
            .rules
            .iter()
            .map(|rule| Box::from(*rule))
            .collect();
        let reason = match judgement.verdict {
            Verdict::Allow => {
                self.asked.redaction = judgement.redaction;
                return Ok(subject);
            }
            Verdict::Deny(reason) => reason,
        };
        let refusal = self.refusal(reason, subject.rpc_id, None);
        let hides = policy
            .server(index)
            .is_some_and(|server| server.on_denied == OnDenied::Hide);
        let handshake = [Method::Initialize, Method::Discover]
            .into_iter()
            .any(|method| method.as_str() == subject.method);
        let reply = match target {
            Target::Server if handshake => refusal.server_reply(),
            Target::Tool(_) | Target::Prompt(_) | Target::Resource(_)
                if hides && subject.rpc_id.is_some() =>
            {
                refusal.hidden_reply(target)
            }
            Target::Server | Target::Tool(_) | Target::Prompt(_) | Target::Resource(_) => {
                refusal.reply()
            }
        };
        self.refuse(reason, subject);
        Err(reply)
    }

    /// Masks what must be masked and records the decision with what really goes on.
    fn forward(
        &mut self,
        document: &Document<'_>,
        message: &Message<'_>,
        mut subject: Subject<'_>,
    ) -> Result<Option<String>, Reply> {
        let detectors = self.detectors(Direction::ToServer);
        let mut edits = Edits::default();
        for value in sent_values(message) {
            redact(
                message.root,
                value,
                detectors,
                &mut edits,
                &mut subject.findings,
            );
        }
        if edits.is_empty() {
            subject.arguments = self.keep_arguments(message);
            self.decide(Verdict::Allow, Direction::ToServer, subject);
            return Ok(None);
        }
        // What was written is read again, so that the record keeps what the server gets.
        let limits = self.context.limits;
        let max_bytes = limits.max_body_bytes.saturating_mul(2);
        let rewritten = edits.apply(document.text()).ok();
        let reread = rewritten.as_deref().map(str::as_bytes);
        let reread = reread.and_then(|bytes| message::parse(bytes, max_bytes, &limits).ok());
        match reread.as_ref().map(Message::read) {
            Some(Ok(reread)) => subject.arguments = self.keep_arguments(&reread),
            Some(Err(_)) | None => return Err(self.refuse(Reason::InvalidMessage, subject)),
        }
        self.decide(Verdict::Allow, Direction::ToServer, subject);
        Ok(rewritten)
    }

    fn keep_arguments(&self, message: &Message<'_>) -> Option<Content> {
        let arguments = match message.body {
            Body::Request { call, .. } => call.param("arguments"),
            Body::Notification(_) => None,
            Body::Response {
                answer: Answer::Result(result),
                ..
            } => Some(result),
            Body::Response {
                answer: Answer::Error(error),
                ..
            } => Some(error),
        };
        let text = arguments?.raw();
        let digest = Digest::of(text.as_bytes());
        Some(Content::bounded(
            text,
            self.context.limits.max_content_bytes,
            Some(digest),
        ))
    }
}

/// Parameters that name, rather than carry, and are never masked.
const NAMING_PARAMS: [&str; 9] = [
    "name",
    "uri",
    "ref",
    "cursor",
    "_meta",
    "requestState",
    "protocolVersion",
    "capabilities",
    "progressToken",
];

/// The parts of a message that carry data to the server.
fn sent_values<'d>(message: &Message<'d>) -> Vec<Value<'d>> {
    let carries = |(key, value): (Value<'d>, Value<'d>)| {
        (!NAMING_PARAMS.iter().any(|name| key.is(name))).then_some(value)
    };
    match message.body {
        Body::Request { call, .. } | Body::Notification(call) => call
            .params
            .into_iter()
            .flat_map(Value::members)
            .filter_map(carries)
            .collect(),
        Body::Response {
            answer: Answer::Result(value) | Answer::Error(value),
            ..
        } => vec![value],
    }
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Get => "GET",
            Self::Delete => "DELETE",
        }
    }
}
