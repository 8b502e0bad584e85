//! `chancery review reject`: what was seen is not to be approved.

use chancery_proto::admin::v1::{self as admin, RejectDefinitionsRequest, SeenDrift};

use super::waiting::{self, id, what};
use crate::cli::{
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    name::id_of,
    visible::visible,
};

pub(super) async fn run(
    connection: &Connection,
    server: &admin::Server,
    chosen: &[&SeenDrift],
    (reason, no_block): (&str, bool),
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let names: Vec<_> = chosen.iter().map(|drift| what(drift)).collect();
    let action = format!("reject {} of {}", names.join(", "), id_of(&server.name));
    let mut client = waiting::client(connection);
    let call = client.reject_definitions(RejectDefinitionsRequest {
        server: server.name.clone(),
        ids: chosen.iter().map(|drift| id(drift)).collect(),
        reason: reason.to_owned(),
        leave_callable: no_block,
    });
    let answer = connection.answer(&action, call).await?;
    for drift in &answer.drifts {
        let word = console.paint("rejected", Tone::Bad);
        let server = visible(id_of(&drift.server));
        console.line(format_args!("{server} {} {word}", visible(&what(drift))))?;
    }
    Ok(Exit::Success)
}
