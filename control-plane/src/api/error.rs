//! Errors as callers see them (AIP-193): one place for all services.

use chancery_engine::wire::Invalid;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::{
    discovery::{DiscoveryError, scanner::ScanError},
    ledger::{FilterError, LedgerError, index::IndexError},
    registry::{RegistryError, proposal::ProposalError},
    sealing::SealingError,
    secrets::SecretsError,
};

const DOMAIN: &str = "chancery.dev";

/// Most bytes of a message, and of one field or description. All of an error is in HTTP/2 headers,
/// which clients take 8 to 16 KiB of: the details in base64, and the message beside and in them.
const MAX_TEXT_BYTES: usize = 768;

/// Most broken rules that are named.
const MAX_BROKEN: usize = 3;

/// Most bytes of all violations together.
const MAX_VIOLATIONS_BYTES: usize = 3 * 1024;

/// An error with its stable reason.
fn status(code: Code, reason: &str, message: String, mut details: ErrorDetails) -> Status {
    details.set_error_info(reason, DOMAIN, []);
    Status::with_error_details(code, bounded(message), details)
}

/// The start of a text that is too long.
fn bounded(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
        text.push('…');
    }
    text
}

/// A field of a request that is wrong.
pub(super) fn invalid_argument(field: &str, found: &str, expected: &str) -> Status {
    let invalid = Invalid {
        field: field.to_owned(),
        found: found.to_owned(),
        expected: expected.to_owned(),
    };
    violations([(field.to_owned(), invalid)])
}

fn violations(problems: impl IntoIterator<Item = (String, Invalid)>) -> Status {
    let (mut shown, mut more, mut bytes) = (Vec::new(), 0_usize, 0_usize);
    for (field, invalid) in problems {
        let description = format!("found {}, expected {}", invalid.found, invalid.expected);
        let (field, description) = (bounded(field), bounded(description));
        bytes = bytes.saturating_add(field.len().saturating_add(description.len()));
        // Once one is left out all after it are, so that what is shown is the start.
        if bytes > MAX_VIOLATIONS_BYTES && !shown.is_empty() {
            more = more.saturating_add(1);
            continue;
        }
        shown.push(FieldViolation {
            field,
            description,
            ..FieldViolation::default()
        });
    }
    let mut summary: Vec<_> = shown
        .iter()
        .map(|v| format!("{}: {}", v.field, v.description))
        .collect();
    if more > 0 {
        let first = summary.first().map(String::as_str).unwrap_or_default();
        let others = shown.len().saturating_add(more).saturating_sub(1);
        summary = vec![format!("{} and {others} more", bounded(first.to_owned()))];
        shown.push(FieldViolation {
            field: "further problems".to_owned(),
            description: format!("and {more} more, shown once these are mended"),
            ..FieldViolation::default()
        });
    }
    let details = ErrorDetails::with_bad_request(shown);
    status(
        Code::InvalidArgument,
        "INVALID_RESOURCE",
        summary.join("; "),
        details,
    )
}

