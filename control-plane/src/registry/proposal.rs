//! Proposals: changes that wait for a second person.

use std::sync::PoisonError;

use chancery_engine::id::Hex;
use chancery_proto::{
    admin::v1::{Proposal, ProposalState, ProposedChange},
    audit::v1::{AdminChange, entry},
};
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use super::{By, Changed, Done, Kind, Registry, RegistryError, Resources, Wish, now};
use crate::{
    access::Place,
    ledger,
    resource::Resource,
    store::{StoreError, Transaction},
};

/// Most proposals of one organization that wait at once.
const MAX_PENDING: usize = 1_000;

/// Why nothing was proposed or decided.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProposalError {
    /// There is none of this name.
    #[error("there is no `{name}`")]
    NotFound {
        /// Its name.
        name: String,
    },
    /// It changed since it was read.
    #[error(
        "`{name}` has etag {found}, not {given}: it was decided about in between; read it again"
    )]
    Conflict {
        /// Its name.
        name: String,
        /// The stored etag.
        found: String,
        /// The given one.
        given: String,
    },
    /// It was decided about.
    #[error("`{name}` is {state} already")]
    Decided {
        /// Its name.
        name: String,
        /// What it is.
        state: &'static str,
    },
    /// Whoever proposes does not decide.
    #[error("`{name}` was proposed by {author}: somebody else has to publish it")]
    SamePerson {
        /// Its name.
        name: String,
        /// Who proposed.
        author: String,
    },
    /// Only whoever proposed takes back.
    #[error(
        "`{name}` was proposed by {author}, who alone can take it back; a reviewer can reject it"
    )]
    OtherPerson {
        /// Its name.
        name: String,
        /// Who proposed.
        author: String,
    },
    /// What it changes was changed since.
    #[error("`{name}` is out of date: {error}; take it back and propose anew")]
    Stale {
        /// Its name.
        name: String,
        /// What is in the way.
        error: Box<RegistryError>,
    },
    /// A change that no single organization's reviewers could publish.
    #[error(
        "some of it is published by a second person in `{organization}`, and some is not its own: change `{other}` by itself"
    )]
    Mixed {
        /// The organization.
        organization: String,
        /// What is not its own, or is never proposed.
        other: String,
    },
    /// Enough wait.
    #[error("{MAX_PENDING} proposals wait in `{organization}` already: decide about some first")]
    TooMany {
        /// The organization.
        organization: String,
    },
    /// What is wished is not possible.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system.
    #[error("the system has no random bytes for a name: {0}")]
    Random(#[from] getrandom::Error),
}

/// What somebody decides about a proposal, without publishing it.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It is not published.
    Rejected {
        /// Why.
        comment: String,
    },
    /// Its author takes it back.
    Withdrawn,
}

impl Registry {
    /// Keeps wishes of one organization for a second person, if they could be fulfilled. Blocks on
    /// the store.
    ///
    /// # Errors
    /// Where they could not, or are not of one organization alone.
    pub fn propose(
        &self,
        wishes: Vec<Wish>,
        organization: &str,
        authors: Vec<String>,
        by: &By,
    ) -> Result<(Changed, Proposal), ProposalError> {
        for wish in &wishes {
            let place = Place::of(wish.name());
            let is_own = place.is_some_and(|place| {
                organization.strip_prefix("organizations/") == Some(place.organization)
            });
            if !is_own || wish.kind() == Kind::Credential {
                return Err(ProposalError::Mixed {
                    organization: organization.to_owned(),
                    other: wish.name().to_owned(),
                });
            }
        }
        let keys: Vec<_> = wishes.iter().map(Wish::key).collect();
        let before = self.current();
        let changed = self.change_for(by.method, wishes, by, true)?;
        let _turn = self.turn();
        let waiting = self.proposals(organization)?;
        let waiting = waiting
            .iter()
            .filter(|proposal| proposal.state() == ProposalState::Pending);
        if waiting.count() >= MAX_PENDING {
            return Err(ProposalError::TooMany {
                organization: organization.to_owned(),
            });
        }
        let mut id = [0; 8];
        getrandom::getrandom(&mut id)?;
        let mut proposal = Proposal {
            name: format!("{organization}/proposals/{}", Hex(&id)),
            create_time: Some(now()),
            authors,
            method: by.method.to_owned(),
            reason: by.reason.clone(),
            state: ProposalState::Pending.into(),
            changes: changes(&before, &keys, &changed.done),
            ..Proposal::default()
        };
        self.keep(&mut proposal, by, "")?;
        Ok((changed, proposal))
    }

