//! `chancery who-can`.

use chancery_proto::admin::v1::{Caller, ListCallersRequest};

use super::{
    Context, can_i,
    candidate::CandidateArgs,
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    explanation::short,
    output::Format,
    problem::did_you_mean,
    render, simulate,
    table::{self, Cell},
    visible::visible,
};

/// Say whom the rules let use a tool
///
/// Lists everyone whom a rule allows it, with what else that rule asks of a call, and everyone whom
/// a rule denies it, which comes before. Exits with 1 where nobody may.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery who-can github create_issue
  chancery who-can github create_issue -f policy/")]
pub(crate) struct WhoCanArgs {
    /// The MCP server's id or whole name
    #[arg(value_name = "SERVER")]
    mcp_server: String,
    /// The tool
    #[arg(value_name = "TOOL")]
    tool: String,
    #[command(flatten)]
    rules: CandidateArgs,
}

pub(crate) async fn run(
    args: &WhoCanArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let rules = args.rules.read(context)?;
    let server = simulate::server_name(&args.mcp_server, context)?;
    let request = ListCallersRequest {
        server: server.to_string(),
        tool: args.tool.clone(),
        candidate: rules.message.clone(),
    };
    let connection = Connection::open(&context.address).await?;
    let mut client = simulate::client(&connection);
    let answer = connection
        .answer("list the callers", client.list_callers(request))
        .await;
    let response = answer.map_err(|failure| rules.explain(failure))?;
    let rendered = || render::message("chancery.admin.v1.ListCallersResponse", &response);
    if response.callers.is_empty() && rules.message.is_none() {
        let tools = can_i::registered_tools(&connection, &server).await?;
        talk_of_unregistered(&args.tool, &tools, console);
    }
    match format {
        Format::Json => console.json(&rendered()?)?,
        Format::Yaml => console.yaml(&rendered()?, true)?,
        Format::Table | Format::Name if response.callers.is_empty() => {
            let why = if response.not_offered {
                "it is not offered to any workspace whose calls reach the server"
            } else {
                "no rule allows it"
            };
            console.line(format_args!("nobody: {why}"))?;
        }
        Format::Table | Format::Name => {
            let allowed = response
                .callers
                .iter()
                .map(|caller| row("allow", Tone::Good, caller));
            let denied = response
                .denied
                .iter()
                .map(|caller| row("deny", Tone::Bad, caller));
            let rows: Vec<_> = allowed.chain(denied).collect();
            table::write(&["EFFECT", "WHO", "RULE", "IF"], &rows, console)?;
        }
    }
    Ok(if response.callers.is_empty() {
        Exit::Negative
    } else {
        Exit::Success
    })
}

/// Says that a tool is not among those that are registered, where any are.
fn talk_of_unregistered(tool: &str, registered: &[String], console: &mut Console<'_>) {
    let known: Vec<&str> = registered.iter().map(String::as_str).collect();
    if known.is_empty() || known.contains(&tool) {
        return;
    }
    let hint = did_you_mean(tool, &known);
    let hint = hint.map_or_else(String::new, |hint| format!(": {hint}"));
    let message = format!("note: no tool `{tool}` is registered of this server{hint}");
    console.talk(visible(&message));
}

fn row(effect: &str, tone: Tone, caller: &Caller) -> Vec<Cell> {
    vec![
        Cell::new(effect).tone(tone),
        Cell::new(&caller.subject),
        Cell::new(&short(&caller.rule)),
        Cell::new(&caller.conditions.join(" and ")),
    ]
}
