//! What a list is asked for.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use prost_types::Timestamp;
use url::form_urlencoded;

use super::Problem;

/// How many servers a page has where nothing else is said, and at most (API v0.1, `limit`).
const LIMIT: usize = 30;
const MAX_LIMIT: usize = 100;

/// What a list is asked for.
#[derive(Debug)]
pub(super) struct Query {
    /// At most so many.
    pub(super) limit: usize,
    /// Those after this name and version.
    pub(super) after: Option<(String, String)>,
    /// In the name, in lower case.
    pub(super) search: String,
    /// Not updated before.
    pub(super) updated_since: Option<Timestamp>,
    /// This one, or `latest`. `None`: all.
    pub(super) version: Option<String>,
}

impl Query {
    /// Reads a query string. What is not known says nothing, as other registries have it.
    pub(super) fn read(text: &str) -> Result<Self, Problem> {
        let mut query = Self {
            limit: LIMIT,
            after: None,
            search: String::new(),
            updated_since: None,
            version: None,
        };
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            match (&*key, &*value) {
                ("cursor" | "search" | "updated_since" | "version", "") => {}
                ("limit", limit) => query.limit = read_limit(limit)?,
                ("cursor", cursor) => {
                    let after = read_cursor(cursor);
                    let expected = "`nextCursor` of the page before";
                    query.after = Some(after.ok_or_else(|| wrong("cursor", cursor, expected))?);
                }
                ("search", search) => query.search = search.to_ascii_lowercase(),
                ("updated_since", since) => {
                    let time = since.parse();
                    let expected = "a time as RFC 3339 has it, such as `2026-07-03T10:15:00Z`";
                    let time = time.map_err(|_no_time| wrong("updated_since", since, expected));
                    query.updated_since = Some(time?);
                }
                ("version", version) => query.version = Some(version.to_owned()),
                _ => {}
            }
        }
        Ok(query)
    }
}

fn read_limit(text: &str) -> Result<usize, Problem> {
    let limit = text.parse().ok();
    limit
        .filter(|limit| (1..=MAX_LIMIT).contains(limit))
        .ok_or_else(|| wrong("limit", text, "a number from 1 to 100"))
}

/// The cursor of what comes after a name and version.
pub(super) fn cursor(name: &str, version: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{name}:{version}"))
}

fn read_cursor(text: &str) -> Option<(String, String)> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    // No name has a colon.
    let (name, version) = text.split_once(':')?;
    Some((name.to_owned(), version.to_owned()))
}

fn wrong(parameter: &'static str, found: &str, expected: &'static str) -> Problem {
    Problem::Parameter {
        parameter,
        found: format!("`{found}`"),
        expected,
    }
}
