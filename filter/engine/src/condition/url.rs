//! URLs and hosts in one spelling, where all readers agree on what they name.
//!
//! The form is that of the WHATWG URL standard, but that nothing is percent-encoded which never
//! needs to be (RFC 3986 section 6.2.2). What other readers than those by that standard take for
//! another place has no form here: white space, back slashes, encoded hosts, a missing `//`,
//! addresses in other numbers than four decimal ones, dot segments that only some decode. Host
//! names beyond ASCII have none either; their IDNA form (`xn--…`) has.

mod resolve;

use std::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::{AsciiSet, CONTROLS, percent_encode_byte, utf8_percent_encode};

const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\'');
const FRAGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// Longest host name (RFC 1035 section 2.3.4).
const MAX_HOST_BYTES: usize = 253;

/// A URL, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Url {
    /// In its one spelling.
    pub(super) text: String,
    /// The same without the user that it names, where it names one: it leads to the same place.
    pub(super) bare: Option<String>,
    /// Where it leads. `None`: nowhere that is a host.
    pub(super) host: Option<String>,
}

/// Schemes whose URLs have a host, with the port that goes without saying.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        "ftp" => Some(21),
        _ => None,
    }
}

/// Reads a URL; `None` where it is none, or not the same for all readers.
pub(super) fn parse(text: &str) -> Option<Url> {
    let is_odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\' || c == '\u{feff}';
    if text.contains(is_odd) {
        return None;
    }
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(is_scheme) {
        return None;
    }
    let scheme = scheme.to_ascii_lowercase();
    let port = default_port(&scheme);
    let Some(rest) = rest.strip_prefix("//") else {
        // Only what has no host needs none.
        let is_opaque = port.is_none() && scheme != "file" && rest.is_ascii();
        return is_opaque.then(|| Url {
            text: format!("{scheme}:{rest}"),
            bare: None,
            host: None,
        });
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    let (rest, fragment) = cut(rest, '#');
    let (path, query) = cut(rest, '?');
    let place = match (authority, &*scheme) {
        ("", "file") => None,
        (_, "file") | ("", _) => return None,
        (authority, _) => Some(place(authority, port)?),
    };
    let mut tail = resolve::resolved(path)?;
    if let Some(query) = query {
        tail.push('?');
        tail.push_str(&encoded(query, QUERY));
    }
    if let Some(fragment) = fragment {
        tail.push('#');
        tail.push_str(&encoded(fragment, FRAGMENT));
    }
    let Some(Place { user, host, port }) = place else {
        return Some(Url {
            text: format!("{scheme}://{tail}"),
            bare: None,
            host: None,
        });
    };
    let bare = format!("{scheme}://{host}{port}{tail}");
    let named = user.map(|user| format!("{scheme}://{user}@{host}{port}{tail}"));
    let (text, bare) = match named {
        Some(named) => (named, Some(bare)),
        None => (bare, None),
    };
    Some(Url {
        text,
        bare,
        host: Some(host),
    })
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// An authority, each part in its one spelling.
struct Place {
    /// `None`: nobody is named, or only by an empty name and password.
    user: Option<String>,
    host: String,
    /// With its colon; empty where it goes without saying.
    port: String,
}

fn place(authority: &str, default_port: Option<u16>) -> Option<Place> {
    // Of two `@`, some readers take the first.
    let (user, host) = match authority.split_once('@') {
        Some((_, host)) if host.contains('@') => return None,
        Some((user, host)) => (user, host),
        None => ("", authority),
    };
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        Some(_) | None => (host, ""),
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || !user.is_ascii() {
        return None;
    }
    let port: Option<u16> = match port {
        "" => None,
        _ => Some(port.parse().ok()?),
    };
    // An empty password goes; a colon after another is a password.
    let user = match user.strip_suffix(':') {
        Some(name) if !name.contains(':') => name,
        Some(_) | None => user,
    };
    let port = port.filter(|port| Some(*port) != default_port);
    Some(Place {
        user: (!user.is_empty()).then(|| encoded(user, CONTROLS)),
        host: normal_host(host)?,
        port: port.map_or_else(String::new, |port| format!(":{port}")),
    })
}

/// A host name or address in its one spelling.
pub(super) fn normal_host(host: &str) -> Option<String> {
    if let Some(inner) = host.strip_prefix('[') {
        let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(format!("[{address}]"));
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let is_label = |label: &str| {
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(is_part)
    };
    if host.len() > MAX_HOST_BYTES || !host.split('.').all(is_label) {
        return None;
    }
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_number && host.parse::<Ipv4Addr>().is_err() {
        return None;
    }
    Some(host)
}

/// What must be encoded is, in upper case, and nothing else.
fn encoded(text: &str, set: &'static AsciiSet) -> String {
    let text = utf8_percent_encode(text, set).to_string();
    let mut one = String::with_capacity(text.len());
    let mut parts = text.split('%');
    one.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.split_at_checked(2);
        let byte = digits.and_then(|(digits, rest)| {
            let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex)?;
            Some((byte, rest))
        });
        match byte {
            Some((byte, rest)) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                one.push(char::from(byte));
                one.push_str(rest);
            }
            Some((byte, rest)) => {
                one.push_str(percent_encode_byte(byte));
                one.push_str(rest);
            }
            None => {
                one.push('%');
                one.push_str(part);
            }
        }
    }
    one
}

