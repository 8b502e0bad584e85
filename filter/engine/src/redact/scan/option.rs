//! Secrets on command lines.

use super::{
    assign::{SECRETS, Value},
    bytes::{at, before, byte_set, is_word, part, run, run_back},
    hunt::Hunt,
    placeholder::is_placeholder,
    words::{self, Topics},
};
use crate::redact::Detector;

impl Hunt<'_> {
    /// An option of a command: `--password …`, `docker login -p …`, `curl -u name:…`.
    pub(super) fn option(&mut self, dash: usize) -> Option<usize> {
        let bytes = self.bytes;
        let mut start = dash;
        if before(bytes, start, 1) == b'-' {
            start = start.saturating_sub(1);
        }
        let edge = before(bytes, start, 1);
        if !matches!(edge, 0 | b' ' | b'\n' | b'\t' | b'"' | b'\'' | b'(') {
            return None;
        }
        let name = dash.saturating_add(1);
        let end = run(
            part(bytes, 0..name.saturating_add(40).min(bytes.len())),
            name,
            byte_set!(|byte| is_word(byte) || byte == b'-'),
        );
        if at(bytes, end) != b' ' && end.saturating_sub(name) != 1 && start != dash {
            return None;
        }
        let from = run(bytes, end, byte_set!(|byte| byte == b' '));
        if start == dash {
            return self.short_option(at(bytes, name), dash, end, from);
        }
        let topics = words::of_key(part(bytes, name..end), Topics::default());
        if !topics.has(SECRETS) || at(bytes, from) == b'-' {
            return None;
        }
        let value = self.value(from, 0);
        self.named(topics, value)
    }

    fn short_option(&mut self, letter: u8, dash: usize, end: usize, from: usize) -> Option<usize> {
        let bytes = self.bytes;
        // `mysql -pSECRET`.
        let is_attached = letter == b'p' && end > dash.saturating_add(8);
        if !matches!(letter, b'p' | b'u' | b'a') || end == from && !is_attached {
            return None;
        }
        let from = if is_attached {
            dash.saturating_add(2)
        } else {
            from
        };
        let Value { mut start, end, .. } = self.value(from, 0);
        if letter == b'u' {
            let colon = memchr::memchr(b':', part(bytes, start..end))?;
            start = start.saturating_add(colon).saturating_add(1);
        }
        let text = part(bytes, start..end);
        let is_port = text.len() < 6 && letter != b'u';
        if text.is_empty() || is_port || is_placeholder(text) {
            return None;
        }
        let line = run_back(bytes, dash, 160, byte_set!(|byte| byte != b'\n'));
        let command = part(bytes, line..dash);
        let runs = |name: &[u8]| memchr::memmem::find(command, name).is_some();
        let is_meant = match letter {
            b'u' => runs(b"curl") || runs(b"wget") || runs(b"http"),
            b'a' => runs(b"redis-cli"),
            _ if is_attached => runs(b"mysql"),
            _ => runs(b"login") || runs(b"sshpass") || runs(b"mysql") || runs(b"mongo"),
        };
        (is_meant && self.found(Detector::GenericSecret, start..end)).then_some(end)
    }
}
