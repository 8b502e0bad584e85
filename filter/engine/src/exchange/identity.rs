//! Who asks: by a bearer token, by the claims that Envoy's `jwt_authn` verified, or by the
//! certificate of the peer.

use std::sync::Arc;

use super::{Context, Exchange, HeadStep, RequestHead, Subject, headers::Repeated, verdict::Place};
use crate::{
    challenge::{Challenge, ChallengeError},
    policy::{Policy, Vouchers},
    principal::Principal,
    reason::Reason,
    refusal::Reply,
    rule::Act,
    scope,
    server::{Authentication, Endpoint, Server},
    spiffe::{self, SpiffeId},
    token::{self, SignatureCheck, TokenCache, TokenError, Unreadable, VerifiedToken, WantedKey},
};

/// What the proxy itself has verified of whoever asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vouched<'a> {
    /// The URI in the certificate of a peer that proved to have its key.
    pub certificate: Option<&'a str>,
    /// The claims that `jwt_authn` left in dynamic metadata: under which key, and as Envoy hands
    /// them out. See [`Policy::metadata_keys`].
    pub metadata: &'a [(Box<str>, Vec<u8>)],
}

/// An agent that a certificate names, and who issued it.
#[derive(Debug)]
pub(super) struct Peer {
    agent: Box<str>,
    trust_domain: Box<str>,
}

/// How far it is known who asks.
pub(super) enum Identified {
    /// It is known.
    Known,
    /// A signature is to be checked first.
    Unverified,
    /// A key is to be asked for first.
    UnknownKey(WantedKey),
}

/// Whom a request arrives at.
#[derive(Clone, Copy)]
pub(super) struct Addressee<'p> {
    pub(super) policy: &'p Policy,
    pub(super) server: &'p Server,
    pub(super) endpoint: &'p Endpoint,
}

impl<'p> Addressee<'p> {
    /// The workspace that whoever shows a token calls from, if it is meant for this endpoint and of
    /// an issuer of the server's organization.
    pub(super) fn workspace_of(self, token: &VerifiedToken) -> Result<&'p str, TokenError> {
        let issuer = token.principal.issuer.as_deref().unwrap_or_default();
        let provider = self.policy.identity_provider(issuer);
        provider
            .filter(|provider| provider.organization() == self.server.organization())
            .ok_or(TokenError::Issuer)?
            .admit(&token.audiences, self.endpoint)
    }
}

impl Exchange {
    /// Finds the principal, or what must be done first.
    ///
    /// # Errors
    /// What is wrong with the token; `None`: there is no token, and there must be one.
    pub(super) fn identify(
        &mut self,
        at: Addressee<'_>,
        head: &RequestHead<'_>,
        tokens: &TokenCache,
    ) -> Result<Identified, Option<TokenError>> {
        let vouchers = at.policy.vouchers(at.server.organization());
        self.peer = vouchers.and_then(|vouchers| peer(vouchers, head.vouched));
        let header = head
            .headers
            .single("authorization")
            .map_err(|Repeated| Some(TokenError::Scheme))?;
        if let Some(verified) = self.by_metadata(at, head, header.is_some())? {
            self.admit(at, &verified).map_err(Some)?;
            return Ok(Identified::Known);
        }
        let Some(header) = header else {
            return match (self.peer.take(), at.server.authentication) {
                (Some(peer), _) => {
                    self.principal = Arc::new(peer.alone());
                    Ok(Identified::Known)
                }
                (None, Authentication::Required) => Err(None),
                (None, Authentication::Optional) => Ok(Identified::Known),
            };
        };
        let bearer = token::bearer(header, &self.context.limits).map_err(Some)?;
        self.keep_bearer(at.server, bearer);
        self.by_token(at, bearer, tokens).map_err(Some)
    }

