//! What time it is, for what is given the time by whoever drives it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
pub fn now_unix_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    let milliseconds = elapsed.map_or(0, |elapsed| elapsed.as_millis());
    u64::try_from(milliseconds).unwrap_or(u64::MAX)
}
