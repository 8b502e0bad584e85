//! A secret in memory: wiped when it is dropped, and shown by nothing.

use std::fmt;

use zeroize::Zeroizing;

/// Bytes that are nobody else's business.
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Zeroizing<Box<[u8]>>);

impl Secret {
    /// Takes bytes over.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        // A vector that shrinks to its length may leave a copy behind, so it is copied and wiped.
        let bytes = Zeroizing::new(bytes.into());
        Self(Zeroizing::new(Box::from(&**bytes)))
    }

    /// The bytes, for the one place that needs them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text; `None` where they are none.
    pub fn expose_text(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

/// Shows nothing of the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_nothing() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?}"), "Secret");
        assert_eq!(secret.expose_text(), Some("hunter2"));
        assert_eq!(Secret::new([0xFF]).expose_text(), None);
    }
}
