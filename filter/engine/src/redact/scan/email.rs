//! E-mail addresses, from the sign outward.

use super::{
    bytes::{at, before, byte_set, part, run, run_back},
    hunt::Hunt,
};
use crate::redact::Detector;

const MAX_LOCAL_BYTES: usize = 64;
const MAX_DOMAIN_BYTES: usize = 253;

/// What stands after the last dot of a file or a unit of systemd, not of a domain.
const NO_TOP_LEVELS: [&[u8]; 14] = [
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"json", b"service", b"socket", b"timer",
    b"target", b"mount", b"slice", b"webm",
];

/// A byte of a local part (RFC 5322 section 3.2.3, and Latin letters with marks).
const fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'.' | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'/' | b'=' | b'?'
                | b'^' | b'_' | b'`' | b'{' | b'|' | b'}' | b'~' | b'-' | 0x80..=0xBF | 0xC3..=0xC9
        )
}

impl Hunt<'_> {
    pub(super) fn email(&mut self, sign: usize) -> usize {
        let bytes = self.bytes;
        let next = sign.saturating_add(1);
        if matches!(part(bytes, next..next.saturating_add(4)), b"tcp(" | b"unix") {
            self.data_source(sign);
            return next;
        }
        let floor = self.finds.last().map_or(0, |find| find.range.end);
        let most = MAX_LOCAL_BYTES.min(sign.saturating_sub(floor.min(sign)));
        let mut start = run_back(bytes, sign, most, byte_set!(|byte| is_local(byte)));
        if start >= sign
            || !(at(bytes, sign.saturating_add(1)).is_ascii_alphanumeric()
                || at(bytes, sign.saturating_add(1)) >= 0x80)
        {
            return sign.saturating_add(1);
        }
        for separator in [b'=', b'/', b'|', b'`', b'?', b'&'] {
            if let Some(last) = memchr::memrchr(separator, part(bytes, start..sign)) {
                start = start.saturating_add(last).saturating_add(1);
            }
        }
        // What cannot begin an address, or more likely ends what is before it.
        while start < sign
            && !(at(bytes, start).is_ascii_alphanumeric()
                || matches!(at(bytes, start), b'_' | 0xC3..=0xC9))
        {
            start = start.saturating_add(1);
        }
        let domain = domain_length(bytes, sign.saturating_add(1));
        let end = sign.saturating_add(1).saturating_add(domain);
        if start >= sign || domain == 0 || self.is_user_of_host(start, end) {
            return sign.saturating_add(1);
        }
        if self.found(Detector::Email, start..end) {
            end
        } else {
            sign.saturating_add(1)
        }
    }

    /// `user:password@tcp(host)`, as data sources of `MySQL` are named in Go.
    fn data_source(&mut self, sign: usize) {
        let start = run_back(
            self.bytes,
            sign,
            MAX_LOCAL_BYTES,
            byte_set!(|byte| is_local(byte) && byte != b'\''),
        );
        if before(self.bytes, start, 1) == b':' {
            self.found(Detector::DbUrlPassword, start..sign);
        }
    }

    /// `git@host:path`, and `user:password@host` or `user@host` of a URL.
    fn is_user_of_host(&self, start: usize, end: usize) -> bool {
        let bytes = self.bytes;
        if part(bytes, start..end).starts_with(b"git@") {
            return true;
        }
        let authority = run_back(
            bytes,
            start,
            128,
            byte_set!(
                |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'"' | b'<' | b'@')
            ),
        );
        before(bytes, authority, 1) == b'/'
            && before(bytes, authority, 2) == b'/'
            && before(bytes, authority, 3) == b':'
    }
}

/// The length of a domain name with a top level of letters; 0 where there is none.
fn domain_length(bytes: &[u8], from: usize) -> usize {
    let is_domain = byte_set!(|byte| byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'-' | 0x80..=0xBF | 0xC3..=0xC9));
    let window = from.saturating_add(MAX_DOMAIN_BYTES).min(bytes.len());
    let end = run(part(bytes, 0..window), from, is_domain);
    let mut domain = part(bytes, from..end);
    // A sentence ends, or two dots follow one another: the domain ends before.
    if let Some(dots) = memchr::memmem::find(domain, b"..") {
        domain = part(domain, 0..dots);
    }
    while let [rest @ .., b'.' | b'-'] = domain {
        domain = rest;
    }
    let Some(dot) = memchr::memrchr(b'.', domain) else {
        return 0;
    };
    let (name, top) = domain.split_at_checked(dot).unwrap_or_default();
    let top = top.get(1..).unwrap_or_default();
    let punycode = top.starts_with(b"xn--");
    let letters = top.len() >= 2
        && top
            .iter()
            .all(|byte| byte.is_ascii_alphabetic() || *byte >= 0x80);
    let mut labels = name.split(|byte| *byte == b'.');
    let named = labels.all(|label| !label.is_empty() && label.first() != Some(&b'-'));
    if (letters || punycode) && named && !NO_TOP_LEVELS.contains(&top) {
        domain.len()
    } else {
        0
    }
}
