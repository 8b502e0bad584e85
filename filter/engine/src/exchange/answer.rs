//! What a server says, message by message: answers, its own requests, and notifications.

use super::{
    Ending, Exchange, Phase, Subject, Verb,
    drift::Drifted,
    list::{Known, Noted, Reader},
    target::capability_of,
    verdict::Place,
};
use crate::{
    decide::Verdict,
    entry::{Capability, Content, Direction, Event, OutcomeStatus, Pruned},
    json::{Document, Edits, Kind, Value},
    limits::Limits,
    message::{Answer, Body, Call, Era, Message, Method, Sender, is_ambiguous_input},
    reason::Reason,
    redact::{Blocked, Carried, Finding},
    rule::Act,
    server::Server,
};

/// What a judged message turned into.
pub(super) struct Delivery {
    pub(super) edits: Edits,
    /// How the exchange ends with it, if it is its answer.
    pub(super) ends_with: Option<(OutcomeStatus, Ending)>,
}

/// Why a message is not delivered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Withheld {
    /// It goes no further, which is recorded where it was judged; what follows may.
    Dropped,
    /// It makes the answer one that must be refused.
    Refused(Reason),
    /// It holds what must not go on, and so the answer is refused.
    Blocked(Blocked, Vec<Finding>),
}

/// Whether a redacted answer fits what the tool promises.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fit {
    /// As far as it is known.
    Fits,
    /// It did not, and a failure took its place.
    Replaced,
}

impl Exchange {
    /// Judges a message on its way to the client.
    pub(super) fn judge_message(&mut self, message: &Message<'_>) -> Result<Delivery, Withheld> {
        let policy = self.policy();
        let place = self.place(policy.as_deref());
        let place = &place.ok_or(Withheld::Refused(Reason::NoSnapshot))?;
        match message.body {
            Body::Response { id, answer } => self.judge_answer(place, message, id, answer),
            Body::Request { id, call } => self.judge_sent(place, message, &call, Some(id.raw())),
            Body::Notification(call) => self.judge_sent(place, message, &call, None),
        }
    }

    fn judge_answer(
        &mut self,
        place: &Place<'_>,
        message: &Message<'_>,
        id: Value<'_>,
        answer: Answer<'_>,
    ) -> Result<Delivery, Withheld> {
        let is_ours = match (self.verb, &self.asked.rpc_id) {
            // What a resumed stream replays was asked in another exchange.
            (Verb::Get, _) => true,
            (Verb::Post, Some(asked)) => self.phase == Phase::Response && same_id(asked, id),
            (Verb::Post, None) | (Verb::Delete, _) => false,
        };
        if !is_ours {
            return Err(Withheld::Dropped);
        }
        let mut edits = Edits::default();
        let mut ending = Ending {
            http_status: self.stream.status,
            ..Ending::default()
        };
        let status = match answer {
            Answer::Result(result) => {
                let sealed = self.seal_result(place.server, result, &mut edits);
                sealed.map_err(Withheld::Refused)?;
                self.check_inputs(place, result)
                    .map_err(Withheld::Refused)?;
                self.check_result(place.server, result)
                    .map_err(Withheld::Refused)?;
                self.prune_result(place, result, &mut edits, &mut ending.pruned)
                    .map_err(Withheld::Refused)?;
                match result.get("isError").and_then(Value::as_bool) {
                    Some(true) => OutcomeStatus::ToolError,
                    Some(false) | None => OutcomeStatus::Result,
                }
            }
            Answer::Error(error) => {
                let code = error.get("code").and_then(Value::as_number);
                ending.rpc_code = code.and_then(|code| code.parse().ok());
                OutcomeStatus::RpcError
            }
        };
        let status = match self.redact_answer(place.server, message, &mut edits, &mut ending) {
            Ok(Fit::Fits) => status,
            Ok(Fit::Replaced) => OutcomeStatus::ToolError,
            Err(withheld) => return Err(withheld),
        };
        let ends_with = match self.verb {
            Verb::Post => Some((status, ending)),
            Verb::Get | Verb::Delete => None,
        };
        Ok(Delivery { edits, ends_with })
    }

