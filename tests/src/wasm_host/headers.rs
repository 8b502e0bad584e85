//! Header maps as Envoy keeps them, and their wire form in the ABI.

use std::fmt;

/// Names that Envoy stores once: adding a second value appends to the first.
const SINGLE: [&str; 19] = [
    ":authority",
    ":method",
    ":path",
    ":protocol",
    ":scheme",
    ":status",
    "connection",
    "content-length",
    "content-type",
    "grpc-status",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-request-id",
];

/// Limits of the pairs format in Envoy's Proxy-Wasm host.
const MAX_PAIRS: usize = 1024;
const MAX_PAIRS_BYTES: usize = 1024 * 1024;

/// An ordered map of header (or trailer, or metadata) fields.
///
/// Names are lower case. Values are bytes: Envoy passes what is not UTF-8.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.iter();
        let fields = fields.map(|(name, value)| (name.escape_ascii(), value.escape_ascii()));
        f.debug_map()
            .entries(fields.map(|(name, value)| (name.to_string(), value.to_string())))
            .finish()
    }
}

impl Headers {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// The map with one more field.
    #[must_use]
    pub fn with(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.add(name, value);
        self
    }

    /// Adds a field as Envoy does: pseudo headers go first, and a name that Envoy stores once
    /// (`content-type`, `:path`, …) gets the value appended after a comma.
    pub fn add(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        let name = name.as_ref().to_ascii_lowercase();
        let value = value.as_ref();
        if SINGLE.iter().any(|single| single.as_bytes() == name)
            && let Some((_, existing)) = self.fields.iter_mut().find(|field| field.0 == name)
        {
            existing.push(b',');
            existing.extend_from_slice(value);
            return;
        }
        let pseudo = |field: &Vec<u8>| field.first() == Some(&b':');
        let position = if pseudo(&name) {
            self.fields
                .iter()
                .take_while(|field| pseudo(&field.0))
                .count()
        } else {
            self.fields.len()
        };
        self.fields.insert(position, (name, value.to_vec()));
    }

    /// Replaces every field of that name by one.
    pub fn set(&mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.remove(name.as_ref());
        self.add(name, value);
    }

    /// Removes every field of that name.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) {
        let name = name.as_ref().to_ascii_lowercase();
        self.fields.retain(|field| field.0 != name);
    }

    /// The first value of that name.
    pub fn value(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref().to_ascii_lowercase();
        self.fields
            .iter()
            .find(|field| field.0 == name)
            .map(|field| field.1.as_slice())
    }

    /// The first value of that name, if it is UTF-8.
    pub fn text(&self, name: impl AsRef<[u8]>) -> Option<&str> {
        self.value(name)
            .and_then(|value| std::str::from_utf8(value).ok())
    }

    /// All fields in order.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
    }

    /// Number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Bytes of all names and values.
    pub(super) fn byte_size(&self) -> usize {
        self.fields
            .iter()
            .map(|(name, value)| name.len().saturating_add(value.len()))
            .sum()
    }

    /// The ABI's pairs form: count, sizes, then NUL-terminated names and values.
    pub(super) fn to_pairs(&self) -> Vec<u8> {
        let size = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes();
        let mut out = Vec::with_capacity(self.byte_size());
        out.extend(u32::try_from(self.len()).unwrap_or(u32::MAX).to_le_bytes());
        for (name, value) in self.iter() {
            out.extend(size(name));
            out.extend(size(value));
        }
        for (name, value) in self.iter() {
            out.extend_from_slice(name);
            out.push(0);
            out.extend_from_slice(value);
            out.push(0);
        }
        out
    }

    /// Reads the pairs form; like Envoy, anything malformed is an empty map.
    pub(super) fn from_pairs(bytes: &[u8]) -> Self {
        Self::parse_pairs(bytes).unwrap_or_default()
    }

    fn parse_pairs(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > MAX_PAIRS_BYTES {
            return None;
        }
        let (count, mut rest) = split_u32(bytes)?;
        if count > MAX_PAIRS {
            return None;
        }
        let mut sizes = Vec::with_capacity(count);
        for _ in 0..count {
            let (name, after) = split_u32(rest)?;
            let (value, after) = split_u32(after)?;
            sizes.push((name, value));
            rest = after;
        }
        let mut headers = Self::new();
        for (name_size, value_size) in sizes {
            let (name, after) = split_terminated(rest, name_size)?;
            let (value, after) = split_terminated(after, value_size)?;
            headers.add(name, value);
            rest = after;
        }
        rest.is_empty().then_some(headers)
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>, const COUNT: usize> From<[(N, V); COUNT]> for Headers {
    fn from(fields: [(N, V); COUNT]) -> Self {
        fields.into_iter().collect()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        fields
            .into_iter()
            .fold(Self::new(), |headers, (name, value)| {
                headers.with(name, value)
            })
    }
}

fn split_u32(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    Some((usize::try_from(u32::from_le_bytes(*head)).ok()?, rest))
}

fn split_terminated(bytes: &[u8], size: usize) -> Option<(&[u8], &[u8])> {
    let (value, rest) = bytes.split_at_checked(size)?;
    let (&end, rest) = rest.split_first()?;
    (end == 0).then_some((value, rest))
}

#[cfg(test)]
mod tests {
    use super::Headers;

    #[test]
    fn pairs_round_trip_bytes_that_are_not_text() {
        let headers = Headers::from([("X-A", b"\xff\x00".as_slice()), ("b", b"")]);
        assert_eq!(headers.value("x-a"), Some(b"\xff\x00".as_slice()));
        assert_eq!(Headers::from_pairs(&headers.to_pairs()), headers);
    }

    #[test]
    fn malformed_pairs_are_no_pairs() {
        let mut pairs = Headers::from([("a", "b")]).to_pairs();
        pairs.push(0);
        assert!(Headers::from_pairs(&pairs).is_empty());
        assert!(Headers::from_pairs(&[1, 0, 0]).is_empty());
        assert!(Headers::from_pairs(&[255, 255, 0, 0]).is_empty());
    }

    #[test]
    fn adding_to_a_single_header_appends_and_setting_replaces() {
        let mut headers = Headers::from([("content-type", "a"), ("x", "1")]);
        headers.add("Content-Type", "b");
        headers.add("x", "2");
        headers.add(":path", "/");
        assert_eq!(headers.text("content-type"), Some("a,b"));
        assert_eq!(
            headers.iter().next(),
            Some((b":path".as_slice(), b"/".as_slice()))
        );
        headers.set("x", "3");
        assert_eq!(headers.len(), 3);
        assert_eq!(headers.text("x"), Some("3"));
    }
}