/// How the fields of a wish are named to its caller.
#[derive(Clone, Copy, Debug)]
pub(super) enum Naming {
    /// The wish is one of a batch: `resources[2].endpoints[0].path`.
    Batch,
    /// The wish is the request's one resource: `rule.servers[0]`.
    Single(&'static str),
    /// The fields are the request's own.
    Request,
}

impl Naming {
    fn field(self, position: usize, field: &str) -> String {
        match self {
            Self::Batch => format!("resources[{position}].{field}"),
            Self::Single(name) => format!("{name}.{field}"),
            Self::Request => field.to_owned(),
        }
    }
}

pub(super) fn registry(error: &RegistryError, naming: Naming) -> Status {
    let message = error.to_string();
    let mut details = ErrorDetails::new();
    match error {
        RegistryError::Invalid(problems) => {
            violations(problems.iter().map(|(position, invalid)| {
                (naming.field(*position, &invalid.field), invalid.clone())
            }))
        }
        RegistryError::TooMany { .. } => {
            status(Code::InvalidArgument, "TOO_MANY_CHANGES", message, details)
        }
        RegistryError::NotFound { name } => {
            details.set_resource_info("resource", name, "", "there is none of this name");
            status(Code::NotFound, "NOT_FOUND", message, details)
        }
        RegistryError::AlreadyExists { name } => {
            details.set_resource_info("resource", name, "", "the name is taken");
            status(Code::AlreadyExists, "ALREADY_EXISTS", message, details)
        }
        RegistryError::Conflict { .. } => status(Code::Aborted, "ETAG_MISMATCH", message, details),
        RegistryError::SameAuthor { name, .. } => {
            details.add_precondition_failure_violation("SAME_PERSON", name, "they proposed it");
            status(Code::FailedPrecondition, "SAME_PERSON", message, details)
        }
        RegistryError::InUse { name, by } => {
            details.add_precondition_failure_violation("IN_USE", name, format!("named by {by}"));
            status(Code::FailedPrecondition, "IN_USE", message, details)
        }
        RegistryError::UnknownVersion { version, .. } => {
            let name = version.to_string();
            details.set_resource_info("snapshot", name, "", "there is none of this version");
            status(Code::NotFound, "NOT_FOUND", message, details)
        }
        RegistryError::Unfit { .. } => status(
            Code::FailedPrecondition,
            "RESOURCES_UNFIT",
            message,
            details,
        ),
        RegistryError::SecondPerson { organization } => {
            let what = "a reviewer other than the author publishes it";
            details.add_precondition_failure_violation("SECOND_PERSON", organization, what);
            status(Code::FailedPrecondition, "SECOND_PERSON", message, details)
        }
        RegistryError::BreaksRules(broken) => {
            for (rule, why) in broken.iter().take(MAX_BROKEN) {
                details.add_precondition_failure_violation(
                    "BREAKS_RULE",
                    bounded(rule.clone()),
                    bounded(why.clone()),
                );
            }
            status(Code::FailedPrecondition, "BREAKS_RULES", message, details)
        }
        RegistryError::Build(_) => status(
            Code::FailedPrecondition,
            "SNAPSHOT_REFUSED",
            message,
            details,
        ),
        RegistryError::Secrets(error) => secrets(error),
        RegistryError::Store(_) => {
            tracing::error!(error = %message, "the store failed");
            status(Code::Internal, "STORE_FAILED", message, details)
        }
    }
}

/// No record of a decision.
pub(super) fn no_decision(id: &str) -> Status {
    let message = format!("there is no decision `{id}` in the record");
    let mut details = ErrorDetails::new();
    details.set_resource_info("decision", id, "", "there is none of this id");
    status(Code::NotFound, "NOT_FOUND", message, details)
}

/// No such record, or none that may be read.
pub(super) fn no_record(which: &str) -> Status {
    let message = format!("there is no {which} in the record");
    let mut details = ErrorDetails::new();
    details.set_resource_info("record", which, "", "there is none, or it may not be read");
    status(Code::NotFound, "NOT_FOUND", message, details)
}

pub(super) fn sealing(error: &SealingError) -> Status {
    let message = error.to_string();
    tracing::error!(error = %message, "there are no sealing keys");
    status(
        Code::Internal,
        "SEALING_FAILED",
        message,
        ErrorDetails::new(),
    )
}

pub(super) fn secrets(error: &SecretsError) -> Status {
    let message = error.to_string();
    tracing::error!(error = %message, "the sealed part of the store failed");
    status(
        Code::Internal,
        "SECRETS_FAILED",
        message,
        ErrorDetails::new(),
    )
}

pub(super) fn ledger(error: &LedgerError) -> Status {
    tracing::error!(%error, "the log failed");
    status(
        Code::Unavailable,
        "LOG_FAILED",
        error.to_string(),
        ErrorDetails::new(),
    )
}

/// The index failed, or the log that it reads.
pub(super) fn index(error: &IndexError) -> Status {
    if let IndexError::Ledger(error) = error {
        return ledger(error);
    }
    tracing::error!(%error, "the index of the record failed");
    status(
        Code::Unavailable,
        "INDEX_FAILED",
        error.to_string(),
        ErrorDetails::new(),
    )
}

/// A filter of the record that cannot be read.
pub(super) fn filter(error: FilterError) -> Status {
    match error {
        FilterError::DecisionId(id) => {
            let found = format!("`{id}`");
            invalid_argument("filter.decision_id", &found, "32 hexadecimal digits")
        }
        FilterError::Expression(misread) => {
            let found = format!("{} at column {}", misread.found, misread.column);
            invalid_argument("filter.expression", &found, &misread.expected)
        }
    }
}

pub(super) fn proposal(error: &ProposalError) -> Status {
    let message = error.to_string();
    let mut details = ErrorDetails::new();
    match error {
        ProposalError::NotFound { name } => {
            details.set_resource_info("proposal", name, "", "there is none of this name");
            status(Code::NotFound, "NOT_FOUND", message, details)
        }
        ProposalError::Conflict { .. } => status(Code::Aborted, "ETAG_MISMATCH", message, details),
        ProposalError::Decided { .. } => {
            status(Code::FailedPrecondition, "DECIDED", message, details)
        }
        ProposalError::SamePerson { .. } => {
            status(Code::PermissionDenied, "SAME_PERSON", message, details)
        }
        ProposalError::OtherPerson { .. } => {
            status(Code::PermissionDenied, "OTHER_PERSON", message, details)
        }
        ProposalError::Stale { .. } => status(Code::Aborted, "STALE", message, details),
        ProposalError::Mixed { .. } => {
            status(Code::FailedPrecondition, "SECOND_PERSON", message, details)
        }
        ProposalError::TooMany { .. } => status(
            Code::ResourceExhausted,
            "TOO_MANY_PROPOSALS",
            message,
            details,
        ),
        ProposalError::Registry(error) => registry(error, Naming::Batch),
        ProposalError::Store(_) | ProposalError::Random(_) => {
            tracing::error!(error = %message, "a proposal is not kept");
            status(Code::Internal, "STORE_FAILED", message, details)
        }
    }
}

/// A server that was asked what it offers and did not say.
pub(super) fn discovery(url: &str, error: &DiscoveryError) -> Status {
    let message = error.to_string();
    let mut details = ErrorDetails::new();
    details.add_precondition_failure_violation("DISCOVERY", url, "an MCP server that answers");
    let code = Code::FailedPrecondition;
    status(code, "NOT_DISCOVERED", message, details)
}

/// A server that cannot be looked at.
pub(super) fn not_scanned(name: &str, error: &ScanError) -> Status {
    let mut details = ErrorDetails::new();
    let what = "`pinning` and `scan.url` in its document";
    details.add_precondition_failure_violation("SCAN", name, what);
    let code = Code::FailedPrecondition;
    status(code, "NOT_SCANNED", error.to_string(), details)
}

/// Nobody is known to call.
pub(super) fn unauthenticated(message: String) -> Status {
    status(
        Code::Unauthenticated,
        "UNAUTHENTICATED",
        message,
        ErrorDetails::new(),
    )
}

/// A resource that cannot be shown as a document.
pub(super) fn rendering(error: &impl std::fmt::Display) -> Status {
    tracing::error!(%error, "a stored resource cannot be shown");
    status(
        Code::Internal,
        "RENDERING_FAILED",
        error.to_string(),
        ErrorDetails::new(),
    )
}

/// The caller is known, and may not.
pub(super) fn permission_denied(message: String, role: &str, place: &str) -> Status {
    let mut details = ErrorDetails::new();
    let metadata = [("role", role), ("place", place)];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), bounded(value.to_owned())));
    details.set_error_info("ROLE_MISSING", DOMAIN, metadata);
    Status::with_error_details(Code::PermissionDenied, bounded(message), details)
}

