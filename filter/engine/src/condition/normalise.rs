//! What is done to strings before they are tested, so that all spellings of one thing are one.

use std::fmt;

use percent_encoding::percent_decode_str;
use unicode_normalization::UnicodeNormalization as _;

use super::url;

/// Most times that a path may be percent-encoded.
pub(super) const MAX_ENCODINGS: usize = 8;

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

/// All that readers make of a string, most of them the same. Never empty.
type Readings = Vec<String>;

impl Normalisation {
    /// What readers make of a string; `None` where one makes nothing of it that has a normal form.
    pub(super) fn apply(self, text: &str) -> Option<Readings> {
        match self {
            Self::Path => paths(text),
            Self::Url => {
                let url = url::parse(text)?;
                Some(std::iter::once(url.text).chain(url.bare).collect())
            }
            Self::Host => Some(vec![host(text)?]),
            Self::Casefold => Some(vec![casefold(text)]),
        }
    }

    /// What a value that a rule writes comes to, which must be one thing.
    pub fn normal_form(self, text: &str) -> Option<String> {
        let mut readings = self.apply(text)?;
        let last = readings.pop();
        last.filter(|_| readings.is_empty())
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
            Self::Url => url::could_match(glob),
            Self::Host => glob.is_ascii() && !glob.contains(['/', '@', '%']) && is_lower(glob),
            Self::Casefold => casefold(glob) == glob,
        }
    }

    /// Whether a regular expression could match what this makes of a string; true where that is
    /// hard to tell.
    pub fn could_satisfy(self, pattern: &str) -> bool {
        match self {
            Self::Path | Self::Url => true,
            Self::Host => is_lower(&literals(pattern)),
            Self::Casefold => literals(pattern).chars().all(|literal| {
                let mut encoded = [0; 4];
                let literal = &*literal.encode_utf8(&mut encoded);
                casefold(literal) == literal
            }),
        }
    }
}

/// The characters that a regular expression has as themselves, outside classes; none where it may
/// fold case, which a flag does.
fn literals(pattern: &str) -> String {
    let mut literals = String::new();
    let mut rest = pattern.chars();
    let mut in_class = false;
    while let Some(character) = rest.next() {
        match (character, rest.as_str()) {
            ('\\', after) if after.starts_with(['x', 'u', 'U', 'p', 'P']) => return String::new(),
            ('\\', _) => drop(rest.next()),
            // Flags, or a group's name.
            ('(', after) if after.starts_with('?') && !after.starts_with("?:") => {
                return String::new();
            }
            ('[', _) => in_class = true,
            (']', _) => in_class = false,
            (_, _) if in_class => {}
            (literal, _) => literals.push(literal),
        }
    }
    literals
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

/// A path as it is read by those who decode it not at all, once, and so on, and by those to whom
/// `\` separates and those to whom it does not.
fn paths(text: &str) -> Option<Readings> {
    let mut readings = Readings::new();
    let mut text = text.to_owned();
    for _ in 0..MAX_ENCODINGS {
        for separators in [['/', '\\'], ['/', '/']] {
            let reading = resolve(&text, separators)?;
            if !readings.contains(&reading) {
                readings.push(reading);
            }
        }
        let decoded = percent_decode_str(&text).decode_utf8().ok()?.into_owned();
        if decoded == text {
            return Some(readings);
        }
        text = decoded;
    }
    None
}

/// Resolves what is in a path; `None` where it leads out of where it starts, has a NUL, or begins
/// with two separators, after which some readers take the name of another machine.
fn resolve(path: &str, separators: [char; 2]) -> Option<String> {
    let mut start = path.bytes();
    let is_either = |byte| matches!(byte, Some(b'/' | b'\\'));
    let is_elsewhere = is_either(start.next()) && is_either(start.next());
    if path.is_empty() || path.contains('\0') || is_elsewhere {
        return None;
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split(separators) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()?),
            _ => segments.push(segment),
        }
    }
    let root = if path.starts_with(separators) {
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
            // One path to those to whom `\` separates, and one name to all others.
            (r"C:\data\..\a", None),
            ("C:/data/../a", Some("C:/a")),
            (r"\\srv\share\a", None),
            ("//srv/share/a", None),
            ("/%2fsrv/share/a", None),
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
        let readings = |text: &str| Normalisation::Path.apply(text);
        for (text, expected) in [
            ("/srv/%2e%2e/etc", ["/srv/%2e%2e/etc", "/etc"].as_slice()),
            (
                "/srv/%252e%252e/etc",
                &["/srv/%252e%252e/etc", "/srv/%2e%2e/etc", "/etc"],
            ),
            (r"/srv/a\..\b", &["/srv/b", r"/srv/a\..\b"]),
            ("/srv/a%5cb", &["/srv/a%5cb", "/srv/a/b", r"/srv/a\b"]),
        ] {
            assert_eq!(readings(text).unwrap(), expected, "{text}");
        }
        assert_eq!(readings("/srv/%2e%2e/%2e%2e/etc"), None);
        let encoded = |times: usize| format!("/%{}61", "25".repeat(times - 1));
        assert!(readings(&encoded(MAX_ENCODINGS - 1)).is_some());
        assert!(readings(&encoded(MAX_ENCODINGS)).is_none());
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

    #[test]
    fn a_pattern_is_written_as_what_it_is_matched_with() {
        for pattern in [
            "^main$",
            r"^\S+\W\x4D$",
            "[A-Za-z]+",
            "(?i)MAIN",
            "(?P<Name>main)",
            "(?:main|release)",
        ] {
            assert!(Normalisation::Casefold.could_satisfy(pattern), "{pattern}");
        }
        for pattern in [
            "^MAIN$",
            "[a-z]Main",
            r"\SMain",
            "(?:Main|x)",
            "stra\u{df}e",
            "É",
        ] {
            assert!(!Normalisation::Casefold.could_satisfy(pattern), "{pattern}");
        }
        assert!(!Normalisation::Host.could_satisfy("Acme"));
        assert!(Normalisation::Url.could_satisfy("/Acme"));
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
