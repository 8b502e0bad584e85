//! The proxy's clock.

use std::time::{Duration, SystemTime};

use proxy_wasm::hostcalls;

pub(crate) fn now() -> Option<SystemTime> {
    hostcalls::get_current_time().ok()
}

/// Zero, which no reader takes for a time, where the clock failed or was set back.
pub(crate) fn nanoseconds_since(begun: Option<SystemTime>) -> u64 {
    let elapsed = now()
        .zip(begun)
        .and_then(|(now, begun)| now.duration_since(begun).ok());
    u64::try_from(elapsed.unwrap_or(Duration::ZERO).as_nanos()).unwrap_or(u64::MAX)
}