    /// Every proposal of an organization, the newest first. Blocks on the store.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn proposals(&self, organization: &str) -> Result<Vec<Proposal>, StoreError> {
        let mut proposals = self
            .store
            .proposals(&format!("{organization}/proposals/"))?;
        let current = self.current();
        for proposal in &mut proposals {
            proposal.is_stale = is_stale(&current, proposal);
        }
        Ok(proposals)
    }

    /// One proposal. Blocks on the store.
    ///
    /// # Errors
    /// Where there is none of that name.
    pub fn proposal(&self, name: &str) -> Result<Proposal, ProposalError> {
        let found = self.store.proposal(name)?;
        let mut proposal = found.ok_or_else(|| ProposalError::NotFound {
            name: name.to_owned(),
        })?;
        proposal.is_stale = is_stale(&self.current(), &proposal);
        Ok(proposal)
    }

    /// Publishes a proposal, as another person than its author. Blocks on the store.
    ///
    /// # Errors
    /// Where it is the same person, or it cannot be published any more.
    pub fn approve(
        &self,
        name: &str,
        etag: &str,
        deciders: Vec<String>,
        by: By,
    ) -> Result<(Changed, Proposal), ProposalError> {
        let _turn = self.turn();
        let mut proposal = self.pending(name, etag)?;
        if is_author(&proposal, &deciders) {
            return Err(ProposalError::SamePerson {
                name: proposal.name,
                author: proposal.authors.join(" "),
            });
        }
        let wishes = proposal.changes.iter().filter_map(wish).collect();
        proposal.state = ProposalState::Approved.into();
        decide(&mut proposal, deciders);
        let by = By {
            author: proposal.authors.join(" "),
            cause: Some(format!("{name}, approved by {}", by.author)),
            reason: proposal.reason.clone(),
            approves: Some(proposal.clone()),
            ..by
        };
        let changed = self.change_for(&proposal.method, wishes, &by, false);
        let changed = changed.map_err(|error| {
            if let RegistryError::Store(error) = error {
                return ProposalError::Store(error);
            }
            ProposalError::Stale {
                name: name.to_owned(),
                error: Box::new(error),
            }
        })?;
        Ok((changed, proposal))
    }

    /// Decides that a proposal is not published. Blocks on the store.
    ///
    /// # Errors
    /// Where it was decided about, or it is another's to take back.
    pub fn dismiss(
        &self,
        (name, etag): (&str, &str),
        verdict: Verdict,
        deciders: Vec<String>,
        by: &By,
    ) -> Result<Proposal, ProposalError> {
        let _turn = self.turn();
        let mut proposal = self.pending(name, etag)?;
        let etag = proposal.etag.clone();
        match verdict {
            Verdict::Rejected { comment } => {
                proposal.state = ProposalState::Rejected.into();
                proposal.comment = comment;
            }
            Verdict::Withdrawn if is_author(&proposal, &deciders) => {
                proposal.state = ProposalState::Withdrawn.into();
            }
            Verdict::Withdrawn => {
                return Err(ProposalError::OtherPerson {
                    name: proposal.name,
                    author: proposal.authors.join(" "),
                });
            }
        }
        decide(&mut proposal, deciders);
        self.keep(&mut proposal, by, &etag)?;
        Ok(proposal)
    }

    fn turn(&self) -> std::sync::MutexGuard<'_, ()> {
        self.deciding.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pending(&self, name: &str, etag: &str) -> Result<Proposal, ProposalError> {
        let proposal = self.proposal(name)?;
        let state = match proposal.state() {
            ProposalState::Pending if etag.is_empty() || etag == proposal.etag => {
                return Ok(proposal);
            }
            ProposalState::Pending => {
                return Err(ProposalError::Conflict {
                    name: proposal.name,
                    found: proposal.etag,
                    given: etag.to_owned(),
                });
            }
            ProposalState::Approved => "published",
            ProposalState::Rejected => "rejected",
            ProposalState::Withdrawn => "taken back",
            ProposalState::Unspecified => "decided about",
        };
        Err(ProposalError::Decided {
            name: proposal.name,
            state,
        })
    }

    /// Stores a proposal, and what the record gets of that, as one.
    fn keep(&self, proposal: &mut Proposal, by: &By, etag_before: &str) -> Result<(), StoreError> {
        seal(proposal);
        let names = proposal.changes.iter().map(|change| &*change.name);
        let entry = entry::Event::AdminChange(AdminChange {
            principal: Some(by.principal.clone()),
            method: by.method.to_owned(),
            resource: names.collect::<Vec<_>>().join(" "),
            etag_before: etag_before.to_owned(),
            etag_after: proposal.etag.clone(),
            proposal: proposal.name.clone(),
            reason: by.reason.clone(),
            ..AdminChange::default()
        });
        self.store.commit(&Transaction {
            proposal: Some(proposal),
            entries: vec![ledger::entry(entry)],
            ..Transaction::default()
        })
    }
}

