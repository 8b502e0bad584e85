//! `chancery registry list` and `show`.

use chancery_proto::admin::v1::{self as admin, DataClass, Risk, resource};

use super::{
    super::{
        Context,
        connect::Connection,
        console::{Console, Tone},
        exit::{Exit, Failure},
        name::{Kind, id_of},
        output::Format,
        render, stored,
        table::{self, Cell},
        time,
        visible::visible,
    },
    state::{StateArg, word},
};

pub(super) async fn list(
    state: Option<StateArg>,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let connection = Connection::open(&context.address).await?;
    let parent = context.scope.parent(Kind::Server);
    let all = stored::list(&connection, Kind::Server, &parent).await?;
    let is_wanted = |server: &admin::Server| {
        state.is_none_or(|state| word(state.to_message()) == word(server.state()))
    };
    let servers = all.into_iter().filter_map(|resource| {
        if let resource::Kind::Server(server) = resource {
            Some(server)
        } else {
            None
        }
    });
    let servers: Vec<_> = servers.filter(is_wanted).collect();
    match format {
        Format::Json | Format::Yaml => written(&servers, format, console)?,
        Format::Table | Format::Name if servers.is_empty() => {
            console.talk(format_args!("no such server in {}", visible(&parent)));
        }
        Format::Table | Format::Name => {
            let rows: Vec<_> = servers.iter().map(row).collect();
            let heading = ["SERVER", "STATE", "OWNER", "RISK", "DATA", "SINCE", "BY"];
            table::write(&heading, &rows, console)?;
        }
    }
    Ok(Exit::Success)
}

fn written(
    servers: &[admin::Server],
    format: Format,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let rendered = servers
        .iter()
        .map(|server| render::message("chancery.admin.v1.Server", server));
    let rendered: Vec<_> = rendered.collect::<Result<_, _>>()?;
    if format == Format::Json {
        console.json(&rendered)
    } else {
        console.yaml(&rendered, true)
    }
}

fn row(server: &admin::Server) -> Vec<Cell> {
    let (state, tone) = word(server.state());
    let last = server.state_changes.last();
    let since = last.and_then(|change| change.time.as_ref());
    let since = since.map_or_else(|| "-".to_owned(), time::seconds);
    vec![
        Cell::new(id_of(&server.name)),
        Cell::new(state).tone(tone),
        Cell::new(&server.owner),
        Cell::new(risk(server)),
        Cell::new(data_class(server)),
        Cell::new(&since).tone(Tone::Faint),
        Cell::new(last.map_or("-", |change| &change.author)),
    ]
}

fn risk(server: &admin::Server) -> &'static str {
    match server.risk() {
        Risk::Unspecified => "-",
        Risk::Low => "low",
        Risk::Medium => "medium",
        Risk::High => "high",
    }
}

fn data_class(server: &admin::Server) -> &'static str {
    match server.data_class() {
        DataClass::Unspecified => "-",
        DataClass::Public => "public",
        DataClass::Internal => "internal",
        DataClass::Confidential => "confidential",
        DataClass::Restricted => "restricted",
    }
}

pub(super) async fn show(
    server: &str,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let name = context.scope.read(Kind::Server, server)?;
    let connection = Connection::open(&context.address).await?;
    let resource::Kind::Server(server) = stored::get(&connection, &name).await? else {
        return Err(Failure::Nonsense("it is no server".to_owned()));
    };
    match format {
        Format::Json | Format::Yaml => written(&[server], format, console)?,
        Format::Table | Format::Name => print(&server, console)?,
    }
    Ok(Exit::Success)
}

fn print(server: &admin::Server, console: &mut Console<'_>) -> Result<(), Failure> {
    let (state, tone) = word(server.state());
    let mut lines = vec![
        ("state", console.paint(state, tone)),
        ("owner", visible(&server.owner).into_owned()),
    ];
    let mut say = |word, text: &str| {
        if !text.is_empty() && text != "-" {
            lines.push((word, visible(text).into_owned()));
        }
    };
    say("registry name", &server.registry_name);
    say("version", &server.version);
    say("environment", &server.environment);
    say("risk", risk(server));
    say("data", data_class(server));
    say("data sources", &server.data_sources.join(", "));
    for endpoint in &server.endpoints {
        let place = format!("{}{} by {}", endpoint.host, endpoint.path, endpoint.cluster);
        say("endpoint", &place);
    }
    for package in &server.packages {
        let version = [&*package.version, &*package.digest].join(" ");
        let package = format!("{} {} {version}", package.registry_type, package.identifier);
        say("package", package.trim_end());
    }
    say("etag", &server.etag);
    for (word, text) in lines {
        console.line(format_args!("{word:14} {text}"))?;
    }
    let changes = server.state_changes.iter().map(|change| {
        let (state, tone) = word(change.state());
        let time = change.time.as_ref();
        vec![
            Cell::new(&time.map_or_else(|| "-".to_owned(), time::seconds)).tone(Tone::Faint),
            Cell::new(state).tone(tone),
            Cell::new(&change.author),
            Cell::new(&change.reason),
        ]
    });
    let changes: Vec<_> = changes.collect();
    table::write(&["WHEN", "STATE", "BY", "WHY"], &changes, console)
}