/// Whether a glob is written as the URLs that it could match are: scheme and host in lower case,
/// what goes without saying left out, a path, nothing resolved or encoded that never is.
pub(super) fn could_match(glob: &str) -> bool {
    let is_encoded =
        |c: char| c == '"' || c == '<' || c == '>' || c == '\\' || !c.is_ascii_graphic();
    if glob.contains(is_encoded) || encoded(glob, CONTROLS) != glob {
        return false;
    }
    let Some((scheme, rest)) = glob.split_once("://") else {
        return true;
    };
    let (authority, path) = match rest.find(['/', '#']) {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    let port = default_port(scheme).map(|port| format!(":{port}"));
    let has_port = port.is_some_and(|port| authority.ends_with(&port));
    let (user, host) = authority.split_once('@').unwrap_or(("-", authority));
    let is_open = path.is_empty() && authority.ends_with(['*', '?']);
    let is_dots = |segment: &str| matches!(segment, "." | "..");
    let path_alone = path.split('#').next().unwrap_or_default();
    !scheme.bytes().any(|byte| byte.is_ascii_uppercase())
        && !host.bytes().any(|byte| byte.is_ascii_uppercase())
        && !user.is_empty()
        && !user.ends_with(':')
        && !has_port
        && !host.ends_with([':', '.'])
        && (path.starts_with('/') || is_open)
        && !path_alone.split('/').any(is_dots)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_what_every_reader_takes_them_for_or_nothing() {
        for (text, expected) in [
            ("HTTPS://Acme.COM:443/a/../b", Some("https://acme.com/b")),
            ("https://acme.com", Some("https://acme.com/")),
            ("https://acme.com/a/%2E%2e/b/.", Some("https://acme.com/b/")),
            ("https://acme.com/../..", Some("https://acme.com/")),
            (
                "https://acme.com:08443/a//b/?q='é'#f",
                Some("https://acme.com:8443/a//b/?q=%27%C3%A9%27#f"),
            ),
            (
                "https://xn--bcher-kva.example/é",
                Some("https://xn--bcher-kva.example/%C3%A9"),
            ),
            ("http://127.0.0.1/", Some("http://127.0.0.1/")),
            ("http://[::1]:80/", Some("http://[::1]/")),
            ("https://@a.test/x", Some("https://a.test/x")),
            ("https://:@a.test/x", Some("https://a.test/x")),
            ("https://u:@a.test/x", Some("https://u@a.test/x")),
            (
                "https://a.test/%61dmin%2d%2fx?%7e%c3%a9#%7E",
                Some("https://a.test/admin-%2Fx?~%C3%A9#~"),
            ),
            ("https://a.test/100%/%2", Some("https://a.test/100%/%2")),
            ("https://a.test/a;x/b..", Some("https://a.test/a;x/b..")),
            ("urn:isbn:1", Some("urn:isbn:1")),
            ("file:///a/../b", Some("file:///b")),
            ("https://bücher.example/", None),
            ("http://0x7f.1/", None),
            ("http://2130706433/", None),
            ("http://127.1/", None),
            ("http://0177.0.0.1/", None),
            (r"https://good.test\@evil.test/", None),
            ("https://good.test@x@evil.test/", None),
            ("https:evil.test", None),
            ("https:/evil.test", None),
            ("https:///evil.test", None),
            ("file://evil.test/a", None),
            ("https://ev%69l.test/", None),
            ("https://a.test/public/..%2fprivate", None),
            ("https://a.test/public/x%5C..%5cprivate", None),
            ("https://a.test/public/%252e%252e/private", None),
            ("https://a.test/public/..%252fprivate", None),
            ("https://a.test/public/..;/private", None),
            ("https://a.test/private%2fx/../public", None),
            ("https://a.test/public//../private", None),
            ("https://a.test:x/", None),
            ("https://a.test:65536/", None),
            (" https://a.test/", None),
            ("https://a.test/\nx", None),
            ("a.test", None),
            ("//a.test/", None),
        ] {
            let found = parse(text).map(|url| url.text);
            assert_eq!(found.as_deref(), expected, "{text}");
        }
        let bare = |text| parse(text).and_then(|url| url.bare);
        assert_eq!(
            bare("https://u@a.test:1").as_deref(),
            Some("https://a.test:1/")
        );
        assert_eq!(bare("https://@a.test/"), None);
        assert_eq!(bare("https://:@a.test/"), None);
        let spelt = |text| parse(text).map(|url| url.text);
        assert_eq!(spelt("https://::@a").as_deref(), Some("https://::@a/"));
        let host = |text| parse(text).and_then(|url| url.host);
        assert_eq!(
            host("https://user@Acme.com.:8443/x").as_deref(),
            Some("acme.com")
        );
        assert_eq!(host("mailto:a@b.test"), None);
    }

    #[test]
    fn a_glob_is_written_as_urls_are() {
        for glob in [
            "*",
            "urn:*",
            "https://evil.test/*",
            "https://*",
            "https://*.evil.test/*",
            "*://evil.test/Path/*",
            "http*://evil.test:8443/a.b/..x?*#../y",
            "http://u@evil.test:443/",
            "https://evil.test/a%2Fb%C3%A9",
        ] {
            assert!(could_match(glob), "{glob}");
        }
        for glob in [
            "https://Evil.test/*",
            "HTTPS://evil.test/*",
            "https://evil.test:443/*",
            "https://evil.test:/*",
            "https://evil.test./*",
            "https://@evil.test/*",
            "https://:@evil.test/*",
            "https://evil.test",
            "https://evil.test#x",
            "https://evil.test/a/../*",
            "https://evil.test/./a",
            "https://evil.test/%61*",
            "https://evil.test/%c3%a9",
            "https://evil.test/a b",
            r"https://evil.test\*",
            "https://évil.test/*",
        ] {
            assert!(!could_match(glob), "{glob}");
        }
    }

    proptest! {
        #[test]
        fn what_a_url_comes_to_is_a_glob_that_could_match(text in "(https|FTP)://[a-cA-C.@]{1,8}(/[a-c.%2eé/]{0,8})?(#[a-c]{0,3})?") {
            if let Some(url) = parse(&text) {
                prop_assert!(could_match(&url.text), "{}", url.text);
            }
        }

        #[test]
        fn one_spelling_is_its_own(text in "(https|FTP|db)://[a-cA-C0-9.@:]{1,8}(/[a-c.%2eé/]{0,8})?([?#]['a?#]{0,3})?") {
            if let Some(once) = parse(&text) {
                prop_assert_eq!(parse(&once.text), Some(once));
            }
        }
    }
}
