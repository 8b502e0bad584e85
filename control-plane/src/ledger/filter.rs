//! What records must be to be found, and by whom.

use chancery_proto::audit::v1::{Entry, Record, RecordFilter, Verdict, entry::Event};
use prost::Message as _;

use super::{
    card::{Card, Code, Text, nanos},
    expression::{Condition, Expression, Misread, Pattern, Start, Test},
};
use crate::access::{Grants, Role};

/// Why a filter cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FilterError {
    /// Its decision id.
    #[error("found the decision id `{0}`, expected 32 hexadecimal digits")]
    DecisionId(String),
    /// Its expression.
    #[error(transparent)]
    Expression(#[from] Misread),
}

/// What records must be to be found.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    wanted: Expression,
    /// Whose records are found. Absent: everyone's.
    reader: Option<Grants>,
}

/// Hexadecimal digits of a decision id.
const ID_DIGITS: usize = 32;

impl Filter {
    /// Reads a filter.
    ///
    /// # Errors
    /// Where its decision id or its expression is none.
    pub fn new(filter: RecordFilter) -> Result<Self, FilterError> {
        Ok(Self {
            wanted: wanted(filter)?,
            reader: None,
        })
    }

    /// Only what an auditor with these grants may read: what names a resource, and only resources
    /// where they are auditor.
    #[must_use]
    pub fn for_reader(self, grants: Grants) -> Self {
        Self {
            reader: Some(grants),
            ..self
        }
    }

    /// Whether a record is one of those.
    pub fn admits(&self, record: &Record) -> bool {
        let Ok(entry) = Entry::decode(&*record.entry) else {
            return false;
        };
        self.may_be_read(&entry) && self.wanted.admits(&Card::of(&entry))
    }

    pub(super) fn wanted(&self) -> &Expression {
        &self.wanted
    }

    pub(super) fn reader(&self) -> Option<&Grants> {
        self.reader.as_ref()
    }

    fn may_be_read(&self, entry: &Entry) -> bool {
        let Some(grants) = &self.reader else {
            return true;
        };
        let names = names(entry);
        !names.is_empty()
            && names
                .iter()
                .all(|name| grants.allow_at(Role::Auditor, name))
    }
}

/// The resources that an entry is about: whoever may read it is auditor of all of them.
pub(super) fn names(entry: &Entry) -> Vec<&str> {
    let names = match &entry.event {
        Some(Event::Decision(decision)) => &decision.server,
        Some(Event::Outcome(outcome)) => &outcome.server,
        Some(Event::Drift(drift)) => &drift.server,
        Some(Event::AdminChange(change)) => &change.resource,
        Some(Event::Review(review)) => &review.server,
        Some(Event::RecordAccess(access)) => {
            return access.organizations.iter().map(String::as_str).collect();
        }
        // These name no resource.
        Some(
            Event::Gap(_)
            | Event::Shadow(_)
            | Event::Tombstone(_)
            | Event::Restoration(_)
            | Event::InstanceEnd(_),
        )
        | None => return Vec::new(),
    };
    names.split(' ').collect()
}

/// All that a filter asks, as one expression. What is asked by a field of its own is asked of those
/// kinds of records alone that people look for by it.
fn wanted(filter: RecordFilter) -> Result<Expression, FilterError> {
    let RecordFilter {
        user,
        server,
        capability,
        method,
        verdict,
        decision_id,
        start_time,
        end_time,
        shadow,
        drift,
        expression,
    } = filter;
    let mut parts = Vec::new();
    let mut is = |condition| parts.push(Expression::Is(condition));
    if let Some(start) = start_time {
        is(Condition::From(nanos(start)));
    }
    if let Some(end) = end_time {
        is(Condition::Before(nanos(end)));
    }
    for (field, text, kinds) in [
        (Text::User, user, &["decision", "review"][..]),
        (
            Text::Server,
            server,
            &["decision", "outcome", "drift", "review"],
        ),
        (
            Text::Capability,
            capability,
            &["decision", "drift", "review"],
        ),
        (Text::Method, method, &["decision"]),
    ] {
        if !text.is_empty() {
            is(Condition::Text(field, Test::Is(Pattern::exactly(&text))));
            is(Condition::Code(Code::Kind, kinds_of(kinds)));
        }
    }
    if verdict != i32::from(Verdict::Unspecified) {
        let code = verdict
            .checked_sub(1)
            .and_then(|code| u32::try_from(code).ok());
        let bit = code.and_then(|code| 1_u16.checked_shl(code));
        is(Condition::Code(Code::Verdict, bit.unwrap_or(0)));
    }
    if shadow {
        is(Condition::Shadowed);
    }
    if drift {
        is(Condition::Code(Code::Kind, kinds_of(&["drift"])));
    }
    if !decision_id.is_empty() {
        is(Condition::Decision(start(&decision_id)?));
    }
    if !expression.trim().is_empty() {
        parts.push(Expression::read(&expression)?);
    }
    Ok(Expression::All(parts))
}

fn kinds_of(wanted: &[&str]) -> u16 {
    let words = Code::Kind.words().iter().enumerate();
    let bits = words.filter(|(_, word)| wanted.contains(word));
    bits.fold(0, |bits, (code, _)| bits | (1 << code))
}

fn start(decision_id: &str) -> Result<Start, FilterError> {
    let digits = decision_id.to_ascii_lowercase();
    if digits.len() != ID_DIGITS || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(FilterError::DecisionId(decision_id.to_owned()));
    }
    Ok(Start {
        digits,
        is_other: false,
    })
}
