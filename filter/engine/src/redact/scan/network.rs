//! Addresses of the Internet Protocol and of hardware.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{
    bytes::{at, before, byte_set, is_joined_after, is_word, part, run, run_back},
    hunt::Hunt,
    words::Topics,
};
use crate::redact::Detector;

/// Longest text of an address of version 6, with one of version 4 in it.
const MAX_IPV6_BYTES: usize = 45;

impl Hunt<'_> {
    /// A dotted quad that begins at `start`, or where what looks like one ends; `None` where
    /// nothing does.
    pub(super) fn ipv4(&mut self, start: usize) -> Option<usize> {
        let bytes = self.bytes;
        let end = run(
            bytes,
            start,
            byte_set!(|byte| byte.is_ascii_digit() || byte == b'.'),
        );
        let mut until = end;
        while before(bytes, until, 1) == b'.' {
            until = until.saturating_sub(1);
        }
        let quad = part(bytes, start..until);
        if !(7..=15).contains(&quad.len()) {
            return (memchr::memchr_iter(b'.', part(quad, 0..32.min(quad.len()))).count() > 2)
                .then_some(end);
        }
        let mut octets = [0_u8; 4];
        let mut count = 0_usize;
        for octet in quad.split(|byte| *byte == b'.') {
            let text = std::str::from_utf8(octet).ok()?;
            let place = octets.get_mut(count)?;
            *place = text
                .parse()
                .ok()
                .filter(|_| text.len() == 1 || !text.starts_with('0'))?;
            count = count.saturating_add(1);
        }
        if count != 4 {
            return None;
        }
        let edge = before(bytes, start, 1);
        let joined = is_word(edge)
            || matches!(edge, b'.' | b'-' | b'+') && is_word(before(bytes, start, 2))
            // `Chrome/119.0.0.0` is a version, `http://9.9.9.9` is not.
            || edge == b'/' && before(bytes, start, 2).is_ascii_alphabetic()
            || is_word(at(bytes, until))
            || at(bytes, until) == b'-' && is_word(at(bytes, until.saturating_add(1)));
        if !joined && self.is_address(Ipv4Addr::from(octets), start, until) {
            self.found(Detector::IpAddress, start..until);
        }
        Some(end)
    }

    /// Whether a quad is an address that says something of someone: no version, and none that
    /// every network has.
    fn is_address(&self, address: Ipv4Addr, start: usize, end: usize) -> bool {
        let [first, second, ..] = address.octets();
        let everywhere = first == 0
            || first >= 224
            || address.is_loopback()
            || address.is_private()
            || (first, second) == (169, 254);
        if everywhere {
            return false;
        }
        let said = self.label(start);
        if said.nearest.has(Topics::VERSION)
            || said.topics.has(Topics::VERSION) && !said.topics.has(Topics::IP)
        {
            return false;
        }
        let small = address.octets().iter().all(|octet| *octet <= 31) && first < 10;
        let located = matches!(at(self.bytes, end), b':' | b'/')
            || matches!(before(self.bytes, start, 1), b'/' | b'@')
            || said.topics.has(Topics::IP)
            || matches!(
                address.octets(),
                [1, 1, 1, 1] | [8, 8, 8, 8] | [8, 8, 4, 4] | [9, 9, 9, 9]
            );
        located || !small
    }

    /// Groups of hexadecimal digits between colons, of which the first colon stands at `colon`:
    /// a hardware address, one of version 6, or neither. Gives where they end.
    pub(super) fn colons(&mut self, colon: usize) -> Option<usize> {
        let bytes = self.bytes;
        let is_group = byte_set!(|byte| byte.is_ascii_hexdigit() || byte == b':');
        let start = run_back(bytes, colon, 4, byte_set!(|byte| byte.is_ascii_hexdigit()));
        let mut end = run(bytes, colon, is_group);
        if is_word(before(bytes, start, 1)) || end.saturating_sub(start) > MAX_IPV6_BYTES {
            return (end > colon.saturating_add(MAX_IPV6_BYTES)).then_some(end);
        }
        if part(bytes, colon..end).len() < 2 {
            return None;
        }
        // `::ffff:192.0.2.1`.
        if at(bytes, end) == b'.' {
            end = run(
                bytes,
                end,
                byte_set!(|byte| byte.is_ascii_digit() || byte == b'.'),
            );
        }
        while end > start && matches!(before(bytes, end, 1), b'.') {
            end = end.saturating_sub(1);
        }
        let whole = part(bytes, start..end);
        if self.hardware(start, end, whole) {
            return Some(end);
        }
        let mut until = end;
        if before(bytes, until, 1) == b':' && before(bytes, until, 2) != b':' {
            until = until.saturating_sub(1);
        }
        let text = std::str::from_utf8(part(bytes, start..until)).ok()?;
        let address: Ipv6Addr = text.parse().ok().filter(|_| !is_word(at(bytes, until)))?;
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        let groups = text.split(':').filter(|group| !group.is_empty()).count();
        if address.is_loopback()
            || digits == 0
            || groups < 3 && !self.label(start).topics.has(Topics::IP) && digits < 3
        {
            return Some(end);
        }
        self.found(Detector::IpAddress, start..until);
        Some(end)
    }

    /// Six groups of two hexadecimal digits.
    fn hardware(&mut self, start: usize, end: usize, whole: &[u8]) -> bool {
        let separator = at(whole, 2);
        let shaped = whole.len() == 17
            && matches!(separator, b':' | b'-')
            && whole
                .iter()
                .enumerate()
                .all(|(index, byte)| match index % 3 {
                    2 => *byte == separator,
                    _ => byte.is_ascii_hexdigit(),
                });
        let bytes = self.bytes;
        let edges = [before(bytes, start, 1), at(bytes, end)];
        let joined = edges
            .iter()
            .any(|byte| is_word(*byte) || *byte == separator);
        let digits = whole.iter().filter(|byte| **byte != separator);
        let told = !digits.clone().all(|byte| *byte == b'0')
            && !digits.clone().all(|byte| byte.eq_ignore_ascii_case(&b'f'));
        shaped && !joined && told && self.found(Detector::MacAddress, start..end)
    }

    /// `f8-3b-a8-f9-6c-c5`, of which the first dash stands at `dash`.
    pub(super) fn dashed_hardware(&mut self, dash: usize) -> Option<usize> {
        let start = dash.checked_sub(2)?;
        let end = start.saturating_add(17);
        let whole = part(self.bytes, start..end);
        (at(whole, 5) == b'-' && self.hardware(start, end, whole)).then_some(end)
    }

    /// `183d.f80a.79dc`, or a hardware address without separators in a field for one.
    pub(super) fn network_word(&mut self, start: usize, end: usize) -> Option<usize> {
        let bytes = self.bytes;
        let is_group = |range| part(bytes, range).iter().all(u8::is_ascii_hexdigit);
        match end.saturating_sub(start) {
            4 if matches!(
                (before(bytes, start, 1), at(bytes, end)),
                (_, b'.') | (b'.', _)
            ) => {}
            12 if is_group(start..end) && self.label(start).topics.has(Topics::MAC) => {
                return self.found(Detector::MacAddress, start..end).then_some(end);
            }
            _ => return None,
        }
        // The word may be any of the three groups; those before it have no digits.
        (0..3_usize).find_map(|group| {
            let first = start.checked_sub(group.saturating_mul(5))?;
            let whole = part(bytes, first..first.saturating_add(14));
            let shaped = whole.len() == 14
                && whole.iter().enumerate().all(|(index, byte)| match index {
                    4 | 9 => *byte == b'.',
                    _ => byte.is_ascii_hexdigit(),
                })
                && (whole.iter().any(u8::is_ascii_alphabetic)
                    || self.label(first).topics.has(Topics::MAC));
            let last = first.saturating_add(14);
            let joined = is_word(before(bytes, first, 1))
                || before(bytes, first, 1) == b'.'
                || is_joined_after(bytes, last);
            let held = self.finds.last().is_some_and(|find| find.range.end > first);
            (shaped && !joined && !held && self.found(Detector::MacAddress, first..last))
                .then_some(last)
        })
    }
}
