//! As whom the server is called: what was allowed goes on with the credential that it needs, or not
//! at all.

use std::{borrow::Cow, sync::Arc};

use super::{Exchange, HeaderEdit, Headers, Phase};
use crate::{
    credential::{Acting, Answer, Credential, Need},
    decide::Verdict,
    entry::{DecisionEvent, Event, Fact, Provenance, bounded},
    reason::Reason,
    refusal::Reply,
    secret::Secret,
    server::{Server, Upstream, UpstreamIdentity},
};

/// What was allowed and waits for a credential.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) decision: Box<DecisionEvent>,
    need: Need,
}

/// What is to be done once it is known whether there is a credential.
#[derive(Debug)]
pub enum CredentialStep {
    /// Answer with this.
    Reply(Reply),
    /// Send it on with this change to its headers.
    Forward(HeaderEdit),
    /// Change its headers so, and hold it on until its decision is durable.
    AwaitRecord(HeaderEdit),
}

impl Exchange {
    pub(super) fn server(&self) -> Option<&Server> {
        let policy = self.context.policy.as_deref();
        self.arrival
            .and_then(|arrival| policy?.server(arrival.server))
    }

    fn upstream(&self) -> Option<&Upstream> {
        self.server()?.upstream.as_ref()
    }

    pub(super) fn upstream_identity(&self) -> Option<UpstreamIdentity> {
        self.upstream().map(|upstream| upstream.identity)
    }

    /// Keeps the client's token where the server sees the principal.
    pub(super) fn keep_bearer(&mut self, server: &Server, bearer: &str) {
        let upstream = server.upstream.as_ref();
        if upstream.is_some_and(|upstream| upstream.identity == UpstreamIdentity::Principal) {
            self.bearer = Some(Secret::new(bearer));
        }
    }

    /// Removes whatever the client sent in the place of a credential, however it is spelled: servers
    /// behind CGI-like interfaces read `x_api_key` as `x-api-key`.
    pub(super) fn clear_credential(&mut self, server: &Server, headers: Headers<'_>) {
        let Some(upstream) = &server.upstream else {
            return;
        };
        let is_meant = |name: &str| {
            let dashed = name
                .bytes()
                .map(|byte| if byte == b'_' { b'-' } else { byte });
            dashed.eq(upstream.header.bytes())
        };
        let names = headers.names().filter(|name| is_meant(name));
        let removals = names.map(|name| HeaderEdit::Remove(name.to_owned()));
        self.edits.extend(removals);
    }

    /// Records that the request goes on; or, where that needs a credential, keeps it until there is
    /// one. Nobody is no principal, so there is none for nobody.
    pub(super) fn go_on(&mut self, mut decision: Box<DecisionEvent>) -> Result<(), Reply> {
        let Some(upstream) = self.upstream() else {
            self.proceed(decision);
            return Ok(());
        };
        let (server, credential) = (&self.server_name, &upstream.credential);
        let need = match upstream.identity {
            UpstreamIdentity::Service | UpstreamIdentity::Shared => {
                Need::of_service(server, credential)
            }
            UpstreamIdentity::Principal => {
                let acting = Acting {
                    principal: Arc::clone(&self.principal),
                    workspace: self.workspace.clone(),
                };
                Need::of_principal(server, credential, acting, self.bearer.clone())
            }
        };
        let is_nobodys =
            upstream.identity == UpstreamIdentity::Principal && !self.principal.is_authenticated();
        decision.upstream_identity = Some(upstream.identity);
        self.bearer = None;
        self.pending = Some(Box::new(Pending { decision, need }));
        if is_nobodys {
            return Err(self.refuse_token(None));
        }
        Ok(())
    }

    /// Whether what was allowed waits for a credential.
    pub(super) fn awaits_credential(&self) -> bool {
        self.pending.is_some()
    }

    /// What is needed to go on. `None`: nothing.
    pub fn need(&self) -> Option<&Need> {
        self.pending.as_ref().map(|pending| &pending.need)
    }

    /// Takes the answer to what was needed.
    pub fn credential(&mut self, answer: Answer) -> CredentialStep {
        let header = self.upstream().map(|upstream| upstream.header.clone());
        let (pending, header) = match (self.pending.take(), header) {
            (Some(pending), Some(header)) => (*pending, header),
            (_, _) => {
                return CredentialStep::Reply(self.fail(Reason::Misconfigured, self.now));
            }
        };
        match answer {
            Ok(credential) if is_header_value(&credential) => {
                let Pending { decision, need } = pending;
                let edit = HeaderEdit::Inject(header, credential.value.clone());
                self.used = Some((need, credential));
                self.proceed(decision);
                if self.awaits_record() {
                    return CredentialStep::AwaitRecord(edit);
                }
                self.phase = Phase::Response;
                CredentialStep::Forward(edit)
            }
            Ok(_) => self.without_credential(pending, "no_header_value"),
            Err(word) => self.without_credential(pending, &word),
        }
    }

    fn without_credential(&mut self, mut pending: Pending, word: &str) -> CredentialStep {
        pending.decision.facts.push(Fact {
            key: Cow::Borrowed("upstream.error"),
            is_altered: false,
            value: bounded(word).into(),
            provenance: Provenance::Verified,
        });
        self.pending = Some(Box::new(pending));
        CredentialStep::Reply(self.fail(Reason::NoUpstreamCredential, self.now))
    }

    /// Records as refused what was allowed.
    pub(super) fn take_back(&mut self, mut decision: Box<DecisionEvent>, reason: Reason) {
        decision.verdict = Verdict::Deny(reason);
        decision.upstream_identity = None;
        // No rule would have changed that.
        decision.shadow_rules.clear();
        self.record(Event::Decision(decision), self.now);
    }

    /// What the server was called with, and for which need.
    pub fn used(&self) -> Option<&(Need, Arc<Credential>)> {
        self.used.as_ref()
    }
}

/// Whether a secret can be a header's value (RFC 9110 section 5.5), and nothing beside it.
fn is_header_value(credential: &Credential) -> bool {
    let value = credential.value.expose();
    let is_visible = |byte: &u8| (0x20..0x7F).contains(byte);
    !value.is_empty() && value.iter().all(is_visible)
}