fn decide(proposal: &mut Proposal, deciders: Vec<String>) {
    proposal.decide_time = Some(now());
    proposal.deciders = deciders;
    seal(proposal);
}

/// Gives a proposal the etag of its content.
fn seal(proposal: &mut Proposal) {
    proposal.etag.clear();
    proposal.is_stale = false;
    let digest = Sha256::digest(proposal.encode_to_vec());
    let short = digest.first_chunk::<8>().map_or(&[][..], |bytes| bytes);
    proposal.etag = format!("\"{}\"", Hex(short));
}

fn is_author(proposal: &Proposal, identities: &[String]) -> bool {
    identities
        .iter()
        .any(|identity| proposal.authors.contains(identity))
}

fn changes(before: &Resources, keys: &[(Kind, String)], done: &[Done]) -> Vec<ProposedChange> {
    let change = |(key, done): (&(Kind, String), &Done)| {
        let after = match done {
            Done::Unchanged(_) => return None,
            Done::Created(resource) | Done::Updated(resource) => Some(resource.clone()),
            Done::Deleted => None,
        };
        Some(ProposedChange {
            name: key.1.clone(),
            before: before.get(key).cloned().map(Resource::into_message),
            after: after.map(Resource::into_message),
        })
    };
    keys.iter().zip(done).filter_map(change).collect()
}

/// The wish that a proposed change comes to, if everything is as it was.
fn wish(change: &ProposedChange) -> Option<Wish> {
    let read = |message: &Option<_>| message.clone().and_then(|m| Resource::try_from(m).ok());
    match (read(&change.before), read(&change.after)) {
        (None, Some(after)) => Some(Wish::Create(after.bare())),
        (Some(before), Some(mut after)) => {
            after.stamp(before.etag().to_owned(), now(), now());
            Some(Wish::Update(after))
        }
        (Some(before), None) => Some(Wish::Delete {
            kind: before.kind(),
            name: change.name.clone(),
            etag: before.etag().to_owned(),
        }),
        (None, None) => None,
    }
}

/// Whether something that a pending proposal changes is not as it was.
fn is_stale(current: &Resources, proposal: &Proposal) -> bool {
    let differs = |change: &ProposedChange| {
        let before = change.before.clone().map(Resource::try_from);
        let Some(wish) = wish(change) else {
            return true;
        };
        let stored = current.get(&wish.key());
        match (before, stored) {
            (None, None) => false,
            (Some(Ok(before)), Some(stored)) => before.etag() != stored.etag(),
            (None | Some(_), _) => true,
        }
    };
    proposal.state() == ProposalState::Pending && proposal.changes.iter().any(differs)
}
