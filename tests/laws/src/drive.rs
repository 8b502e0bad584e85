//! Drives an exchange: the only place here that knows the engine's steps.

use std::sync::Arc;

use chancery_engine::{
    entry::Entry,
    exchange::{
        BodyStep, Context, CredentialStep, Exchange, HeadStep, Headers, Judged, RequestHead,
        ResponseHead, ResponseStep, Unmatched, Vouched,
    },
    id::{DecisionId, Time},
    limits::Limits,
    refusal::Reply,
    seal::{Keyring, SEALING_KEY_BYTES, SealingKey},
    token::TokenCache,
};

use crate::policy::{HOST, ORGANIZATION, policy};

/// When everything happens.
pub(crate) fn now() -> Time {
    Time::from_unix_ms(1_800_000_000_000)
}

/// What counts as the right signature, whatever it signs.
pub(crate) const GOOD_SIGNATURE: &[u8] = b"good";

/// What a client sends to the server of [`policy`].
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: Vec<u8>,
    pub(crate) path: Vec<u8>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

impl Sent {
    /// A body as JSON, posted.
    pub(crate) fn post(body: &[u8]) -> Self {
        Self {
            method: b"POST".to_vec(),
            path: b"/mcp".to_vec(),
            headers: vec![("content-type".to_owned(), b"application/json".to_vec())],
            body: body.to_vec(),
        }
    }
}

/// What the server answers, in chunks of this many bytes.
#[derive(Clone, Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
    pub(crate) chunk_bytes: usize,
}

impl Answered {
    /// A body of this type, whole.
    pub(crate) fn ok(content_type: &str, body: &[u8]) -> Self {
        Self {
            status: 200,
            headers: vec![("content-type".to_owned(), content_type.into())],
            body: body.to_vec(),
            chunk_bytes: usize::MAX,
        }
    }
}

/// What became of an exchange.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What the server got. `None`: it was not asked.
    pub(crate) forwarded: Option<Vec<u8>>,
    /// What the client got of the server's answer.
    pub(crate) delivered: Option<Vec<u8>>,
    /// Whether that came as an event stream.
    pub(crate) is_stream: bool,
    /// What the client got in its place.
    pub(crate) reply: Option<Reply>,
    /// The entries.
    pub(crate) entries: Vec<Entry>,
}

/// What handles are sealed with.
fn keys() -> Arc<Keyring> {
    let mut keys = Keyring::default();
    let key = SealingKey::from_slice(&[7; SEALING_KEY_BYTES]);
    keys.insert(ORGANIZATION, key.into_iter().collect());
    Arc::new(keys)
}

/// Has an exchange, whole.
pub(crate) fn drive(sent: &Sent, answered: &Answered) -> Seen {
    let context = Context {
        policy: Some(policy()),
        keys: keys(),
        limits: Limits::DEFAULT,
        unmatched: Unmatched::Refuse,
        decision_id: DecisionId::new([7; 16]),
        now: now(),
        may_wait: false,
        lists: None,
        conversation_keys: Arc::default(),
    };
    let head = RequestHead {
        method: &sent.method,
        authority: HOST.as_bytes(),
        path: &sent.path,
        headers: Headers::new(&sent.headers),
        cluster: HOST,
        route_server: None,
        source: None,
        vouched: Vouched::default(),
        ends: sent.body.is_empty() && sent.method != b"POST",
    };
    let mut tokens = TokenCache::new((1, 2), 4);
    let (mut exchange, mut step) = Exchange::open(context, &head, &tokens);
    if let HeadStep::Verify = step {
        let check = exchange.signature_check();
        let is_good = check.is_some_and(|check| check.signature == GOOD_SIGNATURE);
        step = exchange.verified(is_good, &mut tokens);
    }
    let mut seen = Seen::default();
    match step {
        HeadStep::Reply(reply) => seen.reply = Some(reply),
        HeadStep::Pass
        | HeadStep::Watch(_)
        | HeadStep::Forward(_)
        | HeadStep::Verify
        | HeadStep::AwaitKey(_) => {
            seen.forwarded = Some(sent.body.clone());
        }
        HeadStep::AwaitCredential(_) => refuse(&mut exchange, &mut seen),
        HeadStep::AwaitBody => match exchange.body(&sent.body) {
            BodyStep::Reply(reply) => seen.reply = Some(reply),
            BodyStep::Forward { headers: _, body } => {
                let body = body.map_or_else(|| sent.body.clone(), String::into_bytes);
                seen.forwarded = Some(body);
            }
            BodyStep::AwaitCredential { .. } => refuse(&mut exchange, &mut seen),
            BodyStep::AwaitRecord { headers: _, body } => {
                exchange.record_ahead();
                let body = body.map_or_else(|| sent.body.clone(), String::into_bytes);
                match exchange.recorded(Some(&policy()), now()) {
                    Ok(()) => seen.forwarded = Some(body),
                    Err(reply) => seen.reply = Some(reply),
                }
            }
            BodyStep::Spend(_) => {}
        },
    }
    if seen.forwarded.is_some() {
        answer(&mut exchange, answered, &mut seen);
    }
    exchange.close(now());
    seen.entries = exchange.take_entries();
    seen
}

/// There is no control plane to have a credential from.
fn refuse(exchange: &mut Exchange, seen: &mut Seen) {
    match exchange.credential(Err("no_answer".into())) {
        CredentialStep::Reply(reply) => seen.reply = Some(reply),
        CredentialStep::Forward(_) | CredentialStep::AwaitRecord(_) => {
            seen.forwarded = Some(Vec::new());
        }
    }
}

fn answer(exchange: &mut Exchange, answered: &Answered, seen: &mut Seen) {
    let head = ResponseHead {
        status: answered.status,
        headers: Headers::new(&answered.headers),
        ends: answered.body.is_empty(),
    };
    match exchange.response_head(&head, now()) {
        ResponseStep::Pass(_) => seen.delivered = Some(answered.body.clone()),
        ResponseStep::Reply(reply) => seen.reply = Some(reply),
        ResponseStep::Hold(_) => match exchange.response_body(&answered.body, now()) {
            Judged::Unchanged => seen.delivered = Some(answered.body.clone()),
            Judged::Rewritten(text) => seen.delivered = Some(text.into_bytes()),
            Judged::Reply(reply) => seen.reply = Some(reply),
        },
        ResponseStep::Stream(_) => {
            let mut delivered = Vec::new();
            for chunk in answered.body.chunks(answered.chunk_bytes.max(1)) {
                delivered.extend(exchange.response_chunk(chunk, false, now()));
            }
            delivered.extend(exchange.response_chunk(&[], true, now()));
            seen.delivered = Some(delivered);
            seen.is_stream = true;
        }
    }
}
