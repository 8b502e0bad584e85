use std::num::NonZeroU32;

use proptest::prelude::*;

use super::{PLACES, Place, Rate, Spending};
use crate::id::Time;

const START_MS: u64 = 1_790_000_000_000;

fn place(tag: u64, calls: u32, period_ms: u32) -> Place {
    Place {
        tag,
        rate: Rate {
            calls: NonZeroU32::new(calls).unwrap(),
            period_ms: NonZeroU32::new(period_ms).unwrap(),
        },
    }
}

/// Spends one call at a time after the start; how long to wait where there is none.
fn spend(shelf: &mut Vec<u8>, place: Place, after_ms: u64) -> Result<(), u64> {
    match place.spend(shelf, Time::from_unix_ms(START_MS + after_ms)) {
        Spending::Spent(after) => {
            *shelf = after;
            Ok(())
        }
        Spending::Empty {
            retry_after_ms,
            mended,
        } => {
            *shelf = mended.unwrap_or_else(|| shelf.clone());
            Err(retry_after_ms)
        }
    }
}

#[test]
fn a_full_bucket_holds_its_calls_and_fills_evenly() {
    let place = place(1, 3, 60_000);
    let mut shelf = Vec::new();
    for call in 0..3 {
        assert_eq!(spend(&mut shelf, place, call), Ok(()));
    }
    assert_eq!(spend(&mut shelf, place, 3), Err(19_997));
    assert_eq!(spend(&mut shelf, place, 19_999), Err(1));
    assert_eq!(spend(&mut shelf, place, 20_000), Ok(()));
    assert_eq!(spend(&mut shelf, place, 20_000), Err(20_000));
    for call in 0..3 {
        assert_eq!(spend(&mut shelf, place, 90_000 + call), Ok(()));
    }
    assert!(spend(&mut shelf, place, 90_003).is_err());
}

#[test]
fn what_is_given_back_can_be_spent_again() {
    let place = place(1, 2, 1_000);
    let mut shelf = Vec::new();
    assert_eq!(spend(&mut shelf, place, 0), Ok(()));
    assert_eq!(spend(&mut shelf, place, 0), Ok(()));
    shelf = place.give_back(&shelf).unwrap();
    assert_eq!(spend(&mut shelf, place, 0), Ok(()));
    assert!(spend(&mut shelf, place, 0).is_err());
    assert_eq!(place.give_back(&[]), None);
}

#[test]
fn a_clock_that_was_set_back_does_not_lock_anyone_out() {
    let place = place(1, 1, 1_000);
    let mut shelf = Vec::new();
    assert_eq!(spend(&mut shelf, place, 86_400_000), Ok(()));
    assert_eq!(spend(&mut shelf, place, 0), Err(1_000));
    assert_eq!(spend(&mut shelf, place, 999), Err(1));
    assert_eq!(spend(&mut shelf, place, 1_000), Ok(()));
}

#[test]
fn a_crowded_shelf_refuses_early_and_forgets_no_debt() {
    let mut shelf = Vec::new();
    let crowd = u64::try_from(PLACES).unwrap();
    for tag in 0..crowd {
        assert_eq!(spend(&mut shelf, place(tag, 1, 60_000), tag), Ok(()));
    }
    // The newcomer would take over the debt of the first, which it cannot pay.
    let newcomer = place(crowd, 1, 60_000);
    assert_eq!(spend(&mut shelf, newcomer, 50_000), Err(10_000));
    assert_eq!(spend(&mut shelf, newcomer, 60_000), Ok(()));
    // The first has lost its place, and takes over that of the second.
    assert_eq!(spend(&mut shelf, place(0, 1, 60_000), 60_000), Err(1));
    assert!(shelf.len() <= 8 + PLACES * super::BUCKET_BYTES);
}

#[test]
fn debts_at_a_low_rate_lock_out_nobody_of_a_higher_one() {
    let crowd = u64::try_from(PLACES).unwrap();
    for first_ms in [1, 60_000, 3_600_000, 8_000_000] {
        let mut shelf = Vec::new();
        for tag in 0..crowd {
            assert_eq!(spend(&mut shelf, place(tag, 10, 86_400_000), 0), Ok(()));
        }
        let newcomer = place(crowd, 100, 60_000);
        assert_eq!(spend(&mut shelf, newcomer, first_ms), Err(600));
        assert_eq!(spend(&mut shelf, newcomer, first_ms + 600), Ok(()));
        assert_eq!(spend(&mut shelf, newcomer, first_ms + 600), Err(600));
        for _ in 0..50 {
            assert_eq!(spend(&mut shelf, newcomer, first_ms + 60_600), Ok(()));
        }
    }
}

