//! What MCP servers offer, asked as a client of theirs: to propose an entry of one, and to see drift
//! without waiting for traffic.
//!
//! Whoever may write an entry says where this goes, and what answers is a stranger: it goes only where
//! the configuration lets it (`ways`), takes bounded answers in bounded time (`conduit`, `client`),
//! and keeps definitions as the text that was sent, since any field of them counts (`found`).

pub mod client;
mod conduit;
pub mod difference;
pub mod found;
pub mod scanner;
mod ways;

use std::time::Duration;

use http::StatusCode;

pub use self::ways::{Settings, Ways};
use crate::egress::EgressError;

/// How long one server may take to say all that it offers: less than a caller waits for an answer.
pub const WITHIN: Duration = Duration::from_secs(25);

/// How long it may take to begin an answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Most bytes of one answer: more, no filter would judge.
const MAX_ANSWER_BYTES: usize = chancery_engine::limits::Limits::DEFAULT.max_response_bytes;

/// Most bytes of all answers of a server: what it says must fit into one change of its entry.
const MAX_BYTES: usize = (4 << 20) - (256 << 10);

/// Most items of all lists of a server.
const MAX_ITEMS: usize = 10_000;

/// Most pages of one list: a server with more has nothing but empty ones.
const MAX_PAGES: usize = 1_000;

/// Why it is not known what a server offers. What strangers say is bounded in it, and shown escaped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// It is not to be asked, or cannot be.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// It is not among those that may be asked.
    #[error(
        "`{host}` may not be asked: name it in `discovery.hosts` of the configuration, or say \
         `discovery.proxy` there (`--discovery-host` and `--discovery-proxy` on the command line)"
    )]
    Host {
        /// Its host.
        host: String,
    },
    /// It does not answer.
    #[error("it did not begin an answer within {} s", ANSWER_WITHIN.as_secs())]
    Silent,
    /// It takes too long.
    #[error("it did not say all that it offers within {} s", WITHIN.as_secs())]
    TooSlow,
    /// It wants a token, or another one.
    #[error("it answered {0}: it wants a token, or another one")]
    Unauthorized(StatusCode),
    /// It is called with a credential, and there is none.
    #[error("the credential that it is called with cannot be had: {0}")]
    Credential(&'static str),
    /// It answers with another status than wanted.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// It answers with something else than JSON or an event stream.
    #[error("it answered with `{found}`, expected `application/json` or `text/event-stream`")]
    ContentType {
        /// With what.
        found: String,
    },
    /// An answer is too long.
    #[error("an answer is longer than {MAX_ANSWER_BYTES} bytes")]
    LongAnswer,
    /// All answers are too long.
    #[error("it says more than {MAX_BYTES} bytes of what it offers")]
    TooMuch,
    /// An answer breaks off.
    #[error("an answer broke off")]
    BrokenOff,
    /// An answer is no JSON that every reader reads alike, or no answer to what was asked.
    #[error("its answer to `{method}` {why}")]
    Answer {
        /// To what.
        method: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// It answers with an error.
    #[error("it answered `{method}` with error {code}: `{message}`")]
    Refused {
        /// To what.
        method: &'static str,
        /// Its code.
        code: i32,
        /// Its words.
        message: String,
    },
    /// The protocol's handshake fails.
    #[error("it does not speak MCP as its clients do: {0}")]
    Handshake(String),
    /// A list gives a cursor that it gave before.
    #[error("`{method}` gives a cursor again that it gave before, so that its list has no end")]
    Loop {
        /// Which list.
        method: &'static str,
    },
    /// A list has too many pages.
    #[error("`{method}` has more than {MAX_PAGES} pages")]
    Pages {
        /// Which list.
        method: &'static str,
    },
    /// There are too many items.
    #[error("it lists more than {MAX_ITEMS} things")]
    Items,
}

#[cfg(test)]
mod tests;
