//! What of a record can be asked about: the card that filters read and the index keeps.

use std::{borrow::Cow, cell::OnceCell, collections::BTreeSet};

use chancery_proto::audit::v1::{
    AdminChange, Attribute, Content, Decision, Entry, Finding, Outcome, OutcomeStatus, Principal,
    Verdict, entry::Event,
};
use prost_types::Timestamp;

use super::words::Words;
use crate::access::Place;

/// A field whose values are texts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Text {
    User,
    Agent,
    Workspace,
    Organization,
    Session,
    Server,
    Capability,
    Method,
    Reason,
    Rule,
    Finding,
}

impl Text {
    /// All of them with their words, in the order of their numbers.
    pub(super) const ALL: [(Self, &'static str); 11] = [
        (Self::User, "user"),
        (Self::Agent, "agent"),
        (Self::Workspace, "workspace"),
        (Self::Organization, "organization"),
        (Self::Session, "session"),
        (Self::Server, "server"),
        (Self::Capability, "capability"),
        (Self::Method, "method"),
        (Self::Reason, "reason"),
        (Self::Rule, "rule"),
        (Self::Finding, "finding"),
    ];

    /// Its place among [`Self::ALL`]; the index keeps it.
    pub(super) fn number(self) -> u8 {
        self as u8
    }

    /// Whether its values are resource names, of which the last segment is enough.
    pub(super) fn is_name(self) -> bool {
        matches!(self, Self::Server | Self::Rule)
    }

    /// Whether a record may have several values.
    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Server | Self::Rule | Self::Finding)
    }

    /// The values in a card's text: of a list, one a line.
    pub(super) fn values(self, text: &str) -> impl Iterator<Item = &str> {
        let is_list = self.is_list();
        let whole = (!is_list && !text.is_empty()).then_some(text);
        let lines = is_list.then(|| text.split('\n').filter(|line| !line.is_empty()));
        whole.into_iter().chain(lines.into_iter().flatten())
    }
}

/// A field whose values are a few fixed words.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Code {
    Kind,
    Verdict,
    Status,
}

impl Code {
    /// All of them with their words, in the order of their numbers.
    pub(super) const ALL: [(Self, &'static str); 3] = [
        (Self::Kind, "kind"),
        (Self::Verdict, "verdict"),
        (Self::Status, "status"),
    ];

    /// Its values; a value's code is its place among them.
    pub(super) fn words(self) -> &'static [&'static str] {
        match self {
            Self::Kind => &[
                "decision",
                "outcome",
                "drift",
                "shadow",
                "admin_change",
                "review",
                "gap",
                "record_access",
            ],
            Self::Verdict => &["allow", "deny", "require_approval"],
            Self::Status => &[
                "result",
                "tool_error",
                "rpc_error",
                "refused",
                "http",
                "unknown",
            ],
        }
    }
}

/// A point in time, in nanoseconds since the Unix epoch; what is further away is at the end of them.
pub(super) type Nanos = i64;

/// What a time of the wire is.
pub(super) fn nanos(time: Timestamp) -> Nanos {
    let seconds = time.seconds.saturating_mul(1_000_000_000);
    seconds.saturating_add(time.nanos.into())
}

