//! `chancery schema`.

use serde_json::Value as Json;

use super::{
    console::Console,
    document,
    exit::{Exit, Failure},
    name::Kind,
};

/// The JSON Schema of a kind, as it is published.
pub(crate) fn published(kind: Kind) -> Json {
    document::schema(kind).to_value()
}

/// Prints one kind's schema, or an object of all of them.
pub(crate) fn run(kind: Option<Kind>, console: &mut Console<'_>) -> Result<Exit, Failure> {
    let schema = match kind {
        Some(kind) => published(kind),
        None => Kind::ALL
            .into_iter()
            .map(|kind| (kind.document_kind().to_owned(), published(kind)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    };
    console.json(&schema)?;
    Ok(Exit::Success)
}
