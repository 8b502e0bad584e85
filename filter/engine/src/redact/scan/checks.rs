//! Check digits and letters.

/// Luhn's sum (ISO/IEC 7812-1 annex B) over digits 0 to 9.
pub(super) fn luhn(digits: &[u8]) -> bool {
    let mut sum = 0_u32;
    for (position, digit) in digits.iter().rev().enumerate() {
        let digit = u32::from(*digit);
        sum = sum.wrapping_add(match (position % 2, digit) {
            (0, _) => digit,
            (_, 5..) => digit.wrapping_mul(2).wrapping_sub(9),
            _ => digit.wrapping_mul(2),
        });
    }
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != 0)
}

/// Verhoeff's permutation, once.
const PERMUTED: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];

/// Verhoeff's check, of Aadhaar numbers.
pub(super) fn verhoeff(digits: &[u8]) -> bool {
    // The dihedral group of ten elements, computed instead of tabled.
    let product = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => a.wrapping_add(b) % 5,
        (true, false) => (a.wrapping_add(b) % 5).wrapping_add(5),
        (false, true) => (a.wrapping_sub(b).wrapping_add(5) % 5).wrapping_add(5),
        (false, false) => a.wrapping_add(5).wrapping_sub(b) % 5,
    };
    let mut check = 0;
    for (position, digit) in digits.iter().rev().enumerate() {
        let mut digit = *digit;
        for _ in 0..position % 8 {
            digit = PERMUTED.get(usize::from(digit)).copied().unwrap_or(0);
        }
        check = product(check, digit);
    }
    check == 0
}

/// The sum of digits, each times its weight; the first weighs `first`, each later one less.
fn weighted(digits: &[u8], first: u32) -> u32 {
    digits
        .iter()
        .zip((0..=first).rev())
        .fold(0, |sum, (digit, weight)| {
            sum.wrapping_add(u32::from(*digit).wrapping_mul(weight))
        })
}

/// The tenth digit of a number of the National Health Service.
pub(super) fn nhs(digits: &[u8]) -> bool {
    let [first @ .., check] = digits else {
        return false;
    };
    let rest = 11_u32.wrapping_sub(weighted(first, 10) % 11) % 11;
    first.len() == 9 && rest == u32::from(*check) && !is_repeated(digits)
}

/// The last two digits of a Brazilian taxpayer number.
pub(super) fn cpf(digits: &[u8]) -> bool {
    let check = |count: usize, first: u32| {
        let sum = weighted(digits.get(..count).unwrap_or_default(), first);
        let rest = sum.wrapping_mul(10) % 11 % 10;
        digits
            .get(count)
            .is_some_and(|digit| u32::from(*digit) == rest)
    };
    digits.len() == 11 && !is_repeated(digits) && check(9, 10) && check(10, 11)
}

/// The letter of a Spanish tax number.
pub(super) fn nif(number: u32, letter: u8) -> bool {
    let letters = b"TRWAGMYFPDXBNJZSQVHLCKE";
    letters.get((number % 23) as usize) == Some(&letter.to_ascii_uppercase())
}

/// ISO 7064 MOD 97-10, of an IBAN without separators.
pub(super) fn mod97(iban: &[u8]) -> bool {
    let (head, tail) = iban.split_at_checked(4).unwrap_or_default();
    let mut rest = 0_u32;
    for byte in tail.iter().chain(head) {
        let value = char::from(*byte).to_digit(36).unwrap_or(0);
        let shift = if value > 9 { 100 } else { 10 };
        rest = rest.wrapping_mul(shift).wrapping_add(value) % 97;
    }
    rest == 1
}

/// Whether all digits are the same, which no issuer gives out.
pub(super) fn is_repeated(digits: &[u8]) -> bool {
    digits
        .windows(2)
        .all(|pair| matches!(pair, [a, b] if a == b))
}

/// Whether digits are those of a payment card: issuer range and length, then Luhn's sum.
pub(super) fn card(digits: &[u8]) -> bool {
    let prefix = |count: usize| {
        digits.iter().take(count).fold(0_u32, |number, digit| {
            number.wrapping_mul(10).wrapping_add(u32::from(*digit))
        })
    };
    let length = digits.len();
    let maestro = matches!(prefix(2), 50 | 56..=58 | 60..=69) && (13..=19).contains(&length);
    let issued = match prefix(1) {
        4 => matches!(length, 13 | 16 | 19),
        2 => length == 16 && (2221..=2720).contains(&prefix(4)),
        3 => {
            (matches!(prefix(2), 34 | 37) && length == 15)
                || (matches!(prefix(2), 36 | 38 | 39) || (300..=305).contains(&prefix(3)))
                    && (14..=19).contains(&length)
                || (3528..=3589).contains(&prefix(4)) && (16..=19).contains(&length)
        }
        5 => (length == 16 && (51..=55).contains(&prefix(2))) || maestro,
        6 => maestro,
        _ => false,
    };
    issued && luhn(digits) && !is_repeated(digits)
}
