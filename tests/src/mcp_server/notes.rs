//! The MCP server that demo and tests put behind the filter.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rmcp::{
    ErrorData, Peer, RoleServer, ServerHandler,
    handler::server::{
        router::tool::ToolRouter,
        wrapper::{Json, Parameters},
    },
    model::{
        GetPromptRequestParams, GetPromptResponse, GetPromptResult, Implementation,
        ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
        PaginatedRequestParams, ProgressNotificationParam, Prompt, PromptArgument, PromptMessage,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, RequestMetaObject,
        Resource, ResourceContents, ResourceTemplate, Role, ServerCapabilities, ServerConfig,
    },
    service::RequestContext,
    tool, tool_handler, tool_router,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const STEP: Duration = Duration::from_millis(20);
const MAX_STEPS: u32 = 100;

/// Values that detectors must find. Put together at run time, so that no secret scanner mistakes
/// this file for a leak; none of them is anybody's.
#[derive(Clone, Debug)]
pub struct Samples {
    /// An e-mail address.
    pub email: String,
    /// The number of a payment card that only test systems accept.
    pub payment_card: String,
    /// The access key id of AWS's own documentation.
    pub aws_access_key: String,
    /// The shape of a GitHub token.
    pub github_token: String,
}

/// The values that `export_customers` tells.
pub fn samples() -> Samples {
    Samples {
        email: ["grace.hopper", "navy.example"].join("@"),
        payment_card: ["4111", "1111", "1111", "1111"].join(" "),
        aws_access_key: ["AKIA", "IOSFODNN7", "EXAMPLE"].concat(),
        github_token: ["ghp", &"Ab3dEf6hIj9k".repeat(3)].join("_"),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NoteId {
    /// The note's id.
    id: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NewNote {
    /// The note's id.
    id: String,
    /// What it says.
    text: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Words {
    /// What to say back.
    text: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Steps {
    /// How many steps of progress, at most 100.
    steps: u32,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Customers {
    customers: Vec<Customer>,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Customer {
    name: String,
    email: String,
    card: String,
    remark: String,
}

/// One per session; all share the notes.
#[derive(Clone, Debug)]
pub(super) struct Notes {
    notes: Arc<Mutex<BTreeMap<String, String>>>,
    tool_router: ToolRouter<Self>,
}

impl Default for Notes {
    fn default() -> Self {
        let notes = [
            ("welcome", "Notes are shared within the team."),
            ("roadmap", "Ship the spine first."),
        ];
        let notes = notes.map(|(id, text)| (id.to_owned(), text.to_owned()));
        Self {
            notes: Arc::new(Mutex::new(notes.into())),
            tool_router: Self::tool_router(),
        }
    }
}

#[tool_router]
impl Notes {
    #[tool(description = "Read one note.", annotations(read_only_hint = true))]
    fn get_note(&self, Parameters(NoteId { id }): Parameters<NoteId>) -> Result<String, String> {
        self.lock()
            .get(&id)
            .cloned()
            .ok_or_else(|| format!("There is no note `{id}`."))
    }

    #[tool(
        description = "List the ids of all notes.",
        annotations(read_only_hint = true)
    )]
    fn list_notes(&self) -> String {
        self.lock().keys().cloned().collect::<Vec<_>>().join("\n")
    }

    #[tool(description = "Write a note.")]
    fn create_note(&self, Parameters(NewNote { id, text }): Parameters<NewNote>) -> String {
        let said = format!("Note `{id}` says: {text}");
        self.lock().insert(id, text);
        said
    }

    #[tool(description = "Delete a note.", annotations(destructive_hint = true))]
    fn delete_note(&self, Parameters(NoteId { id }): Parameters<NoteId>) -> String {
        match self.lock().remove(&id) {
            Some(_) => format!("Note `{id}` is gone."),
            None => format!("There was no note `{id}`."),
        }
    }

    #[tool(description = "Export all customers, with what support has on file about them.")]
    fn export_customers() -> Json<Customers> {
        let Samples {
            email,
            payment_card,
            aws_access_key,
            github_token,
        } = samples();
        let remark = format!("Pasted {aws_access_key} and {github_token} into a ticket.");
        let grace = Customer {
            name: "Grace".to_owned(),
            email,
            card: payment_card,
            remark,
        };
        Json(Customers {
            customers: vec![grace],
        })
    }

    #[tool(description = "Count slowly, with a notification of progress at every step.")]
    async fn count_slowly(
        &self,
        Parameters(Steps { steps }): Parameters<Steps>,
        meta: RequestMetaObject,
        client: Peer<RoleServer>,
    ) -> Result<String, ErrorData> {
        let steps = steps.min(MAX_STEPS);
        for step in 1..=steps {
            tokio::time::sleep(STEP).await;
            if let Some(token) = meta.get_progress_token() {
                let progress = ProgressNotificationParam::new(token, f64::from(step))
                    .with_total(f64::from(steps))
                    .with_message(format!("step {step} of {steps}"));
                // It fails where the client has gone, which the end of the call will show.
                drop(client.notify_progress(progress).await);
            }
        }
        Ok(format!("Counted to {steps}."))
    }

    #[tool(
        description = "Say back what was said.",
        annotations(read_only_hint = true)
    )]
    fn echo(Parameters(Words { text }): Parameters<Words>) -> String {
        text
    }
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Notes {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("notes", env!("CARGO_PKG_VERSION")))
            .with_instructions("Notes of a team, and its customers.")
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let note = PromptArgument::new("id")
            .with_description("The note's id.")
            .with_required(true);
        let summary = Prompt::new("summary", Some("Summarise a note."), Some(vec![note]));
        let gossip = Prompt::new("gossip", Some("Summarise the team."), None);
        Ok(ListPromptsResult::with_all_items(vec![summary, gossip]))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let text = match request.name.as_str() {
            "summary" => "Summarise the note in one sentence.",
            "gossip" => "Summarise what the team says about each other.",
            _ => return Err(ErrorData::invalid_params("there is no such prompt", None)),
        };
        Ok(GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]).into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(vec![
            Resource::new("note://public/welcome", "welcome"),
            Resource::new("note://private/salaries", "salaries"),
        ]))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let template = ResourceTemplate::new("note://public/{id}", "public note");
        Ok(ListResourceTemplatesResult::with_all_items(vec![template]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let text = format!("The resource at {}.", request.uri);
        Ok(ReadResourceResult::new(vec![ResourceContents::text(text, request.uri)]).into())
    }
}
