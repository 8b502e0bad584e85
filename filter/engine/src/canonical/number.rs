//! Numbers as ECMAScript writes them (ECMA-262, `Number::toString`), where nothing is lost by that.

use std::borrow::Cow;

/// Any whole number of so many digits is written as it is.
const MAX_PLAIN_DIGITS: usize = 15;

/// The canonical spelling of a lexeme that the parser accepted, if that is the same number; else
/// the one of the double nearest to it, where there is one.
pub(super) fn canonical(lexeme: &str) -> Result<Cow<'_, str>, Option<Box<str>>> {
    if is_plain(lexeme) {
        return Ok(Cow::Borrowed(lexeme));
    }
    let double: Option<f64> = lexeme.parse().ok();
    let Some(double) = double.filter(|double| double.is_finite()) else {
        return Err(None);
    };
    let spelling = spell(double);
    // Both are nearest to this double. With the same digits they are one number: another exponent
    // would put them ten times apart, and no double but 0 is nearest to both then. What 0 is
    // nearest to has no digits or is another number.
    if significant(lexeme).eq(significant(&spelling)) {
        Ok(Cow::Owned(spelling))
    } else {
        Err(Some(spelling.into()))
    }
}

fn is_plain(lexeme: &str) -> bool {
    let digits = lexeme.strip_prefix('-').unwrap_or(lexeme);
    digits.len() <= MAX_PLAIN_DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && lexeme != "-0"
}

/// A number's digits from the first to the last that is not 0; none of 0.
fn significant(number: &str) -> impl Iterator<Item = u8> {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.trim_matches(['-', '0', '.']);
    digits.bytes().filter(|byte| *byte != b'.')
}

/// Writes a finite double as ECMAScript does.
///
/// Rust chooses the same digits, the fewest that are read back as this double and of those the
/// nearest to it, but for ties. It leaves to its caller what ECMAScript decides by size: whether
/// there is an exponent. That has a sign there.
fn spell(double: f64) -> String {
    let size = double.abs();
    if size == 0.0 {
        return String::from("0");
    }
    let spelling = if (1e-6..1e21).contains(&size) {
        double.to_string()
    } else {
        format!("{double:e}")
    };
    let spelling = even(double, &spelling).unwrap_or(spelling);
    if size < 1.0 {
        return spelling;
    }
    spelling.replace('e', "e+")
}

/// Of two spellings that are equally near to a double, Rust takes the upper one and ECMAScript the
/// one whose last digit is even: that one, where there are two.
fn even(double: f64, spelling: &str) -> Option<String> {
    let end = spelling.find('e').unwrap_or(spelling.len());
    let (digits, exponent) = spelling.split_at_checked(end)?;
    let fraction = digits.split_once('.').map_or("", |(_, fraction)| fraction);
    let power: i64 = match exponent.strip_prefix('e') {
        Some(power) => power.parse().ok()?,
        None => 0,
    };
    let decimals = i64::try_from(fraction.len()).ok()?.saturating_sub(power);
    // The double itself has one digit more then, which is a 5.
    if decimals_of(double) != decimals.saturating_add(1) {
        return None;
    }
    let mut even = String::from(digits);
    let last = even.pop()?.to_digit(10)?;
    even.push(char::from_digit(last & !1, 10)?);
    even.push_str(exponent);
    // Below a power of two, doubles are nearer to each other than above it.
    (even.parse() == Ok(double)).then_some(even)
}

/// How many decimals it takes to write a double exactly: as many as binary places; less than 0 where
/// it is a multiple of a power of two.
fn decimals_of(double: f64) -> i64 {
    let bits = double.to_bits();
    let exponent = i64::try_from((bits >> 52) & 0x7FF).unwrap_or_default();
    let fraction = bits & ((1 << 52) - 1);
    let significand = if exponent == 0 {
        fraction
    } else {
        fraction | (1 << 52)
    };
    1_075_i64
        .saturating_sub(exponent.max(1))
        .saturating_sub(i64::from(significand.trailing_zeros()))
}

#[cfg(test)]
mod tests;
