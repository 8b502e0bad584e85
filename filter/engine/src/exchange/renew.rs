//! What changes while an exchange lasts: time passes, and another policy comes in force.

use std::sync::Arc;

use super::{Exchange, Phase, Verb, identity::Addressee};
use crate::{
    decide::Verdict,
    id::Time,
    message::Method,
    policy::{Arrival, Policy},
    reason::Reason,
    redact::Plan,
    rule::{Act, Given},
    server::Authentication,
    spiffe::SpiffeId,
};

impl Exchange {
    /// Time has passed before the body of a request was whole. Whether what its head said holds on
    /// under the policy that is in force now; else it is to be opened again.
    pub fn holds_on(&mut self, policy: Option<&Arc<Policy>>, now: Time) -> bool {
        self.now = now;
        let version = |policy: &Arc<Policy>| policy.version();
        policy.map(version) == self.context.policy.as_ref().map(version) && !self.is_expired()
    }

    /// Time has passed before what comes of the answer next: it is judged by the policy that is in
    /// force now, or broken off where whoever asked for it could not ask for it any more.
    ///
    /// Time alone ends what somebody listens to, which may last for ever: a token or a rule expires.
    /// The answer to a call that was made in time is due however long it takes.
    pub fn renew(&mut self, policy: Option<Arc<Policy>>, now: Time) {
        if self.phase != Phase::Response || self.lost.is_some() {
            return;
        }
        self.now = now;
        self.lost = match policy {
            Some(policy) => self.move_to(&policy).err(),
            None => Some(Reason::NoSnapshot),
        };
    }

    /// Whether nothing more of the answer is let through because somebody stopped it.
    pub fn is_stopped(&self) -> bool {
        self.lost.is_some_and(Reason::is_stop)
    }

    fn move_to(&mut self, policy: &Arc<Policy>) -> Result<(), Reason> {
        if self.listens() && self.is_expired() {
            return Err(Reason::InvalidToken);
        }
        let own = self.context.policy.as_ref();
        if own.is_none_or(|own| own.version() != policy.version()) {
            self.arrive_again(policy)?;
            self.context.policy = Some(Arc::clone(policy));
        } else if !self.listens() {
            return Ok(());
        }
        self.judge_again(policy)
    }

    /// Whether nothing ends it but the client or the server.
    fn listens(&self) -> bool {
        self.verb == Verb::Get || self.asked.method == Some(Method::Listen)
    }

    pub(super) fn is_expired(&self) -> bool {
        let admitted = self.admitted.as_ref();
        admitted.is_some_and(|token| token.not_after <= self.now)
    }

    /// Finds the endpoint in another policy, and whether it would let the principal in.
    pub(super) fn arrive_again(&mut self, policy: &Policy) -> Result<(), Reason> {
        let arrival = self.same_place(policy).ok_or(Reason::UnknownServer)?;
        let at = policy.server(arrival.server).zip(policy.endpoint(arrival));
        let (server, endpoint) = at.ok_or(Reason::UnknownServer)?;
        let is_needed = server.authentication == Authentication::Required;
        if is_needed && !self.principal.is_authenticated() {
            return Err(Reason::NoToken);
        }
        let vouchers = policy.vouchers(server.organization());
        let agent = self.principal.agent.as_deref().and_then(SpiffeId::parse);
        let is_vouched_for = agent.is_none_or(|agent| {
            vouchers.is_some_and(|vouchers| vouchers.trust_domains.contains(agent.trust_domain()))
        });
        if !is_vouched_for {
            return Err(Reason::InvalidToken);
        }
        let workspace = match &self.admitted {
            None => &*endpoint.workspace,
            Some(token) => {
                let at = Addressee {
                    policy,
                    server,
                    endpoint,
                };
                let admitted = at.workspace_of(token);
                admitted.map_err(|_error| Reason::InvalidToken)?
            }
        };
        self.workspace = workspace.into();
        self.arrival = Some(arrival);
        Ok(())
    }

    fn same_place(&self, policy: &Policy) -> Option<Arrival> {
        let own = self.context.policy.as_ref()?;
        policy.same_place(&self.server_name, own.endpoint(self.arrival?)?)
    }

    /// Asks again for what was asked for, as far as it is known, and what must be redacted now.
    fn judge_again(&mut self, policy: &Arc<Policy>) -> Result<(), Reason> {
        let place = self.place(Some(policy)).ok_or(Reason::UnknownServer)?;
        if !place.server.has_general_scopes(&self.principal) {
            return Err(Reason::InsufficientScope);
        }
        let method = self.asked.method;
        // As a task, it was judged with its arguments when it was made.
        let named = self.asked.named().map(|capability| Act {
            method,
            target: capability.target(),
            given: Given::Open,
        });
        let mut acts: Vec<_> = named.collect();
        if acts.is_empty() {
            let method = method.filter(|method| !method.is_list());
            acts.push(Act::on_server(method));
        }
        // Of the policy in force alone: profiles of earlier ones would add up on a long stream.
        let mut plan = Plan::default();
        let organization = place.server.organization();
        for act in acts {
            let judgement = place.rules.judge(act);
            match judgement.verdict {
                Verdict::Allow => {
                    let more = policy.plan(organization, &judgement.redact);
                    plan.extend(&more.ok_or(Reason::NoSnapshot)?);
                }
                Verdict::Deny(reason) => return Err(reason),
            }
        }
        self.asked.plan = plan;
        Ok(())
    }
}
