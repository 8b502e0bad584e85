//! Telephone numbers: which groups of digits can be one.

use super::groups::Groups;

/// The most digits of a number with a country code (ITU-T E.164), by code: where no entry is,
/// fifteen. So that what stands after a number is not taken for a part of it.
const LENGTHS: [(u16, usize); 40] = [
    (1, 11),
    (7, 11),
    (20, 12),
    (27, 11),
    (30, 12),
    (31, 11),
    (32, 11),
    (33, 11),
    (34, 11),
    (36, 11),
    (39, 13),
    (40, 11),
    (41, 11),
    (43, 13),
    (44, 12),
    (45, 10),
    (46, 12),
    (47, 10),
    (48, 11),
    (49, 14),
    (51, 11),
    (52, 13),
    (54, 13),
    (55, 13),
    (56, 11),
    (57, 12),
    (60, 12),
    (61, 11),
    (62, 14),
    (63, 12),
    (64, 12),
    (65, 10),
    (66, 11),
    (81, 12),
    (82, 12),
    (84, 12),
    (86, 13),
    (90, 12),
    (91, 12),
    (92, 12),
];

/// The first groups that have as few separators as a telephone number, within a number of digits.
pub(super) fn longest(groups: &Groups, most: usize) -> usize {
    let mut count = 1;
    while count < groups.len()
        && groups.digits_in(count.saturating_add(1)) <= most
        && matches!(
            groups.separator(count),
            b' ' | b'-' | b'.' | b'/' | b')' | b'('
        )
        && groups.width(count) < 11
    {
        count = count.saturating_add(1);
    }
    count
}

/// How many groups after a plus are a number.
pub(super) fn international(groups: &Groups) -> Option<usize> {
    let digits = groups.digits(groups.len());
    let [first, second, ..] = digits else {
        return None;
    };
    let code = u16::from(*first)
        .wrapping_mul(10)
        .wrapping_add(u16::from(*second));
    let code = if matches!(first, 1 | 7) {
        u16::from(*first)
    } else {
        code
    };
    let most = LENGTHS
        .iter()
        .find(|(known, _)| *known == code)
        .map_or(15, |(_, most)| *most);
    let trunk = usize::from(
        groups.width(1) == 1 && groups.digits(groups.len()).get(groups.width(0)) == Some(&0),
    );
    let count = longest(groups, most.saturating_add(trunk));
    let total = groups.digits_in(count);
    let date = groups.is(&[4, 2, 2], b"-/.");
    (*first != 0 && (8..=15).contains(&total) && !date).then_some(count)
}

/// How many groups are a number of the North American plan, written as they are there.
pub(super) fn american(groups: &Groups, opened: bool) -> Option<usize> {
    let national = |first: usize| {
        let widths = [0, 1, 2].map(|group: usize| groups.width(first.saturating_add(group)));
        let from = groups.digits_in(first);
        let digit = |index: usize| {
            let index = from.saturating_add(index);
            groups.digits(groups.len()).get(index).copied().unwrap_or(0)
        };
        let service =
            |at: usize| digit(at.saturating_add(1)) == 1 && digit(at.saturating_add(2)) == 1;
        let plain = |group: usize| {
            let group = first.saturating_add(group);
            matches!(groups.separator(group), b' ' | b'-' | b'.' | b')')
        };
        widths == [3, 3, 4]
            && digit(0) >= 2
            && digit(3) >= 2
            && !service(0)
            && !service(3)
            && plain(1)
            && plain(2)
    };
    let long_distance = groups.width(0) == 1 && groups.digits(1) == [1];
    if long_distance && !opened && national(1) {
        return Some(4);
    }
    national(0).then_some(3)
}
