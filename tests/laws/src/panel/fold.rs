//! What readers take one text for: keys folded, names trimmed, URIs normalised.

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization as _;
use url::Url;

/// Whether some reader takes `name` for `key`: whatever its case, with compatibility and invisible
/// characters resolved, with a NUL ignored or taken for its end.
pub(super) fn is_like(name: &str, key: &str) -> bool {
    if name == key {
        return true;
    }
    // No fold makes a text five times shorter.
    if name.len() > key.len().saturating_mul(5).saturating_add(64) {
        return false;
    }
    let key = fold(key);
    fold(name) == key || fold(before_nul(name)) == key
}

fn fold(text: &str) -> String {
    let visible = text.nfkc().filter(|c| !is_invisible(*c));
    visible
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .collect()
}

fn before_nul(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

fn is_invisible(c: char) -> bool {
    c.is_control()
        || c.is_whitespace()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{feff}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}')
}

/// What a name or method could be taken for.
pub(super) fn spellings(text: &str) -> Vec<String> {
    let mut spellings = vec![text.to_owned()];
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let visible = text.nfkc().filter(|c| !is_invisible(*c));
        spellings.extend([before_nul(text).to_owned(), visible.collect()]);
    }
    spellings
}

/// What a URI could be taken for: as a URL is written by its standard, with escapes undone.
pub(super) fn uri_spellings(text: &str) -> Vec<String> {
    let mut spellings = spellings(text);
    let normal = |text: &str| Url::parse(text).map(String::from).ok();
    for spelling in spellings.clone() {
        let decoded = percent_decode_str(&spelling)
            .decode_utf8_lossy()
            .into_owned();
        spellings.extend(normal(&spelling));
        spellings.extend(normal(&decoded));
        spellings.push(decoded);
    }
    spellings
}
