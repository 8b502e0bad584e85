//! What the record gets of reviews.

use chancery_proto::{
    admin::v1::{DriftId, Server},
    audit::v1::{DefinitionKind, Review, ReviewVerdict, entry::Event},
    policy::v1::Pins,
};

use super::pinned::approves;
use crate::{ledger, registry::By, resource::pins_of};

/// Most entries that the record gets of what one change approves and withdraws; the change itself is on
/// it in any case.
const MAX_REVIEWS: usize = 256;

/// What the record gets of what a change of a server approves and withdraws, beside the change itself. Of
/// a server that is new, all of it is: that says nothing.
pub(in crate::registry) fn reviews(before: &Server, after: &Server, by: &By) -> Vec<Vec<u8>> {
    let pinned = |server| pins_of(server).ok().flatten();
    let (Some(old), Some(new)) = (pinned(before), pinned(after)) else {
        return Vec::new();
    };
    let entries = |from: &Server, less: &Pins, verdict| {
        let each = all(from).into_iter().filter(|id| !approves(less, id));
        let each = each.map(|id| review(by, &after.name, &id, verdict, &by.reason));
        each.collect::<Vec<_>>()
    };
    let mut entries_of_both = entries(after, &old, ReviewVerdict::Approved);
    entries_of_both.extend(entries(before, &new, ReviewVerdict::Withdrawn));
    entries_of_both.truncate(MAX_REVIEWS);
    entries_of_both
}

/// Every version that is approved of a server.
fn all(server: &Server) -> Vec<DriftId> {
    let Ok(Some(pins)) = pins_of(server) else {
        return Vec::new();
    };
    let lists = [
        (DefinitionKind::Tool, pins.tools),
        (DefinitionKind::Prompt, pins.prompts),
        (DefinitionKind::Resource, pins.resources),
        (DefinitionKind::ResourceTemplate, pins.resource_templates),
    ];
    let id = |kind: DefinitionKind, capability: String, seen| DriftId {
        definition_kind: kind.into(),
        capability,
        seen,
    };
    let mut ids = Vec::new();
    for (kind, list) in lists {
        for it in list {
            ids.extend(
                it.pins
                    .into_iter()
                    .map(|pin| id(kind, it.name.clone(), pin)),
            );
        }
    }
    let said = |kind, pins: Vec<_>| {
        let pins = pins.into_iter();
        pins.map(move |pin| id(kind, String::new(), pin))
    };
    ids.extend(said(DefinitionKind::Instructions, pins.instructions));
    ids.extend(said(DefinitionKind::ServerInfo, pins.server_infos));
    ids
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
