//! Rules that are not in force, for commands that say what rules would do.

use std::path::PathBuf;

use chancery_proto::admin::v1::Candidate;

use super::{
    Context,
    batch::Batch,
    exit::Failure,
    name::{Kind, Scope},
    problem::alternatives,
    violation,
};

const CONSEQUENCE: &str = "nothing was judged";

/// Which rules. Those in force where nothing is said.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "By which rules")]
pub(crate) struct CandidateArgs {
    /// Judge as if these resource documents were applied; a file, a folder or -; repeatable
    #[arg(
        short,
        long = "filename",
        visible_alias = "candidate",
        value_name = "FILE|DIR|-"
    )]
    files: Vec<PathBuf>,
    /// Judge as if this resource were deleted, such as rule/dev-reads; repeatable
    #[arg(long, value_name = "KIND/NAME")]
    without: Vec<String>,
}

/// A candidate and where it was written.
#[derive(Debug)]
pub(crate) struct Rules {
    pub(crate) message: Option<Candidate>,
    batch: Batch,
}

impl CandidateArgs {
    /// Reads it.
    pub(crate) fn read(&self, context: &Context) -> Result<Rules, Failure> {
        let batch = Batch::read(&self.files, &context.scope, CONSEQUENCE)?;
        let documents = batch.items.iter();
        let resources = documents.map(|item| item.document.to_message(&context.scope));
        let removed = self
            .without
            .iter()
            .map(|name| removed(name, &context.scope));
        let candidate = Candidate {
            resources: resources.collect(),
            removed: removed.collect::<Result<_, _>>()?,
        };
        let is_given = !(self.files.is_empty() && self.without.is_empty());
        Ok(Rules {
            message: is_given.then_some(candidate),
            batch,
        })
    }
}

impl Rules {
    /// Brings what is wrong with the candidate back to where it was written.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        match failure {
            Failure::Refused { status, action } => {
                violation::explain(*status, &self.batch, &action, CONSEQUENCE)
            }
            other @ (Failure::Invalid { .. }
            | Failure::Usage(_)
            | Failure::Unreachable { .. }
            | Failure::TooSlow(_)
            | Failure::Nonsense(_)
            | Failure::Output(_)) => other,
        }
    }
}

fn removed(text: &str, scope: &Scope) -> Result<String, Failure> {
    let parts = text.split_once('/');
    let kind = parts.and_then(|(kind, _)| <Kind as clap::ValueEnum>::from_str(kind, true).ok());
    if let (Some(kind), Some((_, id))) = (kind, parts) {
        return Ok(scope.read(kind, id)?.to_string());
    }
    let kinds = Kind::ALL.map(Kind::singular);
    Err(Failure::Usage(format!(
        "`--without {text}` names no resource, expected KIND/NAME, KIND one of {}",
        alternatives(&kinds)
    )))
}
