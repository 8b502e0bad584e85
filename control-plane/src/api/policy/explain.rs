//! Why a recorded decision was made.

use chancery_proto::{
    admin::v1::{Candidate, ExplainDecisionResponse, Explanation},
    audit::v1::Decision,
};
use prost_types::Timestamp;
use tonic::Status;

use super::{explanation, simulator};
use crate::{
    api::error::{self, Naming},
    ledger::decision::Decided,
    registry::{Registry, RegistryError},
    simulate::{self, Recall, Simulator},
};

/// Judges a recorded decision again: by the rules that it was made by, or by a candidate's.
pub(super) fn explain(
    registry: &Registry,
    decided: Decided,
    candidate: Option<Candidate>,
) -> Result<ExplainDecisionResponse, Status> {
    let Decided {
        decision,
        time,
        outcome,
    } = decided;
    let rules = match candidate {
        Some(candidate) => Ok(simulator(registry, Some(candidate))?),
        None => rules_of(registry, &decision)?,
    };
    let explained = rules.and_then(|rules| judged_again(&rules, &decision, &time));
    let (explanation, unexplained) = match explained {
        Ok(explanation) => (Some(explanation), String::new()),
        Err(why) => (None, why),
    };
    Ok(ExplainDecisionResponse {
        explanation,
        decision: Some(decision),
        time: Some(time),
        outcome,
        unexplained,
    })
}

/// The rules that a decision was made by, or why they cannot be had.
fn rules_of(registry: &Registry, decision: &Decision) -> Result<Result<Simulator, String>, Status> {
    let (epoch, version) = (decision.snapshot_epoch, decision.snapshot_version);
    let not_kept = || Ok(Err(format!("snapshot {epoch}.{version} is not kept here")));
    if epoch != registry.epoch() {
        return not_kept();
    }
    let resources = match registry.resources_of(version) {
        Ok(resources) => resources,
        Err(RegistryError::UnknownVersion { .. }) => return not_kept(),
        Err(error) => return Err(error::registry(&error, Naming::Batch)),
    };
    let simulator = Simulator::of_version(&resources, (epoch, version));
    Ok(simulator.map_err(|error| format!("its snapshot does not compile here: {error}")))
}

fn judged_again(
    rules: &Simulator,
    decision: &Decision,
    time: &Timestamp,
) -> Result<Explanation, String> {
    match simulate::recall(rules, decision, simulate::unix_time(time)) {
        Recall::Whole(mut call) => {
            call.is_explained = true;
            let simulated = rules.judge(&call).map_err(|error| error.to_string())?;
            Ok(explanation(simulated))
        }
        Recall::Partial(mut partial) => {
            partial.known.is_explained = true;
            let simulated = rules.judge(&partial.known);
            let simulated = simulated.map_err(|error| error.to_string())?;
            if partial.suffices_for(&simulated.decision) {
                Ok(explanation(simulated))
            } else {
                Err(partial.why.to_owned())
            }
        }
        Recall::Unknown(why) => Err(why.to_owned()),
        Recall::Sent(_) => Err("it is about what the server sent by itself".to_owned()),
        Recall::PassedOver => Err("it was not rules that decided".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::tests::{apply, delete, rule, server, start};

    #[test]
    fn what_was_published_since_changes_no_explanation() {
        let (registry, _folder) = start();
        let old = apply(&registry, [server("a"), rule("r", "x")]);
        let new = delete(&registry, &server("a"));
        let rules = |epoch, version| {
            let decision = Decision {
                snapshot_epoch: epoch,
                snapshot_version: version,
                ..Decision::default()
            };
            rules_of(&registry, &decision).unwrap()
        };
        let name = "organizations/o/workspaces/w/servers/a";
        let is_there = |rules: Simulator| rules.place(name, "").is_ok();
        assert!(is_there(rules(registry.epoch(), old).unwrap()));
        assert!(!is_there(rules(registry.epoch(), new).unwrap()));
        for (epoch, version) in [(registry.epoch(), 9), (1, old)] {
            let why = rules(epoch, version).unwrap_err();
            assert_eq!(why, format!("snapshot {epoch}.{version} is not kept here"));
        }
    }
}
