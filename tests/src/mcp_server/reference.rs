//! The MCP server that the conformance suite is run against: everything that the suite looks for,
//! in all versions of the protocol that `rmcp` speaks.

#![expect(deprecated, reason = "older versions have what 2026-07-28 deprecates")]

mod catalogue;
mod jobs;
mod live;
mod overlooking;
mod rounds;

use std::{io, sync::Arc};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, ClientCapabilities,
        CompleteRequestParams, CompleteResult, CompletionInfo, GetPromptRequestParams,
        GetPromptResponse, GetTaskParams, GetTaskResult, Implementation, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, ResourceContents,
        ServerConfig, SetLevelRequestParams, SubscribeRequestParams, SubscriptionFilter,
        UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{RequestContext, SubscriptionContext},
    task_manager::TaskManager,
    transport::streamable_http_server::session::local::LocalSessionManager,
};
use serde_json::json;
use tokio::sync::broadcast;

pub(super) use overlooking::overlooking;

use catalogue::Catalogue;
use jobs::Job;
use rounds::{Asked, Round, States};

const MAX_UNSEEN_CHANGES: usize = 16;
const WORDS: [&str; 3] = ["paris", "park", "party"];

/// A list that changed.
#[derive(Clone, Copy, Debug)]
enum Change {
    Tools,
    Prompts,
}

/// One per session or request; all share what they have.
#[derive(Clone)]
pub(super) struct Reference {
    catalogue: Arc<Catalogue>,
    sessions: Arc<LocalSessionManager>,
    changes: broadcast::Sender<Change>,
    tasks: TaskManager,
    states: States,
}

impl Reference {
    /// One whose sessions are kept there.
    pub(super) fn new(sessions: Arc<LocalSessionManager>) -> io::Result<Self> {
        Ok(Self {
            catalogue: Arc::new(Catalogue::read()?),
            sessions,
            changes: broadcast::channel(MAX_UNSEEN_CHANGES).0,
            tasks: TaskManager::new(),
            states: States::default(),
        })
    }

    /// Tells all who listen. That may be nobody.
    fn change(&self, change: Change) -> CallToolResponse {
        drop(self.changes.send(change));
        live::said("Told everybody.").into()
    }

    /// A tool that needs answers, and then either is done or becomes a task.
    async fn asks(
        &self,
        request: CallToolRequestParams,
        client: ClientCapabilities,
    ) -> Result<CallToolResponse, ErrorData> {
        let asked = Asked {
            name: &request.name,
            arguments: &request.arguments.unwrap_or_default(),
            responses: request.input_responses,
            state: request.request_state.as_deref(),
            client: client.clone(),
        };
        match asked.round(&self.catalogue, &self.states)? {
            Round::Asks(questions) => Ok(questions.into()),
            Round::Has(answers) if request.name == "test_tool_with_task" => {
                Job::Tell(answers).start(&self.tasks, &client).await
            }
            Round::Has(answers) => Ok(jobs::told(&answers).into()),
        }
    }
}

