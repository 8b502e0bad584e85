//! Words of letters and digits: bank accounts, identities, wallets, and what a label names.

use super::{
    bytes::{
        ALPHANUMERICS, at, before, byte_set, is_joined_after, is_joined_before, is_word, part, run,
        run_back,
    },
    checks,
    hunt::Hunt,
    words::Topics,
};
use crate::redact::Detector;

/// Countries and the length of their account numbers (the SWIFT registry of IBANs).
const ACCOUNTS: &[u8] = b"AD24AE23AL28AT20AZ28BA20BE16BG22BH22BI27BR29BY28CH21CR22CY28CZ24DE22DJ27DK18DO28EE20EG29ES24FI18FK18FO18FR27GB22GE22GI23GL18GR27GT28HN28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MN20MR27MT31MU30NI28NL18NO15OM23PK24PL28PS29PT25QA29RO24RS22RU33SA24SC31SD18SE24SI19SK24SM27SO23ST25SV28TL23TN24TR26UA29VA22VG24XK20YE30";

fn account_length(country: [u8; 2]) -> Option<usize> {
    let (entries, _) = ACCOUNTS.as_chunks::<4>();
    let index = entries
        .binary_search_by_key(&country, |[a, b, ..]| [*a, *b])
        .ok()?;
    let [_, _, tens, ones] = entries.get(index)?;
    Some(usize::from(
        tens.wrapping_sub(b'0')
            .wrapping_mul(10)
            .wrapping_add(ones.wrapping_sub(b'0')),
    ))
}

