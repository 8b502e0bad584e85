//! Characters that are not seen, or not seen for what they are.

use super::{
    Findings, Rule, Severity,
    fold::tagged,
    names::{is_all_disguised, is_disguised},
    strings::{Role, Text},
};

/// What is wrong with a character where it stands.
struct Fault {
    severity: Severity,
    at: usize,
    why: &'static str,
}

pub(super) fn inspect(text: &Text<'_>, found: &mut Findings) {
    if text.content.is_ascii() && !text.content.bytes().any(|byte| byte.is_ascii_control()) {
        return;
    }
    if let Some(fault) = worst(text.content) {
        let severity = if text.role == Role::Name {
            Severity::High
        } else {
            fault.severity
        };
        let shown = around(text.content, fault.at);
        found.add(
            Rule::InvisibleCharacters,
            severity,
            (&text.place, shown),
            fault.why,
        );
    }
    let mut words = text
        .content
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_ascii());
    let disguised = words.find(|word| is_disguised(word));
    if let Some(word) = disguised {
        let severity = if text.role == Role::Name || text.place == "/name" {
            Severity::High
        } else {
            Severity::Medium
        };
        let why = "It mixes Latin letters with letters of another script that look the same.";
        found.add(
            Rule::ConfusableCharacters,
            severity,
            (&text.place, word),
            why,
        );
    } else if text.place == "/name" && is_all_disguised(text.content) {
        found.add(
            Rule::ConfusableCharacters,
            Severity::High,
            (&text.place, text.content),
            "Every letter passes for a Latin one and is of another script.",
        );
    }
}

fn worst(text: &str) -> Option<Fault> {
    let mut worst: Option<Fault> = None;
    let (mut before, mut is_flag) = (None, false);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map(|(_, after)| *after);
        is_flag = c == '\u{1f3f4}' || is_flag && tagged(c).is_some();
        let fault = if is_flag || is_flag_end(before, c) {
            None
        } else {
            judge(before, c, after)
        };
        if let Some((severity, why)) = fault
            && worst.as_ref().is_none_or(|worst| worst.severity < severity)
        {
            worst = Some(Fault { severity, at, why });
        }
        before = Some(c);
    }
    worst
}

/// The flags of Scotland and others are a flag, tags, and this.
fn is_flag_end(before: Option<char>, c: char) -> bool {
    c == '\u{e007f}' && before.is_some_and(|before| tagged(before).is_some())
}

fn judge(before: Option<char>, c: char, after: Option<char>) -> Option<(Severity, &'static str)> {
    const HIDDEN: &str = "It has characters that nobody sees.";
    let is_latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    Some(match c {
        '\n' | '\t' | '\r' => return None,
        '\u{e0000}'..='\u{e007f}' => (
            Severity::High,
            "It has text in tag characters, which a model reads and nobody sees.",
        ),
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => (
            Severity::High,
            "It turns the reading direction, so that it is seen in another order.",
        ),
        '\u{fe00}'..='\u{fe0f}' if is_selected(before) => return None,
        '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => (
            Severity::High,
            "It has variation selectors, which can carry hidden text.",
        ),
        // Emoji, Persian and Indic scripts need joiners, Arabic and Hebrew marks.
        '\u{200c}'..='\u{200f}' | '\u{61c}' if !is_latin(before) && !is_latin(after) => {
            return None;
        }
        '\u{200b}'..='\u{200f}'
        | '\u{61c}'
        | '\u{2060}'..='\u{2064}'
        | '\u{206a}'..='\u{206f}'
        | '\u{feff}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'
        | '\u{1160}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{180e}'
        | '\u{2800}'
        | '\u{17b4}'
        | '\u{17b5}'
        | '\u{fff0}'..='\u{fffb}' => (Severity::Medium, HIDDEN),
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => (
            Severity::Low,
            "It has characters of private use, which every reader shows otherwise.",
        ),
        '\u{1b}' => (
            Severity::High,
            "It has escape sequences that repaint a terminal.",
        ),
        c if c.is_control() => (Severity::Medium, "It has control characters."),
        _ => return None,
    })
}

/// Whether a selector may follow: one after an emoji or a digit is how emoji are written.
fn is_selected(before: Option<char>) -> bool {
    before.is_some_and(|before| {
        !before.is_ascii_alphabetic()
            && !before.is_whitespace()
            && !matches!(before, '\u{fe00}'..='\u{fe0f}')
    })
}

/// The text from a little before a place.
fn around(text: &str, at: usize) -> &str {
    let start = text
        .char_indices()
        .map(|(start, _)| start)
        .find(|start| at.saturating_sub(*start) <= 40)
        .unwrap_or(at);
    text.get(start..).unwrap_or(text)
}
