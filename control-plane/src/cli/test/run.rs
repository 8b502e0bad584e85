//! Runs tests: every call through the engine, every list too.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use chancery_engine::{id::Time, principal::Principal as EnginePrincipal};
use chancery_proto::audit::v1::Verdict;
use serde_json::value::RawValue;

use super::{
    CONSEQUENCE,
    file::{Call, Expect, Lists, Principal, Suite, Test},
};
use crate::{
    cli::{
        alone,
        batch::Batch,
        can_i,
        document::Id,
        exit::Failure,
        explanation,
        name::{Kind, Scope},
        simulate as simulate_cli,
    },
    simulate::{self, Simulated, Simulator},
};

/// What came of a file.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) file: String,
    pub(super) outcomes: Vec<Outcome>,
}

/// What came of a test.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) name: String,
    /// What does not hold; nothing where the test passed.
    pub(super) problems: Vec<String>,
}

impl Ran {
    pub(super) fn failures(&self) -> usize {
        let failed = |outcome: &&Outcome| !outcome.problems.is_empty();
        self.outcomes.iter().filter(failed).count()
    }
}

/// Runs the tests of a file.
pub(super) fn suite(suite: &Suite, scope: &Scope) -> Result<Ran, Failure> {
    let simulator = compile(suite, scope)?;
    let tests = suite.tests.tests.iter().enumerate();
    let outcomes = tests.map(|(index, test)| {
        let subject = Subject {
            suite,
            index,
            test,
            simulator: &simulator,
            scope,
        };
        let problems = match (&test.call, &test.lists) {
            (Some(call), _) => subject.call(call),
            (None, Some(lists)) => subject.lists(lists),
            // A suite that was read has one or the other.
            (None, None) => Ok(Vec::new()),
        };
        Ok(Outcome {
            name: test.name.clone(),
            problems: problems?,
        })
    });
    Ok(Ran {
        file: suite.file.clone(),
        outcomes: outcomes.collect::<Result<_, Failure>>()?,
    })
}

/// The rules that the tests are about.
fn compile(suite: &Suite, scope: &Scope) -> Result<Simulator, Failure> {
    let batch = Batch::read(&suite.policy(), scope, CONSEQUENCE)?;
    let about = (&*suite.file, CONSEQUENCE);
    let resources = alone::checked(&batch, scope, about)?;
    let simulator = Simulator::of_resources(&resources);
    simulator.map_err(|error| alone::explain(error.into(), &batch, about))
}

/// A test and what it is held against.
struct Subject<'s> {
    suite: &'s Suite,
    index: usize,
    test: &'s Test,
    simulator: &'s Simulator,
    scope: &'s Scope,
}

/// What a test sends, and the field of it that says so.
struct Sent<'s> {
    field: &'s str,
    server: &'s Id,
    workspace: Option<&'s Id>,
    message: String,
    answer: Option<String>,
}

