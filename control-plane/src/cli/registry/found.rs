//! What the control plane found at an address.

use std::path::{Path, PathBuf};

use chancery_proto::admin::v1::{
    self as admin, DiscoverServerRequest, registry_service_client::RegistryServiceClient,
};
use serde_json::{Value, json};

use crate::cli::{
    connect::{Connection, MAX_ANSWER_BYTES},
    exit::Failure,
    secret,
};

/// How a server is asked that may want to know who asks.
#[derive(Debug, clap::Args)]
pub(crate) struct ShownToken {
    /// A file with a token to show the MCP server; the control plane does not keep it
    #[arg(long, value_name = "FILE")]
    mcp_token_file: Option<PathBuf>,
}

impl ShownToken {
    /// The token; empty where none is shown.
    fn read(&self) -> Result<String, Failure> {
        let read = |file: &PathBuf| {
            let token = secret::from_file(Path::new(file));
            let wrong =
                |found| Failure::Usage(format!("found {found}, expected one line: a token"));
            token.map_err(wrong)
        };
        let token = self.mcp_token_file.as_ref().map(read).transpose()?;
        Ok(token.unwrap_or_default())
    }
}

/// Asks the control plane what is at an address.
pub(crate) async fn discover(
    connection: &Connection,
    (parent, id): (&str, &str),
    url: &str,
    token: &ShownToken,
) -> Result<admin::Server, Failure> {
    let request = DiscoverServerRequest {
        parent: parent.to_owned(),
        server_id: id.to_owned(),
        url: url.to_owned(),
        bearer_token: token.read()?,
    };
    let mut client = RegistryServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(MAX_ANSWER_BYTES);
    let call = client.discover_server(request);
    let answer = connection.answer("discover the server", call).await?;
    answer
        .server
        .ok_or_else(|| Failure::Nonsense("no server, asked to discover one".to_owned()))
}

/// All definitions of a server, as `review inspect` reads them.
pub(crate) fn definitions(server: &admin::Server) -> Value {
    let read = |json: &str| serde_json::from_str::<Value>(json).unwrap_or_default();
    let listed = |definitions: &[admin::Definition]| -> Vec<Value> {
        definitions.iter().map(|it| read(&it.definition)).collect()
    };
    let tools = server.tools.iter().map(|it| read(&it.definition));
    let mut all = json!({
        "tools": tools.collect::<Vec<_>>(),
        "prompts": listed(&server.prompts),
        "resources": listed(&server.resources),
        "resourceTemplates": listed(&server.resource_templates),
    });
    if let (Value::Object(all), Some(text)) = (&mut all, server.instructions.first()) {
        all.insert("instructions".to_owned(), text.as_str().into());
    }
    all
}
