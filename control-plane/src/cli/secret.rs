//! Fetches the secrets of credentials from where their documents say they are.

use std::{env, fs, io::Read as _, path::Path as File};

use chancery_proto::admin::v1 as admin;

use super::{
    batch::{Batch, Item},
    document::{self, SecretSource},
    name::Scope,
    path::Path,
    problem::Problem,
};

/// A longer one is refused; no secret that is sent in a header has half of it.
const MAX_SECRET_BYTES: u64 = 64 << 10;

/// The messages of a batch, with their secrets.
pub(crate) fn messages(batch: &Batch, scope: &Scope) -> Result<Vec<admin::Resource>, Vec<Problem>> {
    let (mut messages, mut problems) = (Vec::new(), Vec::new());
    for item in &batch.items {
        let mut message = item.document.to_message(scope);
        if let Some((path, source)) = item.document.secret() {
            match fetch(item, &path, source) {
                Ok(secret) => document::set_secret(&mut message, secret),
                Err(problem) => problems.push(problem),
            }
        }
        messages.push(message);
    }
    if problems.is_empty() {
        return Ok(messages);
    }
    problems.sort();
    Err(problems)
}

fn fetch(item: &Item, path: &Path, source: &SecretSource) -> Result<String, Problem> {
    let SecretSource { file, env } = source;
    let (field, found) = match (file, env) {
        (Some(file), _) => {
            let folder = File::new(item.file())
                .parent()
                .unwrap_or_else(|| File::new(""));
            ("file", from_file(&folder.join(file)))
        }
        (None, Some(variable)) => ("env", from_environment(variable)),
        (None, None) => ("file", Err("nothing".to_owned())),
    };
    found.map_err(|found| {
        let expected = match field {
            "file" => "a file with the secret",
            _ => "an environment variable with the secret",
        };
        item.problem(
            &path.field(field),
            format!("found {found}, expected {expected}"),
        )
    })
}

pub(crate) fn from_file(path: &File) -> Result<String, String> {
    let shown = path.display();
    let mut bytes = Vec::new();
    let read = fs::File::open(path)
        .and_then(|file| file.take(MAX_SECRET_BYTES + 1).read_to_end(&mut bytes));
    read.map_err(|error| format!("`{shown}`, which cannot be read ({error})"))?;
    if bytes.len() as u64 > MAX_SECRET_BYTES {
        return Err(format!("more than {MAX_SECRET_BYTES} bytes in `{shown}`"));
    }
    let text = String::from_utf8(bytes).map_err(|_not_utf8| format!("no text in `{shown}`"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    one_line(line).ok_or_else(|| format!("nothing, or more than one line, in `{shown}`"))
}

fn from_environment(variable: &str) -> Result<String, String> {
    let value = env::var(variable)
        .map_err(|_absent_or_not_text| format!("`{variable}`, which is not set"))?;
    one_line(&value).ok_or_else(|| format!("nothing, or more than one line, in `{variable}`"))
}

/// A secret that is sent in a header has no control characters.
fn one_line(text: &str) -> Option<String> {
    (!text.is_empty() && !text.chars().any(char::is_control)).then(|| text.to_owned())
}