/// A text of which the words are found.
#[derive(Clone, Copy, Debug)]
enum Prose<'e> {
    Plain(&'e str),
    Json(&'e [u8]),
}

/// What is known of one record.
#[derive(Debug, Default)]
pub(super) struct Card<'e> {
    pub(super) time: Nanos,
    pub(super) decision_id: &'e [u8],
    /// Whether rules in shadow would have decided otherwise.
    pub(super) is_shadowed: bool,
    codes: [Option<u8>; Code::ALL.len()],
    texts: [Cow<'e, str>; Text::ALL.len()],
    prose: Vec<Prose<'e>>,
    words: OnceCell<BTreeSet<String>>,
}

impl<'e> Card<'e> {
    /// The card of an entry.
    pub(super) fn of(entry: &'e Entry) -> Self {
        let mut card = Self {
            time: nanos(entry.time.unwrap_or_default()),
            decision_id: &entry.decision_id,
            ..Self::default()
        };
        match &entry.event {
            None => {}
            Some(Event::Decision(decision)) => card.decided(decision),
            Some(Event::Outcome(outcome)) => card.ended(outcome),
            Some(Event::Drift(drift)) => {
                card.is_a("drift");
                card.acted(drift.principal.as_ref());
                card.about(&drift.server, &drift.capability);
            }
            Some(Event::Shadow(shadow)) => {
                card.is_a("shadow");
                card.acted(shadow.principal.as_ref());
                card.put(Text::Method, &shadow.method);
                card.prose([&shadow.host, &shadow.path]);
            }
            Some(Event::AdminChange(change)) => card.changed(change),
            Some(Event::Review(review)) => {
                card.is_a("review");
                card.acted(review.principal.as_ref());
                card.about(&review.server, &review.capability);
                card.prose([&review.reason]);
            }
            Some(Event::Gap(gap)) => {
                card.is_a("gap");
                card.why(&gap.reason);
            }
            Some(Event::Tombstone(_)) => card.is_a("tombstone"),
            Some(Event::Restoration(_)) => card.is_a("restoration"),
            Some(Event::InstanceEnd(_)) => card.is_a("instance_end"),
            Some(Event::RecordAccess(access)) => {
                card.is_a("record_access");
                card.acted(access.principal.as_ref());
                card.put(Text::Method, &access.method);
            }
        }
        card
    }

    /// The code of a field, if the record has that field.
    pub(super) fn code(&self, field: Code) -> Option<u8> {
        self.codes.get(field as usize).copied().flatten()
    }

    /// What a text field holds; empty where the record has none.
    pub(super) fn text(&self, field: Text) -> &str {
        self.texts
            .get(usize::from(field.number()))
            .map_or("", |text| &**text)
    }

    /// The words that full text finds it by.
    pub(super) fn words(&self) -> &BTreeSet<String> {
        self.words.get_or_init(|| {
            let mut words = Words::default();
            for prose in &self.prose {
                match prose {
                    Prose::Plain(text) => words.add(text),
                    Prose::Json(bytes) => words.add_json(bytes),
                }
            }
            words.finish()
        })
    }

    /// Takes off whatever says who acted or what was said.
    pub(super) fn forget_person(&mut self) {
        for field in [Text::User, Text::Agent, Text::Session] {
            self.put(field, "");
        }
        self.prose.clear();
        self.words.take();
    }

    fn decided(&mut self, decision: &'e Decision) {
        self.is_a("decision");
        self.acted(decision.principal.as_ref());
        let verdict = decision.verdict();
        self.put_code(
            Code::Verdict,
            verdict as i32,
            verdict != Verdict::Unspecified,
        );
        self.is_shadowed = !decision.shadow_rules.is_empty();
        self.about(&decision.server, &decision.capability);
        self.put(Text::Method, &decision.method);
        self.why(&decision.reason);
        self.put(Text::Rule, decision.rules.join("\n"));
        self.find(&decision.findings);
        if let Some(session) = &decision.session {
            self.put(Text::Session, &*session.id);
        }
        self.prose(&decision.rules);
        let said = [&decision.arguments, &decision.prompt];
        self.prose.extend(said.into_iter().flatten().map(json));
    }

    fn ended(&mut self, outcome: &'e Outcome) {
        self.is_a("outcome");
        let status = outcome.status();
        self.put_code(
            Code::Status,
            status as i32,
            status != OutcomeStatus::Unspecified,
        );
        self.about(&outcome.server, "");
        self.why(&outcome.reason);
        self.find(&outcome.findings);
        let is_error = matches!(
            status,
            OutcomeStatus::ToolError | OutcomeStatus::RpcError | OutcomeStatus::Http
        );
        let error = outcome.result.as_ref().filter(|_| is_error);
        self.prose.extend(error.map(json));
    }

    fn changed(&mut self, change: &'e AdminChange) {
        self.is_a("admin_change");
        self.acted(change.principal.as_ref());
        self.put(Text::Method, &change.method);
        let servers = change.resource.split(' ');
        let servers: Vec<_> = servers.filter(|name| name.contains("/servers/")).collect();
        self.put(Text::Server, servers.join("\n"));
        self.is_at(change.resource.split(' ').next().unwrap_or_default());
        self.prose([&change.resource, &change.error, &change.reason]);
    }

    fn is_a(&mut self, kind: &str) {
        let code = Code::Kind.words().iter().position(|word| *word == kind);
        let code = code.and_then(|code| u8::try_from(code).ok());
        if let Some(known) = self.codes.get_mut(Code::Kind as usize) {
            *known = code;
        }
    }

    /// Keeps a value of the wire, which counts from 1.
    fn put_code(&mut self, field: Code, value: i32, is_known: bool) {
        let code = value
            .checked_sub(1)
            .and_then(|code| u8::try_from(code).ok());
        if let Some(known) = self.codes.get_mut(field as usize) {
            *known = code.filter(|_| is_known);
        }
    }

    fn put(&mut self, field: Text, text: impl Into<Cow<'e, str>>) {
        if let Some(known) = self.texts.get_mut(usize::from(field.number())) {
            *known = text.into();
        }
    }

    fn acted(&mut self, principal: Option<&'e Principal>) {
        let Some(principal) = principal else { return };
        let mut put = |field, attribute: &'e Option<Attribute>| {
            let value = attribute.as_ref().map_or("", |attribute| &attribute.value);
            self.put(field, value);
        };
        put(Text::User, &principal.user);
        put(Text::Agent, &principal.agent);
        put(Text::Workspace, &principal.workspace);
        put(Text::Organization, &principal.organization);
    }

    fn about(&mut self, server: &'e str, capability: &'e str) {
        self.put(Text::Server, server);
        self.is_at(server);
        self.put(Text::Capability, capability);
        self.prose([capability]);
    }

    /// Where the named resource is, unless the principal said where the call belongs.
    fn is_at(&mut self, name: &'e str) {
        let Some(place) = Place::of(name) else { return };
        if self.text(Text::Organization).is_empty() {
            self.put(Text::Organization, place.organization);
        }
        if self.text(Text::Workspace).is_empty() {
            self.put(Text::Workspace, place.workspace.unwrap_or_default());
        }
    }

    fn why(&mut self, reason: &'e str) {
        self.put(Text::Reason, reason);
        self.prose([reason]);
    }

    fn find(&mut self, findings: &[Finding]) {
        let detectors: BTreeSet<_> = findings.iter().map(|found| &*found.detector).collect();
        let detectors: Vec<_> = detectors.into_iter().collect();
        self.put(Text::Finding, detectors.join("\n"));
    }

    fn prose<T: AsRef<str> + ?Sized + 'e>(&mut self, texts: impl IntoIterator<Item = &'e T>) {
        let texts = texts.into_iter().map(|text| Prose::Plain(text.as_ref()));
        self.prose.extend(texts);
    }
}

fn json(content: &Content) -> Prose<'_> {
    Prose::Json(&content.data)
}
