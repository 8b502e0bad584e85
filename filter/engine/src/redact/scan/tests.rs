use std::sync::Arc;

use super::*;
use crate::redact::Profile;

/// What is found in a text, as ids and values.
fn found_in(key: &str, text: &str) -> Vec<(String, String)> {
    let mut plan = Plan::default();
    plan.add(&Arc::new(Profile::built_in()));
    let sought = Sought::new(&plan, Direction::ToClient, Place::Results);
    let mut finds = Vec::new();
    let field = Field {
        topics: of_key(key.as_bytes(), Topics::default()),
        keys: &[],
    };
    scan(text, field, &sought, &mut finds);
    finds
        .into_iter()
        .map(|find| {
            (
                sought.id(find.finder).to_owned(),
                text.get(find.range).unwrap().to_owned(),
            )
        })
        .collect()
}

/// Every text, in which what stands between `«` and `»` must be found and nothing else; before a
/// `§` stands the key of the text.
fn check(id: &str, texts: &[&str]) {
    let mut failures = Vec::new();
    for marked in texts {
        let (key, marked) = marked.split_once('§').unwrap_or(("", marked));
        let text = marked.replace(['«', '»'], "");
        let mut expected = Vec::new();
        let mut rest = marked;
        while let Some((_, after)) = rest.split_once('«') {
            let (value, after) = after.split_once('»').unwrap();
            expected.push(value.to_owned());
            rest = after;
        }
        let found = found_in(key, &text);
        let values: Vec<_> = found.iter().map(|(_, value)| value.clone()).collect();
        if values != expected || found.iter().any(|(of, _)| !id.is_empty() && of != id) {
            failures.push(format!("{key} § {marked}\n      found {found:?}"));
        }
    }
    assert!(failures.is_empty(), "{id}:\n  {}", failures.join("\n  "));
}

mod laws;
mod payloads;
mod personal;
mod secrets;
