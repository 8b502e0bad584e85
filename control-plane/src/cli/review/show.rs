//! `chancery review show`: what was seen beside what is approved, and what that means here.

use chancery_proto::admin::v1::{self as admin, GetDriftResponse, SeenDrift, TouchedRule};
use serde_json::{Value, json};

use super::{diff, inspect, list::witnesses, waiting};
use crate::{
    cli::{
        connect::Connection,
        console::{Console, Tone},
        exit::Failure,
        name::id_of,
        output::Format,
        visible::visible,
    },
    inspect::inspect as warned_of,
    review::{
        definitions::compared,
        diff::{Diff, Listing},
    },
};

/// Shows one thing that waits.
pub(super) async fn run(
    connection: &Connection,
    server: &admin::Server,
    drift: &SeenDrift,
    format: Format,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let mut client = waiting::client(connection);
    let call = client.get_drift(admin::GetDriftRequest {
        server: server.name.clone(),
        id: drift.id.clone(),
    });
    let answer = connection
        .answer("read what waits for a review", call)
        .await?;
    match format {
        Format::Json => console.json(&written(&answer)?),
        Format::Yaml => console.yaml(&written(&answer)?, true),
        Format::Table | Format::Name => {
            print(server, drift, console)?;
            for alike in &answer.look_alikes {
                let (server, name) = (id_of(&alike.server), visible(&alike.capability));
                let word = console.paint("looks like", Tone::Bad);
                console.line(format_args!("{word} {name} of server {}", visible(server)))?;
            }
            print_rules(&answer.rules, console)?;
            for witness in answer.drift.iter().flat_map(witnesses) {
                console.line(format_args!("seen by {}", visible(&witness.to_string())))?;
            }
            Ok(())
        }
    }
}

/// Shows what differs, and what looks wrong.
pub(super) fn print(
    server: &admin::Server,
    drift: &SeenDrift,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let (before, seen) = compared(server, drift).map_err(Failure::rendering)?;
    let warnings = warned_of(&seen).ok();
    let read = |value| Listing::read(value).map_err(Failure::rendering);
    let (before, seen) = (read(&before)?, read(&seen)?);
    diff::write(&Diff::new(&before, &seen), Format::Table, console)?;
    console.line("")?;
    warnings.map_or(Ok(()), |warnings| inspect::print(&warnings, console))
}

fn print_rules(rules: &[TouchedRule], console: &mut Console<'_>) -> Result<(), Failure> {
    for TouchedRule { name, breaks } in rules {
        let name = visible(id_of(name));
        if breaks.is_empty() {
            console.line(format_args!("rule {name} names it and applies as before"))?;
        } else {
            let word = console.paint("breaks", Tone::Bad);
            console.line(format_args!("{word} rule {name}: {}", visible(breaks)))?;
        }
    }
    Ok(())
}

fn written(answer: &GetDriftResponse) -> Result<Value, Failure> {
    let read = |json: &str| match json {
        "" => Ok(Value::Null),
        json => serde_json::from_str(json).map_err(Failure::rendering),
    };
    let mut written = read(&answer.differences)?;
    let rules = answer.rules.iter().map(|rule| {
        let TouchedRule { name, breaks } = rule;
        json!({ "name": name, "breaks": breaks })
    });
    if let Value::Object(object) = &mut written {
        object.insert("warnings".to_owned(), read(&answer.warnings)?);
        object.insert("rules".to_owned(), rules.collect());
        let alike = answer.look_alikes.iter();
        let alike = alike.map(|it| json!({ "server": it.server, "name": it.capability }));
        object.insert("lookAlikes".to_owned(), alike.collect());
        let seen_by = answer.drift.as_ref().map(witnesses);
        object.insert("seenBy".to_owned(), json!(seen_by));
    }
    Ok(written)
}
