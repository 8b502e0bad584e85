//! Reversible tokens in what a client sends: which of them the server gets opened.
//!
//! Rules judge what the server will get, and rules grant what is opened in it, so that both are
//! settled together: first everything is opened that any rule could grant, then, as often as it
//! takes, what the rules that allow the outcome do not grant is left sealed. What is sent was
//! judged as it is sent, and every value in it is granted by rules that allow it so.

use super::{
    Exchange,
    body::Reading,
    dispatch::{Inner, inner_calls},
    verdict::Place,
};
use crate::{
    decide::{Judgement, Verdict},
    json::{Document, Edits, Value},
    message::{self, Call, Message, Method},
    reason::Reason,
    redact::{Token, tokens_below},
    rule::Act,
    seal::SealError,
};

/// Most tokens of types that rules could grant, in one message: one more does not open. To open one
/// costs as much as to scan some kilobytes.
const MAX_TOKENS: usize = 1_000;

/// What is opened in a message.
#[derive(Debug, Default)]
pub(super) struct Revealed {
    /// The values, each in the place of its token.
    pub(super) edits: Edits,
    /// The whole message with them. `None`: nothing is opened.
    pub(super) text: Option<String>,
}

/// Why a message with tokens is refused, and where.
pub(super) struct Unopened {
    pub(super) reason: Reason,
    pub(super) detail: Option<String>,
}

/// A token in a message.
struct Held<'d> {
    token: Token,
    /// What it stands for, as it would be written.
    value: Result<String, SealError>,
    /// The position of the act whose arguments it is in: of calls inside calls, the innermost.
    owner: usize,
    /// What it stands in.
    below: Value<'d>,
    is_open: bool,
}

impl Exchange {
    /// Settles which tokens of a message are opened.
    pub(super) fn reveal(
        &self,
        place: &Place<'_>,
        document: &Document<'_>,
        reading: &Reading<'_>,
    ) -> Result<Revealed, Unopened> {
        let Some(call) = reading
            .call
            .filter(|call| matches!(call.method, Some(Method::ToolsCall | Method::PromptsGet)))
        else {
            return Ok(Revealed::default());
        };
        let mut held = self.held(&call, reading);
        if held.is_empty() {
            return Ok(Revealed::default());
        }
        let arguments = call.param("arguments");
        let could = judge(place, &reading.acts(arguments, &reading.inner));
        held.retain(|one| names(&could, one, |judgement| &judgement.could_reveal));
        if let Some(one) = held.get(MAX_TOKENS) {
            return Err(unopened(document, one, SealError::Foreign));
        }
        let binding = self.binding(place.server);
        for one in &mut held {
            one.value = one.token.open(&binding);
            one.is_open = one.value.is_ok();
        }
        self.settle(place, document, reading, held)
    }

