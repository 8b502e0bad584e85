//! How long to wait before a receiver is tried again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LAST: Duration = Duration::from_mins(15);

/// After so many failures in a row: twice as long each time, up to a quarter of an hour. As much as half of
/// that is left out by chance, so that not all come back at once.
pub(super) fn after(failures: u32, random: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1).min(16));
    let longest = FIRST.saturating_mul(doubled.unwrap_or(1)).min(LAST);
    let half = longest / 2;
    half + half.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_a_bound_and_is_never_less_than_half() {
        for (failures, seconds) in [
            (0, 1),
            (1, 1),
            (2, 2),
            (3, 4),
            (10, 512),
            (11, 900),
            (99, 900),
        ] {
            let longest = Duration::from_secs(seconds);
            assert_eq!(after(failures, u32::MAX), longest, "{failures}");
            assert_eq!(after(failures, 0), longest / 2, "{failures}");
        }
    }
}
