//! The adversary: requests and answers that are spelled so that some reader takes them for what the
//! rules refuse, and legal oddities that must pass untouched.
//!
//! - [`panel`]: what lenient readers make of bytes; [`loose`]: how they read JSON.

pub mod loose;
pub mod panel;
