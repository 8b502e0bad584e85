//! How a request begins: everything that is known of it goes to the engine, and what the engine
//! wants of its head is done.

use std::sync::Arc;

use chancery_engine::{
    exchange::{Context as Judging, Exchange, HeadStep, Headers, RequestHead, Unmatched, Vouched},
    policy::Policy,
};
use proxy_wasm::types::Action;

use super::{Extent, Phase, Request};
use crate::{host, instance, metric::metrics, signature};

impl Request {
    fn judging(&self) -> Option<Judging> {
        let config = self.config.as_ref()?;
        instance::with(|instance| Judging {
            policy: instance.policy(),
            keys: instance.keys(),
            limits: config.limits,
            unmatched: config.unmatched,
            decision_id: instance.next_decision_id(),
            now: self.begun,
            may_wait: self.may_wait,
            lists: Some(instance.lists()),
            conversation_keys: Arc::clone(&config.conversation_keys),
        })
    }

    /// Judges the head.
    pub(super) fn open(&mut self) -> Action {
        // Without a configuration there is no context, and nothing goes on.
        let Some(judging) = self.judging() else {
            return Action::Pause;
        };
        let headers = host::request_headers();
        let find = |name: &str| {
            headers
                .iter()
                .find(|(key, _)| key == name)
                .map_or(&[][..], |(_, value)| value)
        };
        let cluster = host::property(&["xds", "cluster_name"]).unwrap_or_default();
        let metadata = [
            "xds",
            "route_metadata",
            "filter_metadata",
            "chancery",
            "server",
        ];
        let route_server = host::property(&metadata);
        let source = host::property(&["source", "address"]);
        let policy = judging.policy.as_deref();
        let observes = judging.unmatched == Unmatched::Observe;
        let certificate = policy.and_then(|policy| peer_certificate(policy, observes));
        let metadata = policy.map(verified_claims).unwrap_or_default();
        let head = RequestHead {
            method: find(":method"),
            authority: find(":authority"),
            path: find(":path"),
            headers: Headers::new(&headers),
            cluster: &cluster,
            route_server: route_server.as_deref(),
            source: source.as_deref(),
            vouched: Vouched {
                certificate: certificate.as_deref(),
                metadata: &metadata,
            },
            ends: self.extent == Extent::HeadAlone,
        };
        let began = host::since_epoch();
        let opened = instance::with(|instance| Exchange::open(judging, &head, &instance.tokens));
        let Some((mut exchange, mut step)) = opened else {
            return Action::Pause;
        };
        if let HeadStep::Verify = step {
            let Some(next) = verify(&mut exchange) else {
                return Action::Pause;
            };
            step = next;
            let microseconds = host::since_epoch().saturating_sub(began).as_micros();
            let microseconds = u64::try_from(microseconds).unwrap_or(u64::MAX);
            host::record(metrics().token_verified_us, microseconds);
        }
        self.exchange = Some(exchange);
        self.follow(step)
    }

    fn follow(&mut self, step: HeadStep) -> Action {
        match step {
            HeadStep::Reply(reply) => self.reply(&reply),
            HeadStep::Pass => {
                self.exchange = None;
                self.phase = Phase::Forwarded;
                Action::Continue
            }
            HeadStep::Watch(watch) => {
                let is_over = self.extent == Extent::HeadAlone || watch.wanted_bytes() == 0;
                self.watch = Some(watch);
                if is_over {
                    self.finish_watch();
                }
                self.follow(HeadStep::Pass)
            }
            HeadStep::Forward(edits) => self.forward(&edits),
            HeadStep::AwaitCredential(edits) => self.await_credential(&edits),
            HeadStep::AwaitBody => {
                self.phase = Phase::HoldRequest;
                Action::Pause
            }
            HeadStep::AwaitKey(key) => self.await_key(key),
            // One check is all there is; held is the safe side of being wrong.
            HeadStep::Verify => Action::Pause,
        }
    }
}

/// Checks the signature of the token; `None` where there is no instance to go on in.
fn verify(exchange: &mut Exchange) -> Option<HeadStep> {
    let check = exchange.signature_check();
    let is_valid = check.is_some_and(signature::is_valid);
    instance::with(|instance| exchange.verified(is_valid, &mut instance.tokens))
}

/// The certificate by which the peer has proven to be who it is, where anyone here accepts one or what
/// goes to nobody's hosts is observed: the first URI in it.
fn peer_certificate(policy: &Policy, observes: bool) -> Option<String> {
    let is_mutual = (observes || policy.reads_certificates())
        && host::property_bytes(&["connection", "mtls"]) == Some(vec![1]);
    is_mutual.then(|| host::property(&["connection", "uri_san_peer_certificate"]))?
}

/// What Envoy's `jwt_authn` verified, as far as anyone here accepts it.
fn verified_claims(policy: &Policy) -> Vec<(Box<str>, Vec<u8>)> {
    let claims = |key: &str| {
        let path = [
            "metadata",
            "filter_metadata",
            "envoy.filters.http.jwt_authn",
            key,
        ];
        Some((key.into(), host::property_bytes(&path)?))
    };
    let keys = policy.metadata_keys().iter();
    keys.filter_map(|key| claims(key)).collect()
}
