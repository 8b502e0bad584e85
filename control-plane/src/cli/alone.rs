//! Documents that are judged without a control plane.

use super::{batch::Batch, exit::Failure, name::Scope, problem::Problem, violation};
use crate::{
    registry::{RegistryError, candidate},
    resource::Resource,
};

/// The resources of a batch, checked as if all were stored at once. `file` is what an error is about
/// that is about no document.
pub(crate) fn checked(
    batch: &Batch,
    scope: &Scope,
    (file, consequence): (&str, &'static str),
) -> Result<Vec<Resource>, Failure> {
    let documents = batch
        .items
        .iter()
        .map(|item| item.document.to_message(scope));
    let resources: Result<Vec<_>, _> = documents.map(Resource::try_from).collect();
    let resources = resources.map_err(|error| Failure::Usage(error.to_string()))?;
    candidate::alone(resources).map_err(|error| explain(error, batch, (file, consequence)))
}

/// Brings what is wrong with a batch back to where it was written.
pub(crate) fn explain(
    error: RegistryError,
    batch: &Batch,
    (file, consequence): (&str, &'static str),
) -> Failure {
    let problems = if let RegistryError::Invalid(problems) = error {
        let problems = problems.into_iter().map(|(position, invalid)| {
            let field = format!("resources[{position}].{}", invalid.field);
            let message = format!("found {}, expected {}", invalid.found, invalid.expected);
            violation::place(&field, message, batch)
        });
        problems.collect()
    } else {
        vec![Problem::with_file(file, error.to_string())]
    };
    Failure::Invalid {
        problems,
        consequence,
    }
}
