//! Dates, as people and machines write them.

use super::{
    bytes::{DIGITS, LETTERS, at, before, byte_set, part, run, run_back},
    groups::Groups,
};

/// The first letters of the months in the languages that texts are written in.
const MONTHS: [&[u8]; 47] = [
    b"jan",
    b"feb",
    b"mar",
    b"apr",
    b"may",
    b"jun",
    b"jul",
    b"aug",
    b"sep",
    b"oct",
    b"nov",
    b"dec",
    b"mai",
    b"okt",
    b"dez",
    b"m\xC3\xA4r",
    b"ene",
    b"abr",
    b"ago",
    b"dic",
    b"set",
    b"out",
    b"fev",
    b"f\xC3\xA9v",
    b"avr",
    b"juin",
    b"jui",
    b"ao\xC3\xBB",
    b"aou",
    b"d\xC3\xA9c",
    b"gen",
    b"mag",
    b"giu",
    b"lug",
    b"ott",
    b"j\xC3\xA4n",
    b"mrt",
    b"mei",
    b"dec",
    b"maj",
    b"avg",
    b"sty",
    b"lut",
    b"kwi",
    b"cze",
    b"lip",
    b"sie",
];

fn is_date(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1850..=2150).contains(&year) && (1..=days).contains(&day)
}

/// Where a date of three groups of digits ends.
pub(super) fn numeric(groups: &Groups) -> Option<usize> {
    let [first, second, third] = groups.three();
    let widths = [groups.width(0), groups.width(1), groups.width(2)];
    if groups.separator(1) != groups.separator(2)
        || !matches!(groups.separator(1), b'-' | b'/' | b'.' | b' ')
    {
        return None;
    }
    let dated = match widths {
        [4, 1..=2, 1..=2] => is_date(first, second, third),
        [1..=2, 1..=2, 4] => is_date(third, second, first) || is_date(third, first, second),
        [1..=2, 1..=2, 2] if groups.separator(1) != b' ' => {
            is_date(1900_u32.wrapping_add(third), second, first)
                || is_date(1900_u32.wrapping_add(third), first, second)
        }
        _ => false,
    };
    dated.then(|| groups.end(3))
}

fn is_month(word: &[u8]) -> bool {
    word.len() >= 3
        && MONTHS.iter().any(|month| {
            word.get(..month.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(month))
        })
}

/// A date with a month in letters, of which the digits of `start..end` are the day or the year.
pub(super) fn spelled(bytes: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let width = end.saturating_sub(start);
    if width > 2 {
        return None;
    }
    // `14 October 1973`, `1. Mai 1980`, `23 de junio de 2003`, `14-Oct-1973`.
    let mut index = run(
        bytes,
        end,
        byte_set!(|byte| matches!(byte, b'.' | b' ' | b'-' | b'/')),
    );
    if index > end || LETTERS.has(at(bytes, end)) {
        for _ in 0..2 {
            let word = run(bytes, index, LETTERS);
            let name = part(bytes, index..word);
            let after = run(
                bytes,
                word,
                byte_set!(|byte| matches!(byte, b'.' | b' ' | b'-' | b'/' | b',')),
            );
            if matches!(name, b"de" | b"of" | b"th" | b"st" | b"nd" | b"rd" | b"er") {
                index = after;
                continue;
            }
            let year_at = if part(bytes, after..after.saturating_add(3)) == b"de " {
                after.saturating_add(3)
            } else {
                after
            };
            let until = run(bytes, year_at, DIGITS);
            let dated = matches!(until.saturating_sub(year_at), 2 | 4) && year_at > word;
            if dated && is_month(name) {
                return Some((start, until));
            }
            break;
        }
    }
    // `October 14, 1973`.
    let word_end = run_back(
        bytes,
        start,
        2,
        byte_set!(|byte| matches!(byte, b' ' | b'.' | b'-')),
    );
    let word = run_back(bytes, word_end, 12, LETTERS);
    if word_end == start || word == word_end {
        return None;
    }
    let mut after = end;
    if matches!(
        part(bytes, end..end.saturating_add(2)),
        b"st" | b"nd" | b"rd" | b"th"
    ) {
        after = after.saturating_add(2);
    }
    let year = run(
        bytes,
        after,
        byte_set!(|byte| matches!(byte, b',' | b' ' | b'-')),
    );
    let until = run(bytes, year, DIGITS);
    let dated = year > after && until.saturating_sub(year) == 4;
    (dated && !LETTERS.has(before(bytes, word, 1)) && is_month(part(bytes, word..word_end)))
        .then_some((word, until))
}

/// Whether a whole text is a date, with or without a time.
pub(super) fn is_whole(text: &[u8]) -> bool {
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    let letters = text.iter().filter(|byte| LETTERS.has(**byte)).count();
    let (has_month, plain) = (
        text.split(|byte| !LETTERS.has(*byte)).any(is_month),
        text.iter().all(|byte| {
            byte.is_ascii_alphanumeric()
                || *byte >= 0x80
                || matches!(byte, b' ' | b'-' | b'/' | b'.' | b',' | b':' | b'+')
        }),
    );
    let timed = letters <= 2 && (4..=20).contains(&digits);
    text.len() <= 40 && plain && (5..=20).contains(&digits) && (has_month || timed)
}
