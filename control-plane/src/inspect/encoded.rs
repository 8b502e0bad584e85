//! Text behind base64, hexadecimal digits, percent or HTML escapes.

use std::sync::LazyLock;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use regex::Regex;

use super::{
    Findings, Rule, Severity,
    strings::{Role, Text},
    tools::Mentions,
    words,
};

/// Shorter text orders nothing; honest samples are shorter too.
const MIN_TEXT_BYTES: usize = 20;
/// More of one run is not decoded.
const MAX_RUN_BYTES: usize = 16 << 10;
/// More runs of one text are not decoded.
const MAX_RUNS: usize = 32;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
static STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:%[0-9A-Fa-f]{2}){8,}|(?:&#x?[0-9A-Fa-f]{1,6};){6,}|(?:\\x[0-9A-Fa-f]{2}){8,}|(?:\\u[0-9A-Fa-f]{4}){6,}|[A-Za-z0-9+/_-]{24,}={0,2}").ok()
});

pub(super) fn inspect(text: &Text<'_>, mentions: &Mentions<'_>, found: &mut Findings) {
    let Some(run) = RUN.as_ref() else { return };
    for run in run.find_iter(text.content).take(MAX_RUNS) {
        let run = run.as_str();
        let head = run.get(..MAX_RUN_BYTES).unwrap_or(run);
        let Some(decoded) = decode(head) else {
            continue;
        };
        let said = words::warnings(&decoded, Role::Prose, mentions);
        let is_order = said
            .iter()
            .any(|((_, severity, _), _)| *severity >= Severity::Medium);
        let (severity, why) = if is_order {
            (Severity::High, "It hides an order by an encoding.")
        } else if decoded.starts_with('{') {
            // A token or a sample of JSON.
            (Severity::Low, "It holds JSON in an encoding.")
        } else {
            (Severity::Medium, "It holds text in an encoding.")
        };
        found.add(
            Rule::EncodedText,
            severity,
            (&text.place, &format!("{decoded} (decoded)")),
            why,
        );
    }
}

/// The text behind a run, where it is one.
fn decode(run: &str) -> Option<String> {
    let bytes = match run.as_bytes() {
        [b'%', ..] => hex(&run.replace('%', "")),
        [b'\\', b'x', ..] => hex(&run.replace("\\x", "")),
        [b'\\', b'u', ..] => Some(numbers(run, "\\u", 16)),
        [b'&', ..] => Some(entities(run)),
        _ => hex(run)
            .filter(|bytes| is_text(bytes))
            .or_else(|| base64(run)),
    }?;
    if !is_text(&bytes) {
        return None;
    }
    String::from_utf8(bytes).ok()
}

fn base64(run: &str) -> Option<Vec<u8>> {
    let run = run.replace('-', "+").replace('_', "/");
    let run = run.trim_end_matches('=');
    // A run that is cut still shows its beginning.
    let whole = run.len().checked_sub(usize::from(run.len() % 4 == 1))?;
    STANDARD.decode(run.get(..whole)?).ok()
}

fn hex(run: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = run
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect();
    let bytes = digits?
        .chunks_exact(2)
        .filter_map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect();
    Some(bytes)
}

fn numbers(run: &str, mark: &str, radix: u32) -> Vec<u8> {
    let text: String = run
        .split(mark)
        .filter_map(|digits| char::from_u32(u32::from_str_radix(digits, radix).ok()?))
        .collect();
    text.into_bytes()
}

fn entities(run: &str) -> Vec<u8> {
    let text: String = run
        .split(';')
        .filter_map(|entity| {
            let digits = entity.strip_prefix("&#")?;
            let code = digits.strip_prefix('x').map_or_else(
                || digits.parse().ok(),
                |digits| u32::from_str_radix(digits, 16).ok(),
            );
            char::from_u32(code?)
        })
        .collect();
    text.into_bytes()
}

/// Whether bytes are prose rather than what chance makes of a digest or an identifier.
fn is_text(bytes: &[u8]) -> bool {
    if bytes.len() < MIN_TEXT_BYTES {
        return false;
    }
    let of = |is: fn(&u8) -> bool| bytes.iter().filter(|byte| is(byte)).count();
    let printable = of(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    let letters = of(|byte| byte.is_ascii_alphabetic() || *byte == b' ');
    // Nine in ten are printable, and six in ten letters or spaces.
    printable.saturating_mul(10) >= bytes.len().saturating_mul(9)
        && letters.saturating_mul(10) >= bytes.len().saturating_mul(6)
}
