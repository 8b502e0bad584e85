//! Which events webhooks are told of.

/// An event, as notifications and documents name it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// A definition was seen that nobody has approved, or one that is approved is gone.
    DriftSighted,
    /// What was seen is blocked for everybody.
    QuarantineBegun,
    /// It is not blocked any more.
    QuarantineEnded,
    /// A server was approved, suspended, retired, proposed anew or brought back.
    ServerStateChanged,
    /// Somebody approved what was seen.
    ReviewApproved,
    /// Somebody rejected what was seen.
    ReviewRejected,
    /// The record lacks entries.
    RecordGap,
    /// A call was sent on, and nobody will ever say how it ended.
    OutcomeUnknown,
    /// Nothing: somebody asked whether notifications arrive.
    Test,
}

impl Event {
    /// Those that a webhook can ask for. It is told of a test whatever it asks for.
    pub const ALL: [Self; 8] = [
        Self::DriftSighted,
        Self::QuarantineBegun,
        Self::QuarantineEnded,
        Self::ServerStateChanged,
        Self::ReviewApproved,
        Self::ReviewRejected,
        Self::RecordGap,
        Self::OutcomeUnknown,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DriftSighted => "drift.sighted",
            Self::QuarantineBegun => "quarantine.begun",
            Self::QuarantineEnded => "quarantine.ended",
            Self::ServerStateChanged => "server.state_changed",
            Self::ReviewApproved => "review.approved",
            Self::ReviewRejected => "review.rejected",
            Self::RecordGap => "record.gap",
            Self::OutcomeUnknown => "outcome.unknown",
            Self::Test => "webhook.test",
        }
    }
}
