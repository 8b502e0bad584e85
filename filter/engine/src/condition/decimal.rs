//! JSON numbers compared by value, without rounding and with it.

use std::cmp::Ordering;

/// Most digits of an exponent.
const MAX_EXPONENT_DIGITS: usize = 15;

/// Most digits of what numbers are multiples of.
const MAX_DIVISOR_DIGITS: usize = 18;

/// The value of a JSON number's lexeme.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal<'a> {
    is_negative: bool,
    /// From the first to the last digit that is not 0, with a `.` where one stood. Empty: zero.
    digits: &'a str,
    /// The power of ten that the first digit stands for.
    magnitude: i64,
}

/// How one number compares with another: exactly, and as the doubles that most readers make of
/// both. `None`: one is out of bounds for either.
pub(super) fn orderings(number: &str, other: &str) -> Option<[Ordering; 2]> {
    let exact = Decimal::read(number)?.compare(Decimal::read(other)?);
    let double = |lexeme: &str| {
        lexeme
            .parse()
            .ok()
            .filter(|double: &f64| double.is_finite())
    };
    let rounded = double(number)?.partial_cmp(&double(other)?)?;
    Some([exact, rounded])
}

impl<'a> Decimal<'a> {
    /// Reads a lexeme that the parser accepted. `None`: its exponent is absurd.
    pub(crate) fn read(lexeme: &'a str) -> Option<Self> {
        let (is_negative, rest) = match lexeme.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, lexeme),
        };
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let is_nought = |c: char| c == '0' || c == '.';
        let digits = mantissa.trim_matches(is_nought);
        if digits.is_empty() {
            return Some(Self {
                is_negative: false,
                digits,
                magnitude: 0,
            });
        }
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let whole = length(whole.trim_start_matches('0'));
        let magnitude = if whole > 0 {
            whole.checked_sub(1)?
        } else {
            let noughts = length(fraction).checked_sub(length(fraction.trim_start_matches('0')))?;
            noughts.checked_add(1)?.checked_neg()?
        };
        Some(Self {
            is_negative,
            digits,
            magnitude: magnitude.checked_add(exponent_of(exponent)?)?,
        })
    }

    /// Which is greater.
    pub(crate) fn compare(self, other: Self) -> Ordering {
        match (self.sign(), other.sign()) {
            (here, there) if here != there => here.cmp(&there),
            (0, _) => Ordering::Equal,
            (1, _) => self.compare_size(other),
            (_, _) => other.compare_size(self),
        }
    }

    /// Whether it has no fraction.
    pub(crate) fn is_whole(self) -> bool {
        self.exponent() >= 0
    }

    /// Whether it is a whole number of times `divisor` times 10 to the power of `exponent`, which are
    /// the [`parts`](Self::parts) of another number.
    pub(crate) fn is_multiple_of(self, (divisor, exponent): (u64, i64)) -> bool {
        if self.digits.is_empty() {
            return true;
        }
        // Its last digit is no 0, so that nothing of it goes into a power of ten.
        let Ok(powers) = u64::try_from(self.exponent().saturating_sub(exponent)) else {
            return false;
        };
        // Below 10 to the power of 18, both of them, so that nothing is cut off.
        let append = |remainder: u64, digit: u8| {
            let number = remainder.saturating_mul(10).saturating_add(digit.into());
            number.checked_rem(divisor).unwrap_or(0)
        };
        let remainder = self.significant().fold(0, append);
        // The first 64 powers have every 2 and 5 that can be in the divisor; more change nothing.
        (0..powers.min(64)).fold(remainder, |remainder, _| append(remainder, 0)) == 0
    }

    /// Its digits as a whole number that is no multiple of 10, and the power of ten that goes with
    /// it. `None`: it is not above 0, or has more than 18 digits.
    pub(crate) fn parts(self) -> Option<(u64, i64)> {
        let digits = self.significant();
        let whole = digits
            .take(MAX_DIVISOR_DIGITS + 1)
            .fold(0, |whole: u64, digit| {
                whole.saturating_mul(10).saturating_add(digit.into())
            });
        let is_short = self.significant().count() <= MAX_DIVISOR_DIGITS;
        (self.sign() > 0 && is_short).then_some((whole, self.exponent()))
    }

    /// What tells numbers apart, whatever their spelling.
    pub(crate) fn write_to(self, write: &mut impl FnMut(&[u8])) {
        write(&self.sign().to_le_bytes());
        write(&self.magnitude.to_le_bytes());
        self.significant().for_each(|digit| write(&[digit]));
    }

    /// The power of ten that the last digit stands for; 0 for zero.
    fn exponent(self) -> i64 {
        let digits = i64::try_from(self.significant().count()).unwrap_or(i64::MAX);
        match digits {
            0 => 0,
            _ => self.magnitude.saturating_sub(digits).saturating_add(1),
        }
    }

    /// The values of its digits, the first of which and the last are no 0.
    fn significant(self) -> impl Iterator<Item = u8> {
        let digits = self.digits.bytes().filter(u8::is_ascii_digit);
        digits.map(|digit| digit.wrapping_sub(b'0'))
    }

    fn sign(self) -> i8 {
        match (self.digits, self.is_negative) {
            ("", _) => 0,
            (_, true) => -1,
            (_, false) => 1,
        }
    }

    fn compare_size(self, other: Self) -> Ordering {
        let digits = |number: Self| number.digits.bytes().filter(|byte| *byte != b'.');
        let magnitudes = self.magnitude.cmp(&other.magnitude);
        magnitudes.then_with(|| digits(self).cmp(digits(other)))
    }
}

