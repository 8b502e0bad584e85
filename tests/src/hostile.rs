//! The adversary: requests and answers that are spelled so that some reader takes them for what the
//! rules refuse, and legal oddities that must pass untouched.
//!
//! - [`table`]: the rows in `tests/hostile/*.json`, expanded to the bytes that are sent; [`spell`] and
//!   [`sent`]: how.
//! - [`benign`]: the rows that must pass; [`answers`]: what servers may answer.
//! - [`panel`]: what lenient readers make of bytes; [`loose`]: how they read JSON.
//! - [`http1`], [`http2`]: clients that send what no library would.
//! - [`client`]: a user who does what rows cannot say; [`phrase`]: what such tests say over and over.
//! - [`stage`]: one Envoy for all rows, and what came of each.

pub mod answers;
pub mod benign;
pub mod client;
pub mod http1;
pub mod http2;
pub mod loose;
pub mod panel;
pub mod phrase;
pub mod sent;
pub mod spell;
pub mod stage;
pub mod table;