    /// Hides what the reader may not see, and what nobody has approved.
    fn prune_result(
        &mut self,
        place: &Place<'_>,
        result: Value<'_>,
        edits: &mut Edits,
        pruned: &mut Pruned,
    ) -> Result<(), Reason> {
        let mut drifted = Drifted {
            server: &place.server.name,
            principal: &self.principal,
            events: Vec::new(),
        };
        let approved = place.server.approved.as_ref();
        let reader = Reader {
            rules: &place.rules,
            limits: &self.context.limits,
            approved,
            known: self.context.lists.as_deref().map(|lists| Known {
                lists,
                snapshot: place.policy.version(),
                server: &place.server.name,
            }),
        };
        let mut noted = Noted {
            pruned,
            drifted: &mut drifted,
        };
        reader.prune(self.asked.method, result, edits, &mut noted);
        let is_approved = approved
            .is_none_or(|approved| self.compare_server(approved, result, edits, &mut drifted));
        for event in drifted.events {
            self.record(Event::Drift(Box::new(event)), self.now);
        }
        if is_approved {
            Ok(())
        } else {
            Err(Reason::Unapproved)
        }
    }

    fn redact_answer(
        &self,
        server: &Server,
        message: &Message<'_>,
        edits: &mut Edits,
        ending: &mut Ending,
    ) -> Result<Fit, Withheld> {
        let tool = match &self.asked.capability {
            Some(Capability::Tool(name)) => server.tool_schema(name),
            Some(Capability::Prompt(_) | Capability::Resource(_)) | None => None,
        };
        let mut carried = Carried {
            redactor: self.redactor(server, Direction::ToClient),
            root: message.root,
            schema: tool,
            edits,
            findings: &mut ending.findings,
            is_unfit: false,
        };
        let redacted = carried.message(message, self.asked.method);
        let is_unfit = carried.is_unfit;
        if let Err(blocked) = redacted {
            return Err(Withheld::Blocked(
                blocked,
                std::mem::take(&mut ending.findings),
            ));
        }
        let result = match message.body {
            Body::Response {
                answer: Answer::Result(result),
                ..
            } if is_unfit => result,
            Body::Response { .. } | Body::Request { .. } | Body::Notification(_) => {
                return Ok(Fit::Fits);
            }
        };
        if !matches!(
            self.asked.method,
            Some(Method::ToolsCall | Method::TasksResult)
        ) {
            return Err(Withheld::Refused(Reason::SchemaMisfit));
        }
        // Clients that know the schema throw away what does not fit it, but never a failure.
        let kind = match self.asked.era {
            Era::Legacy => "",
            Era::Stateless => "\"resultType\":\"complete\",",
        };
        let text = Reason::SchemaMisfit.message();
        let failure = format!(
            "{{{kind}\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}],\"isError\":true}}"
        );
        edits.replace(result.span(), failure);
        ending.reason = Some(Reason::SchemaMisfit);
        Ok(Fit::Replaced)
    }

    /// What a server asks in place of an answer (MCP 2026-07-28, multi-round-trip requests) is
    /// judged like the requests that it sent before, and only of clients that said they can answer.
    fn check_inputs(&mut self, place: &Place<'_>, result: Value<'_>) -> Result<(), Reason> {
        let inputs = result.get("inputRequests");
        let asks = result
            .get("resultType")
            .is_some_and(|kind| kind.is("input_required"));
        if self.asked.era == Era::Legacy && self.verb == Verb::Post && (asks || inputs.is_some()) {
            // Some legacy clients show it as a success without content.
            return Err(Reason::UnreadableResponse);
        }
        let Some(inputs) = inputs else { return Ok(()) };
        if inputs.kind() != Kind::Object {
            return Err(Reason::UnreadableResponse);
        }
        for (_, input) in inputs.members() {
            let method = input.get("method").and_then(Value::as_str);
            let method = method.and_then(|name| Method::parse(&name));
            let method = method
                .filter(|method| self.asked.answerable.contains(method))
                .filter(|_| !is_ambiguous_input(input))
                .ok_or(Reason::UnreadableResponse)?;
            let judgement = place.rules.judge(Act::on_server(Some(method)));
            let verdict = judgement.verdict;
            let subject = Subject {
                method: method.as_str(),
                shadow_rules: judgement.shadow_rules.into_iter().map(Box::from).collect(),
                size_bytes: input.raw().len(),
                ..Subject::default()
            };
            self.decide(verdict, Direction::ToClient, subject);
            match verdict {
                Verdict::Allow => {}
                Verdict::Deny(reason) => return Err(reason),
            }
        }
        Ok(())
    }

