//! Brings what the control plane finds wrong back to where it was written.
//!
//! The control plane knows messages: `resources[2].endpoints[0].path`. Their fields are named
//! here as documents name them.

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{
    batch::Batch,
    exit::Failure,
    name::Kind,
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
        ["user_claim", ..] => (&["spec", "claims", "user"], 1),
        ["groups_claim", ..] => (&["spec", "claims", "groups"], 1),
        ["obligations", "redaction", ..] => (&["spec", "redact"], 2),
        ["obligations", ..] => (&["spec", "redact"], 1),
        [_, ..] => (&["spec"], 0),
    };
    let of_tool = matches!(words.as_slice(), ["tools"]) && kind == Kind::Server;
    let rest = steps.iter().skip(taken).filter(|step| {
        // A tool's definition is the document's whole entry.
        !(of_tool && matches!(step, Step::Field(word) if word == "definition"))
    });
    let place = place.iter().map(|word| Step::Field((*word).to_owned()));
    // What is inside a key set or a definition is not ours to name.
    let foreign = matches!(words.as_slice(), ["jwks" | "tools", ..]);
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
        Kind::Rule => "rule",
    }
}

fn camel_case(step: &Step) -> Step {
    match step {
        Step::Index(index) => Step::Index(*index),
        Step::Field(word) => {
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
