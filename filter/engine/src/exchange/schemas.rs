//! Calls and results of pinned tools, held against the schemas of the definitions that are approved.

use std::borrow::Cow;

use super::{Exchange, Subject};
use crate::{
    approved::Approved,
    entry::{Capability, Fact, Provenance},
    json::Value,
    message::Method,
    reason::Reason,
    refusal::Reply,
    rule::{Act, Given, Target},
    schema::Misfit,
    server::Server,
};

/// What the record calls arguments that do not fit.
const MISFIT: &str = "arguments.misfit";

impl Exchange {
    /// Refuses calls whose arguments do not fit. Asked once everything else allows them: who may not
    /// call a tool learns nothing of its schema.
    pub(super) fn check_arguments<'s>(
        &mut self,
        server: &Server,
        acts: &[Act<'_>],
        mut subject: Subject<'s>,
    ) -> Result<Subject<'s>, Reply> {
        let Some(schemas) = &server.schemas else {
            return Ok(subject);
        };
        for act in acts {
            let (Some(Method::ToolsCall), Target::Tool(tool), Given::Settled(arguments)) =
                (act.method, act.target, act.given)
            else {
                continue;
            };
            let Some(input) = schemas.input(tool) else {
                continue;
            };
            let Err(misfit) = input.check(arguments, &self.context.limits) else {
                continue;
            };
            let is_inner = subject
                .capability
                .as_ref()
                .is_none_or(|it| it.name() != tool);
            let (key, detail) = described(&misfit, tool, is_inner);
            subject.facts.push(Fact {
                key,
                value: detail.as_str().into(),
                provenance: Provenance::Claimed,
                is_altered: false,
            });
            if server.approved.as_ref().is_some_and(Approved::is_enforced) {
                // No rule had a part in it.
                subject.rules.clear();
                subject.shadow_rules.clear();
                let subject = Subject {
                    detail: Some(&detail),
                    ..subject
                };
                return Err(self.refuse(Reason::InvalidArguments, subject));
            }
        }
        Ok(subject)
    }

    /// Whether a tool's result is what its approved definitions promise. A failure is none, nor is what
    /// comes in place of a result: a task, or a question to the client.
    pub(super) fn check_result(&self, server: &Server, result: Value<'_>) -> Result<(), Reason> {
        let is_enforced = server.approved.as_ref().is_some_and(Approved::is_enforced);
        let (Some(schemas), true) = (&server.schemas, is_enforced) else {
            return Ok(());
        };
        let result = match self.asked.method {
            Some(Method::ToolsCall | Method::TasksResult) => Some(result),
            Some(Method::TasksGet) => result.get("result"),
            Some(_) | None => None,
        };
        let (Some(result), Some(Capability::Tool(tool))) = (result, &self.asked.capability) else {
            return Ok(());
        };
        let (structured, output) = (result.get("structuredContent"), schemas.output(tool));
        let (Some(structured), Some(output)) = (structured, output) else {
            return Ok(());
        };
        if result.get("isError").and_then(Value::as_bool) == Some(true) {
            return Ok(());
        }
        let fitted = output.check(Some(structured), &self.context.limits);
        fitted.map_err(|_misfit| Reason::InvalidResult)
    }
}

/// What the record and the client are told of arguments that do not fit.
fn described(misfit: &Misfit, tool: &str, is_inner: bool) -> (Cow<'static, str>, String) {
    if is_inner {
        let key = format!("dispatch.{tool}:{MISFIT}").into();
        return (key, format!("the inner tool `{tool}` {misfit}"));
    }
    (Cow::Borrowed(MISFIT), misfit.to_string())
}
