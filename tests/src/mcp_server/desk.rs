//! The MCP server whose tools give values away, and get them.

use rmcp::{
    ServerHandler,
    handler::server::{
        router::tool::ToolRouter,
        wrapper::{Json, Parameters},
    },
    model::{Implementation, ServerCapabilities, ServerConfig},
    tool, tool_handler, tool_router,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::samples;

#[derive(Debug, Deserialize, JsonSchema)]
struct Mail {
    /// Who gets it.
    to: String,
    /// What it says.
    text: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Note {
    /// What it says.
    text: String,
}

#[derive(Debug, JsonSchema, Serialize)]
struct Customer {
    name: String,
    /// How to write to them.
    contact: String,
    #[schemars(email)]
    email: String,
    /// The number of their payment card.
    card: u64,
}

/// One per session.
#[derive(Clone, Debug)]
pub(super) struct Desk {
    tool_router: ToolRouter<Self>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            tool_router: Self::tool_router(),
        }
    }
}

#[tool_router]
impl Desk {
    #[tool(description = "Find a customer.", annotations(read_only_hint = true))]
    fn find_customer() -> Json<Customer> {
        let samples = samples();
        Json(Customer {
            name: "Grace".to_owned(),
            contact: format!("Grace <{}>", samples.email),
            email: samples.email,
            card: samples
                .payment_card
                .replace(' ', "")
                .parse()
                .unwrap_or_default(),
        })
    }

    #[tool(description = "Send a mail.")]
    fn send_mail(Parameters(Mail { to, text }): Parameters<Mail>) -> String {
        format!("`{text}` is on its way to {to}.")
    }

    #[tool(description = "Keep a note.")]
    fn keep_note(Parameters(Note { text }): Parameters<Note>) -> String {
        format!("Kept: {text}")
    }
}

impl Desk {
    /// The definitions of its tools, as in tools/list.
    pub(super) fn definitions(&self) -> Vec<Value> {
        let tools = self.tool_router.list_all();
        let written = tools.into_iter().map(serde_json::to_value);
        written.map(Result::unwrap_or_default).collect()
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Desk {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("desk", env!("CARGO_PKG_VERSION")))
    }
}