    /// Judges a request, which has an id, or a notification of the server's.
    fn judge_sent(
        &mut self,
        place: &Place<'_>,
        message: &Message<'_>,
        call: &Call<'_>,
        rpc_id: Option<&str>,
    ) -> Result<Delivery, Withheld> {
        let name = call.name();
        let mut subject = Subject {
            method: &name,
            rpc_id,
            size_bytes: message.root.raw().len(),
            ..Subject::default()
        };
        let mut edits = Edits::default();
        let method = match self.allow_sent(place, call, &mut subject, &mut edits) {
            Ok(method) => method,
            Err(reason) => {
                self.decide(Verdict::Deny(reason), Direction::ToClient, subject);
                return Err(Withheld::Dropped);
            }
        };
        let mut carried = Carried {
            redactor: self.redactor(place.server, Direction::ToClient),
            root: message.root,
            schema: None,
            edits: &mut edits,
            findings: &mut subject.findings,
            is_unfit: false,
        };
        if carried.message(message, None).is_err() {
            let verdict = Verdict::Deny(Reason::SensitiveContent);
            self.decide(verdict, Direction::ToClient, subject);
            return Err(Withheld::Dropped);
        }
        subject.prompt = self.keep_sampled(call, &edits);
        if method != Method::Progress || !subject.findings.is_empty() {
            self.decide(Verdict::Allow, Direction::ToClient, subject);
        }
        Ok(Delivery {
            edits,
            ends_with: None,
        })
    }

    fn allow_sent(
        &self,
        place: &Place<'_>,
        call: &Call<'_>,
        subject: &mut Subject<'_>,
        edits: &mut Edits,
    ) -> Result<Method, Reason> {
        let is_request = subject.rpc_id.is_some();
        let method = call.method.filter(|method| match method.sender() {
            Sender::Server | Sender::Both => true,
            Sender::Client => false,
        });
        // The stateless era has no requests from the server.
        let method = method.filter(|_| !(is_request && self.asked.era == Era::Stateless));
        let method = method.ok_or(Reason::UnknownMethod)?;
        if method == Method::ResourceUpdated {
            subject.capability = capability_of(call, method, &self.context.limits)
                .map_err(|malformed| malformed.reason)?;
        }
        let act = match &subject.capability {
            Some(capability) => Act::using(capability.target()),
            None => Act::on_server(Some(method)),
        };
        let judgement = place.rules.judge(act);
        let shadow_rules = judgement.shadow_rules.into_iter().map(Box::from).collect();
        if let Verdict::Deny(reason) = judgement.verdict {
            subject.shadow_rules = shadow_rules;
            return Err(reason);
        }
        self.seal_sent(place.server, call, edits)?;
        subject.shadow_rules = shadow_rules;
        Ok(method)
    }

    pub(super) fn keep_result(&self, message: &Message<'_>) -> Option<Content> {
        let Body::Response { answer, .. } = message.body else {
            return None;
        };
        let value = match answer {
            Answer::Result(value) | Answer::Error(value) => value,
        };
        Some(Content::bounded(
            value.raw(),
            self.context.limits.max_content_bytes,
            None,
        ))
    }

    pub(super) fn keep_rewritten(&self, text: &str) -> Option<Content> {
        let limits = &self.context.limits;
        let max_bytes = limits.max_response_bytes.saturating_mul(2);
        let document = Document::parse(text.as_bytes(), max_bytes, limits).ok()?;
        self.keep_result(&Message::read(&document).ok()?)
    }
}

/// Whether an answer's id is the request's: numbers by lexeme, strings by content.
fn same_id(asked: &str, id: Value<'_>) -> bool {
    if asked == id.raw() {
        return true;
    }
    let asked = Document::parse(asked.as_bytes(), asked.len(), &Limits::DEFAULT);
    let asked = asked
        .ok()
        .and_then(|asked| asked.root().as_str().map(std::borrow::Cow::into_owned));
    asked.is_some_and(|asked| id.is(&asked))
}
