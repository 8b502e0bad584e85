//! The URLs by which clients know endpoints, and where they read about them (RFC 9728).

/// Begins the path of every protected resource's metadata (RFC 9728 section 3.1).
pub const METADATA_PATH: &str = "/.well-known/oauth-protected-resource";

/// The URL of a protected resource: `https://mcp.example.com/mcp`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ResourceUrl {
    text: Box<str>,
    host_at: usize,
    path_at: usize,
}

impl ResourceUrl {
    /// Reads a URL; `None` where it is not absolute, or has more to it than host and path
    /// (RFC 8707 section 2).
    pub fn parse(text: &str) -> Option<Self> {
        let schemes = ["https://", "http://"];
        let scheme = schemes.iter().find(|scheme| text.starts_with(**scheme))?;
        let rest = text.get(scheme.len()..)?;
        let host_bytes = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(host_bytes)?;
        let is_path = path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?#\"\\".contains(&byte));
        (!host.is_empty() && is_host(host) && is_path).then(|| Self {
            text: text.into(),
            host_at: scheme.len(),
            path_at: scheme.len().saturating_add(host_bytes),
        })
    }

    /// The whole.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host, with a port that is not the scheme's own.
    pub fn host(&self) -> &str {
        self.text
            .get(self.host_at..self.path_at)
            .unwrap_or_default()
    }

    /// The path; the root is nothing.
    pub fn path(&self) -> &str {
        match self.text.get(self.path_at..).unwrap_or_default() {
            "/" => "",
            path => path,
        }
    }

    /// Where its metadata is.
    pub fn metadata_url(&self) -> String {
        let origin = self.text.get(..self.path_at).unwrap_or_default();
        format!("{origin}{METADATA_PATH}{}", self.path())
    }
}

/// Whether a text is a lower-case host, perhaps with a port.
pub fn is_host(text: &str) -> bool {
    let is_allowed = |byte: u8| {
        byte.is_ascii_graphic() && !byte.is_ascii_uppercase() && !b"/?#@\\*\"".contains(&byte)
    };
    text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_part_stands_before_the_path() {
        for (resource, path, metadata) in [
            (
                "https://a.test/mcp",
                "/mcp",
                "https://a.test/.well-known/oauth-protected-resource/mcp",
            ),
            (
                "https://a.test:8443/t/1",
                "/t/1",
                "https://a.test:8443/.well-known/oauth-protected-resource/t/1",
            ),
            (
                "http://[::1]:80/",
                "",
                "http://[::1]:80/.well-known/oauth-protected-resource",
            ),
            (
                "https://a.test",
                "",
                "https://a.test/.well-known/oauth-protected-resource",
            ),
        ] {
            let url = ResourceUrl::parse(resource).unwrap();
            assert_eq!((url.path(), &*url.metadata_url()), (path, metadata));
        }
        for wrong in [
            "",
            "a.test/mcp",
            "ftp://a.test",
            "https://",
            "https:///mcp",
            "https://a.test/m?x",
            "https://a.test/#f",
            "https://u@a.test/",
            "https://A.test/",
            "https://a.test/\"x",
        ] {
            assert_eq!(ResourceUrl::parse(wrong), None, "{wrong}");
        }
    }
}
