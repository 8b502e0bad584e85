//! URLs and hosts in one spelling, where all readers agree on what they name.
//!
//! The form is that of the WHATWG URL standard. What other readers than those by that standard take
//! for another place has no form here: white space, back slashes, encoded hosts, a missing `//`,
//! addresses in other numbers than four decimal ones. Host names beyond ASCII have none either; their
//! IDNA form (`xn--…`) has.

use std::net::{Ipv4Addr, Ipv6Addr};

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

const QUERY: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\'');
const FRAGMENT: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Longest host name (RFC 1035 section 2.3.4).
const MAX_HOST_BYTES: usize = 253;

/// A URL, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Url {
    /// In its one spelling.
    pub(super) text: String,
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
            host: None,
        });
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at_checked(end)?;
    let (rest, fragment) = cut(rest, '#');
    let (path, query) = cut(rest, '?');
    let (place, host) = match (authority, &*scheme) {
        ("", "file") => (String::new(), None),
        (_, "file") | ("", _) => return None,
        (authority, _) => {
            let (place, host) = place(authority, port)?;
            (place, Some(host))
        }
    };
    let mut text = format!("{scheme}://{place}{}", resolved(path));
    if let Some(query) = query {
        text.push('?');
        text.extend(utf8_percent_encode(query, QUERY));
    }
    if let Some(fragment) = fragment {
        text.push('#');
        text.extend(utf8_percent_encode(fragment, FRAGMENT));
    }
    Some(Url { text, host })
}

fn cut(text: &str, at: char) -> (&str, Option<&str>) {
    match text.split_once(at) {
        Some((before, after)) => (before, Some(after)),
        None => (text, None),
    }
}

/// An authority in its one spelling, and the host in it.
fn place(authority: &str, default_port: Option<u16>) -> Option<(String, String)> {
    // Of two `@`, some readers take the first.
    let (user, host) = match authority.split_once('@') {
        Some((_, host)) if host.contains('@') => return None,
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    };
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        Some(_) | None => (host, ""),
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit()) || user.is_some_and(|user| !user.is_ascii())
    {
        return None;
    }
    let port: Option<u16> = match port {
        "" => None,
        _ => Some(port.parse().ok()?),
    };
    let host = normal_host(host)?;
    let mut place = user.map_or_else(String::new, |user| format!("{user}@"));
    place.push_str(&host);
    if let Some(port) = port.filter(|port| Some(*port) != default_port) {
        place.push(':');
        place.push_str(&port.to_string());
    }
    Some((place, host))
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

/// A path without dot segments, which also have spellings with an encoded dot.
fn resolved(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_open = true;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        ends_open = true;
        match &*plain {
            "." => {}
            ".." => drop(segments.pop()),
            _ => {
                segments.push(segment);
                ends_open = false;
            }
        }
    }
    let mut text = String::new();
    for segment in segments {
        text.push('/');
        text.extend(utf8_percent_encode(segment, PATH));
    }
    if ends_open {
        text.push('/');
    }
    text
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
        let host = |text| parse(text).and_then(|url| url.host);
        assert_eq!(
            host("https://user@Acme.com.:8443/x").as_deref(),
            Some("acme.com")
        );
        assert_eq!(host("mailto:a@b.test"), None);
    }

    proptest! {
        #[test]
        fn one_spelling_is_its_own(text in "(https|FTP|db)://[a-cA-C0-9.@:]{1,8}(/[a-c.%2eé/]{0,8})?([?#]['a?#]{0,3})?") {
            if let Some(once) = parse(&text) {
                prop_assert_eq!(parse(&once.text), Some(once));
            }
        }
    }
}
