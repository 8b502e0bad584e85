//! SPIFFE ids: the names of workloads in certificates (SPIFFE-ID, section 2).

/// What every id begins with.
pub const SCHEME: &str = "spiffe://";

/// The longest id that has to be supported, in bytes.
const MAX_BYTES: usize = 2_048;

/// The longest trust domain in bytes.
const MAX_TRUST_DOMAIN_BYTES: usize = 255;

/// A SPIFFE id, read strictly: whatever two readers could take for different ids is none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SpiffeId<'a> {
    text: &'a str,
    trust_domain: &'a str,
}

impl<'a> SpiffeId<'a> {
    /// Reads the id of a workload; `None` where it is not one, to the letter.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (trust_domain, path) = text.strip_prefix(SCHEME)?.split_once('/')?;
        let is_segment = |segment: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
            !matches!(segment, "" | "." | "..") && segment.bytes().all(is_allowed)
        };
        let is_whole = text.len() <= MAX_BYTES
            && is_trust_domain(trust_domain)
            && path.split('/').all(is_segment);
        is_whole.then_some(Self { text, trust_domain })
    }

    /// The whole id.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// Who issued it.
    pub fn trust_domain(self) -> &'a str {
        self.trust_domain
    }
}

/// Whether a text is the name of a trust domain.
pub fn is_trust_domain(name: &str) -> bool {
    let is_allowed =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
    !name.is_empty() && name.len() <= MAX_TRUST_DOMAIN_BYTES && name.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ids_of_workloads_and_nothing_else() {
        let id = SpiffeId::parse("spiffe://prod.example.org/ns/agents/sa/Bot_1").unwrap();
        assert_eq!(id.trust_domain(), "prod.example.org");
        assert_eq!(id.as_str(), "spiffe://prod.example.org/ns/agents/sa/Bot_1");
        let long = format!("spiffe://a/{}", "b".repeat(MAX_BYTES - 11));
        assert!(SpiffeId::parse(&long).is_some());
        for wrong in [
            "",
            "spiffe://prod.example.org",
            "spiffe://prod.example.org/",
            "spiffe:///a",
            "SPIFFE://a/b",
            "spiffe://A/b",
            "spiffe://a:443/b",
            "spiffe://u@a/b",
            "spiffe://a//b",
            "spiffe://a/b/",
            "spiffe://a/./b",
            "spiffe://a/../b",
            "spiffe://a/b?c",
            "spiffe://a/b#c",
            "spiffe://a/b%2fc",
            "spiffe://a/b c",
            "spiffe://a/\u{e9}",
            "https://a/b",
            &format!("{long}b"),
            &format!("spiffe://{}/b", "a".repeat(MAX_TRUST_DOMAIN_BYTES + 1)),
        ] {
            assert_eq!(SpiffeId::parse(wrong), None, "{wrong}");
        }
    }
}
