//! `chancery webhooks`.

use chancery_proto::admin::v1::{
    ListWebhooksRequest, TestWebhookRequest, TestWebhookResponse, WebhookStatus,
    webhook_service_client::WebhookServiceClient,
};
use clap::Subcommand;

use super::{
    Context,
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    name::id_of,
    output::Format,
    table::{self, Cell},
    time,
};

/// Most columns of an error or a URL in a table.
const MAX_COLUMNS: usize = 48;

/// See whether those who are told what happens are told
///
/// Which webhooks there are, the document of the organization says (`spec.webhooks`).
#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// List the webhooks of an organization, and how far each has been told
    #[command(after_help = "\
Examples:
  chancery webhooks list
  chancery webhooks list --organization acme -o json")]
    List,
    /// Send a webhook a `webhook.test` now, and show how it is answered
    ///
    /// Exits with 1 where it is not taken.
    #[command(after_help = "\
Examples:
  chancery webhooks test chat")]
    Test {
        /// Which
        #[arg(value_name = "ID")]
        id: String,
    },
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'w> {
    id: &'w str,
    url: &'w str,
    position: u64,
    behind: u64,
    delivered: Option<String>,
    error: Option<&'w str>,
    error_time: Option<String>,
    given_up: u64,
    stopped: bool,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'t> {
    id: &'t str,
    http_status: Option<u32>,
    error: Option<&'t str>,
}

pub(crate) async fn run(
    command: &WebhooksCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let parent = format!("organizations/{}", context.scope.organization);
    let connection = Connection::open(&context.address).await?;
    let mut client = WebhookServiceClient::new(connection.channel.clone());
    match command {
        WebhooksCommand::List => {
            let call = client.list_webhooks(ListWebhooksRequest { parent });
            let listed = connection.answer("list the webhooks", call).await?;
            list(&listed.webhooks, format, console)?;
            Ok(Exit::Success)
        }
        WebhooksCommand::Test { id } => {
            let name = format!("{parent}/webhooks/{id}");
            let call = client.test_webhook(TestWebhookRequest { name });
            let answer = connection.answer("test the webhook", call).await?;
            tested(id, &answer, format, console)
        }
    }
}

fn list(
    webhooks: &[WebhookStatus],
    format: Format,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let rows: Vec<_> = webhooks.iter().map(row).collect();
    match format {
        Format::Json => console.json(&rows),
        Format::Yaml => console.yaml(&rows, true),
        Format::Table | Format::Name if rows.is_empty() => {
            console.talk("nobody is told: see `webhooks` of `kind: Organization`");
            Ok(())
        }
        Format::Table | Format::Name => {
            let heading = [
                "ID",
                "URL",
                "DELIVERED",
                "POSITION",
                "BEHIND",
                "GIVEN UP",
                "ERROR",
            ];
            let cells: Vec<_> = rows.iter().map(cells).collect();
            table::write(&heading, &cells, console)
        }
    }
}

fn row(status: &WebhookStatus) -> Row<'_> {
    let WebhookStatus {
        name,
        url,
        position,
        behind,
        deliver_time,
        error,
        error_time,
        given_up,
        stopped,
    } = status;
    Row {
        id: id_of(name),
        url,
        position: *position,
        behind: *behind,
        delivered: deliver_time.as_ref().map(time::seconds),
        error: (!error.is_empty()).then_some(error),
        error_time: error_time.as_ref().map(time::seconds),
        given_up: *given_up,
        stopped: *stopped,
    }
}

fn cells(row: &Row<'_>) -> Vec<Cell> {
    let error = match (row.error, row.stopped) {
        (None, _) => Cell::new("-"),
        (Some(error), false) => Cell::cut(error, MAX_COLUMNS).tone(Tone::Bad),
        (Some(error), true) => {
            let stopped = format!("stopped: {error}");
            Cell::cut(&stopped, MAX_COLUMNS).tone(Tone::Bad)
        }
    };
    vec![
        Cell::new(row.id),
        Cell::cut(row.url, MAX_COLUMNS),
        Cell::new(row.delivered.as_deref().unwrap_or("-")),
        Cell::new(&row.position.to_string()),
        Cell::new(&row.behind.to_string()),
        Cell::new(&row.given_up.to_string()),
        error,
    ]
}

fn tested(
    id: &str,
    answer: &TestWebhookResponse,
    format: Format,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let TestWebhookResponse { http_status, error } = answer;
    let is_taken = error.is_empty();
    let shown = Answer {
        id,
        http_status: (*http_status != 0).then_some(*http_status),
        error: (!is_taken).then_some(error),
    };
    match format {
        Format::Json => console.json(&shown)?,
        Format::Yaml => console.yaml(&shown, true)?,
        Format::Table | Format::Name if is_taken => {
            let id = Cell::new(id);
            console.line(format_args!("{id} took it: it answered {http_status}"))?;
        }
        Format::Table | Format::Name => {
            let (id, error) = (Cell::new(id), Cell::new(error));
            console.line(format_args!("{id} did not take it: {error}"))?;
        }
    }
    Ok(if is_taken {
        Exit::Success
    } else {
        Exit::Negative
    })
}