/// A task of ours that did not end as it should.
pub(super) fn task(error: &tokio::task::JoinError) -> Status {
    status(
        Code::Internal,
        "TASK_FAILED",
        error.to_string(),
        ErrorDetails::new(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(problems: impl Iterator<Item = String>) -> Status {
        let invalid = |(position, found): (usize, String)| {
            let found = format!("`{found}`");
            let expected = "the name of a rule, `organizations/{o}/rules/{id}`";
            let field = format!("field{position}");
            (position, crate::resource::invalid(field, found, expected))
        };
        let problems = problems.enumerate().map(invalid).collect();
        registry(&RegistryError::Invalid(problems), Naming::Batch)
    }

    /// As headers: the message may take three bytes for each of its own, the details four for three.
    fn header_bytes(status: &Status) -> usize {
        status.message().len() * 3 + status.details().len().div_ceil(3) * 4
    }

    #[test]
    fn many_mistakes_fit_into_headers() {
        let many = of((0..20_000).map(|it| format!("rules/{it}")));
        assert!(header_bytes(&many) < 8 * 1024, "{}", header_bytes(&many));
        let violations = many.get_details_bad_request().unwrap().field_violations;
        let (last, shown) = violations.split_last().unwrap();
        assert!(shown.len() > 20, "{}", shown.len());
        let more = 20_000 - shown.len();
        assert!(last.description.starts_with(&format!("and {more} more")));
        assert!(many.message().ends_with(" and 19999 more"), "{many}");
    }

    #[test]
    fn few_mistakes_are_all_shown() {
        let few = of((0..3).map(|it| format!("rules/{it}")));
        let violations = few.get_details_bad_request().unwrap().field_violations;
        let fields: Vec<_> = violations.iter().map(|it| &*it.field).collect();
        assert_eq!(
            fields,
            [
                "resources[0].field0",
                "resources[1].field1",
                "resources[2].field2"
            ]
        );
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = of(std::iter::once("ä".repeat(100_000)));
        assert!(header_bytes(&long) < 8 * 1024, "{}", header_bytes(&long));
        let denied = permission_denied("ä".repeat(100_000), "viewer", &"ö".repeat(100_000));
        assert!(
            header_bytes(&denied) < 8 * 1024,
            "{}",
            header_bytes(&denied)
        );
    }
}
