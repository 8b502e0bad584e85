//! `chancery registry shadows`.

use chancery_proto::{
    admin::v1::{
        ListShadowServersRequest, ListShadowServersResponse, ShadowServer,
        registry_service_client::RegistryServiceClient,
    },
    audit::v1::ShadowKind,
};

use crate::{
    cli::{
        Context,
        connect::Connection,
        console::{Console, Tone},
        exit::{Exit, Failure},
        output::Format,
        render,
        table::{self, Cell},
        time,
        visible::visible,
    },
    resource::name::is_id,
};

const PAGE_SIZE: i32 = 1_000;

/// Most tunnels that are named below the table; `-o json` has all.
const MAX_TUNNELS: usize = 20;

pub(super) async fn run(context: &Context, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let shadows = list(&Connection::open(&context.address).await?).await?;
    let rendered = || {
        let each = shadows
            .iter()
            .map(|shadow| render::message("chancery.admin.v1.ShadowServer", shadow));
        each.collect::<Result<Vec<_>, _>>()
    };
    match format {
        Format::Json => console.json(&rendered()?)?,
        Format::Yaml => console.yaml(&rendered()?, true)?,
        Format::Table | Format::Name => print(&shadows, console)?,
    }
    Ok(Exit::Success)
}

async fn list(connection: &Connection) -> Result<Vec<ShadowServer>, Failure> {
    let mut client = RegistryServiceClient::new(connection.channel.clone());
    let mut all = Vec::new();
    let mut page_token = String::new();
    loop {
        let call = client.list_shadow_servers(ListShadowServersRequest {
            page_size: PAGE_SIZE,
            page_token,
        });
        let ListShadowServersResponse {
            shadow_servers,
            next_page_token,
        } = connection.answer("list shadow servers", call).await?;
        all.extend(shadow_servers);
        if next_page_token.is_empty() {
            return Ok(all);
        }
        page_token = next_page_token;
    }
}

fn print(shadows: &[ShadowServer], console: &mut Console<'_>) -> Result<(), Failure> {
    let (tunnels, servers): (Vec<_>, Vec<_>) = shadows
        .iter()
        .partition(|shadow| shadow.kind() == ShadowKind::Tunnel);
    if servers.is_empty() {
        console.talk("no MCP was seen going to hosts that nobody registered");
    } else {
        let heading = [
            "HOST", "PATH", "WHO", "WORKLOAD", "NODE", "FIRST", "LAST", "TIMES",
        ];
        let rows: Vec<_> = servers.iter().map(|shadow| row(shadow)).collect();
        table::write(&heading, &rows, console)?;
        for shadow in servers {
            console.line("")?;
            match commands(shadow) {
                Some(commands) => commands.iter().try_for_each(|it| console.line(it))?,
                // Clients decide what stands there, and nobody should paste that.
                None => console.line(format_args!(
                    "# {}{}: not written as a command, because of its letters",
                    visible(&shadow.host),
                    visible(&shadow.path)
                ))?,
            }
        }
    }
    through_tunnels(&tunnels, console)
}

fn row(shadow: &ShadowServer) -> Vec<Cell> {
    let when = |time: Option<&prost_types::Timestamp>| {
        let text = time.map_or_else(|| "-".to_owned(), time::seconds);
        Cell::new(&text).tone(Tone::Faint)
    };
    let who = match (&*shadow.principals, &*shadow.sources) {
        ([], sources) => Cell::list(sources),
        (principals, _) => Cell::list(principals),
    };
    vec![
        Cell::new(&shadow.host),
        Cell::new(&shadow.path),
        who,
        Cell::list(&shadow.workloads),
        Cell::list(&shadow.nodes),
        when(shadow.first_time.as_ref()),
        when(shadow.last_time.as_ref()),
        Cell::new(&shadow.count.to_string()),
    ]
}

