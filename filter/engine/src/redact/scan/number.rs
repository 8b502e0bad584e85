//! Numbers that are written in digits, whole or in groups: cards, telephones, identities, dates.

use super::{
    bytes::{at, before, byte_set, is_joined_after, is_joined_before, is_word, run},
    checks,
    groups::{Groups, SEPARATORS},
    hunt::Hunt,
    phone,
    words::Topics,
};
use crate::redact::Detector;

impl Hunt<'_> {
    /// A word of digits. Gives where to go on.
    pub(super) fn number(&mut self, start: usize, end: usize) -> usize {
        let bytes = self.bytes;
        if at(bytes, end) == b'.'
            && end.saturating_sub(start) <= 3
            && let Some(next) = self.ipv4(start)
        {
            return next;
        }
        if at(bytes, end) == b':'
            && at(bytes, end.saturating_add(1)) != b' '
            && before(bytes, start, 1) != b':'
        {
            // A time or an address; a label's colon is followed by a space.
            return end;
        }
        let width = end.saturating_sub(start);
        // One of many digits that stand apart: the first was looked at with those after it.
        let follows = width == 1
            && SEPARATORS.has(before(bytes, start, 1))
            && before(bytes, start, 2).is_ascii_digit()
            && !before(bytes, start, 3).is_ascii_digit();
        let is_short = !SEPARATORS.has(at(bytes, end)) && width < 5;
        if follows {
            return end;
        }
        if is_short {
            return self.spelled_date(start, end).unwrap_or(end);
        }
        let groups = Groups::read(bytes, start);
        if let Some(last) = groups.last_of_figures(bytes) {
            return last;
        }
        if let Some(next) = self.date_from(start, &groups) {
            return next;
        }
        if let Some(next) = self.spaced_nino(start, &groups) {
            return next;
        }
        let total = groups.digits_in(groups.len());
        if total < 5 {
            return end;
        }
        let joined = is_thousands(bytes, start, &groups) || is_joined_before(bytes, start);
        if total >= 7 {
            let plus = before(bytes, start, 1) == b'+'
                || before(bytes, start, 1) == b'(' && before(bytes, start, 2) == b'+';
            if plus && let Some(next) = self.international(start, &groups) {
                return next;
            }
            if joined {
                return end;
            }
            let found = self
                .card(start, &groups)
                .or_else(|| self.identity(start, &groups))
                .or_else(|| self.phone(start, &groups));
            if let Some(next) = found {
                return next;
            }
        } else if joined {
            return end;
        }
        self.labelled(start, groups.end(1)).unwrap_or(end)
    }

    /// Notes a find of the first groups, where nothing longer goes on after them.
    fn take(
        &mut self,
        detector: Detector,
        start: usize,
        groups: &Groups,
        count: usize,
    ) -> Option<usize> {
        let end = groups.end(count);
        let free = !is_joined_after(self.bytes, end);
        (free && self.found(detector, start..end)).then_some(end)
    }

    /// Whether no more groups that seem to belong to the first ones stand before or after them.
    fn stands_alone(&self, start: usize, groups: &Groups, count: usize) -> bool {
        let separator = groups.separator(1);
        let continued =
            groups.len() > count && groups.separator(count) == separator && separator != b')';
        let begun = before(self.bytes, start, 1) == separator
            && before(self.bytes, start, 2).is_ascii_digit();
        !continued && !begun
    }

    fn card(&mut self, start: usize, groups: &Groups) -> Option<usize> {
        if !self.wants(Detector::PaymentCard) {
            return None;
        }
        let total = groups.digits_in(groups.len());
        if total < 13 || !matches!(groups.digits, [2..=6, ..]) || matches!(groups.width(0), 2 | 3) {
            return None;
        }
        let separators = b" -._/*x";
        let single = (0..groups.len())
            .take_while(|group| groups.width(*group) == 1)
            .count();
        for count in (1..=groups.len()).rev() {
            let digits = groups.digits(count);
            if !(13..=19).contains(&digits.len()) || !checks::card(digits) {
                continue;
            }
            let usual = groups.is(&[4, 4, 4, 4], separators) && count == 4
                || groups.is(&[4, 4, 4, 4, 3], separators) && count == 5
                || groups.is(&[4, 6, 5], separators) && count == 3
                || groups.is(&[4, 6, 4], separators) && count == 3;
            let whole =
                count == groups.len() && groups.is_parted(count, b" -x") && groups.width(0) > 3;
            let said = self.label(start);
            let named = said.topics.has(Topics::CARD);
            // A size and a time side by side are no card.
            let whole = whole && (named || (0..count).all(|group| groups.width(group) <= 6));
            let other = said.nearest.has(Topics::OTHER_NUMBER.or(Topics::HASH)) && !named;
            let is_id = said.nearest.has(Topics::ID);
            let bare =
                count == 1 && (named || !is_id) && (named || !matches!(digits.len(), 13 | 17..=19));
            if (usual || bare || whole && (count > 1) || single == count) && !other {
                return self.take(Detector::PaymentCard, start, groups, count);
            }
        }
        None
    }

    /// What a state gives a person.
    fn identity(&mut self, start: usize, groups: &Groups) -> Option<usize> {
        type T = Topics;
        let dashed_or_said = |separators: &[u8]| separators.contains(&groups.separator(1));
        if groups.is(&[3, 2, 4], b"- .") || groups.is(&[9], b"") {
            let detector = social_security(groups.digits(groups.digits_count(9)))?;
            let said = groups.len() < 3 || !dashed_or_said(b"-");
            if !said && self.stands_alone(start, groups, 3)
                || said && self.label(start).topics.has(T::SSN.or(T::ITIN))
            {
                let count = groups.digits_count(9);
                return self.take(detector, start, groups, count);
            }
        }
        if groups.is(&[3, 3, 4], b" -.") || groups.is(&[10], b"") {
            let count = groups.digits_count(10);
            if checks::nhs(groups.digits(count)) && self.label(start).topics.has(T::NHS) {
                return self.take(Detector::UkNhs, start, groups, count);
            }
        }
        if groups.is(&[3, 3, 3], b" -.") && self.stands_alone(start, groups, 3)
            || groups.is(&[9], b"")
        {
            let count = groups.digits_count(9);
            let said = count == 1 || dashed_or_said(b" .");
            if checks::luhn(groups.digits(count)) && (!said || self.label(start).topics.has(T::SIN))
            {
                return self.take(Detector::CaSin, start, groups, count);
            }
        }
        if groups.is(&[4, 4, 4], b" -.") && self.stands_alone(start, groups, 3)
            || groups.is(&[12], b"")
        {
            let count = groups.digits_count(12);
            let digits = groups.digits(count);
            let shaped = checks::verhoeff(digits)
                && digits.first() > Some(&1)
                && !checks::is_repeated(digits);
            if shaped && (count > 1 || self.label(start).topics.has(T::AADHAAR)) {
                return self.take(Detector::InAadhaar, start, groups, count);
            }
        }
        let cpf =
            groups.is(&[3, 3, 3], b".") && groups.separator(3) == b'-' && groups.width(3) == 2;
        if cpf
            || groups.is(&[11], b"")
            || groups.is(&[3, 3, 3, 2], b" -.")
            || groups.is(&[9, 2], b"-")
        {
            let count = groups.digits_count(11);
            if checks::cpf(groups.digits(count)) && (cpf || self.label(start).topics.has(T::CPF)) {
                return self.take(Detector::BrCpf, start, groups, count);
            }
        }
        self.dashed_letter(start, groups)
    }

    /// `12345678-Z` and `12.345.678-Z`.
    fn dashed_letter(&mut self, start: usize, groups: &Groups) -> Option<usize> {
        let count = if groups.width(0) == 8 { 1 } else { 3 };
        if count == 3 && !groups.is(&[2, 3, 3], b".") {
            return None;
        }
        let end = groups.end(count);
        let (dash, letter) = (at(self.bytes, end), at(self.bytes, end.saturating_add(1)));
        let after = end.saturating_add(2);
        let number = groups.digits(count).iter().fold(0_u32, |value, digit| {
            value.wrapping_mul(10).wrapping_add(u32::from(*digit))
        });
        let shaped = matches!(dash, b'-' | b' ')
            && letter.is_ascii_uppercase()
            && checks::nif(number, letter);
        (shaped && !is_word(at(self.bytes, after)) && self.found(Detector::EsNif, start..after))
            .then_some(after)
    }

    /// `QQ 12 34 56 C`, from its first digits.
    fn spaced_nino(&mut self, start: usize, groups: &Groups) -> Option<usize> {
        if !groups.is(&[2, 2, 2], b" -") && !groups.is(&[6], b"") {
            return None;
        }
        let count = groups.digits_count(6);
        let begin = start.checked_sub(3)?;
        let mut end = groups.end(count);
        if matches!(at(self.bytes, end), b' ' | b'-') {
            end = end.saturating_add(1);
        }
        let prefix = [
            at(self.bytes, begin),
            at(self.bytes, begin.saturating_add(1)),
        ];
        let last = end.saturating_add(1);
        let shaped = matches!(before(self.bytes, start, 1), b' ' | b'-')
            && super::word::is_nino(prefix, at(self.bytes, end))
            && !is_word(before(self.bytes, begin, 1))
            && !is_word(at(self.bytes, last));
        (shaped && self.found(Detector::UkNino, begin..last)).then_some(last)
    }

    fn phone(&mut self, start: usize, groups: &Groups) -> Option<usize> {
        if !self.wants(Detector::Phone) {
            return None;
        }
        let bytes = self.bytes;
        let opened = before(bytes, start, 1) == b'(';
        let from = if opened {
            start.saturating_sub(1)
        } else {
            start
        };
        if let Some(count) = phone::american(groups, opened) {
            let said = || self.label(start).topics.has(Topics::PHONE);
            let strong = opened
                || matches!(
                    groups.separator(groups.len().min(2).saturating_sub(1).max(1)),
                    b'-' | b'.' | b')'
                );
            if (strong && self.stands_alone(start, groups, count)) || said() {
                let end = groups.end(count);
                if !is_joined_after(bytes, end) && self.found(Detector::Phone, from..end) {
                    return Some(end);
                }
            }
        }
        let count = phone::longest(groups, 15);
        let digits = groups.digits_in(count);
        if !(7..=15).contains(&digits) || !self.label(start).topics.has(Topics::PHONE) {
            return None;
        }
        let said = self.label(start);
        if said.nearest.has(Topics::OTHER_NUMBER.or(Topics::ID)) {
            return None;
        }
        let end = groups.end(count);
        (!is_joined_after(bytes, end) && self.found(Detector::Phone, from..end)).then_some(end)
    }

    fn international(&mut self, start: usize, groups: &Groups) -> Option<usize> {
        let bytes = self.bytes;
        let mut from = start.saturating_sub(1);
        if before(bytes, start, 1) == b'(' {
            from = from.saturating_sub(1);
        }
        if is_word(before(bytes, from, 1)) {
            return None;
        }
        let count = phone::international(groups)?;
        let end = groups.end(count);
        (!is_word(at(bytes, end)) && self.found(Detector::Phone, from..end)).then_some(end)
    }

    /// A date of birth, or where a date ends that is none; `None` where there is no date.
    fn date_from(&mut self, start: usize, groups: &Groups) -> Option<usize> {
        if let Some(end) = super::date::numeric(groups) {
            if !is_word(at(self.bytes, end))
                && !is_joined_before(self.bytes, start)
                && self.wants(Detector::DateOfBirth)
                && self.label(start).topics.has(Topics::DOB)
            {
                self.found(Detector::DateOfBirth, start..end);
            }
            // A time that follows is of no one.
            let after = end.saturating_add(1);
            let timed = at(self.bytes, end) == b'T' && at(self.bytes, after).is_ascii_digit();
            let is_time = byte_set!(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'));
            return Some(if timed {
                run(self.bytes, after, is_time)
            } else {
                end
            });
        }
        self.spelled_date(start, groups.end(1))
    }

    /// The same with a month in letters: `1. Mai 1980`, `May 1, 1980`.
    fn spelled_date(&mut self, start: usize, end: usize) -> Option<usize> {
        // The label is looked at only where a month stands.
        let (from, end) = super::date::spelled(self.bytes, start, end)?;
        if self.wants(Detector::DateOfBirth) && self.label(from).topics.has(Topics::DOB) {
            self.found(Detector::DateOfBirth, from..end);
        }
        Some(end)
    }
}

/// `1,234.5678901`; before `536-50-6131` a comma parts cells.
fn is_thousands(bytes: &[u8], start: usize, groups: &Groups) -> bool {
    before(bytes, start, 1) == b','
        && before(bytes, start, 2).is_ascii_digit()
        && groups.width(0) == 3
        && (groups.len() == 1 || groups.len() == 2 && groups.separator(1) == b'.')
}

/// Which of the two a number of nine digits is: of social security, or of a taxpayer without.
fn social_security(digits: &[u8]) -> Option<Detector> {
    let number = digits.iter().fold(0_u32, |value, digit| {
        value.wrapping_mul(10).wrapping_add(u32::from(*digit))
    });
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    match area {
        _ if digits.len() != 9 => None,
        900.. => matches!(group, 50..=65 | 70..=88 | 90..=92 | 94..=99).then_some(Detector::UsItin),
        0 | 666 => None,
        _ => (group > 0 && serial > 0).then_some(Detector::UsSsn),
    }
}