/// Whether a prefix and suffix are given out for national insurance numbers.
pub(super) fn is_nino(prefix: [u8; 2], suffix: u8) -> bool {
    let [first, second] = prefix;
    let letters = first.is_ascii_uppercase() && second.is_ascii_uppercase();
    letters
        && !matches!(first, b'D' | b'F' | b'I' | b'Q' | b'U' | b'V')
        && !matches!(second, b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V')
        && !matches!(
            &prefix,
            b"BG" | b"GB" | b"KN" | b"NK" | b"NT" | b"TN" | b"ZZ"
        )
        && matches!(suffix, b'A'..=b'D')
}

impl Hunt<'_> {
    /// A word with letters and digits. Gives where to go on.
    pub(super) fn mixed(&mut self, start: usize, end: usize) -> usize {
        let bytes = self.bytes;
        let word = part(bytes, start..end);
        if word.len() < 4 {
            return end;
        }
        self.remember_run(start, end);
        let free = !is_word(before(bytes, start, 1));
        if free && let Some(next) = self.iban(start).or_else(|| self.prefixed(start, end)) {
            return next;
        }
        if free && end.saturating_sub(start) > 13 && self.wallet(start, end) {
            return end;
        }
        if let Some(next) = self.network_word(start, end) {
            return next;
        }
        if !free || is_word(at(bytes, end)) {
            return end;
        }
        if !is_joined_before(bytes, start)
            && let Some(next) = self.lettered(start, end, word)
        {
            return next;
        }
        self.labelled(start, end).unwrap_or(end)
    }

    /// National numbers with letters.
    fn lettered(&mut self, start: usize, end: usize, word: &[u8]) -> Option<usize> {
        let count = |from: usize, to: usize| {
            let digits = part(word, from..to);
            (digits.len() == to.saturating_sub(from) && digits.iter().all(u8::is_ascii_digit)).then(
                || {
                    digits.iter().fold(0_u32, |value, digit| {
                        value
                            .wrapping_mul(10)
                            .wrapping_add(u32::from(digit.wrapping_sub(b'0')))
                    })
                },
            )
        };
        if word.len() != 9 || is_joined_after(self.bytes, end) {
            return None;
        }
        let upper = word.to_ascii_uppercase();
        let (first, second, last) = (at(&upper, 0), at(&upper, 1), at(&upper, 8));
        let caseless =
            |hunt: &Self, topic: Topics| upper == word || hunt.label(start).topics.has(topic);
        if count(2, 8).is_some() && is_nino([first, second], last) && caseless(self, Topics::NINO) {
            return self.found(Detector::UkNino, start..end).then_some(end);
        }
        let number = match first {
            b'X' => count(1, 8),
            b'Y' => count(1, 8).map(|number| number.wrapping_add(10_000_000)),
            b'Z' => count(1, 8).map(|number| number.wrapping_add(20_000_000)),
            _ => count(0, 8),
        }?;
        let is_nif = checks::nif(number, last) && caseless(self, Topics::NIF);
        (is_nif && self.found(Detector::EsNif, start..end)).then_some(end)
    }

    /// An account number that begins here, in groups or not.
    fn iban(&mut self, start: usize) -> Option<usize> {
        let bytes = self.bytes;
        let country = [at(bytes, start), at(bytes, start.saturating_add(1))];
        let checked = at(bytes, start.saturating_add(2)).is_ascii_digit()
            && at(bytes, start.saturating_add(3)).is_ascii_digit();
        if !checked || !self.wants(Detector::Iban) {
            return None;
        }
        let length = account_length(country.map(|byte| byte.to_ascii_uppercase()))?;
        let mut compact = [0_u8; 34];
        let mut index = start;
        let mut held = 0_usize;
        while held < length {
            let byte = at(bytes, index);
            if byte.is_ascii_alphanumeric() {
                *compact.get_mut(held)? = byte;
                held = held.saturating_add(1);
            } else if !matches!(byte, b' ' | b'-' | b'.')
                || held < 4
                || !at(bytes, index.saturating_add(1)).is_ascii_alphanumeric()
            {
                return None;
            }
            index = index.saturating_add(1);
        }
        let sound = checks::mod97(compact.get(..length)?) && !is_word(at(bytes, index));
        (sound && self.found(Detector::Iban, start..index)).then_some(index)
    }

    /// What only the words before it, or its key, make a passport or a licence.
    pub(super) fn labelled(&mut self, start: usize, end: usize) -> Option<usize> {
        type T = Topics;
        let width = end.saturating_sub(start);
        let is_grouped = width == 4 && at(self.bytes, end) == b'-';
        if !(is_grouped || (5..=24).contains(&width)) {
            return None;
        }
        let said = self.label(start).topics;
        if !said.has(T::PASSPORT.or(T::LICENCE)) {
            return None;
        }
        if said.has(T::PASSPORT) {
            let shaped =
                document(part(self.bytes, start..end), 6, 12) && !is_joined_after(self.bytes, end);
            return (shaped && self.found(Detector::Passport, start..end)).then_some(end);
        }
        if said.has(T::LICENCE) {
            // `R735-4914-9180`, `MORGA 657054 SM9IJ`.
            let mut until = end;
            for _ in 0..4 {
                let next = until.saturating_add(1);
                let last = run(self.bytes, next, ALPHANUMERICS);
                let group = part(self.bytes, next..last);
                if !matches!(at(self.bytes, until), b'-' | b' ')
                    || !group.iter().any(u8::is_ascii_digit)
                {
                    break;
                }
                until = last;
            }
            let shaped = document(part(self.bytes, start..until), 5, 24);
            return (shaped && self.found(Detector::DriverLicense, start..until)).then_some(until);
        }
        None
    }

    /// Notes a run of letters and digits that may be an encoded text, with what belongs to it.
    fn remember_run(&mut self, start: usize, end: usize) {
        let from = self.runs.last().map_or(0, |run| run.end);
        if end.saturating_sub(start) < 8 || start < from {
            return;
        }
        let is_encoded = byte_set!(
            |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_')
        );
        let bytes = self.bytes;
        let begin = run_back(
            bytes,
            start,
            start.saturating_sub(from).min(256),
            is_encoded,
        );
        let until = run(bytes, end, is_encoded);
        let padded = run(
            part(bytes, 0..until.saturating_add(2).min(bytes.len())),
            until,
            byte_set!(|byte| byte == b'='),
        );
        let until = padded.max(until);
        if until.saturating_sub(begin) >= 16 {
            self.runs.push(begin..until);
        }
    }
}

/// Whether it has the shape of a document's number: digits among few letters.
fn document(word: &[u8], least: usize, most: usize) -> bool {
    let signs = word
        .iter()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .count();
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    (least..=most).contains(&signs) && digits >= 1 && digits.saturating_mul(8) >= signs
}

/// `8-4-4-4-12` hexadecimal digits: an identifier of no one.
pub(super) fn is_uuid_start(bytes: &[u8], start: usize, end: usize) -> bool {
    end.saturating_sub(start) == 8 && at(bytes, end) == b'-' && {
        let whole = part(bytes, start..start.saturating_add(36));
        whole.len() == 36
            && whole.iter().enumerate().all(|(index, byte)| match index {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
    }
}
