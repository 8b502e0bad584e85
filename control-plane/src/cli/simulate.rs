//! `chancery simulate`.

use std::{io::Read as _, path::PathBuf};

use chancery_proto::admin::v1::{
    ExplainDecisionRequest, SimulateCallRequest, SimulateCallResponse,
    policy_service_client::PolicyServiceClient,
};
use serde_json::{json, value::RawValue};

use super::{
    Context,
    candidate::{CandidateArgs, Rules},
    connect::{Channel, Connection, MAX_ANSWER_BYTES},
    console::Console,
    exit::{Exit, Failure},
    explain, explanation,
    name::{Kind, Name},
    output::Format,
    principal::PrincipalArgs,
    render,
    visible::visible,
};

/// A longer message is refused by every filter.
const MAX_MESSAGE_BYTES: u64 = 16 << 20;

/// Say what would be decided on a call, without making it
///
/// The engine that runs in the filters judges the call by the rules in force, or as if other
/// documents were applied. Prints the verdict, the rules that make it, and of every rule that does
/// not apply the first thing that keeps it from that. Exits with 0 where the call would be allowed,
/// with 1 where it would not.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery simulate github create_issue --user ann@example.com --group dev \\
    --arguments '{\"repo\":\"acme/x\"}'
  chancery simulate github --message call.json --user ann@example.com -f policy/
  chancery simulate --decision 3f2a9c1b5d6e7f8091a2b3c4d5e6f708 -f policy/")]
pub(crate) struct SimulateArgs {
    #[command(flatten)]
    call: CallArgs,
    #[command(flatten)]
    principal: PrincipalArgs,
    #[command(flatten)]
    rules: CandidateArgs,
}

/// Which call.
#[derive(Debug, clap::Args)]
pub(crate) struct CallArgs {
    /// The MCP server's id or whole name
    #[arg(value_name = "SERVER", required_unless_present = "decision")]
    mcp_server: Option<String>,
    /// The tool to call
    #[arg(value_name = "TOOL", required_unless_present_any = ["message", "decision"])]
    tool: Option<String>,
    /// The tool's arguments, as a JSON object
    #[arg(long, value_name = "JSON", requires = "tool")]
    arguments: Option<String>,
    /// A JSON-RPC message in place of a tool: a file, or - for standard input
    #[arg(short, long, value_name = "FILE|-", conflicts_with = "tool")]
    message: Option<PathBuf>,
    /// A recorded call in place of all that
    #[arg(long, value_name = "ID", value_parser = explain::decision_id,
          conflicts_with_all = ["mcp_server", "message", "user"])]
    decision: Option<String>,
    /// The workspace that the call belongs to; the server's own where left out
    #[arg(long, value_name = "ID")]
    call_workspace: Option<String>,
}

pub(crate) async fn run(
    args: &SimulateArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    args.principal.is_somebody_or_anonymous()?;
    let rules = args.rules.read(context)?;
    if let Some(decision_id) = &args.call.decision {
        let request = ExplainDecisionRequest {
            decision_id: decision_id.clone(),
            // By the rules in force, where no others are given.
            candidate: Some(rules.message.clone().unwrap_or_default()),
        };
        return explain::judge_again(request, &rules, format, context, console).await;
    }
    let server = args.call.mcp_server.as_deref().unwrap_or_default();
    let request = SimulateCallRequest {
        server: server_name(server, context)?.to_string(),
        workspace: args.call.call_workspace.clone().unwrap_or_default(),
        principal: Some(args.principal.message()),
        message: args.call.message()?,
        candidate: rules.message.clone(),
        time: None,
        answer: String::new(),
    };
    let connection = Connection::open(&context.address).await?;
    let response = call(&connection, request, &rules).await?;
    let explanation = response.explanation.clone().unwrap_or_default();
    match format {
        Format::Json => console.json(&rendered(&response)?)?,
        Format::Yaml => console.yaml(&rendered(&response)?, true)?,
        Format::Table | Format::Name => {
            explanation::write(&explanation, console)?;
            if !response.forwarded.is_empty() {
                console.line("")?;
                console.line(format_args!(
                    "the server gets {}",
                    visible(&response.forwarded)
                ))?;
            }
        }
    }
    Ok(explanation::exit(explanation.verdict()))
}

fn rendered(response: &SimulateCallResponse) -> Result<serde_json::Value, Failure> {
    render::message("chancery.admin.v1.SimulateCallResponse", response)
}

/// Asks what would be decided.
pub(crate) async fn call(
    connection: &Connection,
    request: SimulateCallRequest,
    rules: &Rules,
) -> Result<SimulateCallResponse, Failure> {
    let answer = connection
        .answer(
            "simulate the call",
            client(connection).simulate_call(request),
        )
        .await;
    answer.map_err(|failure| rules.explain(failure))
}

/// The service that says what rules do.
pub(crate) fn client(connection: &Connection) -> PolicyServiceClient<Channel> {
    PolicyServiceClient::new(connection.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES)
}

/// The whole name of a server.
pub(crate) fn server_name(text: &str, context: &Context) -> Result<Name, Failure> {
    context.scope.read(Kind::Server, text)
}

impl CallArgs {
    fn message(&self) -> Result<String, Failure> {
        match (&self.message, &self.tool) {
            (Some(path), _) => read(path),
            (None, tool) => tool_call(
                tool.as_deref().unwrap_or_default(),
                self.arguments.as_deref(),
            ),
        }
    }
}

/// A call of a tool as a client would send it.
pub(crate) fn tool_call(tool: &str, arguments: Option<&str>) -> Result<String, Failure> {
    let Some(arguments) = arguments else {
        return Ok(json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool},
        })
        .to_string());
    };
    // Kept as it is written: numbers keep their digits.
    let raw: Box<RawValue> = serde_json::from_str(arguments).map_err(|error| {
        Failure::Usage(format!(
            "`--arguments` is no JSON: {error}; expected an object, quoted for the shell"
        ))
    })?;
    if !raw.get().starts_with('{') {
        let found = raw.get();
        return Err(Failure::Usage(format!(
            "`--arguments` is `{found}`, expected a JSON object such as '{{\"repo\":\"acme/x\"}}'"
        )));
    }
    let tool = json!(tool);
    Ok(format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":{tool},"arguments":{raw}}}}}"#
    ))
}

fn read(path: &PathBuf) -> Result<String, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::Usage(format!(
            "cannot read the message `{}`: {error}",
            path.display()
        ))
    };
    let mut text = String::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin()
            .take(MAX_MESSAGE_BYTES)
            .read_to_string(&mut text)
    } else {
        let file = std::fs::File::open(path).map_err(unreadable)?;
        file.take(MAX_MESSAGE_BYTES).read_to_string(&mut text)
    };
    read.map_err(unreadable)?;
    Ok(text)
}
