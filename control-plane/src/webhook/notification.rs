//! From an entry of the record to what somebody is told of it.
//!
//! Pure. Notifications go to chat systems, so they say where to look and carry no arguments, no content and
//! no text of a definition; names that others made up are shortened, and shown so that they deceive nobody.

use chancery_engine::{id::Hex, name::organization_of};
use chancery_proto::{
    admin::v1::{Block, Server, block::Target},
    audit::v1::{
        AdminChange, Attribute, DefinitionKind, DriftSighting, Entry, Gap, Outcome, Principal,
        Record, Review, ReviewVerdict, SightingSource, entry::Event as Recorded,
    },
    policy::v1::BlockedKind,
};
use prost::Message as _;
use prost_types::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{command::Command, event::Event};
use crate::{
    ledger::Positioned,
    registry::state_word,
    resource::server_of_block,
    review::called::{named, word},
    visible::{cut, visible},
};

/// Most columns of a name that somebody else made up.
const MAX_COLUMNS: usize = 256;

/// Who acts where no administrator did.
const ITSELF: &str = "control plane";

/// What is known beside the record.
pub trait Known {
    /// A server, by its resource name.
    fn server(&self, name: &str) -> Option<Server>;
    /// A block, by its resource name, also one that is gone.
    fn block(&self, name: &str) -> Option<Block>;
    /// Whether a node may have to do with a resource of this name.
    fn serves(&self, node_id: &str, name: &str) -> bool;
}

/// What a webhook of one organization is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Notification {
    /// What happened.
    pub event: Event,
    /// When.
    pub time: Timestamp,
    /// What it says.
    pub data: Data,
    /// What the same once more has, too: it is told again only after a day. Absent: each is told.
    pub once: Option<[u8; 32]>,
}

/// What a notification says. What is not known is left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Data {
    /// `organizations/{organization}`.
    pub organization: String,
    /// The server's resource name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Who answers for it, as its entry says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// What of the server: `tool/search`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// In which way it differs from what is approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<&'static str>,
    /// The pin of what was seen, in hexadecimal digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<String>,
    /// The server's state, where it has not changed once more since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
    /// Whose entries are missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Why entries are missing, or why a reviewer decided so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many are missing, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Who did it or saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Where in the record it is. Absent: it is not on record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<u64>,
    /// The command that goes on from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// The body of a message, as Standard Webhooks has it.
#[derive(Debug, Serialize)]
struct Body<'n> {
    r#type: &'static str,
    timestamp: String,
    data: &'n Data,
}

impl Notification {
    /// What an organization, `organizations/{o}`, is told of a record. `None`: nothing.
    pub fn of(organization: &str, found: &Positioned, known: &impl Known) -> Option<Self> {
        let Positioned { position, record } = found;
        let entry = Entry::decode(&*record.entry).ok()?;
        let about = About {
            organization,
            record,
            known,
        };
        let (event, mut data, once) = match &entry.event {
            Some(Recorded::Drift(drift)) => about.drift(drift)?,
            Some(Recorded::AdminChange(change)) => about.change(change)?,
            Some(Recorded::Gap(gap)) => about.gap(gap)?,
            Some(Recorded::Review(review)) => about.review(review)?,
            Some(Recorded::Outcome(outcome)) => about.outcome(outcome, &entry.decision_id)?,
            // Whose host a shadow is nobody knows: `registry shadows` lists it.
            Some(
                Recorded::Decision(_)
                | Recorded::Shadow(_)
                | Recorded::Tombstone(_)
                | Recorded::Restoration(_)
                | Recorded::InstanceEnd(_)
                | Recorded::RecordAccess(_),
            )
            | None => return None,
        };
        organization.clone_into(&mut data.organization);
        data.position = Some(*position);
        Some(Self {
            event,
            time: entry.time.or(record.receive_time).unwrap_or_default(),
            data,
            once,
        })
    }

    /// As JSON.
    ///
    /// # Errors
    /// Never, as all its keys are text.
    pub fn body(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Body {
            r#type: self.event.as_str(),
            timestamp: self.time.to_string(),
            data: &self.data,
        })
    }
}

type Told = (Event, Data, Option<[u8; 32]>);

/// A record, and whom it may be about.
struct About<'r, K> {
    organization: &'r str,
    record: &'r Record,
    known: &'r K,
}

