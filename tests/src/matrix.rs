//! Every client with every server, in every era: directly, and through the filter.
//!
//! What the rules allow must come through as it comes directly; what they do not, as this client is
//! known to show it to its caller.

mod script;
mod seen;
mod stage;

use std::fmt;

use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tokio::time::{error::Elapsed, timeout};

pub use script::Server;
pub use seen::Trouble;
pub use stage::{Stage, StageError};

use crate::{
    client::{self, ClientError, Era, Sdk},
    wait::PATIENCE,
};
use script::{Expectation, Planned};

/// How many rows are worked on at a time: clients mostly wait, or start.
const ROWS_AT_A_TIME: usize = 3;

/// A client in an era with a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Row {
    /// The client.
    pub sdk: Sdk,
    /// What it is made to speak.
    pub era: Era,
    /// The server.
    pub server: Server,
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sdk, era, server } = self;
        write!(
            formatter,
            "{}, {}, {}",
            sdk.name(),
            era.name(),
            server.name()
        )
    }
}

/// Every client in every era it speaks, with every server.
pub fn whole() -> Vec<Row> {
    let eras = Sdk::ALL.into_iter().flat_map(|sdk| {
        let eras = sdk.eras().iter();
        eras.map(move |&era| (sdk, era))
    });
    eras.flat_map(|(sdk, era)| Server::ALL.map(|server| Row { sdk, era, server }))
        .collect()
}

/// Every client once, and every server and era among them.
pub fn short() -> Vec<Row> {
    [
        (Sdk::Python, Era::Auto, Server::TypeScriptV2),
        (Sdk::FastMcp, Era::Legacy, Server::Python),
        (Sdk::TypeScriptV1, Era::Legacy, Server::Everything),
        (Sdk::TypeScriptV2, Era::Auto, Server::Python),
        (Sdk::Rmcp, Era::Auto, Server::Notes),
    ]
    .map(|(sdk, era, server)| Row { sdk, era, server })
    .into()
}

/// What came of a row.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Which row.
    pub row: Row,
    /// The version of the protocol that it came to.
    pub version: String,
    /// How many sessions were held.
    pub sessions: usize,
    /// How many steps were taken, handshakes among them.
    pub steps: usize,
    /// What was not as it should be.
    pub unexpected: Vec<String>,
}

/// Holds the sessions of these rows, and tells of each row as it is done.
pub async fn run(stage: &Stage, rows: &[Row], mut tell: impl FnMut(&Outcome)) -> Vec<Outcome> {
    let is_first = |at: usize, row: &Row| {
        let earlier = rows.iter().take(at);
        !earlier
            .into_iter()
            .any(|other| (other.sdk, other.era) == (row.sdk, row.era))
    };
    let mut running = stream::iter(rows.iter().enumerate())
        .map(|(at, &row)| hold(stage, row, is_first(at, &row)))
        .buffer_unordered(ROWS_AT_A_TIME);
    let mut outcomes = Vec::new();
    while let Some(outcome) = running.next().await {
        tell(&outcome);
        outcomes.push(outcome);
    }
    outcomes
}

/// The figure of a run.
pub fn figure(outcomes: &[Outcome]) -> String {
    let count = |tell: fn(&Outcome) -> usize| outcomes.iter().map(tell).sum::<usize>();
    let clients = Sdk::ALL.iter();
    let clients = clients.filter(|sdk| outcomes.iter().any(|outcome| outcome.row.sdk == **sdk));
    let servers = Server::ALL.iter();
    let servers = servers.filter(|server| {
        outcomes
            .iter()
            .any(|outcome| outcome.row.server == **server)
    });
    format!(
        "clients: {} clients, {} servers, {} sessions, {} steps, {} unexpected",
        clients.count(),
        servers.count(),
        count(|outcome| outcome.sessions),
        count(|outcome| outcome.steps),
        count(|outcome| outcome.unexpected.len()),
    )
}

/// Why a session could not be held.
#[derive(Debug, thiserror::Error)]
enum HoldError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error("the session did not end")]
    Late(#[from] Elapsed),
}