#[test]
fn a_higher_rate_frees_nobody_of_a_debt_at_a_lower_one() {
    let crowd = u64::try_from(PLACES).unwrap();
    let mut shelf = Vec::new();
    let slow = place(0, 10, 86_400_000);
    assert_eq!(spend(&mut shelf, slow, 0), Ok(()));
    for tag in 1..crowd {
        for _ in 0..10 {
            assert_eq!(spend(&mut shelf, place(tag, 10, 86_400_000), 0), Ok(()));
        }
    }
    let mut granted = 1;
    for round in 1..100 {
        let _ = spend(&mut shelf, place(crowd, 100, 60_000), round * 1_000);
        granted += u64::from(spend(&mut shelf, slow, round * 1_000).is_ok());
    }
    assert!(granted <= 10, "{granted}");
}

#[test]
fn any_bytes_are_a_shelf() {
    for bytes in [&[0xFF; 19][..], &[0xFF; 200], b"x"] {
        let mut shelf = bytes.to_vec();
        let _ = spend(&mut shelf, place(7, 5, 1_000), 0);
        assert!(shelf.len() <= 8 + bytes.len() + super::BUCKET_BYTES);
    }
}

/// A caller, and when it calls.
fn calls() -> impl Strategy<Value = Vec<(u64, u64)>> {
    prop::collection::vec((0_u64..12, 0_u64..20_000), 1..400)
}

proptest! {
    /// Twelve buckets of very different rates crowd one shelf; clocks differ by up to a period.
    #[test]
    fn never_grants_more_than_the_rate(calls in calls(), rate in 1_u32..50, period_ms in 20_000_u32..40_000) {
        let period_of = |tag| if tag % 3 == 0 { period_ms * 1_000 } else { period_ms };
        let mut shelf = Vec::new();
        let mut granted = [0_u64; 12];
        for (tag, at_ms) in &calls {
            let place = place(*tag, rate + u32::try_from(*tag).unwrap(), period_of(*tag));
            if spend(&mut shelf, place, *at_ms).is_ok() {
                granted[usize::try_from(*tag).unwrap()] += 1;
            }
        }
        let times = calls.iter().map(|(_, at_ms)| *at_ms);
        let elapsed_ms = times.clone().max().unwrap() - times.min().unwrap();
        for (tag, granted) in (0_u64..).zip(granted) {
            let rate = u64::from(rate) + tag;
            prop_assert!(granted <= rate + rate * elapsed_ms / u64::from(period_of(tag)));
        }
    }

    /// However the clock jumps, nothing is granted but for time that went by.
    #[test]
    fn a_jumping_clock_grants_no_more_than_it_moves_forward(times in prop::collection::vec(0_u64..1_000_000, 1..200)) {
        let place = place(1, 4, 10_000);
        let mut shelf = Vec::new();
        let (mut granted, mut forward_ms, mut last) = (0, 0, times[0]);
        for at_ms in times {
            forward_ms += at_ms.saturating_sub(last);
            last = at_ms;
            granted += u64::from(spend(&mut shelf, place, at_ms).is_ok());
        }
        prop_assert!(granted <= 4 + 4 * forward_ms / 10_000);
    }

    /// Somebody who waits as told is served, and one who asks sooner is not.
    #[test]
    fn waiting_as_told_is_enough_and_not_too_much(calls in 1_u32..100_000, period_ms in 1_000_u32..2_678_400_000, tries in 1_usize..300) {
        let place = place(1, calls, period_ms);
        let (mut shelf, mut now) = (Vec::new(), 0);
        for _ in 0..tries {
            if let Err(wait) = spend(&mut shelf, place, now) {
                prop_assert!(wait > 0);
                let mut early = shelf.clone();
                prop_assert!(spend(&mut early, place, now + wait - 1).is_err());
                now += wait;
                prop_assert_eq!(spend(&mut shelf, place, now), Ok(()));
            }
        }
    }

    /// Spending and giving back leaves a bucket as it was.
    #[test]
    fn giving_back_undoes_spending(times in prop::collection::vec(0_u64..5_000, 1..50), calls in 1_u32..20) {
        let place = place(1, calls, 1_000);
        let mut shelf = Vec::new();
        for at_ms in times {
            let before = spend(&mut shelf.clone(), place, at_ms);
            if before.is_ok() {
                let mut tried = shelf.clone();
                spend(&mut tried, place, at_ms).unwrap();
                let returned = place.give_back(&tried).unwrap();
                prop_assert_eq!(spend(&mut returned.clone(), place, at_ms), before);
                shelf = tried;
            }
        }
    }
}
