//! What the record gets of reviews.

use std::collections::BTreeSet;

use chancery_proto::{
    admin::v1::{DriftId, Server},
    audit::v1::{DefinitionKind, Review, ReviewVerdict, entry::Event},
    policy::v1::PinnedCapability,
};

use crate::{ledger, registry::By, resource::pins_of};

/// Most entries that the record gets of what one change approves and withdraws; the change itself is on
/// it in any case.
const MAX_REVIEWS: usize = 256;

/// What the record gets of what a change of a server approves and withdraws, beside the change itself. Of
/// a server that is new, all of it is: that says nothing.
pub(in crate::registry) fn reviews(before: &Server, after: &Server, by: &By) -> Vec<Vec<u8>> {
    let (Some(old), Some(new)) = (all(before), all(after)) else {
        return Vec::new();
    };
    let entry = |version: &Version, verdict| {
        let (definition_kind, capability, seen) = version.clone();
        let id = DriftId {
            definition_kind,
            capability,
            seen,
            text: Vec::new(),
        };
        review(by, &after.name, &id, verdict, &by.reason)
    };
    let approved = new.difference(&old);
    let approved = approved.map(|it| entry(it, ReviewVerdict::Approved));
    let withdrawn = old.difference(&new);
    let withdrawn = withdrawn.map(|it| entry(it, ReviewVerdict::Withdrawn));
    approved.chain(withdrawn).take(MAX_REVIEWS).collect()
}

/// What is defined, its name, and its pin.
type Version = (i32, String, Vec<u8>);

/// Every version that is approved of a server; `None` where it is not pinned.
fn all(server: &Server) -> Option<BTreeSet<Version>> {
    let pins = pins_of(server).ok().flatten()?;
    let lists = [
        (DefinitionKind::Tool, pins.tools),
        (DefinitionKind::Prompt, pins.prompts),
        (DefinitionKind::Resource, pins.resources),
        (DefinitionKind::ResourceTemplate, pins.resource_templates),
    ];
    let mut all = BTreeSet::new();
    for (kind, list) in lists {
        for PinnedCapability { name, pins } in list {
            let versions = pins.into_iter();
            all.extend(versions.map(|pin| (kind.into(), name.clone(), pin)));
        }
    }
    let said = [
        (DefinitionKind::Instructions, pins.instructions),
        (DefinitionKind::ServerInfo, pins.server_infos),
    ];
    for (kind, versions) in said {
        let versions = versions.into_iter();
        all.extend(versions.map(|pin| (kind.into(), String::new(), pin)));
    }
    Some(all)
}

/// One decision about one version.
pub(super) fn review(
    by: &By,
    server: &str,
    id: &DriftId,
    verdict: ReviewVerdict,
    reason: &str,
) -> Vec<u8> {
    ledger::entry(Event::Review(Review {
        principal: Some(by.principal.clone()),
        server: server.to_owned(),
        definition_kind: id.definition_kind,
        capability: id.capability.clone(),
        seen: id.seen.clone(),
        verdict: verdict.into(),
        reason: reason.to_owned(),
    }))
}
