//! What goes on of a request that the rules allow: redacted, with what tokens stand for.

use std::borrow::Cow;

use super::{Allowed, Exchange, HeaderEdit, Subject, handles::quoted, reveal::Revealed};
use crate::{
    decide::Verdict,
    entry::{Content, Direction},
    id::Digest,
    json::{Document, Edits, Kind, Value},
    limits::Limits,
    message::{Answer, Body, Message},
    reason::Reason,
    redact::{Blocked, Carried, Finding, Place},
    refusal::Reply,
    server::Server,
};

/// What is changed in a message on its way to the server.
pub(super) struct Going {
    /// What the record has changed too.
    pub(super) edits: Edits,
    /// What it has not.
    pub(super) revealed: Revealed,
}

impl Exchange {
    /// Redacts what must be redacted; the decision is about what really goes on, but for what tokens
    /// stand for.
    pub(super) fn forward(
        &mut self,
        server: &Server,
        (document, message): (&Document<'_>, &Message<'_>),
        Going {
            mut edits,
            revealed,
        }: Going,
        mut subject: Subject<'_>,
    ) -> Result<Allowed, Reply> {
        let redacted = self.redact_request(server, message, &mut edits, &mut subject.findings);
        let recorded = revealed.text.is_some().then(|| edits.clone());
        let mut sent = edits;
        sent.extend(revealed.edits);
        sent.sort();
        let mirrored = redacted.and_then(|()| {
            let arguments = message.call().and_then(|call| call.param("arguments"));
            self.mirror(server, arguments, &sent, &mut subject.findings)
        });
        match mirrored {
            Ok(headers) => self.edits.extend(headers),
            Err(blocked) => {
                let detail = blocked.to_string();
                let subject = Subject {
                    detail: Some(&detail),
                    ..subject
                };
                return Err(self.refuse(Reason::SensitiveContent, subject));
            }
        }
        if sent.is_empty() {
            subject.arguments = self.keep_arguments(message);
            subject.prompt = self.keep_prompt(server, message);
            return Ok(self.allowed(subject, None));
        }
        let rewritten = sent.apply(document.text());
        let recorded = recorded.map(|edits| edits.apply(document.text()));
        match (rewritten, recorded.transpose()) {
            (Ok(rewritten), Ok(recorded)) => {
                let recorded = recorded.as_deref();
                self.rewritten(server, (rewritten, recorded), subject)
            }
            (Err(_), _) | (_, Err(_)) => Err(self.refuse(Reason::InvalidMessage, subject)),
        }
    }

    fn redact_request(
        &self,
        server: &Server,
        message: &Message<'_>,
        edits: &mut Edits,
        findings: &mut Vec<Finding>,
    ) -> Result<(), Blocked> {
        let mut carried = Carried {
            redactor: self.redactor(server, Direction::ToServer),
            root: message.root,
            schema: None,
            edits,
            findings,
            is_unfit: false,
        };
        carried.message(message, None)
    }

    /// The headers that repeat arguments: they say what became of those, and are redacted where
    /// nothing did.
    fn mirror(
        &self,
        server: &Server,
        arguments: Option<Value<'_>>,
        sent: &Edits,
        findings: &mut Vec<Finding>,
    ) -> Result<Vec<HeaderEdit>, Blocked> {
        let redactor = self.redactor(server, Direction::ToServer);
        self.claims.rewritten(|header, text| {
            if let Some(text) = repeated(text, arguments, sent) {
                return Ok(Some(text));
            }
            if redactor.plan.is_empty() {
                return Ok(None);
            }
            let json = quoted(text);
            let limits = &self.context.limits;
            let Ok(document) = Document::parse(json.as_bytes(), json.len(), limits) else {
                return Ok(None);
            };
            let (root, mut edits, mut found) = (document.root(), Edits::default(), Vec::new());
            let redacted =
                redactor.redact(Place::ParamHeaders, (root, root), &mut edits, &mut found);
            for finding in found {
                findings.push(Finding {
                    pointer: header.to_owned(),
                    ..finding
                });
            }
            redacted?;
            Ok(edits.applied_within(root).and_then(|json| plain(&json)))
        })
    }

    /// What was written is read again, so that the record keeps what the server gets; `recorded` is
    /// the same as the record has it, where that differs.
    fn rewritten(
        &mut self,
        server: &Server,
        (rewritten, recorded): (String, Option<&str>),
        mut subject: Subject<'_>,
    ) -> Result<Allowed, Reply> {
        for text in std::iter::once(&*rewritten).chain(recorded) {
            let document = self.reread(text).ok();
            let Some(Ok(message)) = document.as_ref().map(Message::read) else {
                return Err(self.refuse(Reason::InvalidMessage, subject));
            };
            subject.arguments = self.keep_arguments(&message);
            subject.prompt = self.keep_prompt(server, &message);
        }
        Ok(self.allowed(subject, Some(rewritten)))
    }

    fn allowed(&self, subject: Subject<'_>, body: Option<String>) -> Allowed {
        Allowed {
            decision: self.decision(Verdict::Allow, Direction::ToServer, subject),
            body,
            charges: Vec::new(),
        }
    }

    fn keep_arguments(&self, message: &Message<'_>) -> Option<Content> {
        let arguments = match message.body {
            Body::Request { call, .. } => call.param("arguments"),
            Body::Notification(_) => None,
            Body::Response {
                answer: Answer::Result(result),
                ..
            } => Some(result),
            Body::Response {
                answer: Answer::Error(error),
                ..
            } => Some(error),
        };
        let text = arguments?.raw();
        let digest = Digest::of(text.as_bytes());
        Some(Content::bounded(
            text,
            self.context.limits.max_content_bytes,
            Some(digest),
        ))
    }
}

/// What becomes of an argument that a header repeats, if anything does.
fn repeated(text: &str, arguments: Option<Value<'_>>, edits: &Edits) -> Option<String> {
    if edits.is_empty() {
        return None;
    }
    let repeats = |leaf: &Value<'_>| match leaf.kind() {
        Kind::String => leaf.is(text),
        Kind::Number | Kind::Bool => leaf.raw() == text,
        Kind::Null | Kind::Array | Kind::Object => false,
    };
    let mut leaves = arguments.into_iter().flat_map(Value::leaves);
    let json =
        leaves.find_map(|leaf| repeats(&leaf).then(|| edits.applied_within(leaf)).flatten())?;
    plain(&json)
}

/// A scalar as a header has it.
fn plain(json: &str) -> Option<String> {
    let document = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT).ok()?;
    let text = document.root().as_str().map(Cow::into_owned);
    Some(text.unwrap_or_else(|| json.to_owned()))
}
