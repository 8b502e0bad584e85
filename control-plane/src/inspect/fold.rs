//! Text as a model reads it: without what nobody sees, letters of other scripts and styles as the
//! Latin ones that they pass for, lower case, without accents.

use crate::visible::deceives;

/// The text, folded; white space stays, what emphasizes or quotes goes.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '*' | '`' | '"' | '\u{201c}' | '\u{201d}' | '\u{201e}' | '\u{ab}' | '\u{bb}' => {}
            '\u{2018}' | '\u{2019}' => folded.push('\''),
            '\u{2013}' | '\u{2014}' => folded.push_str(" - "),
            '\u{df}' => folded.push_str("ss"),
            c => folded.extend(fold_char(c)),
        }
    }
    folded
}

/// A name, folded, without separators.
pub(crate) fn fold_name(name: &str) -> String {
    let folded = name.chars().filter_map(fold_char);
    folded.filter(|c| c.is_alphanumeric()).collect()
}

/// What a character is read as, or nothing where nobody sees it.
fn fold_char(c: char) -> Option<char> {
    if c.is_ascii() {
        let c = c.to_ascii_lowercase();
        return (!c.is_ascii_control() || c.is_ascii_whitespace()).then_some(c);
    }
    if c.is_whitespace() {
        return Some(' ');
    }
    if let Some(c) = latin(c) {
        return Some(c.to_ascii_lowercase());
    }
    let hidden = tagged(c);
    if hidden.is_some() || deceives(c) {
        return hidden.map(|c| c.to_ascii_lowercase());
    }
    Some(c.to_lowercase().next().unwrap_or(c))
}

/// The ASCII character that a tag character (U+E0020 to U+E007E) stands for.
pub(super) fn tagged(c: char) -> Option<char> {
    let code = u32::from(c).checked_sub(0xe0000)?;
    (0x20..=0x7e)
        .contains(&code)
        .then(|| char::from_u32(code))
        .flatten()
}

/// The ASCII letter or digit that a character passes for.
fn latin(c: char) -> Option<char> {
    confusable(c).or_else(|| accented(c))
}

/// The ASCII letter or digit that a character of another script or style passes for.
pub(super) fn confusable(c: char) -> Option<char> {
    let code = u32::from(c);
    let from = |first: u32, ascii: u8, length: u32| {
        let offset = code.checked_sub(first)?.checked_rem(length)?;
        char::from_u32(u32::from(ascii).checked_add(offset)?)
    };
    match code {
        0xff01..=0xff5e => from(0xff01, b'!', 94),
        // Thirteen styles of A to Z and a to z follow each other.
        0x1d400..=0x1d6a3 => {
            let offset = code.checked_sub(0x1d400)?.checked_rem(52)?;
            let ascii = if offset < 26 { 65 } else { 97 - 26 };
            char::from_u32(offset.checked_add(ascii)?)
        }
        0x1d7ce..=0x1d7ff => from(0x1d7ce, b'0', 10),
        0x24b6..=0x24cf => from(0x24b6, b'A', 26),
        0x24d0..=0x24e9 => from(0x24d0, b'a', 26),
        _ => PAIRS
            .iter()
            .find(|(other, _)| *other == c)
            .map(|(_, ascii)| *ascii),
    }
}

/// Letters of Cyrillic, Greek, Armenian, Cherokee and other scripts that look like Latin ones.
const PAIRS: [(char, char); 74] = [
    ('а', 'a'),
    ('е', 'e'),
    ('о', 'o'),
    ('р', 'p'),
    ('с', 'c'),
    ('у', 'y'),
    ('х', 'x'),
    ('і', 'i'),
    ('ї', 'i'),
    ('ј', 'j'),
    ('ѕ', 's'),
    ('ԁ', 'd'),
    ('һ', 'h'),
    ('ԛ', 'q'),
    ('ԝ', 'w'),
    ('ѵ', 'v'),
    ('ӏ', 'l'),
    ('к', 'k'),
    ('в', 'b'),
    ('м', 'm'),
    ('т', 't'),
    ('А', 'A'),
    ('В', 'B'),
    ('С', 'C'),
    ('Е', 'E'),
    ('Н', 'H'),
    ('І', 'I'),
    ('Ј', 'J'),
    ('К', 'K'),
    ('М', 'M'),
    ('О', 'O'),
    ('Р', 'P'),
    ('Ѕ', 'S'),
    ('Т', 'T'),
    ('Х', 'X'),
    ('У', 'Y'),
    ('α', 'a'),
    ('ο', 'o'),
    ('ν', 'v'),
    ('ρ', 'p'),
    ('ι', 'i'),
    ('κ', 'k'),
    ('υ', 'u'),
    ('χ', 'x'),
    ('Α', 'A'),
    ('Β', 'B'),
    ('Ε', 'E'),
    ('Ζ', 'Z'),
    ('Η', 'H'),
    ('Ι', 'I'),
    ('Κ', 'K'),
    ('Μ', 'M'),
    ('Ν', 'N'),
    ('Ο', 'O'),
    ('Ρ', 'P'),
    ('Τ', 'T'),
    ('Υ', 'Y'),
    ('Χ', 'X'),
    ('օ', 'o'),
    ('ս', 'u'),
    ('հ', 'h'),
    ('ց', 'g'),
    ('ո', 'n'),
    ('զ', 'q'),
    ('Ꭺ', 'A'),
    ('Ꭼ', 'E'),
    ('Ꮃ', 'W'),
    ('Ꮪ', 'S'),
    ('Ꮯ', 'C'),
    ('ı', 'i'),
    ('ɡ', 'g'),
    ('ɑ', 'a'),
    ('ℓ', 'l'),
    ('ꓲ', 'I'),
];

/// A Latin letter without its accent; this is no confusable, many languages write it.
fn accented(c: char) -> Option<char> {
    Some(match c {
        'à'..='å' | 'À'..='Å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'Ç' | 'ć' | 'č' => 'c',
        'è'..='ë' | 'È'..='Ë' | 'ē' | 'ę' | 'ě' => 'e',
        'ì'..='ï' | 'Ì'..='Ï' => 'i',
        'ñ' | 'Ñ' | 'ń' | 'ň' => 'n',
        'ò'..='ö' | 'Ò'..='Ö' | 'ø' | 'Ø' => 'o',
        'ù'..='ü' | 'Ù'..='Ü' | 'ů' => 'u',
        'ý' | 'ÿ' | 'Ý' => 'y',
        'š' | 'ś' => 's',
        'ž' | 'ź' | 'ż' => 'z',
        _ => return None,
    })
}
