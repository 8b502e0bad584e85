//! `chancery can-i`.

use chancery_proto::admin::v1::{SimulateCallRequest, resource};
use serde_json::{Value, json};

use super::{
    Context,
    candidate::CandidateArgs,
    connect::Connection,
    console::Console,
    exit::{Exit, Failure},
    explanation,
    name::Name,
    output::Format,
    principal::PrincipalArgs,
    simulate, stored,
    visible::visible,
};

/// Say yes or no: whether somebody may call a tool
///
/// Prints one line and exits with 0 for yes, with 1 for no. With --list, prints the registered tools
/// of a server that the principal gets to see.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery can-i github create_issue --user ann@example.com --group dev
  chancery can-i --list github --user ann@example.com --group dev")]
pub(crate) struct CanIArgs {
    /// The MCP server's id or whole name
    #[arg(value_name = "SERVER")]
    mcp_server: String,
    /// The tool
    #[arg(
        value_name = "TOOL",
        required_unless_present = "list",
        conflicts_with = "list"
    )]
    tool: Option<String>,
    /// The tool's arguments, as a JSON object
    #[arg(long, value_name = "JSON", conflicts_with = "list")]
    arguments: Option<String>,
    /// Show the tools that could be called
    #[arg(long)]
    list: bool,
    /// The workspace that the call belongs to; the server's own where left out
    #[arg(long, value_name = "ID")]
    call_workspace: Option<String>,
    #[command(flatten)]
    principal: PrincipalArgs,
    #[command(flatten)]
    rules: CandidateArgs,
}

pub(crate) async fn run(
    args: &CanIArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    args.principal.is_somebody()?;
    let rules = args.rules.read(context)?;
    let connection = Connection::open(&context.address).await?;
    let server = simulate::server_name(&args.mcp_server, context)?;
    let request = |message, answer| SimulateCallRequest {
        server: server.to_string(),
        workspace: args.call_workspace.clone().unwrap_or_default(),
        principal: Some(args.principal.message()),
        message,
        candidate: rules.message.clone(),
        time: None,
        answer,
    };
    if args.list {
        let tools = registered_tools(&connection, &server).await?;
        let tools = listed(tools.iter().map(String::as_str));
        let request = request(LIST.to_owned(), tools.to_string());
        let response = simulate::call(&connection, request, &rules).await?;
        return write_list(&response.answer, format, console);
    }
    let tool = args.tool.as_deref().unwrap_or_default();
    let message = simulate::tool_call(tool, args.arguments.as_deref())?;
    let response = simulate::call(&connection, request(message, String::new()), &rules).await?;
    let explanation = response.explanation.unwrap_or_default();
    let exit = explanation::exit(explanation.verdict());
    let is_allowed = exit == Exit::Success;
    let mut why = explanation::why(&explanation.reason, &explanation.rules);
    if let (false, Some(nearest)) = (is_allowed, explanation.near_misses.first()) {
        why = format!("{why}; nearest is {}", explanation::miss(nearest));
    }
    let shown = json!({"allowed": is_allowed, "why": why});
    match format {
        Format::Json => console.json(&shown)?,
        Format::Yaml => console.yaml(&shown, true)?,
        Format::Table | Format::Name => {
            let word = if is_allowed { "yes" } else { "no" };
            console.line(format_args!("{word}: {}", visible(&why)))?;
        }
    }
    Ok(exit)
}

/// A request for the tools of a server.
pub(crate) const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;

/// What a server with these tools answers to [`LIST`].
pub(crate) fn listed<'n, I: Iterator<Item = &'n str>>(tools: I) -> Value {
    let schema = json!({"type": "object"});
    let tools: Vec<_> = tools
        .map(|name| json!({"name": name, "inputSchema": schema}))
        .collect();
    json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}})
}

/// The names in an answer to [`LIST`].
pub(crate) fn names(answer: &str) -> Vec<String> {
    let answer: Value = serde_json::from_str(answer).unwrap_or_default();
    let tools = answer.pointer("/result/tools").and_then(Value::as_array);
    let names = tools
        .into_iter()
        .flatten()
        .filter_map(|tool| tool.get("name")?.as_str());
    names.map(str::to_owned).collect()
}

/// The names of the tools that are registered of a server.
pub(crate) async fn registered_tools(
    connection: &Connection,
    server: &Name,
) -> Result<Vec<String>, Failure> {
    let resource::Kind::Server(server) = stored::get(connection, server).await? else {
        return Err(Failure::Nonsense(format!("no server, asked for {server}")));
    };
    Ok(server.tools.into_iter().map(|tool| tool.name).collect())
}

fn write_list(answer: &str, format: Format, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let names = names(answer);
    match format {
        Format::Json => console.json(&names)?,
        Format::Yaml => console.yaml(&names, true)?,
        Format::Table | Format::Name => {
            for name in &names {
                console.line(visible(name))?;
            }
        }
    }
    if names.is_empty() {
        console.talk("none of its registered tools");
        return Ok(Exit::Negative);
    }
    Ok(Exit::Success)
}