/// How to propose a server, and how to block its host. `None`: its name could mean something else to a
/// shell.
fn commands(shadow: &ShadowServer) -> Option<[String; 2]> {
    let (host, path) = (&*shadow.host, &*shadow.path);
    let is_plain = |text: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:/%".contains(&byte);
        text.bytes().all(is_allowed) && !text.starts_with('-')
    };
    let cluster = shadow
        .clusters
        .first()
        .filter(|it| !it.is_empty() && is_plain(it));
    let cluster = cluster.map_or("CLUSTER", String::as_str);
    let organization = match shadow.organization.strip_prefix("organizations/") {
        Some(id) if is_plain(id) => format!(" --organization {id}"),
        Some(_) | None => String::new(),
    };
    (is_plain(host) && is_plain(path) && !host.is_empty()).then(|| {
        let id = id_for(host);
        [
            format!(
                "chancery registry discover https://{host}{path} --as {id} --owner OWNER \
                 --cluster {cluster} --propose{organization}"
            ),
            format!("chancery block host {host} -m 'nobody registered it'{organization}"),
        ]
    })
}

/// What an entry of a host may be called.
fn id_for(host: &str) -> String {
    let name = host.split(':').next().unwrap_or_default();
    let letters = name.chars().map(|letter| match letter {
        'a'..='z' | '0'..='9' => letter,
        _ => '-',
    });
    let id: String = letters.take(48).collect();
    let id = id.trim_matches('-');
    if is_id(id) {
        id.to_owned()
    } else {
        "server".to_owned()
    }
}

fn through_tunnels(tunnels: &[&ShadowServer], console: &mut Console<'_>) -> Result<(), Failure> {
    if tunnels.is_empty() {
        return Ok(());
    }
    console.line("")?;
    let noun = if tunnels.len() == 1 { "host" } else { "hosts" };
    console.line(format_args!(
        "{} {noun} through tunnels in which nothing can be seen:",
        tunnels.len()
    ))?;
    for tunnel in tunnels.iter().take(MAX_TUNNELS) {
        console.line(format_args!("  {}", visible(&tunnel.host)))?;
    }
    match tunnels.len().saturating_sub(MAX_TUNNELS) {
        0 => Ok(()),
        more => console.line(format_args!("  and {more} more; -o json has all")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shadow(host: &str, path: &str) -> ShadowServer {
        ShadowServer {
            organization: "organizations/acme".to_owned(),
            kind: ShadowKind::Mcp.into(),
            host: host.to_owned(),
            path: path.to_owned(),
            clusters: vec!["egress".to_owned()],
            ..ShadowServer::default()
        }
    }

    fn printed(shadows: &[ShadowServer]) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        print(shadows, &mut Console::new(&mut out, &mut err, false)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_server_comes_with_the_commands_that_decide_about_it() {
        let text = printed(&[shadow("mcp.evil.test:8443", "/mcp")]);
        for part in [
            "chancery registry discover https://mcp.evil.test:8443/mcp --as mcp-evil-test \
             --owner OWNER --cluster egress --propose --organization acme\n",
            "chancery block host mcp.evil.test:8443 -m 'nobody registered it' --organization acme\n",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn nothing_that_a_shell_would_read_is_written_as_a_command() {
        for (host, path) in [
            ("a;reboot", "/mcp"),
            ("a.test", "/$(reboot)"),
            ("a.test", "/`reboot`"),
            ("-x", "/mcp"),
            ("a.test", "/a b"),
            ("a.test", "/\u{1b}[2J"),
            ("", "/mcp"),
        ] {
            let text = printed(&[shadow(host, path)]);
            assert!(!text.contains("chancery "), "{text}");
            assert!(!text.contains('\u{1b}'), "{text}");
        }
    }

    #[test]
    fn tunnels_are_named_and_not_all_of_them() {
        let tunnels: Vec<_> = (0..25)
            .map(|number| ShadowServer {
                kind: ShadowKind::Tunnel.into(),
                ..shadow(&format!("h{number}.test:443"), "")
            })
            .collect();
        let text = printed(&tunnels);
        for part in ["25 hosts through tunnels", "  h0.test:443\n", "and 5 more"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(
            !text.contains("h24.test") && !text.contains("block host"),
            "{text}"
        );
    }
}
