//! Whole requests under whole policies.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use chancery_proto::policy::v1 as pb;
use prost::Message as _;

use super::*;
use crate::{
    canonical::ListMemory,
    entry::{DecisionEvent, Event},
    limits::Limits,
    quota,
    snapshot::{self, InvalidSnapshot},
    token::TokenCache,
};

mod ahead;
mod chunks;
mod dispatch;
mod media;
mod offers;
mod pins;
mod redaction;
mod reveal;
mod schema;
mod shadow;
mod situation;
mod spend;
mod trip;
mod unmatched;

/// A server `s` of workspace `w`, which anybody may call, with what a test adds.
#[derive(Debug, Default)]
struct Site {
    server: pb::Server,
    on_denied: Option<pb::OnDenied>,
    rules: Vec<pb::Rule>,
    offers: Vec<pb::Offer>,
    quotas: Vec<pb::Quota>,
    profiles: Vec<pb::RedactionProfile>,
    keys: Arc<Keyring>,
    lists: Option<Arc<Mutex<ListMemory>>>,
    /// Beside that of the content type.
    headers: Vec<(&'static str, String)>,
    shelves: BTreeMap<String, Vec<u8>>,
    now_ms: u64,
    /// Of the snapshot, beside the first.
    version: u64,
    blocks: Vec<pb::Block>,
}

/// What became of a request.
#[derive(Debug)]
struct Seen {
    /// The body of the reply, in place of being sent on.
    reply: Option<serde_json::Value>,
    decision: DecisionEvent,
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

fn anyone() -> pb::Subjects {
    pb::Subjects {
        anyone: true,
        ..pb::Subjects::default()
    }
}

/// Anyone may use, or may not use, these tools of every server.
fn rule(id: &str, effect: pb::Effect, tools: &[&str]) -> pb::Rule {
    pb::Rule {
        name: format!("organizations/o/rules/{id}"),
        effect: effect.into(),
        subjects: Some(anyone()),
        servers: texts(&["*"]),
        tools: texts(tools),
        mode: pb::RuleMode::Enforce.into(),
        ..pb::Rule::default()
    }
}

impl Site {
    fn policy(&self) -> Result<Policy, InvalidSnapshot> {
        let server = pb::Server {
            name: "organizations/o/workspaces/w/servers/s".to_owned(),
            endpoints: match &*self.server.endpoints {
                [] => vec![pb::Endpoint {
                    cluster: "c".to_owned(),
                    path: "/mcp".to_owned(),
                    ..pb::Endpoint::default()
                }],
                own => own.to_vec(),
            },
            authentication: pb::Authentication::Optional.into(),
            on_denied: self.on_denied.unwrap_or(pb::OnDenied::Reveal).into(),
            ..self.server.clone()
        };
        let name = String::new();
        let contents = [
            pb::section::Content::Server(server),
            pb::section::Content::RuleSet(pb::RuleSet {
                name: name.clone(),
                rules: self.rules.clone(),
            }),
            pb::section::Content::OfferSet(pb::OfferSet {
                name: name.clone(),
                offers: self.offers.clone(),
            }),
            pb::section::Content::QuotaSet(pb::QuotaSet {
                name: name.clone(),
                quotas: self.quotas.clone(),
            }),
            pb::section::Content::BlockSet(pb::BlockSet {
                name: name.clone(),
                blocks: self.blocks.clone(),
            }),
            pb::section::Content::RedactionProfileSet(pb::RedactionProfileSet {
                name,
                redaction_profiles: self.profiles.clone(),
            }),
        ];
        let sections = contents.map(|content| {
            let section = pb::Section {
                content: Some(content),
                ..pb::Section::default()
            };
            section.encode_to_vec()
        });
        let reference = |section: &Vec<u8>| pb::SectionReference {
            digest: crate::id::Digest::of(section).as_bytes().to_vec(),
            size_bytes: section.len().try_into().unwrap(),
        };
        let manifest = pb::Manifest {
            epoch: 1,
            version: self.version.saturating_add(1),
            sections: sections.iter().map(reference).collect(),
            ..pb::Manifest::default()
        };
        snapshot::compile(&manifest.encode_to_vec(), &sections)
    }

    /// Opens an exchange and sends a message in it.
    fn begin(&mut self, message: &serde_json::Value) -> (Exchange, BodyStep) {
        let mut headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
        let more = self.headers.iter();
        headers.extend(more.map(|(name, value)| ((*name).to_owned(), value.clone().into_bytes())));
        let now = Time::from_unix_ms(1_790_000_000_000 + self.now_ms);
        let context = Context {
            policy: Some(Arc::new(self.policy().unwrap())),
            keys: Arc::clone(&self.keys),
            limits: Limits::DEFAULT,
            unmatched: Unmatched::Refuse,
            decision_id: DecisionId::new([7; 16]),
            now,
            may_wait: false,
            lists: self.lists.clone(),
            conversation_keys: ["example.com/chat".into(), "chat".into()].into(),
        };
        let head = RequestHead {
            method: b"POST",
            authority: b"mcp.test",
            path: b"/mcp",
            headers: Headers::new(&headers),
            cluster: "c",
            route_server: None,
            source: None,
            vouched: Vouched::default(),
            ends: false,
        };
        let (mut exchange, step) = Exchange::open(context, &head, &TokenCache::new((1, 2), 4));
        assert!(matches!(step, HeadStep::AwaitBody), "{step:?}");
        let mut step = exchange.body(message.to_string().as_bytes());
        while let BodyStep::Spend(charges) = &step {
            step = exchange.spent(quota::spend(charges, &mut self.shelves, now));
        }
        (exchange, step)
    }

    /// Sends a message.
    fn send(&mut self, message: &serde_json::Value) -> Seen {
        let (mut exchange, step) = self.begin(message);
        let reply = match step {
            BodyStep::Reply(reply) => Some(serde_json::from_str(&reply.body).unwrap()),
            BodyStep::Forward { .. }
            | BodyStep::AwaitCredential { .. }
            | BodyStep::AwaitRecord { .. }
            | BodyStep::Spend(_) => None,
        };
        let entries = exchange.take_entries();
        let [
            Entry {
                event: Event::Decision(decision),
                ..
            },
        ] = &*entries
        else {
            panic!("not one decision: {entries:?}");
        };
        let decision = DecisionEvent::clone(decision);
        Seen { reply, decision }
    }

    /// Calls a tool.
    fn call(&mut self, tool: &str, arguments: &serde_json::Value) -> Seen {
        self.send(&serde_json::json!({
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }))
    }
}

impl Seen {
    /// Why it was refused.
    fn reason(&self) -> Option<Reason> {
        match self.decision.verdict {
            Verdict::Allow => None,
            Verdict::Deny(reason) => Some(reason),
        }
    }
}
