//! Who reads the record, on the record.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use chancery_proto::audit::v1::{RecordAccess, RecordFilter, Verdict, entry::Event};

use super::admission::Admitted;
use crate::{
    access::Role,
    ledger::{Ledger, LedgerError},
};

/// For how long what is read for the same question is counted together.
const TOGETHER_FOR: Duration = Duration::from_mins(1);

/// Questions that are counted at once; what is more is recorded each time.
const MAX_QUESTIONS: usize = 1_000;

/// Who asks what: the caller, the RPC, the filter, and where they may read.
type Question = (String, String, String, Vec<String>);

/// What is read, recorded before it is given: the first answer by itself, what follows within a minute
/// by one entry more.
#[derive(Debug)]
pub struct Readings {
    ledger: Arc<Ledger>,
    counted: Mutex<BTreeMap<Question, Counted>>,
}

/// What was given since the entry of a question.
#[derive(Debug)]
struct Counted {
    since: Instant,
    access: RecordAccess,
}

impl Readings {
    /// None yet.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            ledger,
            counted: Mutex::default(),
        }
    }

    /// Records that records are about to be given, or counts them.
    ///
    /// # Errors
    /// Where that is not durable; nothing may be given then.
    pub(super) async fn note(&self, access: RecordAccess) -> Result<(), Arc<LedgerError>> {
        let Some(access) = self.first(access, Instant::now()) else {
            return Ok(());
        };
        let question = question(&access);
        let noted = self.record(access).await;
        if noted.is_err() {
            self.counted().remove(&question);
        }
        noted
    }

    /// Records what was only counted, of questions that were asked long enough ago or, at the end, of
    /// all.
    pub async fn settle(&self, is_end: bool) {
        let now = Instant::now();
        let is_due = |counted: &Counted| is_end || is_over(counted, now);
        let due: Vec<_> = {
            let mut counted = self.counted();
            counted
                .extract_if(.., |_, counted| is_due(counted))
                .collect()
        };
        for (_, Counted { access, .. }) in due {
            if access.given_count > 0
                && let Err(error) = self.record(access).await
            {
                tracing::error!(%error, "what was read is not recorded");
            }
        }
    }

    /// What is to be recorded now, if anything.
    fn first(&self, mut access: RecordAccess, now: Instant) -> Option<RecordAccess> {
        let mut counted = self.counted();
        let question = question(&access);
        if let Some(known) = counted.get_mut(&question) {
            let more = known.access.given_count.saturating_add(access.given_count);
            if !is_over(known, now) {
                known.access.given_count = more;
                return None;
            }
            known.since = now;
            known.access.given_count = 0;
            access.given_count = more;
            return Some(access);
        }
        if counted.len() < MAX_QUESTIONS {
            let nothing = RecordAccess {
                given_count: 0,
                ..access.clone()
            };
            let first = Counted {
                since: now,
                access: nothing,
            };
            counted.insert(question, first);
        }
        Some(access)
    }

    pub(super) async fn record(&self, access: RecordAccess) -> Result<(), Arc<LedgerError>> {
        self.ledger.note(Event::RecordAccess(access)).await?;
        Ok(())
    }

    fn counted(&self) -> MutexGuard<'_, BTreeMap<Question, Counted>> {
        // Each question is put in whole.
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_over(counted: &Counted, now: Instant) -> bool {
    now.duration_since(counted.since) >= TOGETHER_FOR
}

fn question(access: &RecordAccess) -> Question {
    let principal = access.principal.clone().unwrap_or_default();
    let of = |attribute: Option<chancery_proto::audit::v1::Attribute>| {
        attribute.unwrap_or_default().value
    };
    let who = [principal.user, principal.issuer, principal.client]
        .map(of)
        .join("\n");
    (
        who,
        access.method.clone(),
        access.filter.clone(),
        access.organizations.clone(),
    )
}