/// What a client shows of trouble does not depend on the server, so that one is enough.
async fn hold(stage: &Stage, row: Row, with_trouble: bool) -> Outcome {
    let mut outcome = Outcome {
        row,
        version: "no session".to_owned(),
        sessions: 0,
        steps: 0,
        unexpected: Vec::new(),
    };
    for held in [
        outcome.hold_alike(stage).await,
        outcome.hold_hiding(stage).await,
        if with_trouble {
            outcome.hold_trouble(stage).await
        } else {
            Ok(())
        },
    ] {
        if let Err(error) = held {
            outcome.unexpected.push(error.to_string());
        }
    }
    outcome
}

impl Outcome {
    async fn hold_alike(&mut self, stage: &Stage) -> Result<(), HoldError> {
        let Row { era, server, .. } = self.row;
        let planned = script::of(server, era);
        let steps: Vec<Value> = planned.iter().map(|planned| planned.step.clone()).collect();
        let direct = self.session(&stage.direct(server), None, &steps).await?;
        let url = stage.revealing(server)?;
        let through = self.session(&url, Some(&stage.token()?), &steps).await?;
        self.compare(&planned, &direct, &through);
        Ok(())
    }

    async fn hold_hiding(&mut self, stage: &Stage) -> Result<(), HoldError> {
        let server = self.row.server;
        let url = stage.hiding(server)?;
        let lines = self
            .session(&url, Some(&stage.token()?), &[server.denied()])
            .await?;
        let hidden = lines.get(1).unwrap_or(&Value::Null);
        if !seen::is_hidden(self.row, hidden) {
            self.unexpected.push(format!("hidden: {hidden}"));
        }
        Ok(())
    }

    async fn hold_trouble(&mut self, stage: &Stage) -> Result<(), HoldError> {
        let url = stage.revealing(self.row.server)?;
        for trouble in Trouble::ALL {
            let token = stage.troubled_token(trouble)?;
            let url = match trouble {
                Trouble::Nowhere => stage::nowhere(&url),
                Trouble::NoToken | Trouble::BadToken | Trouble::Stranger | Trouble::TooLarge => {
                    url.clone()
                }
            };
            let lines = self
                .session(&url, token.as_deref(), &trouble.steps())
                .await?;
            if !seen::is_troubled(self.row, trouble, &lines) {
                let lines = json!(lines);
                self.unexpected.push(format!("{trouble:?}: {lines}"));
            }
        }
        Ok(())
    }

    async fn session(
        &mut self,
        url: &str,
        token: Option<&str>,
        steps: &[Value],
    ) -> Result<Vec<Value>, HoldError> {
        let Row { sdk, era, .. } = self.row;
        let session = client::session(sdk, url, era, token, steps);
        let lines = timeout(2 * PATIENCE, session).await??;
        self.sessions += 1;
        self.steps += lines.len();
        Ok(lines)
    }

    fn compare(&mut self, planned: &[Planned], direct: &[Value], through: &[Value]) {
        let version = through
            .first()
            .and_then(|line| line.get("protocol_version"));
        if let Some(version) = version.and_then(Value::as_str) {
            version.clone_into(&mut self.version);
        }
        let is_complete = |lines: &[Value]| lines.len() == 1 + planned.len();
        if direct.first() != through.first() || !is_complete(direct) || !is_complete(through) {
            let pair = json!({ "directly": direct, "through": through });
            self.unexpected.push(format!("handshake: {pair}"));
            return;
        }
        let pairs = direct.iter().zip(through).skip(1);
        for (Planned { step, expectation }, (direct, through)) in planned.iter().zip(pairs) {
            let is_so = match expectation {
                Expectation::Same => sorted(direct) == sorted(through) && seen::is_success(through),
                Expectation::Alike => seen::is_success(direct) && seen::is_success(through),
                Expectation::Pruned => *through == script::pruned(direct) && through != direct,
                Expectation::Masked => script::is_masked(direct, through),
                Expectation::Refused => {
                    seen::is_success(direct) && seen::is_refused(self.row, through)
                }
            };
            if !is_so {
                let pair = json!({ "directly": direct, "through": through });
                self.unexpected
                    .push(format!("{step} ({expectation:?}): {pair}"));
            }
        }
    }
}

/// A line whose notifications are in an order of their own: rmcp tells of each in a task.
fn sorted(line: &Value) -> Value {
    let mut line = line.clone();
    if let Some(told) = line.get_mut("notifications").and_then(Value::as_array_mut) {
        told.sort_by_key(Value::to_string);
    }
    line
}
