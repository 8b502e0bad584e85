//! What URLs carry: passwords, and addresses that are secrets themselves.

use super::{
    bytes::{DIGITS, byte_set, is_word, part, run, run_back},
    hunt::Hunt,
    placeholder::{is_mixed, is_placeholder},
};
use crate::redact::Detector;

impl Hunt<'_> {
    /// The authority of a URL, which begins at `from`.
    pub(super) fn authority(&mut self, from: usize) -> usize {
        let bytes = self.bytes;
        let limit = from.saturating_add(320).min(bytes.len());
        let end = run(
            part(bytes, 0..limit),
            from,
            byte_set!(|byte| !byte.is_ascii_whitespace()
                && !matches!(
                    byte,
                    b'/' | b'?' | b'"' | b'\'' | b'<' | b'>' | b'`' | b'\\' | b'|'
                )),
        );
        let authority = part(bytes, from..end);
        if let Some(next) = self.webhook(from, authority) {
            return next;
        }
        let Some(sign) = memchr::memrchr(b'@', authority) else {
            return from;
        };
        let user = part(authority, 0..sign);
        let (start, until) = match memchr::memchr(b':', user) {
            Some(colon) => (colon.saturating_add(1), sign),
            None if user.len() >= 20 && is_mixed(user) => (0, sign),
            None => return from.saturating_add(sign),
        };
        let (start, until) = (from.saturating_add(start), from.saturating_add(until));
        let password = part(bytes, start..until);
        if password.is_empty() || is_placeholder(password) {
            return until;
        }
        self.found(Detector::DbUrlPassword, start..until);
        until
    }

    /// `123456789:AA…`: the token of a bot of Telegram.
    pub(super) fn bot(&mut self, colon: usize) -> Option<usize> {
        let bytes = self.bytes;
        let next = colon.saturating_add(1);
        let start = run_back(bytes, colon, 11, DIGITS);
        let window = next.saturating_add(36).min(bytes.len());
        let end = run(
            part(bytes, 0..window),
            next,
            byte_set!(|byte| is_word(byte) || byte == b'-'),
        );
        let shaped = end.saturating_sub(next) == 35 && colon.saturating_sub(start) >= 8;
        (shaped && self.found(Detector::VendorToken, start..end)).then_some(end)
    }

    /// An address that is itself a secret.
    fn webhook(&mut self, from: usize, host: &[u8]) -> Option<usize> {
        let detector = match host {
            b"hooks.slack.com" => Detector::SlackToken,
            b"discord.com" | b"discordapp.com" | b"outlook.office.com" => Detector::VendorToken,
            _ => return None,
        };
        let bytes = self.bytes;
        let path = from.saturating_add(host.len());
        let end = run(
            bytes,
            path,
            byte_set!(|byte| is_word(byte) || matches!(byte, b'/' | b'-' | b'@')),
        );
        let rest = part(bytes, path..end);
        let known = [
            &b"/services/"[..],
            b"/workflows/",
            b"/triggers/",
            b"/api/webhooks/",
            b"/webhook/",
        ];
        let prefix = known
            .iter()
            .find(|known| rest.starts_with(known) && rest.len() > known.len().saturating_add(16))?;
        let start = path.saturating_add(prefix.len());
        self.found(detector, start..end).then_some(end)
    }
}