fn exponent_of(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.trim_start_matches('0');
    if digits.len() > MAX_EXPONENT_DIGITS {
        return None;
    }
    let exponent: i64 = if digits.is_empty() {
        0
    } else {
        digits.parse().ok()?
    };
    if is_negative {
        exponent.checked_neg()
    } else {
        Some(exponent)
    }
}

fn length(digits: &str) -> i64 {
    i64::try_from(digits.len()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compare(a: &str, b: &str) -> Ordering {
        Decimal::read(a).unwrap().compare(Decimal::read(b).unwrap())
    }

    #[test]
    fn spellings_of_one_number_are_equal_and_none_is_rounded() {
        for (a, b, expected) in [
            ("1.0", "1", Ordering::Equal),
            ("1e2", "100", Ordering::Equal),
            ("100.00", "1E+2", Ordering::Equal),
            ("0.001", "1e-3", Ordering::Equal),
            ("-0", "0.0e7", Ordering::Equal),
            ("0e999999999999999999999", "0", Ordering::Equal),
            ("120", "12", Ordering::Greater),
            ("9007199254740993", "9007199254740992", Ordering::Greater),
            ("0.1", "0.10000000000000000000001", Ordering::Less),
            ("-2", "-10", Ordering::Greater),
            ("-1", "1e-9", Ordering::Less),
            ("9", "10", Ordering::Less),
            ("1e400", "1e399", Ordering::Greater),
            ("0.09", "0.1", Ordering::Less),
        ] {
            assert_eq!(compare(a, b), expected, "{a} {b}");
            assert_eq!(compare(b, a), expected.reverse(), "{b} {a}");
        }
        assert!(Decimal::read("1e1000000000000000").is_none());
    }

    #[test]
    fn doubles_may_be_equal_where_numbers_are_not() {
        for (a, b, expected) in [
            (
                "7.0000000000000000001",
                "7",
                Some([Ordering::Greater, Ordering::Equal]),
            ),
            ("1e-400", "0", Some([Ordering::Greater, Ordering::Equal])),
            ("0.1", "0.10", Some([Ordering::Equal, Ordering::Equal])),
            ("1e400", "1", None),
        ] {
            assert_eq!(orderings(a, b), expected, "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_whole_numbers(a in -200_000_i64..200_000, b in -200_000_i64..200_000, zeros in 0_usize..4) {
            let spelt = |n: i64| {
                let zeros = "0".repeat(zeros);
                [n.to_string(), format!("{n}.0{zeros}"), format!("{n}{zeros}e-{}", zeros.len())]
            };
            for one in spelt(a) {
                for other in spelt(b) {
                    prop_assert_eq!(compare(&one, &other), a.cmp(&b), "{} {}", one, other);
                }
            }
        }

        #[test]
        fn agrees_with_fractions(a in "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,4})?", b in "-?(0|[1-9][0-9]{0,4})(\\.[0-9]{1,4})?") {
            let scaled = |text: &str| (text.parse::<f64>().unwrap() * 10_000.0).round();
            prop_assert_eq!(compare(&a, &b), scaled(&a).partial_cmp(&scaled(&b)).unwrap());
        }
    }
}
