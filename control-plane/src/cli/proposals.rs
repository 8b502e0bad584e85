//! `chancery proposals`.

use chancery_proto::admin::v1::{
    ApproveProposalRequest, GetProposalRequest, ListProposalsRequest, Proposal, ProposalState,
    ProposedChange, RejectProposalRequest, Resource, WithdrawProposalRequest,
    proposal_service_client::ProposalServiceClient,
};
use similar::TextDiff;

use super::{
    Context,
    connect::{Channel, Connection, MAX_ANSWER_BYTES},
    console::{Console, Tone},
    diff,
    exit::{Exit, Failure},
    get,
    name::{Name, id_of},
    output::Format,
    render,
    table::{self, Cell},
    time,
    visible::visible,
    yaml,
};

/// As many as the control plane gives at once.
const PAGE_SIZE: i32 = 1000;

/// See, publish or reject what waits for a second person
///
/// Where an organization says `secondPerson: true`, what is applied waits until a reviewer who is
/// somebody else publishes it.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum ProposalsCommand {
    /// List what waits
    #[command(after_help = "\
Examples:
  chancery proposals list
  chancery proposals list --all -o json")]
    List {
        /// Those that are decided about, too
        #[arg(long)]
        all: bool,
    },
    /// Show what one would change, as a unified diff
    Show {
        /// Its id, or its whole name
        proposal: String,
    },
    /// Publish one that somebody else proposed
    ///
    /// What is published is what is stored of it at this moment: look at it with `show` first, and give
    /// the etag that it shows where others may decide at the same time.
    Approve {
        /// Its id, or its whole name
        proposal: String,
        /// That it showed; what is stored where left out
        #[arg(long)]
        etag: Option<String>,
    },
    /// Say that one is not published, and why
    Reject {
        /// Its id, or its whole name
        proposal: String,
        /// Why, for whoever proposed it
        #[arg(short, long, default_value = "")]
        message: String,
    },
    /// Take back what you proposed
    Withdraw {
        /// Its id, or its whole name
        proposal: String,
    },
}

pub(crate) async fn run(
    command: &ProposalsCommand,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let connection = Connection::open(&context.address).await?;
    let organization = format!("organizations/{}", context.scope.organization);
    let name = |id: &str| {
        if id.contains('/') {
            id.to_owned()
        } else {
            format!("{organization}/proposals/{id}")
        }
    };
    match command {
        ProposalsCommand::List { all } => {
            let proposals = list(&connection, &organization, *all).await?;
            match format {
                Format::Json | Format::Yaml => written(&proposals, format, console)?,
                Format::Table | Format::Name => print(&proposals, console)?,
            }
        }
        ProposalsCommand::Show { proposal } => {
            let proposal = find(&connection, name(proposal)).await?;
            match format {
                Format::Json | Format::Yaml => written(&[proposal], format, console)?,
                Format::Table | Format::Name => show(&proposal, console)?,
            }
        }
        ProposalsCommand::Approve { proposal, etag } => {
            let etag = etag.clone();
            approve(&connection, name(proposal), etag, console).await?;
        }
        ProposalsCommand::Reject { proposal, message } => {
            let comment = message.clone();
            reject(&connection, name(proposal), comment, console).await?;
        }
        ProposalsCommand::Withdraw { proposal } => {
            withdraw(&connection, name(proposal), console).await?;
        }
    }
    Ok(Exit::Success)
}

async fn approve(
    connection: &Connection,
    name: String,
    etag: Option<String>,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let etag = match etag {
        Some(etag) => etag,
        None => find(connection, name.clone()).await?.etag,
    };
    let (id, action) = (id(&name), format!("approve {}", id(&name)));
    let call = ApproveProposalRequest { name, etag };
    let mut client = client(connection);
    let approved = client.approve_proposal(call);
    let approved = connection.answer(&action, approved).await?;
    let word = console.paint("approved", Tone::Good);
    console.line(format_args!("{id} {word}"))?;
    console.line(format_args!(
        "snapshot {}.{} published",
        approved.snapshot_epoch, approved.snapshot_version
    ))
}

async fn reject(
    connection: &Connection,
    name: String,
    comment: String,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let (id, action) = (id(&name), format!("reject {}", id(&name)));
    let call = RejectProposalRequest {
        name,
        etag: String::new(),
        comment,
    };
    let mut client = client(connection);
    let rejected = client.reject_proposal(call);
    connection.answer(&action, rejected).await?;
    let word = console.paint("rejected", Tone::Bad);
    console.line(format_args!("{id} {word}"))
}

async fn withdraw(
    connection: &Connection,
    name: String,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let (id, action) = (id(&name), format!("withdraw {}", id(&name)));
    let etag = String::new();
    let call = WithdrawProposalRequest { name, etag };
    let mut client = client(connection);
    let withdrawn = client.withdraw_proposal(call);
    connection.answer(&action, withdrawn).await?;
    let word = console.paint("withdrawn", Tone::Doubtful);
    console.line(format_args!("{id} {word}"))
}

