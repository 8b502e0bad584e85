//! What is reviewed before a server's definitions reach agents.
//!
//! Pure: JSON values in, typed answers out. Where the values come from, who asks and how an answer
//! is shown is not known here.

pub mod called;
pub mod definitions;
pub mod diff;
