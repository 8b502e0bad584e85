//! Who may call the control plane, and what they may do there.
//!
//! `caller` is who calls, as a certificate or a token proves it; `grants` is what bindings give
//! them; `place` is what a resource name belongs to; `node` is the same for Envoys. None of it does
//! I/O, but for `token_keys`, which has the keys of administrators' tokens read.

pub mod authenticator;
pub mod caller;
pub mod grants;
pub mod node;
pub mod place;
pub mod scope;
pub mod token;
pub mod token_keys;

pub use authenticator::Authenticator;
pub use caller::{Caller, Member};
pub use grants::{Grants, Role};
pub use node::NodePolicy;
pub use place::Place;
pub use scope::NodeScope;