/// An access of a caller, with nothing given yet.
pub(super) fn access(
    admitted: &Admitted,
    reads_all: bool,
    method: &str,
    filter: &RecordFilter,
) -> RecordAccess {
    let organizations = if reads_all {
        vec!["organizations/-".to_owned()]
    } else {
        admitted.grants.places(Role::Auditor)
    };
    RecordAccess {
        principal: Some(admitted.caller.principal()),
        method: method.to_owned(),
        filter: asked(filter),
        organizations,
        given_count: 0,
    }
}

/// What a filter asks, as one expression.
fn asked(filter: &RecordFilter) -> String {
    let RecordFilter {
        user,
        server,
        capability,
        method,
        verdict: _,
        decision_id,
        start_time,
        end_time,
        shadow,
        drift,
        expression,
    } = filter;
    let verdict = match filter.verdict() {
        Verdict::Unspecified => "",
        Verdict::Allow => "allow",
        Verdict::Deny => "deny",
        Verdict::RequireApproval => "require_approval",
    };
    let mut parts = Vec::new();
    for (field, value) in [
        ("user", &**user),
        ("server", server),
        ("capability", capability),
        ("method", method),
        ("verdict", verdict),
        ("decision_id", decision_id),
    ] {
        if !value.is_empty() {
            parts.push(format!("{field} = {value:?}"));
        }
    }
    let times = [(">=", start_time), ("<", end_time)];
    for (order, time) in times {
        parts.extend(time.map(|time| format!("time {order} \"{time}\"")));
    }
    let flags = [(*shadow, "shadow = true"), (*drift, "kind = drift")];
    let flags = flags.into_iter().filter(|(is_set, _)| *is_set);
    parts.extend(flags.map(|(_, text)| text.to_owned()));
    match (expression.trim(), parts.is_empty()) {
        ("", _) => {}
        (text, true) => parts.push(text.to_owned()),
        (text, false) => parts.push(format!("({text})")),
    }
    mem::take(&mut parts).join(" AND ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Filter;

    fn given(filter: &str, given_count: u64) -> RecordAccess {
        RecordAccess {
            filter: filter.to_owned(),
            given_count,
            ..RecordAccess::default()
        }
    }

    #[tokio::test]
    async fn the_pages_of_one_question_are_two_entries_at_most() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::open(folder.path()).unwrap());
        let readings = Readings::new(Arc::clone(&ledger));
        for _page in 0..5 {
            readings.note(given("user = \"ann\"", 100)).await.unwrap();
        }
        readings.note(given("deny", 7)).await.unwrap();
        readings.settle(false).await;
        assert_eq!(*ledger.length().borrow(), 2, "not yet a minute");
        readings.settle(true).await;
        let counts: Vec<_> = ledger.range(&Filter::default(), 0, 9).unwrap();
        let counts: Vec<_> = counts
            .into_iter()
            .map(|found| count(&found.record.entry))
            .collect();
        assert_eq!(counts, [100, 7, 400]);
    }

    fn count(entry: &[u8]) -> u64 {
        use prost::Message as _;

        let entry = chancery_proto::audit::v1::Entry::decode(entry).unwrap();
        let Some(Event::RecordAccess(access)) = entry.event else {
            panic!("{entry:?}")
        };
        access.given_count
    }

    #[tokio::test]
    async fn a_question_that_is_asked_again_later_is_recorded_again() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Arc::new(Ledger::open(folder.path()).unwrap());
        let readings = Readings::new(ledger);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let first = |seconds, count| {
            let access = readings.first(given("", count), at(seconds));
            access.map(|access| access.given_count)
        };
        assert_eq!(first(0, 1), Some(1));
        assert_eq!(first(59, 2), None);
        assert_eq!(first(60, 3), Some(5));
        assert_eq!(first(61, 4), None);
    }

    #[test]
    fn a_filter_is_recorded_as_an_expression() {
        let filter = RecordFilter {
            user: "an\"n".to_owned(),
            verdict: Verdict::Deny.into(),
            expression: "a OR b".to_owned(),
            ..RecordFilter::default()
        };
        assert_eq!(
            asked(&filter),
            r#"user = "an\"n" AND verdict = "deny" AND (a OR b)"#
        );
        assert_eq!(asked(&RecordFilter::default()), "");
    }
}
