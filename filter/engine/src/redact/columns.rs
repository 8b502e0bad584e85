//! JSON in which the name of a value does not stand before it: rows under columns, and members
//! called `value` beside one called `name`.

use super::scan::{Topics, of_key};
use crate::json::{Kind, Value};

/// What the columns of rows say.
pub(super) struct Columns(Vec<Topics>);

const MAX_COLUMNS: usize = 256;

impl Columns {
    pub(super) fn topics(&self, column: usize) -> Topics {
        self.0.get(column).copied().unwrap_or_default()
    }

    /// Of an array of names, or of objects with a name.
    fn read(names: Value<'_>) -> Option<Self> {
        let topics: Vec<_> = names
            .items()
            .take(MAX_COLUMNS)
            .map(|name| {
                let name = name.as_str().or_else(|| name.get("name")?.as_str());
                name.map(|name| of_key(name.as_bytes(), Topics::default()))
                    .unwrap_or_default()
            })
            .collect();
        let said = topics.iter().any(|topics| *topics != Topics::default());
        said.then_some(Self(topics))
    }
}

/// What an object says of the rows that it holds.
pub(super) fn of_object(object: Value<'_>) -> Option<Columns> {
    let mut names = object
        .members()
        .filter(|(_, value)| value.kind() == Kind::Array);
    let names = names.find(|(key, _)| {
        [
            "columns",
            "fields",
            "headers",
            "header",
            "cols",
            "column_names",
            "columnNames",
        ]
        .iter()
        .any(|name| key.is(name))
    });
    Columns::read(names?.1)
}

/// Whether a member holds rows.
pub(super) fn holds_rows(key: &str) -> bool {
    matches!(
        key,
        "rows" | "data" | "values" | "records" | "items" | "results" | "result"
    )
}

/// What the first of some rows says, if it is a row of names.
pub(super) fn of_first_row(rows: Value<'_>) -> Option<Columns> {
    let first = rows
        .items()
        .next()
        .filter(|row| row.kind() == Kind::Array)?;
    let is_names = first.items().all(|name| {
        name.kind() == Kind::String
            && name.span().len() <= 42
            && name
                .inner()
                .bytes()
                .all(|byte| !byte.is_ascii_digit() && byte != b'@')
    });
    if is_names { Columns::read(first) } else { None }
}

/// What a member beside one that is called `value` says of it.
pub(super) fn of_sibling(object: Value<'_>) -> Option<Topics> {
    let names = [
        "name",
        "key",
        "label",
        "field",
        "type",
        "title",
        "question",
        "attribute",
        "header",
        "id",
        "system",
        "k",
    ];
    names.iter().find_map(|name| {
        let name = object.get(name)?.as_str()?;
        let topics = of_key(name.as_bytes(), Topics::default());
        (name.len() <= 48 && topics != Topics::default()).then_some(topics)
    })
}