impl Subject<'_> {
    fn call(&self, call: &Call) -> Result<Vec<String>, Failure> {
        let message = match (&call.message, &call.arguments) {
            (Some(message), _) => message.get().to_owned(),
            (None, arguments) => {
                let tool = call.tool.as_deref().unwrap_or_default();
                simulate_cli::tool_call(tool, arguments.as_deref().map(RawValue::get))?
            }
        };
        let simulated = self.judge(Sent {
            field: "call",
            server: &call.server,
            workspace: call.workspace.as_ref(),
            message,
            answer: None,
        })?;
        Ok(self.differences(&simulated))
    }

    /// What a call came to and should not have.
    fn differences(&self, simulated: &Simulated) -> Vec<String> {
        let decision = &simulated.decision;
        let mut differences = Vec::new();
        let found = explanation::said(decision.verdict(), &decision.reason, &decision.rules);
        let (expected, verdict) = match self.test.expect {
            Some(Expect::Deny) => ("deny", Verdict::Deny),
            Some(Expect::Allow) | None => ("allow", Verdict::Allow),
        };
        if decision.verdict() != verdict {
            differences.push(format!("expected {expected}, found {found}"));
        }
        if let Some(reason) = self
            .test
            .reason
            .as_ref()
            .filter(|reason| **reason != decision.reason)
        {
            differences.push(format!("expected reason {reason}, found {found}"));
        }
        if let Some(rules) = &self.test.rules {
            let is = |name: &str, rule: &str| name == rule || name.rsplit('/').next() == Some(rule);
            let has = |rule: &&String| decision.rules.iter().any(|name| is(name, rule));
            let is_expected = |name: &&String| rules.iter().any(|rule| is(name, rule));
            if !rules.iter().all(|rule| has(&rule))
                || !decision.rules.iter().all(|name| is_expected(&name))
            {
                differences.push(format!(
                    "expected rules {}, found {found}",
                    rules.join(", ")
                ));
            }
        }
        if let (false, Some(miss)) = (differences.is_empty(), simulated.near_misses.first()) {
            differences.push(format!("nearest is {}", explanation::miss(miss)));
        }
        differences
    }

    fn lists(&self, lists: &Lists) -> Result<Vec<String>, Failure> {
        let Lists {
            server,
            workspace,
            shows,
            hides,
        } = lists;
        let tools = shows.iter().chain(hides).map(String::as_str);
        let answer = can_i::listed(tools).to_string();
        let simulated = self.judge(Sent {
            field: "lists",
            server,
            workspace: workspace.as_ref(),
            message: can_i::LIST.to_owned(),
            answer: Some(answer),
        })?;
        let Some(answer) = &simulated.answer else {
            let reason = &simulated.decision.reason;
            return Ok(vec![format!("the list itself is refused: {reason}")]);
        };
        let shown = can_i::names(answer);
        let hidden = shows.iter().filter(|tool| !shown.contains(tool));
        let hidden = hidden.map(|tool| format!("expected `{tool}` to be shown, found it hidden"));
        let seen = hides.iter().filter(|tool| shown.contains(tool));
        let seen = seen.map(|tool| format!("expected `{tool}` to be hidden, found it shown"));
        Ok(hidden.chain(seen).collect())
    }

    fn judge(&self, sent: Sent<'_>) -> Result<Simulated, Failure> {
        let Sent {
            field,
            server,
            workspace,
            message,
            answer,
        } = sent;
        let problem = |key: &str, message: String| Failure::Invalid {
            problems: vec![self.suite.problem(self.index, &[field, key], message)],
            consequence: CONSEQUENCE,
        };
        let name = self.scope.name(Kind::Server, &server.0).to_string();
        let workspace = workspace.map_or("", |workspace| &workspace.0);
        let place = self.simulator.place(&name, workspace);
        let place = place.map_err(|error| match error {
            simulate::Unreachable::NoWorkspace { .. } => problem("workspace", error.to_string()),
            simulate::Unreachable::NoServer(_) | simulate::Unreachable::Undecided => {
                let message = format!("found `{}`, expected a server of `policy`", server.0);
                problem("server", message)
            }
        })?;
        let call = simulate::Call {
            place,
            principal: Arc::new(principal(&self.test.principal)),
            source: self.source()?,
            message: Some(message),
            answer,
            time: self.time(),
            is_explained: true,
        };
        let simulated = self.simulator.judge(&call);
        simulated.map_err(|error| problem("server", error.to_string()))
    }

    fn source(&self) -> Result<Option<std::net::SocketAddr>, Failure> {
        let Some(text) = &self.test.principal.source else {
            return Ok(None);
        };
        let source = simulate::peer(text).ok_or_else(|| {
            let message = format!("found `{text}`, expected an IP address");
            let field = ["principal", "source"];
            Failure::Invalid {
                problems: vec![self.suite.problem(self.index, &field, message)],
                consequence: CONSEQUENCE,
            }
        })?;
        Ok(Some(source))
    }

    fn time(&self) -> Time {
        let given = self.test.time.as_ref().and_then(|time| time.parse().ok());
        given.map_or_else(now, |time| simulate::unix_time(&time))
    }
}

fn now() -> Time {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    let elapsed = elapsed.unwrap_or_default().as_millis();
    Time::from_unix_ms(elapsed.try_into().unwrap_or(u64::MAX))
}

fn principal(principal: &Principal) -> EnginePrincipal {
    let text = |text: &Option<String>| text.as_deref().map(Box::from);
    let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
    EnginePrincipal {
        user: text(&principal.user),
        groups: texts(&principal.groups),
        has_more_groups: principal.more_groups,
        token_roles: texts(&principal.roles),
        team: text(&principal.team),
        agent: text(&principal.agent),
        client: text(&principal.client),
        scopes: texts(&principal.scopes),
        issuer: None,
        token_id_digest: None,
    }
}