impl<K: Known> About<'_, K> {
    fn drift(&self, drift: &DriftSighting) -> Option<Told> {
        let node = &self.record.node_id;
        let is_here = organization_of(&drift.server) == self.organization;
        // A node is believed of what it serves.
        let is_believed = node.is_empty() || self.known.serves(node, &drift.server);
        if !is_here || !is_believed {
            return None;
        }
        let by = match drift.source() {
            SightingSource::Scan => "a scan".to_owned(),
            SightingSource::Unspecified => {
                who(drift.principal.as_ref(), "somebody without a token")
            }
        };
        let command = Command::review(
            &drift.server,
            drift.definition_kind(),
            &drift.capability,
            &drift.seen,
        );
        let data = Data {
            what: Some(shown(&named(drift.definition_kind(), &drift.capability))),
            drift: Some(word(drift.drift())),
            pin: (!drift.seen.is_empty()).then(|| Hex(&drift.seen).to_string()),
            by: Some(by),
            command: Some(command.to_string()),
            ..self.data_of(&drift.server)
        };
        Some((Event::DriftSighted, data, Some(subject_of(drift))))
    }

    fn change(&self, change: &AdminChange) -> Option<Told> {
        // A node may write what it likes under its own name; changes are the control plane's own.
        let is_own = self.record.node_id.is_empty();
        let is_here = organization_of(&change.resource) == self.organization;
        if !is_own || !is_here || !change.error.is_empty() {
            return None;
        }
        let by = Some(who(change.principal.as_ref(), ITSELF));
        if is_quarantine(&change.resource) {
            let event = match (change.etag_before.is_empty(), change.etag_after.is_empty()) {
                (true, false) => Event::QuarantineBegun,
                (false, true) => Event::QuarantineEnded,
                (true, true) | (false, false) => return None,
            };
            let data = self.quarantine(&change.resource, event);
            return Some((event, Data { by, ..data }, None));
        }
        let changes_state = ["ChangeServerState", "UndeleteServer"].contains(&&*change.method);
        if !changes_state || change.etag_after.is_empty() || !change.resource.contains("/servers/")
        {
            return None;
        }
        let server = self.known.server(&change.resource);
        let unchanged = server.filter(|server| server.etag == change.etag_after);
        let state = unchanged.map(|server| state_word(server.state()));
        let data = Data {
            state,
            by,
            command: Some(Command::server(&change.resource).to_string()),
            ..self.data_of(&change.resource)
        };
        Some((Event::ServerStateChanged, data, None))
    }

    fn quarantine(&self, name: &str, event: Event) -> Data {
        let Some(block) = self.known.block(name) else {
            return Data::default();
        };
        let Some(server) = server_of_block(&block) else {
            return Data::default();
        };
        let (kind, capability) = match &block.target {
            Some(Target::Capability(it)) => (definition_kind(it.kind()), &*it.name),
            // Another release of it.
            Some(Target::Server(_) | Target::User(_) | Target::Agent(_) | Target::Host(_))
            | None => (DefinitionKind::ServerInfo, ""),
        };
        let pin = block.sighted_pins.last();
        let pin = pin.map_or(&[][..], Vec::as_slice);
        let command = Command::review(server, kind, capability, pin);
        Data {
            what: Some(shown(&named(kind, capability))),
            pin: (!pin.is_empty()).then(|| Hex(pin).to_string()),
            command: (event == Event::QuarantineBegun).then(|| command.to_string()),
            ..self.data_of(server)
        }
    }

    fn review(&self, review: &Review) -> Option<Told> {
        // A node may write what it likes under its own name; reviews are the control plane's own.
        let is_own = self.record.node_id.is_empty();
        if !is_own || organization_of(&review.server) != self.organization {
            return None;
        }
        let event = match review.verdict() {
            ReviewVerdict::Approved => Event::ReviewApproved,
            ReviewVerdict::Rejected => Event::ReviewRejected,
            // What takes its place is told.
            ReviewVerdict::Withdrawn | ReviewVerdict::Unspecified => return None,
        };
        let data = Data {
            what: Some(shown(&named(review.definition_kind(), &review.capability))),
            pin: (!review.seen.is_empty()).then(|| Hex(&review.seen).to_string()),
            reason: (!review.reason.is_empty()).then(|| shown(&review.reason)),
            by: Some(who(review.principal.as_ref(), ITSELF)),
            command: Some(Command::server(&review.server).to_string()),
            ..self.data_of(&review.server)
        };
        Some((event, data, None))
    }

    fn gap(&self, gap: &Gap) -> Option<Told> {
        let sender = &self.record.node_id;
        // What a node lost it says itself, or the control plane of it.
        let node = if sender.is_empty() {
            &gap.node_id
        } else {
            sender
        };
        if !node.is_empty() && !self.known.serves(node, self.organization) {
            return None;
        }
        let data = Data {
            node: (!node.is_empty()).then(|| shown(node)),
            reason: Some(shown(&gap.reason)),
            count: (gap.count > 0).then_some(gap.count),
            command: Some(Command::nodes().to_string()),
            ..Data::default()
        };
        // One that begins again and again is told of once.
        let once = Sha256::digest(format!("{node}\n{}", gap.reason)).into();
        Some((Event::RecordGap, data, Some(once)))
    }

    fn outcome(&self, outcome: &Outcome, decision_id: &[u8]) -> Option<Told> {
        let node = &outcome.lost_node_id;
        // How an answer ended is its client's business; what an instance took with it is everybody's.
        let is_lost = self.record.node_id.is_empty() && !node.is_empty();
        if !is_lost || organization_of(&outcome.server) != self.organization {
            return None;
        }
        let data = Data {
            node: Some(shown(node)),
            reason: Some(shown(&outcome.reason)),
            command: Some(Command::explain(decision_id).to_string()),
            ..self.data_of(&outcome.server)
        };
        // An instance may take many calls with it: once for all of them to one server.
        let mut once = Sha256::new();
        for part in [
            node.as_bytes(),
            &outcome.lost_instance_id,
            outcome.server.as_bytes(),
        ] {
            once.update(part.len().to_be_bytes());
            once.update(part);
        }
        Some((Event::OutcomeUnknown, data, Some(once.finalize().into())))
    }

    fn data_of(&self, server: &str) -> Data {
        let owner = self.known.server(server).map(|server| server.owner);
        Data {
            server: Some(shown(server)),
            owner: owner.map(|owner| shown(&owner)),
            ..Data::default()
        }
    }
}

