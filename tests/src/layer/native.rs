//! The engine, driven directly.

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use chancery_engine::{
    credential::Answer,
    exchange::{
        Assumed, BodyStep, Context, CredentialStep, Exchange, HeadStep, HeaderEdit, Headers,
        Judged, RequestHead, ResponseHead, ResponseStep, Unmatched, Vouched,
    },
    id::{DecisionId, Time},
    limits::Limits,
    policy::Policy,
    principal::Principal,
    quota,
    refusal::Reply,
    seal::{Keyring, SealingKey},
    snapshot::{self, InvalidSnapshot},
    token::{Algorithm, SignatureCheck, TokenCache},
};
use jsonwebtoken::DecodingKey;
use spki::{SubjectPublicKeyInfoRef, der::Decode as _};

use super::{ORGANIZATION, SEALING_KEY, Snapshot};
use crate::case::{Case, Forwarded, Observed};

/// The engine with a policy.
#[derive(Debug)]
pub struct Native {
    policy: Arc<Policy>,
    keys: Arc<Keyring>,
    tokens: TokenCache,
    shelves: BTreeMap<String, Vec<u8>>,
    now: Time,
    /// What a control plane would answer to whoever needs a credential.
    pub credential: Answer,
}

impl Native {
    /// Compiles a snapshot. `now` is the time of every request.
    ///
    /// # Errors
    /// Where it does not compile.
    pub fn new(snapshot: &Snapshot, now: Time) -> Result<Self, InvalidSnapshot> {
        let sections = snapshot.sections.iter().map(|section| &**section);
        let policy = Arc::new(snapshot::compile(&snapshot.manifest, sections)?);
        let key = SealingKey::from_slice(&SEALING_KEY);
        let mut keys = Keyring::default();
        keys.insert(ORGANIZATION, key.into_iter().collect());
        Ok(Self {
            policy,
            keys: Arc::new(keys),
            tokens: TokenCache::new((1, 2), 64),
            shelves: BTreeMap::new(),
            now,
            credential: Err("no_answer".into()),
        })
    }

    /// Runs a case with its token, if it has one.
    pub fn run(&mut self, case: &Case, token: Option<&str>) -> Observed {
        let authorization = token.map(|token| format!("Bearer {token}").into_bytes());
        let authorization = authorization.map(|value| ("authorization".to_owned(), value));
        self.drive(case, authorization, |native, context, head| {
            let (mut exchange, mut step) = Exchange::open(context, head, &native.tokens);
            if let HeadStep::Verify = step {
                let is_valid = exchange.signature_check().is_some_and(is_valid);
                step = exchange.verified(is_valid, &mut native.tokens);
            }
            (exchange, step)
        })
    }

    /// Runs a case as a principal that nothing proves.
    pub fn assume(&mut self, case: &Case, principal: &Principal) -> Observed {
        let assumed = Assumed {
            principal: Arc::new(principal.clone()),
            workspace: None,
            is_explained: true,
        };
        self.drive(case, None, |_, context, head| {
            Exchange::assume(context, head, &assumed)
        })
    }

