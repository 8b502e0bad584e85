//! The head of a request: which server, who asks, and whether its body is worth waiting for.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::{
    Context, Exchange, HeaderClaims, HeaderEdit, Headers, Phase, Subject, Verb, Vouched,
    assume::Identity,
    headers::{Repeated, is_json},
    identity::{Addressee, Identified},
    strip,
};
use crate::{
    decide::Verdict,
    entry::{Direction, Fact, Provenance, RequestIds, bounded},
    message::is_known_legacy,
    policy::{Arrival, Policy},
    reason::Reason,
    refusal::Reply,
    rule::Act,
    server::{Server, normalise},
    shadow::Watch,
    token::{TokenCache, TokenError, WantedKey},
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
    /// What the proxy has verified of whoever asks.
    pub vouched: Vouched<'a>,
    /// Whether there is no body.
    pub ends: bool,
}

/// What is to be done once a head was judged.
#[derive(Debug)]
pub enum HeadStep {
    /// Let the whole exchange through.
    Pass,
    /// Let the whole exchange through, and show the beginning of the request's body on its way.
    Watch(Box<Watch>),
    /// Answer with this.
    Reply(Reply),
    /// Check [`Exchange::signature_check`] and say so with [`Exchange::verified`].
    Verify,
    /// Ask for a key and hold the request for a while; then [`Exchange::open`] it again, with the
    /// policy that is in force by then, and wait no more.
    AwaitKey(WantedKey),
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
            .judge_head(head, &Identity::Token(tokens))
            .unwrap_or_else(|reason| HeadStep::Reply(exchange.refuse(reason, Subject::default())));
        (exchange, step)
    }

    pub(super) fn judge_head(
        &mut self,
        head: &RequestHead<'_>,
        identity: &Identity<'_>,
    ) -> Result<HeadStep, Reason> {
        let session = head.headers.text("mcp-session-id");
        self.ids = RequestIds {
            request_id: head.headers.text("x-request-id"),
            trace_parent: head.headers.text("traceparent"),
            trace_state: head.headers.text("tracestate"),
            conversation: None,
            session_id: session,
            source: head.source.map(Box::from),
            client_name: None,
        };
        self.read_baggage(head.headers);
        let policy = self.policy().ok_or(Reason::NoSnapshot)?;
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let place = text(head.authority).zip(text(head.path));
        let place = place.and_then(|(authority, path)| normalise(authority, path));
        let path = match place {
            None => None,
            Some((host, path)) => {
                self.host = host.into();
                Some(path)
            }
        };
        if let Some(reply) = path
            .as_deref()
            .and_then(|path| self.discover(&policy, head, path))
        {
            self.phase = Phase::Done;
            return Ok(HeadStep::Reply(reply));
        }
        let arrival = match self.locate(&policy, head, path.as_deref()) {
            Ok(arrival) => arrival,
            Err(Reason::UnknownServer) => {
                return self.pass(&policy, head, path.as_deref());
            }
            Err(reason) => return Err(reason),
        };
        self.arrival = Some(arrival);
        let server = policy.server(arrival.server);
        let at = server.zip(policy.endpoint(arrival));
        let (server, endpoint) = at.ok_or(Reason::UnknownServer)?;
        self.server_name.clone_from(&server.name);
        self.workspace.clone_from(&endpoint.workspace);
        let at = Addressee {
            policy: &policy,
            server,
            endpoint,
        };
        self.judge_addressed(at, head, identity)
    }

    /// Judges a head that arrived at an endpoint.
    fn judge_addressed(
        &mut self,
        at: Addressee<'_>,
        head: &RequestHead<'_>,
        identity: &Identity<'_>,
    ) -> Result<HeadStep, Reason> {
        self.verb = match head.method {
            b"POST" => Verb::Post,
            b"GET" => Verb::Get,
            b"DELETE" => Verb::Delete,
            _ => return Err(Reason::HttpMethod),
        };
        check_origin(at.server, head)?;
        self.read_headers(head.headers)?;
        self.clear_credential(at.server, head.headers);
        self.fault = self.check_media(head).err();
        if has_token_in_query(head.path) {
            return Ok(HeadStep::Reply(
                self.refuse_token(Some(TokenError::InQuery)),
            ));
        }
        let identified = match identity {
            Identity::Token(tokens) => self.identify(at, head, tokens),
            Identity::Assumed(assumed) => self
                .take_for_granted(at, assumed)
                .map(|()| Identified::Known),
        };
        Ok(match identified {
            Ok(Identified::Known) => self.after_token(at.policy),
            Ok(Identified::Unverified) => HeadStep::Verify,
            Ok(Identified::UnknownKey(key)) => HeadStep::AwaitKey(key),
            Err(error) => HeadStep::Reply(self.refuse_token(error)),
        })
    }

    fn locate(
        &mut self,
        policy: &Policy,
        head: &RequestHead<'_>,
        path: Option<&str>,
    ) -> Result<Arrival, Reason> {
        let path = path.ok_or(Reason::UnknownServer)?;
        let host = &*self.host;
        let fact = |key, value: &str, provenance| Fact {
            key: Cow::Borrowed(key),
            value: bounded(value).into(),
            provenance,
            is_altered: false,
        };
        self.facts = vec![
            fact("endpoint.host", host, Provenance::Claimed),
            fact("endpoint.path", path, Provenance::Claimed),
            fact("endpoint.cluster", head.cluster, Provenance::Verified),
        ];
        match head.route_server {
            Some(name) => {
                self.facts
                    .push(fact("route.server", name, Provenance::Verified));
                policy.locate_named(name, (host, path), head.cluster)
            }
            None => policy.locate(host, path, head.cluster),
        }
    }

    /// Keeps what the headers say for when there is a body to hold it against.
    fn read_headers(&mut self, headers: Headers<'_>) -> Result<(), Reason> {
        let repeated = |Repeated| Reason::HeaderMismatch;
        self.edits = strip::request(headers);
        self.claims = HeaderClaims::read(headers)?;
        self.session = session(headers)?;
        let event = headers.single("last-event-id").map_err(repeated)?;
        if event.is_some_and(|id| !id.iter().all(|byte| (0x20..0x7F).contains(byte))) {
            return Err(Reason::HeaderMismatch);
        }
        self.resumes = event.is_some();
        self.asked.protocol_version = self.claims.protocol_version.text().map(Box::from);
        Ok(())
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
    pub(super) fn after_token(&mut self, policy: &Policy) -> HeadStep {
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
        match self.judge_request(&place, &[Act::on_server(None)], None, subject) {
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
