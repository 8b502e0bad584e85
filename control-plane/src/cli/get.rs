//! `chancery get`.

use chancery_proto::{
    admin::v1::{IdentityProvider, Rule, Server, resource},
    policy::v1::{Authentication, Effect, OnDenied},
};
use prost_types::Timestamp;

use super::{
    Context,
    connect::Connection,
    console::{Console, Tone},
    document::{Document, Unreadable},
    exit::{Exit, Failure},
    name::{Kind, Name},
    output::Format,
    stored,
    table::{self, Cell},
    time,
};

/// Show resources as they are stored
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery get servers
  chancery get rule dev-reads-notes -o yaml > rule.yaml")]
pub(crate) struct GetArgs {
    /// Which kind; the singular will do, and idp
    #[arg(value_enum)]
    kind: Kind,
    /// Only this one
    name: Option<String>,
}

pub(crate) async fn run(
    args: &GetArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let connection = Connection::open(&context.address).await?;
    let found = match &args.name {
        Some(id) => vec![stored::get(&connection, &context.scope.name(args.kind, id)).await?],
        None => stored::list(&connection, args.kind, &context.scope.parent(args.kind)).await?,
    };
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
            match (&args.name, documents.pop()) {
                (Some(_), Some(only)) => console.json(&only)?,
                (_, last) => {
                    documents.extend(last);
                    console.json(&documents)?;
                }
            }
        }
        Format::Table if found.is_empty() => {
            console.talk(format_args!("no {} found", args.kind.plural()));
        }
        Format::Table => print(args.kind, &found, console)?,
    }
    Ok(Exit::Success)
}

/// The document of a stored resource.
pub(crate) fn document(message: resource::Kind) -> Result<Document, Failure> {
    Document::from_message(message)
        .map_err(|unreadable: Unreadable| Failure::Nonsense(unreadable.to_string()))
}

fn name_of(message: &resource::Kind) -> &str {
    match message {
        resource::Kind::Server(server) => &server.name,
        resource::Kind::IdentityProvider(provider) => &provider.name,
        resource::Kind::Rule(rule) => &rule.name,
    }
}

fn short(name: &str) -> String {
    Name::parse(name).map_or_else(|| name.to_owned(), |name| name.short())
}

fn print(kind: Kind, found: &[resource::Kind], console: &mut Console<'_>) -> Result<(), Failure> {
    let heading: &[&str] = match kind {
        Kind::Server => &[
            "NAME",
            "ENDPOINTS",
            "TOKEN",
            "ON DENIED",
            "TOOLS",
            "UPDATED",
        ],
        Kind::IdentityProvider => &["NAME", "ISSUER", "AUDIENCES", "KEYS", "UPDATED"],
        Kind::Rule => &[
            "NAME",
            "EFFECT",
            "SUBJECTS",
            "SERVERS",
            "CAPABILITIES",
            "REDACT",
            "UPDATED",
        ],
    };
    let rows: Vec<Vec<Cell>> = found
        .iter()
        .map(|message| match message {
            resource::Kind::Server(server) => server_row(server),
            resource::Kind::IdentityProvider(provider) => identity_provider_row(provider),
            resource::Kind::Rule(rule) => rule_row(rule),
        })
        .collect();
    table::write(heading, &rows, console)
}

fn id_cell(name: &str) -> Cell {
    Cell::new(name.rsplit('/').next().unwrap_or(name))
}

fn time_cell(time: Option<&Timestamp>) -> Cell {
    Cell::new(&time.map_or_else(|| "-".to_owned(), time::seconds)).tone(Tone::Faint)
}

fn server_row(server: &Server) -> Vec<Cell> {
    let endpoints: Vec<String> = server
        .endpoints
        .iter()
        .map(|endpoint| {
            let host = if endpoint.host.is_empty() {
                "*"
            } else {
                &endpoint.host
            };
            format!("{host}{} > {}", endpoint.path, endpoint.cluster)
        })
        .collect();
    let authentication = match server.authentication() {
        Authentication::Unspecified | Authentication::Required => "required",
        Authentication::Optional => "optional",
    };
    let on_denied = match server.on_denied() {
        OnDenied::Unspecified | OnDenied::Reveal => "reveal",
        OnDenied::Hide => "hide",
    };
    vec![
        id_cell(&server.name),
        Cell::list(&endpoints),
        Cell::new(authentication),
        Cell::new(on_denied),
        Cell::new(&server.tools.len().to_string()),
        time_cell(server.update_time.as_ref()),
    ]
}

fn rule_row(rule: &Rule) -> Vec<Cell> {
    let effect = match rule.effect() {
        Effect::Allow => Cell::new("allow").tone(Tone::Good),
        Effect::Deny => Cell::new("deny").tone(Tone::Bad),
        Effect::RequireApproval => Cell::new("require_approval"),
        Effect::Unspecified => Cell::new("?"),
    };
    let subjects = rule.subjects.as_ref();
    let mut who: Vec<String> = Vec::new();
    who.extend(
        subjects
            .is_some_and(|subjects| subjects.anyone)
            .then(|| "anyone".to_owned()),
    );
    who.extend(
        subjects
            .is_some_and(|subjects| subjects.authenticated)
            .then(|| "authenticated".to_owned()),
    );
    let groups = subjects.into_iter().flat_map(|subjects| &subjects.groups);
    who.extend(groups.map(|group| format!("group:{group}")));
    who.extend(
        subjects
            .into_iter()
            .flat_map(|subjects| subjects.users.clone()),
    );
    let capabilities = [
        ("", &rule.tools),
        ("prompt:", &rule.prompts),
        ("resource:", &rule.resources),
        ("method:", &rule.methods),
    ];
    let what: Vec<String> = capabilities
        .into_iter()
        .flat_map(|(prefix, globs)| globs.iter().map(move |glob| format!("{prefix}{glob}")))
        .collect();
    let redaction = rule
        .obligations
        .as_ref()
        .and_then(|obligations| obligations.redaction.as_ref());
    vec![
        id_cell(&rule.name),
        effect,
        Cell::list(&who),
        Cell::list(&rule.servers),
        Cell::list(&what),
        Cell::list(redaction.map_or(&[][..], |redaction| &redaction.detectors)),
        time_cell(rule.update_time.as_ref()),
    ]
}

fn identity_provider_row(provider: &IdentityProvider) -> Vec<Cell> {
    let keys: Option<usize> = serde_json::from_str::<serde_json::Value>(&provider.jwks)
        .ok()
        .and_then(|jwks| Some(jwks.get("keys")?.as_array()?.len()));
    vec![
        id_cell(&provider.name),
        Cell::new(&provider.issuer),
        Cell::list(&provider.audiences),
        Cell::new(&keys.map_or_else(|| "?".to_owned(), |keys| keys.to_string())),
        time_cell(provider.update_time.as_ref()),
    ]
}