impl ServerHandler for Reference {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(self.catalogue.capabilities.clone())
            .with_server_info(Implementation::new("reference", env!("CARGO_PKG_VERSION")))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(
            self.catalogue.tools.clone(),
        ))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(result) = self.catalogue.tool_result(&request.name) {
            return Ok(result.into());
        }
        let arguments = request.arguments.clone().unwrap_or_default();
        let client = context.client_capabilities().unwrap_or_default();
        let questions = || self.catalogue.questions(&request.name, &arguments);
        let job = match request.name.as_ref() {
            "test_logging_tool" if context.meta.log_level().is_none() => {
                return Ok(live::said("Nobody wants to read what happens.").into());
            }
            "test_logging_tool" | "test_tool_with_logging" => {
                return Ok(live::log(&context.peer).await?.into());
            }
            "test_tool_with_progress" => return Ok(live::progress(&context).await?.into()),
            "test_sampling"
            | "test_elicitation"
            | "test_elicitation_sep1034_defaults"
            | "test_elicitation_sep1330_enums" => {
                return Ok(live::ask(&context.peer, questions()?).await?.into());
            }
            "test_reconnection" => {
                return Ok(live::reconnect(&self.sessions, &context).await?.into());
            }
            "test_missing_capability" => return sampled(&client),
            "test_trigger_tool_change" => return Ok(self.change(Change::Tools)),
            "test_trigger_prompt_change" => return Ok(self.change(Change::Prompts)),
            "greet" => {
                let name = arguments.get("name").and_then(serde_json::Value::as_str);
                let greeting = format!("Hello, {}!", name.unwrap_or("you"));
                return Ok(live::said(&greeting).into());
            }
            "slow_compute" => Job::compute(&arguments),
            "failing_job" => Job::Fail,
            "protocol_error_job" => Job::Break,
            "confirm_delete" | "multi_input" => Job::Ask(questions()?.into_iter().collect()),
            _ if questions()?.is_empty() => {
                let message = format!("Unknown tool: {}", request.name);
                return Err(ErrorData::invalid_params(message, None));
            }
            _ => return self.asks(request, client).await,
        };
        job.start(&self.tasks, &client).await
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(
            self.catalogue.prompts.clone(),
        ))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        if let Some(result) = self.catalogue.prompt_result(&request.name, &arguments)? {
            return Ok(result.into());
        }
        let asked = Asked {
            name: &request.name,
            arguments: &arguments,
            responses: request.input_responses,
            state: request.request_state.as_deref(),
            client: context.client_capabilities().unwrap_or_default(),
        };
        match asked.round(&self.catalogue, &self.states)? {
            Round::Asks(questions) => Ok(questions.into()),
            Round::Has(answers) if answers.is_empty() => {
                let message = format!("Unknown prompt: {}", request.name);
                Err(ErrorData::invalid_params(message, None))
            }
            Round::Has(answers) => rounds::prompt(&answers),
        }
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(
            self.catalogue.resources.clone(),
        ))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let templates = self.catalogue.resource_templates.clone();
        Ok(ListResourceTemplatesResult::with_all_items(templates))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = &request.uri;
        let contents = self.catalogue.contents(uri).or_else(|| from_template(uri));
        let Some(contents) = contents else {
            let data = json!({ "uri": uri });
            return Err(ErrorData::resource_not_found(
                "Resource not found",
                Some(data),
            ));
        };
        Ok(ReadResourceResult::new(vec![contents]).into())
    }

    async fn subscribe(
        &self,
        _: SubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn unsubscribe(
        &self,
        _: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, subscription: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        let sink = subscription.sink();
        loop {
            let change = tokio::select! {
                () = subscription.cancelled() => return Ok(()),
                change = changes.recv() => change,
            };
            // What is not wanted is not sent; who does not listen any more is told by `cancelled`.
            match change {
                Ok(Change::Tools) => drop(sink.notify_tool_list_changed().await),
                Ok(Change::Prompts) => drop(sink.notify_prompt_list_changed().await),
                Err(broadcast::error::RecvError::Lagged(_)) => {}
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            }
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let begun = &request.argument.value;
        let fitting = WORDS.into_iter().filter(|word| word.starts_with(begun));
        let words = CompletionInfo::new(fitting.map(str::to_owned).collect());
        words
            .map(CompleteResult::new)
            .map_err(|error| ErrorData::internal_error(error, None))
    }

    async fn set_level(
        &self,
        _: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        Ok(())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.tasks
            .get_task(&request.task_id)
            .map(GetTaskResult::new)
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks
            .update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }
}

/// Only for a client whose model can be asked.
fn sampled(client: &ClientCapabilities) -> Result<CallToolResponse, ErrorData> {
    if client.sampling.is_some() {
        return Ok(live::said("The client could sample.").into());
    }
    let required = ClientCapabilities::builder().enable_sampling().build();
    Err(ErrorData::missing_required_client_capability(required))
}

/// `test://template/{id}/data`.
fn from_template(uri: &str) -> Option<ResourceContents> {
    let id = uri
        .strip_prefix("test://template/")?
        .strip_suffix("/data")?;
    let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
    let contents = ResourceContents::text(data.to_string(), uri);
    Some(contents.with_mime_type("application/json"))
}
