//! `chancery nodes`.

use std::time::Duration;

use chancery_proto::{
    admin::v1::{
        Instance, ListInstancesRequest, ListInstancesResponse,
        instance_service_client::InstanceServiceClient,
    },
    node::v1::SnapshotVersion,
};
use tokio::time::Instant;

use super::{
    Context,
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    output::Format,
    render::{self, hex},
    table::{self, Cell},
    time,
};

/// As many as the control plane gives at once.
const PAGE_SIZE: i32 = 1000;

const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Show what enforces the rules, and which snapshot
///
/// A node is an Envoy; each of its instances is one Wasm VM that enforces a snapshot of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery nodes
  chancery nodes --wait --min-instances 2 --timeout 10s

With --wait, exits with 6 if it does not come to pass in time.")]
pub(crate) struct NodesArgs {
    /// Wait until every live instance enforces the newest snapshot
    #[arg(long)]
    wait: bool,
    /// With --wait: and at least this many live instances are there
    #[arg(long, value_name = "N", default_value_t = 1, requires = "wait")]
    min_instances: usize,
    /// With --wait: no longer than this
    #[arg(long, value_name = "LENGTH", default_value = "30s", requires = "wait",
          value_parser = time::parse_length)]
    timeout: Duration,
}

/// Everything that is listed, and what is said of all of it.
struct Listing {
    instances: Vec<Instance>,
    published: Option<SnapshotVersion>,
    converged: bool,
}

impl Listing {
    fn live(&self) -> impl Iterator<Item = &Instance> {
        self.instances.iter().filter(|instance| instance.live)
    }
}

pub(crate) async fn run(
    args: &NodesArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let connection = Connection::open(&context.address).await?;
    let listing = if args.wait {
        wait(args, &connection).await?
    } else {
        list(&connection).await?
    };
    match format {
        Format::Json => console.json(&rendered(&listing)?)?,
        Format::Yaml => console.yaml(&rendered(&listing)?, true)?,
        Format::Table | Format::Name => print(&listing, console)?,
    }
    Ok(Exit::Success)
}

async fn wait(args: &NodesArgs, connection: &Connection) -> Result<Listing, Failure> {
    let deadline = Instant::now() + args.timeout;
    loop {
        let listing = list(connection).await?;
        if listing.converged && listing.live().count() >= args.min_instances {
            return Ok(listing);
        }
        if Instant::now() >= deadline {
            return Err(Failure::TooSlow(format!(
                "not converged after {:?}: {}",
                args.timeout,
                missing(&listing, args.min_instances)
            )));
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// What keeps the instances from having converged.
fn missing(listing: &Listing, min_instances: usize) -> String {
    let live = listing.live().count();
    if live < min_instances {
        return format!("{live} of {min_instances} instances are live");
    }
    let newest = version(listing.published.as_ref());
    let behind: Vec<String> = listing
        .live()
        .filter(|instance| version(instance.applied.as_ref()) != newest)
        .map(|instance| {
            let applied = version(instance.applied.as_ref());
            let mut state = format!("{} enforces {applied}", label(instance));
            if !instance.nack_reason.is_empty() {
                state = format!("{state} and refused the newest: {}", instance.nack_reason);
            }
            Cell::new(&state).to_string()
        })
        .collect();
    format!("the newest snapshot is {newest}; {}", behind.join("; "))
}

async fn list(connection: &Connection) -> Result<Listing, Failure> {
    let mut client = InstanceServiceClient::new(connection.channel.clone());
    let mut listing = Listing {
        instances: Vec::new(),
        published: None,
        converged: false,
    };
    let mut page_token = String::new();
    loop {
        let request = ListInstancesRequest {
            page_size: PAGE_SIZE,
            page_token,
        };
        let call = client.list_instances(request);
        let ListInstancesResponse {
            instances,
            next_page_token,
            published,
            converged,
        } = connection.answer("list the instances", call).await?;
        listing.instances.extend(instances);
        (listing.published, listing.converged) = (published, converged);
        if next_page_token.is_empty() {
            return Ok(listing);
        }
        page_token = next_page_token;
    }
}

fn rendered(listing: &Listing) -> Result<serde_json::Value, Failure> {
    let instances: Vec<serde_json::Value> = listing
        .instances
        .iter()
        .map(|instance| render::message("chancery.admin.v1.Instance", instance))
        .collect::<Result<_, _>>()?;
    let published = listing.published.as_ref();
    let published = published
        .map(|it| render::message("chancery.node.v1.SnapshotVersion", it))
        .transpose()?;
    Ok(serde_json::json!({
        "published": published,
        "converged": listing.converged,
        "instances": instances,
    }))
}

fn print(listing: &Listing, console: &mut Console<'_>) -> Result<(), Failure> {
    if listing.instances.is_empty() {
        console.talk("no instance has connected");
    } else {
        let heading = [
            "NODE",
            "INSTANCE",
            "VERSION",
            "STATE",
            "SNAPSHOT",
            "ACKED",
            "DROPPED",
            "LAST SEEN",
            "NOTES",
        ];
        let newest = version(listing.published.as_ref());
        let rows: Vec<Vec<Cell>> = listing
            .instances
            .iter()
            .map(|instance| row(instance, &newest))
            .collect();
        table::write(&heading, &rows, console)?;
    }
    let state = if listing.converged {
        "every live instance enforces it"
    } else {
        "not converged"
    };
    console.talk(format_args!(
        "newest snapshot: {}; {state}",
        version(listing.published.as_ref())
    ));
    Ok(())
}

fn row(instance: &Instance, newest: &str) -> Vec<Cell> {
    let applied = version(instance.applied.as_ref());
    let current = applied == newest;
    let (state, tone) = if instance.live {
        ("live", Tone::Good)
    } else {
        ("lost", Tone::Bad)
    };
    let mut notes = Vec::new();
    if !instance.nack_reason.is_empty() {
        notes.push(format!("refused the newest: {}", instance.nack_reason));
    }
    notes.extend(instance.warnings.iter().cloned());
    let dropped = Cell::new(&instance.dropped_entries.to_string());
    vec![
        Cell::new(&instance.node_id),
        Cell::new(&short_id(&instance.instance_id)),
        Cell::new(&instance.filter_version),
        Cell::new(state).tone(tone),
        Cell::new(&applied).tone(if current { Tone::Plain } else { Tone::Doubtful }),
        Cell::new(&instance.acked_sequence.to_string()),
        if instance.dropped_entries > 0 {
            dropped.tone(Tone::Bad)
        } else {
            dropped
        },
        Cell::new(
            &instance
                .last_seen_time
                .as_ref()
                .map_or_else(|| "-".to_owned(), time::seconds),
        )
        .tone(Tone::Faint),
        Cell::new(&notes.join("; ")).tone(Tone::Doubtful),
    ]
}

fn label(instance: &Instance) -> String {
    format!("{}/{}", instance.node_id, short_id(&instance.instance_id))
}

/// Enough of an id to tell it from others.
pub(crate) fn short_id(id: &[u8]) -> String {
    hex(id.get(..4).unwrap_or(id))
}

fn version(version: Option<&SnapshotVersion>) -> String {
    version.map_or_else(
        || "none".to_owned(),
        |version| format!("{}.{}", version.epoch, version.version),
    )
}
