//! The head of a request: which server, who asks, and whether its body is worth waiting for.

use std::sync::Arc;

use percent_encoding::percent_decode_str;

use super::{
    Context, Exchange, HeaderClaims, HeaderEdit, Headers, Phase, Subject, Unmatched, Verb,
    headers::{Repeated, is_json},
    strip,
};
use crate::{
    decide::Verdict,
    entry::{Direction, Fact, Provenance, RequestIds, bounded},
    message::is_known_legacy,
    policy::{Policy, ServerIndex},
    reason::Reason,
    refusal::Reply,
    rule::Act,
    server::{Authentication, Server, normalise},
    token::{self, SignatureCheck, TokenCache, TokenError},
};

/// The head of a request and where Envoy would send it.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// `:method`
    pub method: &'a [u8],
    /// `:authority`
    pub authority: &'a [u8],
    /// `:path`
    pub path: &'a [u8],
    /// All headers.
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
    /// Send it on with these changes to its headers.
    Forward(Vec<HeaderEdit>),
    /// Change its headers, and hold it until there is what [`Exchange::need`] says; then
    /// [`Exchange::credential`].
    AwaitCredential(Vec<HeaderEdit>),
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
        let session = head.headers.text("mcp-session-id");
        self.ids = RequestIds {
            request_id: head.headers.text("x-request-id"),
            trace_parent: head.headers.text("traceparent"),
            session_id: session,
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
        check_origin(server, head)?;
        self.read_headers(head.headers)?;
        self.clear_credential(server, head.headers);
        self.fault = self.check_media(head).err();
        if has_token_in_query(head.path) {
            return Ok(HeadStep::Reply(
                self.refuse_token(Some(TokenError::InQuery)),
            ));
        }
        match self.authenticate(&policy, server, head.headers, tokens) {
            Ok(Some(check)) => Ok(HeadStep::Verify(check)),
            Ok(None) => Ok(self.after_token(&policy)),
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
            value: bounded(value).into(),
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

    /// Keeps what the headers say for when there is a body to hold it against.
    fn read_headers(&mut self, headers: Headers<'_>) -> Result<(), Reason> {
        let repeated = |Repeated| Reason::HeaderMismatch;
        self.edits = strip::request(headers);
        self.claims = HeaderClaims::read(headers).map_err(repeated)?;
        self.session = session(headers)?;
        let event = headers.single("last-event-id").map_err(repeated)?;
        if event.is_some_and(|id| !id.iter().all(|byte| (0x20..0x7F).contains(byte))) {
            return Err(Reason::HeaderMismatch);
        }
        self.resumes = event.is_some();
        self.asked.protocol_version = self.claims.protocol_version.text().map(Box::from);
        Ok(())
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
        self.keep_bearer(server, bearer);
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

    pub(super) fn refuse_token(&mut self, error: Option<TokenError>) -> Reply {
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
        let length = head.headers.all("content-length").next();
        let length = length.and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        if length.is_some_and(|length: usize| length > self.context.limits.max_body_bytes) {
            return Err(Reason::BodyTooLarge);
        }
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
        // What is wrong with a request is told to nobody before its token was accepted.
        if let Some(reason) = self.fault {
            return HeadStep::Reply(self.refuse(reason, Subject::default()));
        }
        if self.verb == Verb::Post {
            return HeadStep::AwaitBody;
        }
        let subject = Subject {
            method: self.verb.as_str(),
            ..Subject::default()
        };
        let Some(place) = self.place(Some(policy)) else {
            return HeadStep::Reply(self.refuse(Reason::UnknownServer, subject));
        };
        if let Err(reason) = self.bodiless(place.server) {
            return HeadStep::Reply(self.refuse(reason, subject));
        }
        match self.judge(&place, &[Act::on_server(None)], subject) {
            Ok(subject) => {
                let decision = self.decision(Verdict::Allow, Direction::ToServer, subject);
                if let Err(reply) = self.go_on(decision) {
                    return HeadStep::Reply(reply);
                }
                let edits = std::mem::take(&mut self.edits);
                if self.awaits_credential() {
                    return HeadStep::AwaitCredential(edits);
                }
                self.phase = Phase::Response;
                HeadStep::Forward(edits)
            }
            Err(reply) => HeadStep::Reply(reply),
        }
    }

    /// What a GET or DELETE needs: both belong to the legacy era, and what they show was handed to
    /// this principal.
    fn bodiless(&mut self, server: &Server) -> Result<(), Reason> {
        let version = &self.asked.protocol_version;
        if version
            .as_deref()
            .is_some_and(|version| !is_known_legacy(version))
        {
            return Err(Reason::HttpMethod);
        }
        if !self.claims.are_silent() {
            return Err(Reason::HeaderMismatch);
        }
        if let Some(token) = self.session.take() {
            let edit = self.open_session(server, &token)?;
            self.edits.push(edit);
        }
        Ok(())
    }
}

/// The session that a request belongs to, as the client was handed it.
fn session(headers: Headers<'_>) -> Result<Option<Box<str>>, Reason> {
    let value = headers
        .single("mcp-session-id")
        .map_err(|Repeated| Reason::HeaderMismatch)?;
    let text = |value| std::str::from_utf8(value).map_err(|_not_text| Reason::UnknownSession);
    Ok(value.map(text).transpose()?.map(Box::from))
}

/// MCP has tokens in the header alone; one in the query would be forwarded and logged (RFC 6750
/// section 5.3).
fn has_token_in_query(path: &[u8]) -> bool {
    let path = String::from_utf8_lossy(path);
    let query = path.split_once('?').map_or("", |(_, query)| query);
    query
        .split(['&', ';'])
        .filter_map(|pair| pair.split('=').next())
        .any(|name| percent_decode_str(name).eq("access_token".bytes()))
}

/// A request that a web page makes says from which origin (MCP, transports: DNS rebinding).
fn check_origin(server: &Server, head: &RequestHead<'_>) -> Result<(), Reason> {
    let origin = head
        .headers
        .single("origin")
        .map_err(|Repeated| Reason::Origin)?;
    let Some(origin) = origin else { return Ok(()) };
    let text = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    let authority = text(head.authority).to_ascii_lowercase();
    if server.accepts_origin(text(origin), &authority) {
        Ok(())
    } else {
        Err(Reason::Origin)
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
