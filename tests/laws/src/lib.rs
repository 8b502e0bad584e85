//! What holds for any bytes: one law a function.
//!
//! The fuzzers in `filter/fuzz` call these with bytes of their making, `tests/tests/fuzz_corpus.rs`
//! with the seeds that are kept there. A law that does not hold panics.

#![expect(
    clippy::missing_panics_doc,
    reason = "every law panics where it does not hold"
)]

mod answer;
mod claims;
mod condition;
mod drive;
mod exchange;
mod json;
mod panel;
mod policy;
mod redact;
mod request;
mod snapshot;
mod spelling;
mod sse;
mod token;
mod tree;

pub use answer::answer;
pub use claims::claims;
pub use condition::condition;
pub use exchange::exchange;
pub use json::json;
pub use redact::redact;
pub use request::request;
pub use snapshot::{pieces, snapshot};
pub use spelling::spelling;
pub use sse::sse;
pub use token::token;

/// A law.
pub type Law = fn(&[u8]);

/// Every law by the name of its fuzz target and of the folder with its seeds.
pub const LAWS: [(&str, Law); 11] = [
    ("answer", answer),
    ("claims", claims),
    ("condition", condition),
    ("exchange", exchange),
    ("json", json),
    ("redact", redact),
    ("request", request),
    ("snapshot", snapshot),
    ("spelling", spelling),
    ("sse", sse),
    ("token", token),
];
