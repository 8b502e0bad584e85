//! Addresses in texts, and markup that hides or fetches something.

use std::sync::LazyLock;

use regex::Regex;

use super::{Findings, Rule, Severity, strings::Text};

/// Where a sentence wants something to go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Target {
    /// An e-mail address or a telephone number.
    Person,
    /// A URL.
    Url,
}

/// Hosts that hide where a link leads.
const SHORTENERS: [&str; 18] = [
    "bit.ly",
    "tinyurl.com",
    "t.co",
    "goo.gl",
    "is.gd",
    "v.gd",
    "ow.ly",
    "rb.gy",
    "cutt.ly",
    "shorturl.at",
    "tiny.cc",
    "s.id",
    "buff.ly",
    "rebrand.ly",
    "t.ly",
    "lnkd.in",
    "bl.ink",
    "short.io",
];

/// Hosts that anyone collects or leaves data at; what ends in one of them too.
const COLLECTORS: [&str; 18] = [
    "webhook.site",
    "requestbin.com",
    "requestbin.net",
    "pipedream.net",
    "ngrok.io",
    "ngrok-free.app",
    "ngrok.app",
    "burpcollaborator.net",
    "oastify.com",
    "oast.fun",
    "oast.pro",
    "interact.sh",
    "pastebin.com",
    "transfer.sh",
    "requestcatcher.com",
    "beeceptor.com",
    "trycloudflare.com",
    "file.io",
];

/// Names that RFC 2606 and RFC 6761 keep for examples.
const EXAMPLES: [&str; 9] = [
    "example.com",
    "example.org",
    "example.net",
    "example",
    "test",
    "invalid",
    "localhost",
    "domain.com",
    "company.com",
];

static EMAIL: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"[a-z0-9._%+-]{1,64}(?:@| ?[\[(] ?at ?[\])] ?)([a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){0,8}\.[a-z]{2,24})",
    )
});
static PHONE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?:^|[ (:])\+[0-9][0-9 -]{7,15}[0-9]"));
static URL: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?-u:\b)(https?|wss?|ftp)://([^\x00-\x20/?#'<>)\]]+)"));
static IMAGE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"!\[[^\]\n]{0,200}\]\([a-z]{2,6}:"));
static HIDING: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"display ?: ?none|visibility ?: ?hidden|font-size ?: ?0|opacity ?: ?0[; '\x22]|color ?: ?(?:white|#fff)|<(?:script|iframe|img|svg|object|embed)[ />]|javascript:|data:text/html",
    )
});

fn pattern(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

/// Where a folded sentence wants something to go, if it names a place that is no example.
pub(super) fn target(sentence: &str) -> Option<Target> {
    let is_person = EMAIL.as_ref().is_some_and(|email| {
        email
            .captures_iter(sentence)
            .any(|found| found.get(1).is_some_and(|host| !is_example(host.as_str())))
    }) || PHONE.as_ref().is_some_and(|phone| phone.is_match(sentence));
    if is_person {
        return Some(Target::Person);
    }
    let is_url = hosts(sentence).any(|host| !is_example(host) && !is_local(host));
    is_url.then_some(Target::Url)
}

pub(super) fn inspect(text: &Text<'_>, found: &mut Findings) {
    let lower = text.content.to_lowercase();
    for host in hosts(&lower) {
        if let Some((severity, why)) = suspicion(host) {
            found.add(Rule::SuspiciousLink, severity, (&text.place, host), why);
        }
    }
    if let Some(at) = text.content.find("<!--") {
        let comment = text.content.get(at..).unwrap_or_default();
        let why = "It has an HTML comment: a page does not show it, a model reads it.";
        found.add(
            Rule::HiddenMarkup,
            Severity::Medium,
            (&text.place, comment),
            why,
        );
    }
    let first = |regex: &Option<Regex>| {
        let at = regex.as_ref()?.find(&lower)?.start();
        Some(lower.get(at..).unwrap_or_default().to_owned())
    };
    if let Some(image) = first(&IMAGE) {
        let why = "It has an image: whoever shows it calls its address.";
        found.add(
            Rule::HiddenMarkup,
            Severity::Medium,
            (&text.place, &image),
            why,
        );
    }
    if let Some(hiding) = first(&HIDING) {
        let why = "It has markup that hides text or runs code.";
        found.add(
            Rule::HiddenMarkup,
            Severity::Medium,
            (&text.place, &hiding),
            why,
        );
    }
}

/// The hosts of a text's URLs, without what is before `@` and the port.
fn hosts(text: &str) -> impl Iterator<Item = &str> {
    URL.as_ref().into_iter().flat_map(|url| {
        url.captures_iter(text).filter_map(|found| {
            let authority = found.get(2)?.as_str();
            let host = authority.rsplit('@').next().unwrap_or(authority);
            let end = if host.starts_with('[') {
                host.find(']')?.saturating_add(1)
            } else {
                host.find(':').unwrap_or(host.len())
            };
            Some(host.get(..end)?.trim_end_matches(['.', ',', ';']))
        })
    })
}

fn suspicion(host: &str) -> Option<(Severity, &'static str)> {
    let is_one = |known: &&str| is_below(host, known);
    if SHORTENERS.iter().any(is_one) {
        return Some((
            Severity::Medium,
            "A shortened link says nothing of where it leads.",
        ));
    }
    if COLLECTORS.iter().any(is_one) {
        return Some((
            Severity::Medium,
            "Anyone can collect at this host what it is sent.",
        ));
    }
    if is_local(host) {
        return None;
    }
    let is_address = host.starts_with('[')
        || host.parse::<std::net::Ipv4Addr>().is_ok()
        || !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_digit())
        || host.starts_with("0x");
    if is_address {
        return Some((
            Severity::Medium,
            "The address is a bare number: nobody's name stands for it.",
        ));
    }
    let is_coded = host.split('.').any(|label| label.starts_with("xn--")) || !host.is_ascii();
    is_coded.then_some((
        Severity::Low,
        "The host has letters outside of ASCII, which may pass for others.",
    ))
}

fn is_below(host: &str, known: &str) -> bool {
    host.strip_suffix(known)
        .is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

fn is_example(host: &str) -> bool {
    EXAMPLES.iter().any(|known| is_below(host, known))
}

fn is_local(host: &str) -> bool {
    // 192.0.2.0/24 and its like are for documents (RFC 5737).
    host.parse::<std::net::Ipv4Addr>()
        .map_or(host == "localhost" || host == "[::1]", |address| {
            address.is_loopback()
                || address.is_private()
                || address.is_unspecified()
                || address.is_documentation()
        })
}
