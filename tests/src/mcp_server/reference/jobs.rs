//! Tools that become tasks where the client knows tasks.

use std::time::Duration;

use rmcp::{
    ErrorData,
    model::{
        CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock, CreateTaskResult,
        InputRequest, JsonObject,
    },
    task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions},
};
use serde_json::Value;

use super::rounds::Answers;

/// What becomes a task.
#[derive(Clone, Debug)]
pub(super) enum Job {
    /// Takes its time; the only one that can do without a task.
    Compute { time: Duration, label: String },
    /// The tool fails.
    Fail,
    /// The task fails.
    Break,
    /// Asks all of these, and says what the answers were.
    Ask(Vec<(String, InputRequest)>),
    /// Says what the answers were that came before the task.
    Tell(Answers),
}

impl Job {
    pub(super) fn compute(arguments: &JsonObject) -> Self {
        let seconds = arguments.get("seconds").and_then(Value::as_f64);
        let label = arguments.get("label").and_then(Value::as_str);
        Self::Compute {
            time: Duration::try_from_secs_f64(seconds.unwrap_or_default()).unwrap_or_default(),
            label: label.unwrap_or("it").to_owned(),
        }
    }

    /// Starts a task, or does at once what needs none.
    pub(super) async fn start(
        self,
        tasks: &TaskManager,
        client: &ClientCapabilities,
    ) -> Result<CallToolResponse, ErrorData> {
        if client.supports_tasks() {
            let task = tasks.spawn(TaskOptions::new(), |context| Box::pin(self.run(context)));
            return Ok(CreateTaskResult::new(task).into());
        }
        let Self::Compute { time, label } = self else {
            let required = ClientCapabilities::builder().enable_tasks().build();
            return Err(ErrorData::missing_required_client_capability(required));
        };
        tokio::time::sleep(time).await;
        Ok(computed(&label).into())
    }

    async fn run(self, context: TaskContext) -> Result<CallToolResult, TaskExit> {
        match self {
            Self::Compute { time, label } => tokio::select! {
                () = tokio::time::sleep(time) => Ok(computed(&label)),
                () = context.cancelled() => Err(TaskExit::Cancelled),
            },
            Self::Fail => Ok(CallToolResult::error(vec![ContentBlock::text(
                "It failed.",
            )])),
            Self::Break => Err(ErrorData::internal_error("It broke.", None).into()),
            Self::Ask(questions) => {
                let asked = questions.into_iter().map(async |(name, question)| {
                    let answer = context.request_input(name.clone(), question).await?;
                    Ok::<_, TaskExit>((name, answer))
                });
                let answers = futures_util::future::try_join_all(asked).await?;
                Ok(told(&answers.into_iter().collect()))
            }
            Self::Tell(answers) => Ok(told(&answers)),
        }
    }
}

fn computed(label: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(format!("Computed {label}."))])
}

/// A result that says what the answers were.
pub(super) fn told(answers: &Answers) -> CallToolResult {
    let answers = serde_json::to_string(answers).unwrap_or_default();
    CallToolResult::success(vec![ContentBlock::text(format!("Answers: {answers}"))])
}
