//! `chancery get`.

mod row;

use chancery_engine::redact::{ALL_DETECTORS, DEFAULT_PROFILE};
use chancery_proto::{
    admin::v1::{RedactionProfile, resource},
    policy::v1::{RedactionAction, RedactionChoice},
};

use super::{
    Context,
    connect::Connection,
    console::Console,
    document::{Document, Unreadable},
    exit::{Exit, Failure},
    name::{Kind, Name, Scope},
    output::Format,
    stored,
    table::{self, Cell},
    which::{Which, WhichParser},
};

/// Show resources as they are stored
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery get servers
  chancery get rule acme/payments/dev-reads
  chancery get rule/dev-reads-notes
  chancery get rule dev-reads-notes -o yaml > rule.yaml")]
pub(crate) struct GetArgs {
    /// Which kind; the singular will do, and idp, and KIND/NAME
    #[arg(value_name = "KIND", value_parser = WhichParser)]
    which: Which,
    /// Only this one
    name: Option<String>,
}

pub(crate) async fn run(
    args: &GetArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let kind = args.which.kind;
    let name = args.which.one(args.name.as_deref(), &context.scope)?;
    let connection = Connection::open(&context.address).await?;
    let mut found = match &name {
        Some(name) => vec![stored::get(&connection, name).await?],
        None => stored::list(&connection, kind, &context.scope.parent(kind)).await?,
    };
    let is_table = context.format() == Format::Table;
    if kind == Kind::RedactionProfile && name.is_none() && is_table {
        add_built_in(&mut found, &context.scope);
    }
    match context.format() {
        Format::Name => {
            for message in &found {
                console.line(Cell::new(&short(name_of(message))))?;
            }
        }
        Format::Yaml => {
            for (number, message) in found.into_iter().enumerate() {
                console.yaml(&document(message)?, number == 0)?;
            }
        }
        Format::Json => {
            let mut documents = found
                .into_iter()
                .map(document)
                .collect::<Result<Vec<_>, _>>()?;
            match (&name, documents.pop()) {
                (Some(_), Some(only)) => console.json(&only)?,
                (_, last) => {
                    documents.extend(last);
                    console.json(&documents)?;
                }
            }
        }
        Format::Table if found.is_empty() => {
            console.talk(format_args!("no {} found", kind.plural()));
        }
        Format::Table => {
            let rows: Vec<Vec<Cell>> = found.iter().map(row::of).collect();
            table::write(row::heading(kind), &rows, console)?;
        }
    }
    Ok(Exit::Success)
}

/// The profile that an organization has without one of its own, for who looks for what rules can name.
fn add_built_in(found: &mut Vec<resource::Kind>, scope: &Scope) {
    let name = scope.name(Kind::RedactionProfile, DEFAULT_PROFILE);
    let name = name.to_string();
    if found.iter().all(|message| name_of(message) != name) {
        let everything = RedactionChoice {
            detectors: vec![ALL_DETECTORS.to_owned()],
            action: RedactionAction::Replace.into(),
            ..RedactionChoice::default()
        };
        let built_in = RedactionProfile {
            name,
            choices: vec![everything],
            ..RedactionProfile::default()
        };
        found.insert(0, resource::Kind::RedactionProfile(built_in));
    }
}

/// The document of a stored resource.
pub(crate) fn document(message: resource::Kind) -> Result<Document, Failure> {
    Document::from_message(message)
        .map_err(|unreadable: Unreadable| Failure::Nonsense(unreadable.to_string()))
}

fn name_of(message: &resource::Kind) -> &str {
    match message {
        resource::Kind::Allowlist(message) => &message.name,
        resource::Kind::Block(message) => &message.name,
        resource::Kind::Binding(message) => &message.name,
        resource::Kind::Credential(message) => &message.name,
        resource::Kind::Detector(message) => &message.name,
        resource::Kind::IdentityProvider(message) => &message.name,
        resource::Kind::Offer(message) => &message.name,
        resource::Kind::Organization(message) => &message.name,
        resource::Kind::Quota(message) => &message.name,
        resource::Kind::RedactionProfile(message) => &message.name,
        resource::Kind::Role(message) => &message.name,
        resource::Kind::Rule(message) => &message.name,
        resource::Kind::Server(message) => &message.name,
    }
}

fn short(name: &str) -> String {
    Name::parse(name).map_or_else(|| name.to_owned(), |name| name.short())
}