    fn by_token(
        &mut self,
        at: Addressee<'_>,
        bearer: &str,
        tokens: &TokenCache,
    ) -> Result<Identified, TokenError> {
        let organization = at.server.organization();
        let Context { now, limits, .. } = self.context;
        if let Some(verified) = tokens.find(bearer, organization, now) {
            self.admit(at, verified)?;
            return Ok(Identified::Known);
        }
        match token::read(bearer, at.policy, organization, now, &limits) {
            Ok(token) => {
                self.accept(at, token.claimed())?;
                self.unverified = Some(Box::new(token));
                Ok(Identified::Unverified)
            }
            Err(Unreadable::UnknownKey(key)) if self.context.may_wait => {
                Ok(Identified::UnknownKey(key))
            }
            Err(unreadable) => Err(unreadable.into()),
        }
    }

    /// What `jwt_authn` verified, if its issuer is one of the organization's. Claims of another are
    /// nobody's, unless a token says more.
    fn by_metadata(
        &self,
        at: Addressee<'_>,
        head: &RequestHead<'_>,
        has_token: bool,
    ) -> Result<Option<VerifiedToken>, Option<TokenError>> {
        let organization = at.server.organization();
        let Context { now, limits, .. } = self.context;
        let mut is_foreign = false;
        for (key, claims) in head.vouched.metadata {
            match token::read_metadata((key, claims), at.policy, Some(organization), now, &limits) {
                Ok(verified) => return Ok(Some(verified)),
                Err(TokenError::Issuer) => is_foreign = true,
                Err(error) => return Err(Some(error)),
            }
        }
        if is_foreign && !has_token {
            return Err(Some(TokenError::Issuer));
        }
        Ok(None)
    }

    /// Takes the word of a verified token, if it is meant for this endpoint.
    fn admit(&mut self, at: Addressee<'_>, verified: &VerifiedToken) -> Result<(), TokenError> {
        self.accept(at, verified)?;
        self.act_as(verified);
        Ok(())
    }

    /// Whether a token is meant for this endpoint and this peer, and for which workspace.
    fn accept(&mut self, at: Addressee<'_>, claimed: &VerifiedToken) -> Result<(), TokenError> {
        let agent = claimed.principal.agent.as_deref().unwrap_or_default();
        if self.peer.is_none() && agent.starts_with(spiffe::SCHEME) {
            return Err(TokenError::UnprovenAgent);
        }
        self.workspace = at.workspace_of(claimed)?.into();
        Ok(())
    }

    /// The principal is known: the user by a token, the agent by the peer's certificate where there
    /// is one, which proves more than what a token says of its bearer.
    fn act_as(&mut self, verified: &VerifiedToken) {
        let principal = &verified.principal;
        self.principal = match self.peer.take() {
            None => Arc::clone(principal),
            Some(Peer { agent, .. }) => Arc::new(Principal {
                agent: Some(agent),
                ..Principal::clone(principal)
            }),
        };
        self.admitted = Some(verified.clone());
    }

