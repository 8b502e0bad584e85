//! What is done to strings before they are tested, so that all spellings of one thing are one.

use std::fmt;

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization as _;

use super::url;

/// Most times that a path may be percent-encoded.
const MAX_ENCODINGS: usize = 8;

/// What is done to a string before it is tested.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Normalisation {
    /// As a file path: decoded, separators made one, `.` and `..` resolved.
    Path,
    /// As a URL, in the form that the WHATWG URL standard serialises.
    Url,
    /// The host of a URL, or a host name: in lower case.
    Host,
    /// Case-folded, after NFKC.
    Casefold,
}

/// What a string comes to. Readers that differ in whether they decode a path see two.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Readings {
    pub(super) first: String,
    pub(super) second: Option<String>,
}

impl Normalisation {
    /// The normal form of a string; `None` where it has none that all readers agree on.
    pub(super) fn apply(self, text: &str) -> Option<Readings> {
        let first = match self {
            Self::Path => return paths(text),
            Self::Url => url::parse(text)?.text,
            Self::Host => host(text)?,
            Self::Casefold => casefold(text),
        };
        let second = None;
        Some(Readings { first, second })
    }

    /// What a value that a rule writes comes to, which must be one thing.
    pub fn normal_form(self, text: &str) -> Option<String> {
        let Readings { first, second } = self.apply(text)?;
        second.is_none().then_some(first)
    }

    /// Whether a glob could match what this makes of a string.
    pub fn could_yield(self, glob: &str) -> bool {
        match self {
            Self::Path => {
                let mut segments = glob.split('/');
                !glob.contains(['\\', '%'])
                    && !glob.contains("//")
                    && (glob == "/" || !glob.ends_with('/'))
                    && segments.all(|segment| segment != "." && segment != "..")
            }
            Self::Url => glob.is_ascii(),
            Self::Host => glob.is_ascii() && !glob.contains(['/', '@', '%']) && is_lower(glob),
            Self::Casefold => casefold(glob) == glob,
        }
    }
}

fn is_lower(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

impl fmt::Display for Normalisation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "a path",
            Self::Url => "a URL",
            Self::Host => "a host",
            Self::Casefold => "case-folded text",
        })
    }
}

/// A path as it is read with and without percent-decoding, where that makes a difference.
fn paths(text: &str) -> Option<Readings> {
    let first = resolve(text)?;
    let decoded = decode(text)?;
    let second = if decoded == text {
        None
    } else {
        Some(resolve(&decoded)?)
    };
    Some(Readings { first, second })
}

/// Decodes until nothing is left to decode.
fn decode(text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..MAX_ENCODINGS {
        let decoded = percent_decode_str(&text).decode_utf8().ok()?.into_owned();
        if decoded == text {
            return Some(text);
        }
        text = decoded;
    }
    None
}

/// Resolves what is in a path; `None` where it leads out of where it starts, or has a NUL.
fn resolve(path: &str) -> Option<String> {
    if path.is_empty() || path.contains('\0') {
        return None;
    }
    let is_separator = |c: char| c == '/' || c == '\\';
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split(is_separator) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()?),
            _ => segments.push(segment),
        }
    }
    let root = if path.starts_with(is_separator) {
        "/"
    } else {
        ""
    };
    let relative = segments.join("/");
    if root.is_empty() && relative.is_empty() {
        return Some(".".to_owned());
    }
    Some(format!("{root}{relative}"))
}

/// The host of a URL, or a host name.
fn host(text: &str) -> Option<String> {
    if text.contains("://") {
        url::parse(text)?.host
    } else {
        url::normal_host(text)
    }
}

/// Full case folding, as near as the standard library comes: what upper case makes one, lower case
/// keeps one.
fn casefold(text: &str) -> String {
    let fold = |character: char| {
        // The dotless i of Turkish is the one letter that upper case joins and folding does not.
        let is_apart = character == 'ı';
        let upper = character.to_uppercase().flat_map(char::to_lowercase);
        let kept = is_apart.then_some(character);
        kept.into_iter().chain(upper.filter(move |_| !is_apart))
    };
    let folded: String = text.nfkc().flat_map(fold).collect();
    folded.nfkc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normal(normalisation: Normalisation, text: &str) -> Option<String> {
        normalisation.normal_form(text)
    }

    #[test]
    fn paths_are_resolved_or_refused() {
        for (text, expected) in [
            ("/srv/data/a", Some("/srv/data/a")),
            ("/srv//data/./x/../a/", Some("/srv/data/a")),
            (r"C:\data\..\a", Some("C:/a")),
            ("/", Some("/")),
            ("a/..", Some(".")),
            ("/../etc/passwd", None),
            ("../x", None),
            ("a/../../x", None),
            ("", None),
            ("/a\0b", None),
            ("/a%00b", None),
            ("/a%ff", None),
            ("/100%", Some("/100%")),
        ] {
            assert_eq!(
                normal(Normalisation::Path, text).as_deref(),
                expected,
                "{text}"
            );
        }
        let both = |text: &str| Normalisation::Path.apply(text).map(|r| (r.first, r.second));
        assert_eq!(
            both("/srv/%2e%2e/etc"),
            Some(("/srv/%2e%2e/etc".to_owned(), Some("/etc".to_owned())))
        );
        assert_eq!(
            both("/srv/%252e%252e/etc").and_then(|(_, second)| second),
            Some("/etc".to_owned())
        );
        assert_eq!(both("/srv/%2e%2e/%2e%2e/etc"), None);
        let encoded = |times: usize| format!("/%{}61", "25".repeat(times - 1));
        assert!(both(&encoded(MAX_ENCODINGS - 1)).is_some());
        assert!(both(&encoded(MAX_ENCODINGS)).is_none());
    }

    #[test]
    fn hosts_are_names_or_addresses_wherever_they_stand() {
        for (text, expected) in [
            ("https://Acme.COM:8443/x", Some("acme.com")),
            ("Acme.com.", Some("acme.com")),
            ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
            ("127.0.0.1", Some("127.0.0.1")),
            ("https://user@a.test/", Some("a.test")),
            ("[::1]", Some("[::1]")),
            ("BÜCHER.example", None),
            ("2130706433", None),
            ("acme.com:443", None),
            ("acme.com/x", None),
            ("ev%69l.test", None),
            ("", None),
            ("mailto:a@b.test", None),
        ] {
            assert_eq!(
                normal(Normalisation::Host, text).as_deref(),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn case_folds_across_alphabets() {
        for (a, b) in [
            ("MAIN", "main"),
            ("Straße", "STRASSE"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ｍain", "Main"),
            ("\u{212a}ey", "key"),
            ("ﬁx", "FIX"),
        ] {
            assert_eq!(casefold(a), casefold(b), "{a} {b}");
        }
        assert_ne!(casefold("ı"), casefold("i"));
    }

    proptest! {
        #[test]
        fn normal_forms_stay(text in "[a-zA-Z0-9./%@:éßI ]{0,12}", which in 0_usize..4) {
            let all = [Normalisation::Path, Normalisation::Url, Normalisation::Host, Normalisation::Casefold];
            if let Some(once) = normal(all[which], &text) {
                prop_assert_eq!(normal(all[which], &once), Some(once));
            }
        }
    }
}
