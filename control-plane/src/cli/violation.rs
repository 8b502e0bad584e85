//! Brings what the control plane finds wrong back to where it was written.
//!
//! The control plane knows messages: `resources[2].endpoints[0].path`. Their fields are named
//! here as documents name them.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{
    batch::{Batch, Item},
    exit::Failure,
    name::{Kind, Name},
    path::{Path, Step},
    problem::Problem,
};

/// The problems that a refusal names, or the refusal itself where it names none.
pub(crate) fn explain(
    status: Status,
    batch: &Batch,
    action: &str,
    consequence: &'static str,
) -> Failure {
    let violations = match status.get_details_bad_request() {
        Some(details) if status.code() == Code::InvalidArgument => details.field_violations,
        Some(_) | None => Vec::new(),
    };
    if violations.is_empty() {
        return Failure::Refused {
            action: action.to_owned(),
            status: Box::new(status),
        };
    }
    let mut problems: Vec<Problem> = violations
        .into_iter()
        .map(|violation| place(&violation.field, violation.description, batch))
        .collect();
    problems.sort();
    problems.dedup();
    Failure::Invalid {
        problems,
        consequence,
    }
}

pub(crate) fn place(field: &str, message: String, batch: &Batch) -> Problem {
    let placed = Path::parse(field).ok().and_then(|path| {
        let (Step::Field(first), [Step::Index(index), rest @ ..]) = path.steps().split_first()?
        else {
            return None;
        };
        let item = batch.items.get(*index).filter(|_| first == "resources")?;
        Some(item.problem(&written(item.name.kind, rest), message.clone()))
    });
    placed.unwrap_or_else(|| Problem::with_file(field, message))
}

/// Something about a field of an item, by the field's name in the message.
pub(crate) fn within(item: &Item, field: &str, message: String) -> Problem {
    let path = Path::parse(field).unwrap_or_default();
    item.problem(&written(item.name.kind, path.steps()), message)
}

/// A message's field as documents write it, for what no file holds.
pub(crate) fn written_as(name: &str, field: &str) -> String {
    let path = Path::parse(field).ok();
    let kind = Name::parse(name).map(|name| name.kind);
    match (kind, path) {
        (Some(kind), Some(path)) => written(kind, path.steps()).to_string(),
        _ => field.to_owned(),
    }
}

/// A message's field as the document of its kind writes it.
fn written(kind: Kind, steps: &[Step]) -> Path {
    let steps = match steps.split_first() {
        Some((Step::Field(member), rest)) if member == member_name(kind) => rest,
        Some(_) | None => steps,
    };
    let words: Vec<&str> = steps
        .iter()
        .map_while(|step| {
            if let Step::Field(word) = step {
                Some(word.as_str())
            } else {
                None
            }
        })
        .collect();
    let (place, taken): (&[&str], usize) = match words.as_slice() {
        [] | ["metadata" | "spec" | "kind" | "apiVersion", ..] => (&[], 0),
        ["name", ..] => (&["metadata", "name"], 1),
        ["etag" | "create_time" | "update_time", ..] => (&["metadata"], 1),
        ["obligations", "reveal", ..] => (&["spec", "reveal"], 2),
        ["obligations", "redact", ..] => (&["spec", "redact"], 2),
        ["obligations", ..] => (&["spec", "redact"], 1),
        [_, ..] => (&["spec"], 0),
    };
    let of_tool = matches!(words.as_slice(), ["tools"]) && kind == Kind::Server;
    let of_condition = matches!(words.as_slice(), ["when"]);
    let of_matcher = kind == Kind::Detector;
    // Documents have a mapping where messages have a list.
    let known = match words.as_slice() {
        ["media", "types"] => words.len(),
        _ => steps.len(),
    };
    let rest = steps.iter().take(known).skip(taken);
    let rest = rest.filter(|step| match step {
        // A tool's definition is the document's whole entry, and a test's values are its own, as are
        // what a detector looks for.
        Step::Field(word) => match &**word {
            "definition" => !of_tool,
            "values" => !of_condition,
            "words" | "paths" => !of_matcher,
            _ => true,
        },
        Step::Index(_) => true,
    });
    let place = place.iter().map(|word| Step::Field((*word).to_owned()));
    // What is inside a key set or a definition is not ours to name.
    let foreign = matches!(words.as_slice(), ["jwks", ..]) || of_tool;
    let rest = rest.map(|step| {
        if foreign {
            step.clone()
        } else {
            camel_case(step)
        }
    });
    place.chain(rest).collect()
}

fn member_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Server => "server",
        Kind::IdentityProvider => "identity_provider",
        Kind::Role => "role",
        Kind::Detector => "detector",
        Kind::Allowlist => "allowlist",
        Kind::RedactionProfile => "redaction_profile",
        Kind::Rule => "rule",
        Kind::Offer => "offer",
        Kind::Quota => "quota",
        Kind::Credential => "credential",
        Kind::Binding => "binding",
        Kind::Block => "block",
        Kind::Organization => "organization",
    }
}

/// A field's name in documents, where it is not the message's in other letters.
fn renamed(word: &str) -> Option<&'static str> {
    match word {
        "argument" => Some("arg"),
        "normalisation" => Some("normalise"),
        "expire_time" => Some("expires"),
        "review_time" => Some("reviewBy"),
        "choices" => Some("redact"),
        "quarantine_after" => Some("quarantine"),
        "registry_type" => Some("registry"),
        "identifier" => Some("name"),
        _ => None,
    }
}

fn camel_case(step: &Step) -> Step {
    match step {
        Step::Index(index) => Step::Index(*index),
        Step::Field(word) => {
            if let Some(other) = renamed(word) {
                return Step::Field(other.to_owned());
            }
            let mut words = word.split('_');
            let mut camel = words.next().unwrap_or_default().to_owned();
            for word in words {
                let mut letters = word.chars();
                camel.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
                camel.push_str(letters.as_str());
            }
            Step::Field(camel)
        }
    }
}

#[cfg(test)]
mod tests;
