use std::str::FromStr as _;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::id::Hex;

/// RFC 8785 appendix B, without what is no number.
const APPENDIX_B: [(u64, &str); 24] = [
    (0x0000_0000_0000_0000, "0"),
    (0x8000_0000_0000_0000, "0"),
    (0x0000_0000_0000_0001, "5e-324"),
    (0x8000_0000_0000_0001, "-5e-324"),
    (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
    (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
    (0x4340_0000_0000_0000, "9007199254740992"),
    (0xc340_0000_0000_0000, "-9007199254740992"),
    (0x4430_0000_0000_0000, "295147905179352830000"),
    (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
    (0x44b5_2d02_c7e1_4af6, "1e+23"),
    (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
    (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
    (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
    (0x444b_1ae4_d6e2_ef50, "1e+21"),
    (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
    (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
    (0x41b3_de43_5555_5553, "333333333.3333332"),
    (0x41b3_de43_5555_5554, "333333333.33333325"),
    (0x41b3_de43_5555_5555, "333333333.3333333"),
    (0x41b3_de43_5555_5556, "333333333.3333334"),
    (0x41b3_de43_5555_5557, "333333333.33333343"),
    (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
];

#[test]
fn writes_doubles_as_the_rfc_does() {
    for (bits, expected) in APPENDIX_B {
        assert_eq!(spell(f64::from_bits(bits)), expected, "{bits:016x}");
        assert_eq!(canonical(expected).as_deref(), Ok(expected));
    }
}

/// What the test numbers of the RFC's reference implementation begin with
/// (cyberphone/json-canonicalization, testdata/README.md, Apache-2.0).
const LISTED: &str = "
    0000000000000000 8000000000000000 0000000000000001 8000000000000001 c46696695dbd1cc3
    c43211ede4974a35 c3fce97ca0f21056 c3c7213080c1a6ac c39280f39a348556 c35d9b1f5d20d557
    c327af4c4a80aaac c2f2f2a36ecd5556 c2be51057e155558 c28840d131aaaaac c253670dc1555557
    c21f0b4935555557 c1e8d5d42aaaaaac c1b3de4355555556 c17fca0555555556 c1496e6aaaaaaaab
    c114585555555555 c0e046aaaaaaaaab c0aa0aaaaaaaaaaa c074d55555555555 c040aaaaaaaaaaab
    c00aaaaaaaaaaaab bfd5555555555555 bfa1111111111111 bf6b4e81b4e81b4f bf35d867c3ece2a5
    bf0179ec9cbd821e becbf647612f3696 be965e9f80f29212 be61e54c672874db be2ca213d840baf8
    bdf6e80fe033c8c6 bdc2533fe68fd3d2 bd8d51ffd74c861c bd5774ccac3d3817 bd22c3d6f030f9ac
    bcee0624b3818f79 bcb804ea293472c7 bc833721ba905bd3 bc4ebe9c5db3c61e bc18987d17c304e5
    bbe3ad30dfcf371d bbaf7b816618582f bb792f9ab81379bf bb442615600f9499 bb101e77800c76e1
    bad9ca58cce0be35 baa4a1e0a3e6fe90 ba708180831f320d ba3a68cd9e985016 446696695dbd1cc3
    443211ede4974a35 43fce97ca0f21056 43c7213080c1a6ac 439280f39a348556 435d9b1f5d20d557
    4327af4c4a80aaac 42f2f2a36ecd5556 42be51057e155558 428840d131aaaaac 4253670dc1555557
    421f0b4935555557 41e8d5d42aaaaaac 41b3de4355555556 417fca0555555556 41496e6aaaaaaaab
    4114585555555555 40e046aaaaaaaaab 40aa0aaaaaaaaaaa 4074d55555555555 4040aaaaaaaaaaab
    400aaaaaaaaaaaab 3fd5555555555555 3fa1111111111111 3f6b4e81b4e81b4f 3f35d867c3ece2a5
    3f0179ec9cbd821e 3ecbf647612f3696 3e965e9f80f29212 3e61e54c672874db 3e2ca213d840baf8
    3df6e80fe033c8c6 3dc2533fe68fd3d2 3d8d51ffd74c861c 3d5774ccac3d3817 3d22c3d6f030f9ac
    3cee0624b3818f79 3cb804ea293472c7 3c833721ba905bd3 3c4ebe9c5db3c61e 3c18987d17c304e5
    3be3ad30dfcf371d 3baf7b816618582f 3b792f9ab81379bf 3b442615600f9499 3b101e77800c76e1
    3ad9ca58cce0be35 3aa4a1e0a3e6fe90 3a708180831f320d 3a3a68cd9e985016 4024000000000000
    4014000000000000 3fe0000000000000 3fa999999999999a 3f747ae147ae147b 3f40624dd2f1a9fc
    3f0a36e2eb1c432d 3ed4f8b588e368f1 3ea0c6f7a0b5ed8d 3e6ad7f29abcaf48 3e35798ee2308c3a
    3ed539223589fa95 3ed4ff26cd5a7781 3ed4f95a762283ff 3ed4f8c60703520c 3ed4f8b72f19cd0d
    3ed4f8b5b31c0c8d 3ed4f8b58d1c461a 3ed4f8b5894f7f0e 3ed4f8b588ee37f3 3ed4f8b588e47da4
    3ed4f8b588e3849c 3ed4f8b588e36bb5 3ed4f8b588e36937 3ed4f8b588e368f8 3ed4f8b588e368f1
    3ff0000000000000 bff0000000000000 bfeffffffffffffa bfeffffffffffffb 3feffffffffffffa
    3feffffffffffffb 3feffffffffffffc 3feffffffffffffe bfefffffffffffff bfefffffffffffff
    3fefffffffffffff 3fefffffffffffff 3fd3333333333332 3fd3333333333333 3fd3333333333334
    0010000000000000 000ffffffffffffd 000fffffffffffff 7fefffffffffffff ffefffffffffffff
    4340000000000000 c340000000000000 4430000000000000 44b52d02c7e14af5 44b52d02c7e14af6
    44b52d02c7e14af7 444b1ae4d6e2ef4e 444b1ae4d6e2ef4f 444b1ae4d6e2ef50 3eb0c6f7a0b5ed8c
    3eb0c6f7a0b5ed8d 41b3de4355555553 41b3de4355555554 41b3de4355555555 41b3de4355555556
    41b3de4355555557 becbf647612f3696 43143ff3c1cb0959
";

/// After those come 2,000 of the smallest normal doubles, then what a chain of SHA-256 makes.
fn test_numbers() -> impl Iterator<Item = u64> {
    let listed = LISTED
        .split_whitespace()
        .map(|bits| u64::from_str_radix(bits, 16).unwrap());
    let smallest = (0..2_000).map(|at| 0x0010_0000_0000_0000 + at);
    let next = |block: &[u8; 32]| Some(Sha256::digest(block).into());
    let blocks = std::iter::successors(Some([0; 32]), next).skip(1);
    let words = blocks.flat_map(|block| {
        let (words, _) = block.as_chunks();
        words.to_vec()
    });
    let words = words.map(u64::from_le_bytes);
    let is_number = |bits: &u64| {
        let double = f64::from_bits(*bits);
        double.is_finite() && double != 0.0
    };
    listed.chain(smallest).chain(words.filter(is_number))
}

#[test]
fn writes_doubles_as_the_reference_implementation_does() {
    let mut numbers = test_numbers();
    let mut hasher = Sha256::new();
    // The first thousand, and as many as a hundred thousand with those: both are published.
    for (count, expected) in [
        (
            1_000,
            "be18b62b6f69cdab33a7e0dae0d9cfa869fda80ddc712221570f9f40a5878687",
        ),
        (
            99_000,
            "22776e6d4b49fa294a0d0f349268e5c28808fe7e0cb2bcbe28f63894e494d4c7",
        ),
    ] {
        for bits in numbers.by_ref().take(count) {
            let spelling = spell(f64::from_bits(bits));
            hasher.update(format!("{bits:x},{spelling}\n"));
        }
        let digest = hasher.clone().finalize();
        assert_eq!(Hex(&digest).to_string(), expected);
    }
}

#[test]
fn takes_what_a_double_holds_and_says_what_it_holds_instead() {
    for (lexeme, expected) in [
        ("0", Ok("0")),
        ("-0", Ok("0")),
        ("-0.0", Ok("0")),
        ("0e99999999999999999999", Ok("0")),
        ("0.000e-5", Ok("0")),
        ("1", Ok("1")),
        ("1.0", Ok("1")),
        ("1e0", Ok("1")),
        ("10E-1", Ok("1")),
        ("0.1", Ok("0.1")),
        ("0.10000000000000000000000", Ok("0.1")),
        ("1E21", Ok("1e+21")),
        ("100000000000000000000", Ok("100000000000000000000")),
        ("1000000000000000000000", Ok("1e+21")),
        ("123456789012345", Ok("123456789012345")),
        ("-123456789012345", Ok("-123456789012345")),
        ("9007199254740992", Ok("9007199254740992")),
        ("9007199254740994", Ok("9007199254740994")),
        ("-9007199254740991", Ok("-9007199254740991")),
        ("9223372036854776000", Ok("9223372036854776000")),
        ("5e-324", Ok("5e-324")),
        ("0.0000001", Ok("1e-7")),
        ("9007199254740993", Err(Some("9007199254740992"))),
        ("-9007199254740993", Err(Some("-9007199254740992"))),
        ("9223372036854775807", Err(Some("9223372036854776000"))),
        ("9223372036854775808", Err(Some("9223372036854776000"))),
        ("18446744073709551615", Err(Some("18446744073709552000"))),
        ("0.1000000000000000055511151231257827", Err(Some("0.1"))),
        ("0.10000000000000001", Err(Some("0.1"))),
        ("333333333.33333329", Err(Some("333333333.3333333"))),
        ("3e-324", Err(Some("5e-324"))),
        ("4.9406564584124654e-324", Err(Some("5e-324"))),
        ("1e-400", Err(Some("0"))),
        ("-1e-99999999999999999999", Err(Some("0"))),
        (
            "1.7976931348623158e308",
            Err(Some("1.7976931348623157e+308")),
        ),
        ("1e400", Err(None)),
        ("-1e400", Err(None)),
        ("1e99999999999999999999", Err(None)),
    ] {
        let found = canonical(lexeme);
        let found = found.as_deref().map_err(|nearest| nearest.as_deref());
        assert_eq!(found, expected, "{lexeme}");
    }
}

/// The number of a lexeme, exactly: whether it is below 0, its digits from the first to the last
/// that is not 0, and the power of ten of the last.
fn exact(lexeme: &str) -> (bool, String, i64) {
    let (mantissa, exponent) = lexeme.split_once(['e', 'E']).unwrap_or((lexeme, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{}{fraction}", whole.trim_start_matches('-'));
    let kept = digits.trim_end_matches('0');
    let power = i64::from_str(exponent.trim_start_matches('+')).unwrap()
        - i64::try_from(fraction.len()).unwrap()
        + i64::try_from(digits.len() - kept.len()).unwrap();
    match kept.trim_start_matches('0') {
        "" => (false, String::new(), 0),
        digits => (lexeme.starts_with('-'), digits.into(), power),
    }
}

/// Spells digits and a power of ten with the point after `point` of `zeros`, the digits and as many
/// zeros again.
fn spelt(digits: &str, power: i64, zeros: usize, point: usize) -> String {
    let padded = format!("{0}{digits}{0}", "0".repeat(zeros));
    let point = point % (padded.len() + 1);
    let (whole, fraction) = padded.split_at(point);
    let power = power - i64::try_from(zeros).unwrap() + i64::try_from(fraction.len()).unwrap();
    let whole = match whole.trim_start_matches('0') {
        "" => "0",
        whole => whole,
    };
    let fraction = match fraction {
        "" => String::new(),
        fraction => format!(".{fraction}"),
    };
    match power {
        0 => format!("{whole}{fraction}"),
        1.. if zeros == 1 => format!("{whole}{fraction}E+{power}"),
        _ => format!("{whole}{fraction}e{power}"),
    }
}

#[test]
fn of_two_spellings_equally_near_takes_the_even_one() {
    for (bits, expected) in [
        // A quarter above and three, where doubles are a quarter apart.
        (0x4314_3ff3_c1cb_0959_u64, "1424953923781206.2"),
        (0x4314_3ff3_c1cb_095b, "1424953923781206.8"),
        (0xc314_3ff3_c1cb_0959, "-1424953923781206.2"),
        // Two to the power of -24, which is further from the double above it than from the one below:
        // that is where its even spelling would lead.
        (0x3e70_0000_0000_0000, "5.960464477539063e-8"),
        (0x3e60_0000_0000_0000, "2.9802322387695312e-8"),
    ] {
        assert_eq!(spell(f64::from_bits(bits)), expected, "{bits:016x}");
    }
}

proptest! {
    /// Decimals of the double itself tell how near a spelling is to it, without rounding.
    #[test]
    fn nothing_is_nearer_to_a_double_than_its_spelling(
        numerator in 1_u64..1 << 53,
        places in 1_i32..60,
    ) {
        // A double below which, and above which, the next is equally far away.
        prop_assume!(!numerator.is_power_of_two());
        #[expect(clippy::cast_precision_loss, reason = "it has 53 bits")]
        let double = numerator as f64 / 2_f64.powi(places);
        let spelling = spell(double);
        let (negative, digits, power) = exact(&spelling);
        prop_assert!(!negative);
        let (_, exact_digits, exact_power) = exact(&format!("{double:.1074}"));
        let shift = power - exact_power;
        prop_assume!(shift > 0 && digits.len() < 30);
        // Both in units of the last digit of the double itself.
        let unit = "0".repeat(usize::try_from(shift).unwrap());
        let kept = exact_digits.len() - unit.len();
        let (whole, rest) = exact_digits.split_at(kept);
        let whole: u128 = whole.parse().unwrap_or(0);
        let half = unit.replacen('0', "5", 1);
        let expected = match rest.cmp(&half) {
            std::cmp::Ordering::Less => whole,
            std::cmp::Ordering::Greater => whole + 1,
            std::cmp::Ordering::Equal => whole + whole % 2,
        };
        prop_assert_eq!(digits.parse::<u128>().unwrap(), expected, "{}", spelling);
    }

    #[test]
    fn every_double_is_read_back_from_its_spelling_which_is_canonical(bits: u64) {
        let double = f64::from_bits(bits);
        prop_assume!(double.is_finite());
        let spelling = spell(double);
        prop_assert_eq!(spelling.parse::<f64>().unwrap().to_bits(), (double + 0.0).to_bits());
        prop_assert_eq!(canonical(&spelling), Ok(Cow::Borrowed(&*spelling)));
        // Rust itself writes an exponent differently, and -0.
        let other = format!("{double:e}");
        // Of two that are equally near, it takes the one that is not even: another number.
        let is_same = significant(&other).eq(significant(&spelling));
        let expected = if is_same {
            Ok(Cow::Borrowed(&*spelling))
        } else {
            Err(Some(Box::from(&*spelling)))
        };
        prop_assert_eq!(canonical(&other), expected);
    }

    #[test]
    fn is_taken_if_its_canonical_spelling_is_the_same_number(
        lexeme in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?([eE](-3[0-4][0-9]|-[0-9]{1,2}|[+]?[0-9]{1,2}|30[0-9]))?",
    ) {
        let double: f64 = lexeme.parse().unwrap();
        match canonical(&lexeme) {
            Ok(spelling) => prop_assert_eq!(exact(&spelling), exact(&lexeme)),
            Err(Some(nearest)) => prop_assert_ne!(exact(&nearest), exact(&lexeme)),
            Err(None) => prop_assert!(double.is_infinite()),
        }
    }

    #[test]
    fn up_to_fifteen_digits_are_taken_however_they_are_spelt(
        digits in "[1-9][0-9]{0,14}",
        power in -310_i64..290,
        zeros in 0_usize..4,
        point in 0_usize..30,
        is_negative: bool,
    ) {
        // Below these there are fewer digits in a double.
        let power = power.max(-306 - i64::try_from(digits.len()).unwrap() + 1);
        let sign = if is_negative { "-" } else { "" };
        let plain = format!("{sign}{digits}e{power}");
        let other = format!("{sign}{}", spelt(&digits, power, zeros, point));
        prop_assert_eq!(exact(&plain), exact(&other), "{} {}", plain, other);
        let spelling = canonical(&plain).unwrap();
        prop_assert_eq!(exact(&spelling), exact(&plain));
        prop_assert_eq!(canonical(&other), Ok(Cow::Borrowed(&*spelling)), "{}", other);
    }

    #[test]
    fn equal_numbers_are_spelt_alike_or_are_both_refused(
        digits in "[1-9][0-9]{12,20}",
        power in -345_i64..300,
        zeros in 0_usize..4,
        point in 0_usize..30,
    ) {
        let plain = format!("{digits}e{power}");
        let other = spelt(&digits, power, zeros, point);
        prop_assert_eq!(exact(&plain), exact(&other), "{} {}", plain, other);
        prop_assert_eq!(canonical(&plain), canonical(&other));
    }
}
