//! The one pass over a text: most bytes are passed over, some have something looked at around them.

use std::{cell::Cell, ops::Range};

use super::{
    Find, Finder,
    bytes::{ALPHANUMERICS, DIGITS, at, part, run, run_back},
    word::is_uuid_start,
    words::{Label, Topics, label},
};
use crate::redact::{Detector, Detectors};

/// A text while it is searched.
pub(super) struct Hunt<'h> {
    pub(super) bytes: &'h [u8],
    /// What the key of the text says about it.
    pub(super) ambient: Topics,
    pub(super) detectors: Detectors,
    pub(super) finds: &'h mut Vec<Find>,
    /// What stands there may say something else to a reader: escapes, entities, odd characters.
    pub(super) is_disguised: bool,
    /// Runs that may be encoded texts.
    pub(super) runs: Vec<Range<usize>>,
    /// Where the last run ends.
    pub(super) run_floor: usize,
    /// Up to where no secret is told in prose.
    pub(super) told_floor: usize,
    /// No PEM block ends any more.
    pub(super) is_endless: bool,
    /// What was said last, and about the value that begins where: detectors ask one after the other.
    pub(super) said: Cell<(usize, Label)>,
}

/// What is looked at where a byte of this class stands.
const PLAIN: u8 = 0;
const DIGIT: u8 = 1;
const SIGN: u8 = 2;
const ASSIGN: u8 = 3;
const BAR: u8 = 4;
const DASH: u8 = 5;
const CAPITAL: u8 = 6;
const TILDE: u8 = 7;
const TAG: u8 = 8;
const DISGUISE: u8 = 9;

const fn classes() -> [u8; 256] {
    let mut classes = [PLAIN; 256];
    let mut rest: &[(&[u8], u8)] = &[
        (b"0123456789", DIGIT),
        (b"@", SIGN),
        (b":=", ASSIGN),
        (b"_", BAR),
        (b"-", DASH),
        (b"AJSB", CAPITAL),
        (b"~", TILDE),
        (b">", TAG),
        (b"%&\\\xC2\xCD\xD9\xDB\xE0\xE2\xE3\xEF", DISGUISE),
    ];
    while let [(bytes, class), after @ ..] = rest {
        let mut bytes = *bytes;
        while let [byte, tail @ ..] = bytes {
            if let Some((place, _)) = classes.split_at_mut(*byte as usize).1.split_first_mut() {
                *place = *class;
            }
            bytes = tail;
        }
        rest = after;
    }
    classes
}

static CLASSES: [u8; 256] = classes();

/// Whether a backslash before a byte makes something else of it.
fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'u' | b'x' | b'n' | b't' | b'r' | b'"' | b'/' | b'\\')
}

impl Hunt<'_> {
    /// Looks at the whole text.
    pub(super) fn run(&mut self) {
        let bytes = self.bytes;
        let mut index = 0;
        while let Some(rest) = bytes.get(index..) {
            let class_of = |byte: &u8| CLASSES.get(usize::from(*byte)).copied().unwrap_or(PLAIN);
            let Some(skipped) = rest.iter().position(|byte| class_of(byte) != PLAIN) else {
                return;
            };
            let here = index.saturating_add(skipped);
            let class = class_of(&at(bytes, here));
            let next = match class {
                DIGIT => self.digit(here),
                SIGN => self.email(here),
                ASSIGN => self.assignment(here),
                BAR => self.underscore(here),
                DASH => self.dash(here),
                CAPITAL => self.capital(here),
                TILDE => self.tilde(here),
                TAG => self.tag(here),
                _ => self.disguise(here),
            };
            index = next.max(here.saturating_add(1));
        }
    }

    pub(super) fn wants(&self, detector: Detector) -> bool {
        self.detectors.contains(detector)
    }

    /// Notes a find, if it is looked for.
    pub(super) fn found(&mut self, detector: Detector, range: Range<usize>) -> bool {
        if !self.wants(detector) || range.is_empty() {
            return false;
        }
        self.finds.push(Find {
            range,
            finder: Finder::BuiltIn(detector),
        });
        true
    }

    /// What is said about a value that begins at `start`.
    pub(super) fn label(&self, start: usize) -> Label {
        let (of, known) = self.said.get();
        let mut said = if of == start {
            known
        } else {
            let said = label(self.bytes, start);
            self.said.set((start, said));
            said
        };
        if said.nearest == Topics::default() && start < 4 {
            said.nearest = self.ambient;
        }
        said.topics.add(self.ambient);
        said
    }

    /// Notes that characters stand here that read as others.
    fn disguise(&mut self, index: usize) -> usize {
        let bytes = self.bytes;
        let (next, third) = (
            at(bytes, index.saturating_add(1)),
            at(bytes, index.saturating_add(2)),
        );
        self.is_disguised |= match at(bytes, index) {
            b'%' => next.is_ascii_hexdigit() && third.is_ascii_hexdigit(),
            b'&' => next == b'#' || next.is_ascii_alphabetic(),
            // Of two, one is left, which says something only before what it may escape.
            b'\\' if next == b'\\' => is_escaped(third),
            b'\\' => is_escaped(next),
            0xC2 => matches!(next, 0xA0 | 0xAD),
            0xCD => next == 0x8F,
            0xD9 => (0xA0..=0xA9).contains(&next),
            0xDB => (0xB0..=0xB9).contains(&next),
            0xE0 => next == 0xA5 && (0xA6..=0xAF).contains(&third),
            0xE2 => {
                next == 0x80 && matches!(third, 0x80..=0x95 | 0xA8..=0xAF)
                    || next == 0x81 && (0xA0..=0xA4).contains(&third)
            }
            0xE3 => next == 0x80 && third == 0x80,
            0xEF => next == 0xBB && third == 0xBF || matches!(next, 0xBC | 0xBD),
            _ => false,
        };
        index.saturating_add(1)
    }

    /// An `A`, `B`, `J` or `S` may begin or end what a prefix gives away.
    fn capital(&mut self, index: usize) -> usize {
        match at(self.bytes, index) {
            b'J' => self.jwt(index),
            b'B' => self.scheme(index),
            _ => self.capital_token(index),
        }
    }

    /// A digit: of a number, or of a word with digits in it.
    fn digit(&mut self, index: usize) -> usize {
        let bytes = self.bytes;
        if index >= self.told_floor
            && let Some(next) = self.told_secret(index)
        {
            self.run_floor = next;
            return next;
        }
        let most = index.saturating_sub(self.run_floor);
        let start = run_back(bytes, index, most, ALPHANUMERICS);
        let end = run(bytes, index, ALPHANUMERICS);
        if is_uuid_start(bytes, start, end) {
            self.run_floor = start.saturating_add(36);
            return self.run_floor;
        }
        let digits = run(bytes, start, DIGITS);
        let is_ordinal = digits.saturating_sub(start) <= 2
            && matches!(
                part(bytes, digits..end),
                b"st" | b"nd" | b"rd" | b"th" | b"er"
            );
        let next = if is_ordinal {
            self.number(start, digits).max(end)
        } else if digits == end {
            match self.number(start, end) {
                next if next > end => next,
                _ => self.network_word(start, end).unwrap_or(end),
            }
        } else {
            self.mixed(start, end)
        };
        self.run_floor = next;
        next
    }
}
