//! What came of a case.

use chancery_proto::audit::v1::Entry;
use serde_json::Value;

/// What a layer saw.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The HTTP status the client saw.
    pub status: u16,
    /// The headers the client saw.
    pub headers: Vec<(String, String)>,
    /// The body the client saw.
    pub body: Vec<u8>,
    /// What the server got.
    pub forwarded: Option<Forwarded>,
    /// The entries, in their order.
    pub entries: Vec<Entry>,
}

/// What the server got.
#[derive(Clone, Debug, Default)]
pub struct Forwarded {
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Observed {
    /// A header that the client saw; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let found = self
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    }

    /// The message that the client saw: the body, or of an event stream the last event.
    pub fn message(&self) -> Value {
        let body = String::from_utf8_lossy(&self.body);
        let mut events = body.lines().filter_map(|line| line.strip_prefix("data:"));
        let text = events.next_back().unwrap_or(&body);
        serde_json::from_str(text).unwrap_or_default()
    }
}
