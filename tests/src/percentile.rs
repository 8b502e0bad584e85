//! How long most of several took.

use std::time::Duration;

/// Within how many milliseconds this many of a hundred took (the nearest rank); 0 of none.
pub fn milliseconds(took: &[Duration], percent: usize) -> u128 {
    duration(took, percent).as_millis()
}

/// Within which time this many of a hundred took (the nearest rank); zero of none.
pub fn duration(took: &[Duration], percent: usize) -> Duration {
    let mut took = took.to_vec();
    took.sort();
    let rank = took.len().saturating_mul(percent).div_ceil(100);
    let at = took.get(rank.saturating_sub(1));
    at.copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_rank_counts() {
        let took: Vec<_> = (1..=10).rev().map(Duration::from_millis).collect();
        let at = |percent| milliseconds(&took, percent);
        assert_eq!((at(0), at(1), at(50), at(91), at(100)), (1, 1, 5, 10, 10));
        assert_eq!(milliseconds(&[], 50), 0);
    }
}