    fn drive(
        &mut self,
        case: &Case,
        authorization: Option<(String, Vec<u8>)>,
        begin: impl FnOnce(&mut Self, Context, &RequestHead<'_>) -> (Exchange, HeadStep),
    ) -> Observed {
        let request = &case.request;
        let body = request.bytes();
        let mut headers: Vec<(String, Vec<u8>)> = request
            .headers()
            .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
            .collect();
        headers.extend(authorization);
        let context = Context {
            policy: Some(Arc::clone(&self.policy)),
            keys: Arc::clone(&self.keys),
            limits: Limits::DEFAULT,
            unmatched: Unmatched::Refuse,
            decision_id: DecisionId::new([7; 16]),
            now: self.now,
            may_wait: false,
            lists: None,
            conversation_keys: Arc::default(),
        };
        let head = RequestHead {
            method: request.method.as_bytes(),
            authority: request.host.as_bytes(),
            path: request.path.as_bytes(),
            headers: Headers::new(&headers),
            cluster: &request.cluster,
            route_server: None,
            source: None,
            vouched: Vouched::default(),
            // Clients that have nothing to send say so in the head, but for POST.
            ends: body.is_empty() && request.method != "POST",
        };
        let (mut exchange, step) = begin(self, context, &head);
        let sent = match step {
            HeadStep::Reply(reply) => Err(reply),
            HeadStep::Pass | HeadStep::Watch(_) | HeadStep::Verify | HeadStep::AwaitKey(_) => {
                Ok((Vec::new(), body))
            }
            HeadStep::Forward(edits) => Ok((edits, body)),
            HeadStep::AwaitCredential(edits) => {
                self.go_on(&mut exchange, edits).map(|edits| (edits, body))
            }
            HeadStep::AwaitBody => self.judge_body(&mut exchange, body),
        };
        let mut observed = match sent {
            Err(reply) => replied(reply),
            Ok((edits, body)) => {
                edit(&mut headers, edits);
                let mut observed = self.answer(case, &mut exchange);
                observed.forwarded = Some(Forwarded {
                    headers: text(&headers),
                    body,
                });
                observed
            }
        };
        exchange.close(self.now);
        observed.entries = exchange
            .take_entries()
            .into_iter()
            .map(Into::into)
            .collect();
        observed
    }

    /// Goes on with the credential, if there is one.
    fn go_on(
        &self,
        exchange: &mut Exchange,
        mut edits: Vec<HeaderEdit>,
    ) -> Result<Vec<HeaderEdit>, Reply> {
        match exchange.credential(self.credential.clone()) {
            CredentialStep::Reply(reply) => Err(reply),
            CredentialStep::Forward(edit) => {
                edits.push(edit);
                Ok(edits)
            }
            CredentialStep::AwaitRecord(edit) => {
                edits.push(edit);
                self.record_ahead(exchange).map(|()| edits)
            }
        }
    }

    /// Goes on as if the record were durable at once.
    fn record_ahead(&self, exchange: &mut Exchange) -> Result<(), Reply> {
        exchange.record_ahead();
        exchange.recorded(Some(&self.policy), self.now)
    }

    /// What goes on of a body, and with which changes to its headers.
    fn judge_body(
        &mut self,
        exchange: &mut Exchange,
        body: Vec<u8>,
    ) -> Result<(Vec<HeaderEdit>, Vec<u8>), Reply> {
        let mut step = exchange.body(&body);
        loop {
            match step {
                BodyStep::Reply(reply) => return Err(reply),
                BodyStep::Forward {
                    headers,
                    body: rewritten,
                } => return Ok((headers, rewritten.map_or(body, String::into_bytes))),
                BodyStep::AwaitCredential {
                    headers,
                    body: rewritten,
                } => {
                    let edits = self.go_on(exchange, headers)?;
                    return Ok((edits, rewritten.map_or(body, String::into_bytes)));
                }
                BodyStep::AwaitRecord {
                    headers,
                    body: rewritten,
                } => {
                    self.record_ahead(exchange)?;
                    return Ok((headers, rewritten.map_or(body, String::into_bytes)));
                }
                BodyStep::Spend(charges) => {
                    step = exchange.spent(quota::spend(&charges, &mut self.shelves, self.now));
                }
            }
        }
    }

    fn answer(&self, case: &Case, exchange: &mut Exchange) -> Observed {
        let answer = &case.upstream;
        let body = answer.bytes();
        let mut headers: Vec<(String, Vec<u8>)> = answer
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.clone().into()))
            .collect();
        let head = ResponseHead {
            status: answer.status,
            headers: Headers::new(&headers),
            ends: body.is_empty(),
        };
        let (edits, body) = match exchange.response_head(&head, self.now) {
            ResponseStep::Pass(edits) => (edits, body),
            ResponseStep::Reply(reply) => return replied(reply),
            ResponseStep::Hold(edits) => match exchange.response_body(&body, self.now) {
                Judged::Unchanged => (edits, body),
                Judged::Rewritten(text) => (edits, text.into_bytes()),
                Judged::Reply(reply) => return replied(reply),
            },
            ResponseStep::Stream(edits) => (edits, exchange.response_chunk(&body, true, self.now)),
        };
        edit(&mut headers, edits);
        Observed {
            status: answer.status,
            headers: text(&headers),
            body,
            ..Observed::default()
        }
    }
}

fn edit(headers: &mut Vec<(String, Vec<u8>)>, edits: Vec<HeaderEdit>) {
    for change in edits {
        match change {
            HeaderEdit::Remove(name) => headers.retain(|(known, _)| *known != name),
            HeaderEdit::Set(name, value) => {
                headers.retain(|(known, _)| *known != name);
                headers.push((name, value.into_bytes()));
            }
            HeaderEdit::Inject(name, value) => {
                headers.retain(|(known, _)| **known != *name);
                headers.push((name.into(), value.expose().to_vec()));
            }
        }
    }
}

fn replied(reply: Reply) -> Observed {
    let headers = reply
        .headers
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Observed {
        status: reply.status,
        headers,
        body: reply.body.into_bytes(),
        ..Observed::default()
    }
}

fn text(headers: &[(String, Vec<u8>)]) -> Vec<(String, String)> {
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    headers
        .iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// Checks a signature as every native driver of the engine does.
pub(crate) fn is_valid(check: SignatureCheck<'_>) -> bool {
    let inner = || {
        let info = SubjectPublicKeyInfoRef::from_der(check.public_key).ok()?;
        Some(info.subject_public_key.raw_bytes().to_vec())
    };
    let (key, algorithm) = match check.algorithm {
        Algorithm::Rs256 => (
            inner().map(|der| DecodingKey::from_rsa_der(&der)),
            jsonwebtoken::Algorithm::RS256,
        ),
        Algorithm::Es256 => (
            inner().map(|der| DecodingKey::from_ec_der(&der)),
            jsonwebtoken::Algorithm::ES256,
        ),
        Algorithm::EdDsa => (
            Some(DecodingKey::from_ed_der(check.public_key)),
            jsonwebtoken::Algorithm::EdDSA,
        ),
    };
    let signature = URL_SAFE_NO_PAD.encode(check.signature);
    key.is_some_and(|key| {
        jsonwebtoken::crypto::verify(&signature, check.message, &key, algorithm).unwrap_or(false)
    })
}