    /// Leaves sealed what the rules that allow the rest do not grant.
    fn settle(
        &self,
        place: &Place<'_>,
        document: &Document<'_>,
        reading: &Reading<'_>,
        mut held: Vec<Held<'_>>,
    ) -> Result<Revealed, Unopened> {
        // Each round leaves a type more sealed, of the few that rules can grant.
        loop {
            let revealed = revealed(document, &held)?;
            let text = revealed.text.as_deref().unwrap_or_else(|| document.text());
            let judgements = self.judge_revealed(place, text, reading)?;
            let denied = judgements.iter().find_map(|given| match given.verdict {
                Verdict::Allow => None,
                Verdict::Deny(reason) => Some(reason),
            });
            let is_granted = |one: &Held<'_>| names(&judgements, one, |given| &given.reveal);
            // With the value of a token that does not open, some rule might have allowed it.
            let matters = |one: &Held<'_>| match denied {
                None => is_granted(one),
                Some(reason) => reason == Reason::NoMatchingRule,
            };
            let broken = held.iter().find_map(|one| {
                let error = one.value.as_ref().err();
                error.filter(|_| matters(one)).map(|error| (one, *error))
            });
            if let Some((one, error)) = broken {
                return Err(unopened(document, one, error));
            }
            if denied.is_some() {
                // Whatever were left sealed now, the rules refuse what was asked for.
                return Ok(revealed);
            }
            let mut is_settled = true;
            for one in &mut held {
                if one.is_open && !is_granted(one) {
                    one.is_open = false;
                    is_settled = false;
                }
            }
            if is_settled {
                return Ok(revealed);
            }
        }
    }

    fn held<'d>(&self, call: &Call<'d>, reading: &Reading<'_>) -> Vec<Held<'d>> {
        let limits = &self.context.limits;
        let mut held = Vec::new();
        for below in ["arguments", "inputResponses"]
            .iter()
            .filter_map(|key| call.param(key))
        {
            for token in tokens_below(below, limits) {
                let holds = |inner: &Inner<'_>| {
                    let span = inner.arguments.map(Value::span).unwrap_or_default();
                    span.start <= token.range.start && token.range.end <= span.end
                };
                let innermost = reading.inner.iter().rposition(holds);
                held.push(Held {
                    value: Err(SealError::Foreign),
                    owner: innermost.map_or(0, |position| position.saturating_add(1)),
                    below,
                    is_open: false,
                    token,
                });
            }
        }
        held
    }

    /// What the rules say of a message with values in the place of its tokens.
    fn judge_revealed<'p>(
        &self,
        place: &Place<'p>,
        text: &str,
        reading: &Reading<'_>,
    ) -> Result<Vec<Judgement<'p>>, Unopened> {
        let document = self.reread(text)?;
        let message = Message::read(&document).map_err(|_error| UNREADABLE)?;
        let arguments = message.call().and_then(|call| call.param("arguments"));
        let inner = self.inner_again(place, arguments, reading)?;
        Ok(judge(place, &reading.acts(arguments, &inner)))
    }

    /// Reads a message again in which something was replaced.
    pub(super) fn reread<'t>(&self, text: &'t str) -> Result<Document<'t>, Unopened> {
        let limits = &self.context.limits;
        let max_bytes = limits.max_body_bytes.saturating_mul(2);
        message::parse(text.as_bytes(), max_bytes, limits).map_err(|_error| UNREADABLE)
    }

    /// The calls inside a call whose arguments were revealed. What is called must not be a secret.
    pub(super) fn inner_again<'d>(
        &self,
        place: &Place<'_>,
        arguments: Option<Value<'d>>,
        reading: &Reading<'_>,
    ) -> Result<Vec<Inner<'d>>, Unopened> {
        if reading.inner.is_empty() {
            return Ok(Vec::new());
        }
        let refused = || Unopened {
            reason: Reason::UnreadableDispatch,
            detail: None,
        };
        let tool = reading.capability.as_ref().ok_or_else(refused)?;
        let inner = inner_calls(place.server, tool.name(), arguments, &self.context.limits);
        let inner = inner.map_err(|_malformed| refused())?;
        let called = |inner: &[Inner<'_>]| -> Vec<Box<str>> {
            inner.iter().map(|inner| inner.tool.clone()).collect()
        };
        if called(&inner) == called(&reading.inner) {
            Ok(inner)
        } else {
            Err(refused())
        }
    }
}

const UNREADABLE: Unopened = Unopened {
    reason: Reason::InvalidMessage,
    detail: None,
};

fn judge<'p>(place: &Place<'p>, acts: &[Act<'_>]) -> Vec<Judgement<'p>> {
    acts.iter().map(|act| place.rules.judge(*act)).collect()
}

/// Whether the type of a token is one that the judgement of its own act names.
fn names<'p>(
    judgements: &[Judgement<'p>],
    one: &Held<'_>,
    ids: for<'j> fn(&'j Judgement<'p>) -> &'j [&'p str],
) -> bool {
    let judgement = judgements.get(one.owner);
    judgement.is_some_and(|judgement| ids(judgement).contains(&&*one.token.detector))
}

fn revealed(document: &Document<'_>, held: &[Held<'_>]) -> Result<Revealed, Unopened> {
    let mut edits = Edits::default();
    for one in held.iter().filter(|one| one.is_open) {
        if let Ok(value) = &one.value {
            edits.replace(one.token.range.clone(), value.clone());
        }
    }
    if edits.is_empty() {
        return Ok(Revealed::default());
    }
    let text = edits.clone().apply(document.text());
    let text = Some(text.map_err(|_overlap| UNREADABLE)?);
    Ok(Revealed { edits, text })
}

fn unopened(document: &Document<'_>, one: &Held<'_>, error: SealError) -> Unopened {
    let holds = |leaf: &Value<'_>| {
        let (span, token) = (leaf.span(), &one.token.range);
        span.start <= token.start && token.end <= span.end
    };
    let leaf = one.below.leaves().find(holds);
    let pointer = leaf.map(|leaf| document.root().pointer_to(leaf));
    match error {
        SealError::NoKey => Unopened {
            reason: Reason::NoSealingKey,
            detail: None,
        },
        SealError::Foreign => Unopened {
            reason: Reason::UnopenedToken,
            detail: pointer
                .map(|pointer| format!("at `{pointer}`, copy it exactly as it was given")),
        },
    }
}
