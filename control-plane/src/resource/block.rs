//! Blocks as filters get them.

use chancery_engine::{block::Block as EngineBlock, wire::Invalid};
use chancery_proto::{
    admin::v1::{self as admin, block::Target},
    policy::v1 as policy,
};

use super::invalid;

/// The most bytes of a reason.
const MAX_REASON_BYTES: usize = 1_024;

/// What a filter gets of a block.
pub(super) fn to_policy(block: &admin::Block) -> Result<policy::Block, Invalid> {
    let admin::Block {
        name,
        etag: _,
        create_time: _,
        update_time: _,
        reason,
        target,
        expire_time,
        sighted_pins,
    } = block.clone();
    if reason.trim().is_empty() || reason.len() > MAX_REASON_BYTES {
        let found = format!("{} bytes", reason.len());
        let expected = format!("why it is blocked, in 1 to {MAX_REASON_BYTES} bytes");
        return Err(invalid("reason", found, expected));
    }
    if let Some(at) = sighted_pins.iter().position(|pin| pin.len() != 32) {
        return Err(invalid(
            format!("sighted_pins[{at}]"),
            "another length",
            "32 bytes",
        ));
    }
    let cause = if sighted_pins.is_empty() {
        policy::BlockCause::Administrator
    } else {
        policy::BlockCause::Drift
    };
    let target = target.map(|target| match target {
        Target::Server(name) => policy::block::Target::Server(name),
        Target::Capability(it) => policy::block::Target::Capability(it),
        Target::User(id) => policy::block::Target::User(id),
        Target::Agent(id) => policy::block::Target::Agent(id),
        Target::Host(host) => policy::block::Target::Host(host),
    });
    let message = policy::Block {
        name,
        target,
        cause: cause.into(),
        expire_time,
    };
    EngineBlock::try_from(message.clone())?;
    Ok(message)
}

/// The resource name of the server that a block is about, if it is about one.
pub fn server_of(block: &admin::Block) -> Option<&str> {
    match &block.target {
        Some(Target::Server(server)) => Some(server),
        Some(Target::Capability(capability)) => Some(&capability.server),
        Some(Target::User(_) | Target::Agent(_) | Target::Host(_)) | None => None,
    }
}
