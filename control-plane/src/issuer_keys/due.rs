//! When an issuer is asked, and how often it may be.

use std::time::Duration;

/// Keys are read again no sooner than this, whatever their issuer says; unless one is missed.
const SHORTEST: Duration = Duration::from_mins(5);

/// Keys are read again at the latest after this: a key that its issuer removes works no longer.
const LONGEST: Duration = Duration::from_hours(24);

/// Where the issuer says nothing.
const OTHERWISE: Duration = Duration::from_mins(15);

/// Keys that could not be read again for this long are used no more: an issuer may have removed
/// them a day before that, and no token of back then is still good.
pub const MAX_UNCONFIRMED: Duration = Duration::from_hours(48);

const FIRST_RETRY: Duration = Duration::from_secs(5);
const LAST_RETRY: Duration = Duration::from_mins(5);

/// For how long keys are taken as they are.
pub fn clamp(fresh_for: Option<Duration>) -> Duration {
    fresh_for.unwrap_or(OTHERWISE).clamp(SHORTEST, LONGEST)
}

/// How long to wait after so many failures in a row.
pub fn retry_after(failures: u32) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1).min(16));
    FIRST_RETRY
        .saturating_mul(doubled.unwrap_or(1))
        .min(LAST_RETRY)
}

/// How often an issuer may be asked for a key that is missed: a stranger can miss any number.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    left: u32,
    /// When `left` was right, since some beginning.
    at: Duration,
}

impl Budget {
    const MOST: u32 = 6;
    const ONE_EVERY: Duration = Duration::from_secs(5);

    /// A full one.
    pub fn full(now: Duration) -> Self {
        Self {
            left: Self::MOST,
            at: now,
        }
    }

    /// Takes one; whether there was one.
    pub fn take(&mut self, now: Duration) -> bool {
        let gained = now.saturating_sub(self.at).as_secs() / Self::ONE_EVERY.as_secs();
        let gained = u32::try_from(gained).unwrap_or(u32::MAX);
        if gained > 0 {
            self.left = self.left.saturating_add(gained).min(Self::MOST);
            let spent = Self::ONE_EVERY.saturating_mul(gained);
            self.at = self.at.saturating_add(spent);
        }
        let Some(left) = self.left.checked_sub(1) else {
            return false;
        };
        self.left = left;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_issuer_says_is_kept_within_bounds() {
        let hours = |hours| Some(Duration::from_hours(hours));
        assert_eq!(clamp(Some(Duration::ZERO)), SHORTEST);
        assert_eq!(clamp(hours(1)), Duration::from_hours(1));
        assert_eq!(clamp(hours(400)), LONGEST);
        assert_eq!(clamp(None), OTHERWISE);
    }

    #[test]
    fn failures_make_it_wait_longer_up_to_a_bound() {
        let waits: Vec<_> = (1..=8).map(|it| retry_after(it).as_secs()).collect();
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300]);
        assert_eq!(retry_after(u32::MAX), LAST_RETRY);
    }

    #[test]
    fn a_flood_of_missed_keys_asks_once_in_five_seconds() {
        let mut budget = Budget::full(Duration::ZERO);
        let mut asked = 0_u32;
        for tenth in 0..1_000_u64 {
            asked += u32::from(budget.take(Duration::from_millis(tenth * 100)));
        }
        assert_eq!(asked, Budget::MOST + 19);
        // Time that nobody asked in is worth no more than a full one.
        let later = Duration::from_hours(9);
        assert_eq!((0..99).filter(|_| budget.take(later)).count(), 6);
    }
}
