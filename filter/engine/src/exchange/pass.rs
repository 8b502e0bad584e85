//! What no endpoint matches and yet goes on, where a listener carries other traffic too.

use std::{borrow::Cow, sync::Arc};

use super::{Exchange, HeadStep, Phase, RequestHead, Subject, Unmatched, discovery};
use crate::{
    entry::{Fact, Provenance, bounded},
    policy::Policy,
    principal::Principal,
    reason::Reason,
    shadow::Watch,
    token,
};

impl Exchange {
    /// Lets a request through that no endpoint matches, unless its host is blocked or it would reach a
    /// registered server.
    pub(super) fn pass(
        &mut self,
        policy: &Policy,
        head: &RequestHead<'_>,
        path: Option<&str>,
    ) -> Result<HeadStep, Reason> {
        let mode = self.context.unmatched;
        if let Some(reason) = discovery::unmatched(mode, policy, head, path) {
            return Err(reason);
        }
        let authority = String::from_utf8_lossy(head.authority);
        if let Some(block) = policy.block_on_host(&authority, self.now) {
            self.facts = vec![Fact {
                key: Cow::Borrowed("endpoint.host"),
                value: bounded(&authority).into(),
                provenance: Provenance::Claimed,
                is_altered: false,
            }];
            let subject = Subject {
                rules: vec![block.name.clone()],
                ..Subject::default()
            };
            return Ok(HeadStep::Reply(self.refuse(block.reason(), subject)));
        }
        self.phase = Phase::Passed;
        let watch = match mode {
            Unmatched::Observe => Watch::begin(head, || self.vouched_for(policy, head), self.now),
            Unmatched::Pass | Unmatched::Refuse => None,
        };
        Ok(watch.map_or(HeadStep::Pass, |watch| HeadStep::Watch(Box::new(watch))))
    }

    /// Whom the proxy itself has verified, whichever organization vouches for them.
    fn vouched_for(&self, policy: &Policy, head: &RequestHead<'_>) -> Arc<Principal> {
        let mut claims = head.vouched.metadata.iter();
        let verified = claims.find_map(|(key, claims)| {
            let (now, limits) = (self.now, &self.context.limits);
            token::read_metadata((key, claims), policy, None, now, limits).ok()
        });
        verified.map_or_else(|| Arc::new(Principal::anonymous()), |it| it.principal)
    }
}