    /// What is to be checked after [`HeadStep::Verify`].
    pub fn signature_check(&self) -> Option<SignatureCheck<'_>> {
        self.unverified.as_ref().map(|token| token.check())
    }

    /// Takes the answer to [`HeadStep::Verify`].
    pub fn verified(&mut self, is_valid: bool, tokens: &mut TokenCache) -> HeadStep {
        let policy = self.policy();
        let (Some(token), Some(policy)) = (self.unverified.take(), policy) else {
            return HeadStep::Reply(self.refuse(Reason::InvalidToken, Subject::default()));
        };
        if !is_valid {
            return HeadStep::Reply(self.refuse_token(Some(TokenError::Signature)));
        }
        let (bearer, verified) = token.into_verified();
        self.act_as(&verified);
        let server = self
            .arrival
            .and_then(|arrival| policy.server(arrival.server));
        tokens.insert(bearer, server.map_or("", Server::organization), verified);
        self.after_token(&policy)
    }

    /// Refuses a token, or that there is none, and says how to get one.
    pub(super) fn refuse_token(&mut self, error: Option<TokenError>) -> Reply {
        let reason = if error.is_some() {
            Reason::InvalidToken
        } else {
            Reason::NoToken
        };
        let challenge = self.challenge(error.map(ChallengeError::InvalidToken), None);
        self.refuse(reason, Subject::default());
        self.refusal(reason, None, None)
            .challenging(401, &challenge)
    }

    /// Asks about everything that a request does: first the scopes that all of the server needs,
    /// then the rules, then the scopes of these very acts, then the schemas of its tools. So nobody
    /// is sent for a scope to do what no scope would let them do. `recorded` are the acts as the
    /// record has them, where these hold what the record must not.
    pub(super) fn judge_request<'s>(
        &mut self,
        place: &Place<'_>,
        acts: &[Act<'_>],
        recorded: Option<&[Act<'_>]>,
        subject: Subject<'s>,
    ) -> Result<Subject<'s>, Reply> {
        let server = place.server;
        if !server.has_general_scopes(&self.principal) {
            return Err(self.refuse_scopes(server, acts, subject));
        }
        let subject = self.judge(place, acts, recorded, subject)?;
        if scope::missing(&server.scopes, &self.principal, acts).is_empty() {
            self.check_arguments(server, acts, subject)
        } else {
            Err(self.refuse_scopes(server, acts, subject))
        }
    }

    /// Refuses acts that need more scopes than the principal's token has. Only a user who logs in
    /// can get any, so whoever comes without a token is asked for one.
    fn refuse_scopes(
        &mut self,
        server: &Server,
        acts: &[Act<'_>],
        mut subject: Subject<'_>,
    ) -> Reply {
        // No rule would have changed that.
        subject.shadow_rules.clear();
        let missing = scope::missing(&server.scopes, &self.principal, acts).join(" ");
        let is_anonymous = !self.principal.is_authenticated();
        let (reason, status, error, detail) = if is_anonymous {
            (Reason::NoToken, 401, None, None)
        } else {
            let error = Some(ChallengeError::InsufficientScope);
            (Reason::InsufficientScope, 403, error, Some(&*missing))
        };
        let challenge = self.challenge(error, Some(&missing));
        let refusal = self.refusal(reason, subject.rpc_id, detail);
        let reply = refusal.challenging(status, &challenge);
        self.refuse(reason, subject);
        reply
    }

    /// How to get a token that would do: for these scopes, else for what everything needs here.
    fn challenge(&self, error: Option<ChallengeError>, scopes: Option<&str>) -> Challenge {
        let policy = self.policy();
        let at = policy.as_deref().zip(self.arrival);
        let server = at.and_then(|(policy, arrival)| policy.server(arrival.server));
        let general = || {
            let scopes = server.map(Server::general_scopes);
            scopes.into_iter().flatten().collect::<Vec<_>>().join(" ")
        };
        let metadata_url = at.and_then(|(policy, arrival)| {
            let endpoint = policy.endpoint(arrival)?;
            let vouchers = policy.vouchers(server?.organization())?;
            let has_audiences = !endpoint.audiences.is_empty();
            vouchers.authorization_servers(has_audiences).next()?;
            Some(endpoint.resource_url(&self.host)?.metadata_url())
        });
        Challenge {
            metadata_url,
            scopes: scopes.map_or_else(general, str::to_owned),
            error,
        }
    }
}

/// The agent in a peer's certificate, if one of the organization's trust domains issued it.
fn peer(vouchers: &Vouchers, vouched: Vouched<'_>) -> Option<Peer> {
    let id = SpiffeId::parse(vouched.certificate?)?;
    let trust_domain = vouchers.trust_domains.get(id.trust_domain())?;
    Some(Peer {
        agent: id.as_str().into(),
        trust_domain: trust_domain.clone(),
    })
}

impl Peer {
    /// The agent as a principal of its own.
    fn alone(self) -> Principal {
        Principal {
            issuer: Some(format!("spiffe://{}", self.trust_domain).into()),
            agent: Some(self.agent),
            ..Principal::default()
        }
    }
}

#[cfg(test)]
mod tests;
