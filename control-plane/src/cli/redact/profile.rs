//! Where the profile comes from.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use chancery_engine::redact::{DEFAULT_PROFILE, Plan, Profile};
use chancery_proto::admin::v1 as admin;

use crate::{
    cli::{
        Context, alone,
        batch::Batch,
        connect::Connection,
        exit::Failure,
        name::{Kind, Name},
        problem::{alternatives, did_you_mean},
        stored,
    },
    registry::RegistryError,
    resource::Resource,
    snapshot,
};

const CONSEQUENCE: &str = "nothing was redacted";

/// What a profile is made of.
const KINDS: [Kind; 3] = [Kind::Detector, Kind::Allowlist, Kind::RedactionProfile];

/// The profile of this name as a plan: of the documents, built in, or of the control plane.
pub(super) async fn find(
    name: &str,
    files: &[PathBuf],
    context: &Context,
) -> Result<Plan, Failure> {
    let name = context.scope.read(Kind::RedactionProfile, name)?;
    if !files.is_empty() {
        return of_documents(&name, files, context);
    }
    if name.id == DEFAULT_PROFILE && !context.address.is_given() {
        return Ok(plan(Profile::built_in()));
    }
    let connection = Connection::open(&context.address).await?;
    let mut resources = Vec::new();
    for kind in KINDS {
        let parent = format!("organizations/{}", name.organization);
        for kind in stored::list(&connection, kind, &parent).await? {
            let message = admin::Resource { kind: Some(kind) };
            let resource = Resource::try_from(message);
            resources.push(resource.map_err(|error| Failure::Nonsense(error.to_string()))?);
        }
    }
    let found = choose(&name, &resources);
    let found = found.map_err(|error| Failure::Nonsense(error.to_string()))?;
    found.ok_or_else(|| unknown(&name, &resources, "the control plane"))
}

fn of_documents(name: &Name, files: &[PathBuf], context: &Context) -> Result<Plan, Failure> {
    if files.iter().any(|file| file == Path::new("-")) {
        let said = "`-f -` makes no sense here, expected a file or folder: samples are read from the \
                    standard input";
        return Err(Failure::Usage(said.to_owned()));
    }
    let mut batch = Batch::read(files, &context.scope, CONSEQUENCE)?;
    batch.items.retain(|item| KINDS.contains(&item.name.kind));
    let about = ("documents", CONSEQUENCE);
    let resources = alone::checked(&batch, &context.scope, about)?;
    let found = choose(name, &resources).map_err(|error| alone::explain(error, &batch, about))?;
    found.ok_or_else(|| unknown(name, &resources, "these documents"))
}

/// The profile of this name; the built-in one where there is none of its name.
fn choose(name: &Name, resources: &[Resource]) -> Result<Option<Plan>, RegistryError> {
    if let Some(profile) = snapshot::redaction_profile(resources, &name.to_string())? {
        return Ok(Some(plan(profile)));
    }
    Ok((name.id == DEFAULT_PROFILE).then(|| plan(Profile::built_in())))
}

fn plan(profile: Profile) -> Plan {
    let mut plan = Plan::default();
    plan.add(&Arc::new(profile));
    plan
}

fn unknown(name: &Name, resources: &[Resource], place: &str) -> Failure {
    let profiles = resources
        .iter()
        .filter(|resource| matches!(resource, Resource::RedactionProfile(_)));
    let parent = format!("organizations/{}/", name.organization);
    let own = profiles.filter(|profile| profile.name().starts_with(&parent));
    let mut known: Vec<_> = own.map(Resource::id).collect();
    known.push(DEFAULT_PROFILE);
    let hint = did_you_mean(&name.id, &known).map(|hint| format!(" ({hint})"));
    Failure::Usage(format!(
        "`{}` is no redaction profile of organization `{}` in {place}, expected {}{}",
        name.id,
        name.organization,
        alternatives(&known),
        hint.unwrap_or_default()
    ))
}