/// A text of somebody else's, safe to show.
fn shown(text: &str) -> String {
    cut(visible(text), MAX_COLUMNS).into_owned()
}

fn who(principal: Option<&Principal>, otherwise: &str) -> String {
    let value = |attribute: &Option<Attribute>| attribute.as_ref().map(|it| it.value.clone());
    let said = principal.map(|it| [value(&it.user), value(&it.agent)]);
    let said = said.into_iter().flatten().flatten();
    let mut said = said.filter(|text| !text.is_empty());
    said.next()
        .map_or_else(|| otherwise.to_owned(), |text| shown(&text))
}

/// The name of a block that the control plane makes by itself: `…/blocks/drift-` and 12 digits.
fn is_quarantine(name: &str) -> bool {
    let digits = name.split_once("/blocks/drift-").map(|(_, digits)| digits);
    digits.is_some_and(|digits| {
        digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn definition_kind(kind: BlockedKind) -> DefinitionKind {
    match kind {
        BlockedKind::Tool => DefinitionKind::Tool,
        BlockedKind::Prompt => DefinitionKind::Prompt,
        BlockedKind::Resource => DefinitionKind::Resource,
        BlockedKind::Unspecified => DefinitionKind::Unspecified,
    }
}

/// What two sightings of one thing in one version have in common.
fn subject_of(drift: &DriftSighting) -> [u8; 32] {
    let definition = drift.definition.as_ref();
    let text = definition.map_or(&[][..], |content| &content.digest);
    let mut digest = Sha256::new();
    for part in [
        drift.server.as_bytes(),
        drift.definition_kind().as_str_name().as_bytes(),
        drift.capability.as_bytes(),
        drift.drift().as_str_name().as_bytes(),
        // Of what has no pin, its text tells one from another.
        if drift.seen.is_empty() {
            text
        } else {
            &drift.seen
        },
    ] {
        digest.update(part.len().to_be_bytes());
        digest.update(part);
    }
    digest.finalize().into()
}

#[cfg(test)]
mod tests;