/// What people call a proposal.
fn id(name: &str) -> String {
    visible(id_of(name)).into_owned()
}

/// What to say where a change waits.
pub(crate) fn waits(proposal: &str) -> String {
    let id = id(proposal);
    format!(
        "proposed as {id}: nothing is changed until a second person says `chancery proposals approve {id}`"
    )
}

fn client(connection: &Connection) -> ProposalServiceClient<Channel> {
    ProposalServiceClient::new(connection.channel.clone())
        .max_decoding_message_size(MAX_ANSWER_BYTES)
}

async fn list(
    connection: &Connection,
    organization: &str,
    include_decided: bool,
) -> Result<Vec<Proposal>, Failure> {
    let mut client = client(connection);
    let mut proposals = Vec::new();
    let mut page_token = String::new();
    loop {
        let call = client.list_proposals(ListProposalsRequest {
            parent: organization.to_owned(),
            page_size: PAGE_SIZE,
            page_token,
            include_decided,
        });
        let page = connection.answer("list the proposals", call).await?;
        proposals.extend(page.proposals);
        if page.next_page_token.is_empty() {
            return Ok(proposals);
        }
        page_token = page.next_page_token;
    }
}

async fn find(connection: &Connection, name: String) -> Result<Proposal, Failure> {
    let action = format!("get {}", visible(&name));
    let mut client = client(connection);
    let call = client.get_proposal(GetProposalRequest { name });
    let answer = connection.answer(&action, call).await?;
    let nothing = || Failure::Nonsense("it has no proposal".to_owned());
    answer.proposal.ok_or_else(nothing)
}

fn written(
    proposals: &[Proposal],
    format: Format,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let rendered = proposals
        .iter()
        .map(|proposal| render::message("chancery.admin.v1.Proposal", proposal));
    let rendered: Vec<_> = rendered.collect::<Result<_, _>>()?;
    if format == Format::Json {
        console.json(&rendered)
    } else {
        console.yaml(&rendered, true)
    }
}

fn state(proposal: &Proposal) -> Cell {
    match proposal.state() {
        ProposalState::Pending if proposal.is_stale => Cell::new("stale").tone(Tone::Bad),
        ProposalState::Pending => Cell::new("pending").tone(Tone::Doubtful),
        ProposalState::Approved => Cell::new("approved").tone(Tone::Good),
        ProposalState::Rejected => Cell::new("rejected").tone(Tone::Bad),
        ProposalState::Withdrawn => Cell::new("withdrawn").tone(Tone::Faint),
        ProposalState::Unspecified => Cell::new("unknown").tone(Tone::Doubtful),
    }
}

fn print(proposals: &[Proposal], console: &mut Console<'_>) -> Result<(), Failure> {
    if proposals.is_empty() {
        console.talk("nothing waits for a second person");
        return Ok(());
    }
    let row = |proposal: &Proposal| {
        let names: Vec<_> = proposal
            .changes
            .iter()
            .map(|change| short(&change.name))
            .collect();
        let made = proposal.create_time.as_ref();
        vec![
            Cell::new(id_of(&proposal.name)),
            state(proposal),
            Cell::list(&proposal.authors),
            Cell::new(&made.map_or_else(|| "-".to_owned(), time::seconds)).tone(Tone::Faint),
            Cell::list(&names),
        ]
    };
    let rows: Vec<_> = proposals.iter().map(row).collect();
    table::write(
        &["PROPOSAL", "STATE", "BY", "MADE", "CHANGES"],
        &rows,
        console,
    )
}

fn show(proposal: &Proposal, console: &mut Console<'_>) -> Result<(), Failure> {
    console.talk(format_args!(
        "{} by {}, etag {}",
        state(proposal),
        visible(&proposal.authors.join(" ")),
        visible(&proposal.etag)
    ));
    if !proposal.comment.is_empty() {
        console.talk(visible(&proposal.comment));
    }
    for change in &proposal.changes {
        diff::print(&compare(change)?, console)?;
    }
    Ok(())
}

fn compare(change: &ProposedChange) -> Result<String, Failure> {
    let text = |resource: &Option<Resource>| {
        let kind = resource.as_ref().and_then(|resource| resource.kind.clone());
        kind.map(|kind| yaml::to_string(&get::document(kind)?))
            .transpose()
            .map(Option::unwrap_or_default)
    };
    let (before, after) = (text(&change.before)?, text(&change.after)?);
    let name = short(&change.name);
    let (stored, proposed) = (format!("{name} (stored)"), format!("{name} (proposed)"));
    let header = |text: &str, label: &str| {
        let label = if text.is_empty() { "/dev/null" } else { label };
        label.to_owned()
    };
    let diff = TextDiff::from_lines(&before, &after);
    let mut diff = diff.unified_diff();
    Ok(diff
        .header(&header(&before, &stored), &header(&after, &proposed))
        .to_string())
}

fn short(name: &str) -> String {
    Name::parse(name).map_or_else(|| name.to_owned(), |name| name.short())
}
