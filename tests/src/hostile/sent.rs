//! Requests about to be written.

use super::{
    http1::chunked,
    http2,
    spell::bytes,
    table::{Protocol, Wire},
};

/// A request about to be written.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// The bearer token.
    pub token: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Sent<'_> {
    /// The standard head, changed by lines.
    fn head(self, changes: &[String], trace: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let standard = [
            (":method", "POST".to_owned()),
            (":scheme", "http".to_owned()),
            (":path", "/mcp".to_owned()),
            (":authority", "notes.test".to_owned()),
            ("authorization", format!("Bearer {}", self.token)),
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json, text/event-stream".to_owned()),
            ("traceparent", trace.to_owned()),
            ("content-length", self.body.len().to_string()),
        ];
        let mut head: Vec<_> = standard
            .map(|(name, value)| (name.into(), value.into_bytes()))
            .into();
        for change in changes {
            let change = change.replace("$TOKEN", self.token);
            if let Some(name) = change.strip_prefix('-') {
                head.retain(|(known, _): &(Vec<u8>, _)| {
                    !known.eq_ignore_ascii_case(name.as_bytes())
                });
                continue;
            }
            let (name, adds) = change
                .strip_prefix('+')
                .map_or((&*change, false), |line| (line, true));
            let colon = name
                .get(1..)
                .and_then(|rest| rest.find(':'))
                .map_or(name.len(), |at| at + 1);
            let (name, value) = name.split_at(colon);
            let value = value
                .strip_prefix(": ")
                .or_else(|| value.strip_prefix(':'))
                .unwrap_or_default();
            let (name, value) = (bytes(name), bytes(value));
            let place = head
                .iter_mut()
                .find(|(known, _)| known.eq_ignore_ascii_case(&name));
            match place {
                Some(place) if !adds => *place = (name, value),
                _ => head.push((name, value)),
            }
        }
        head
    }

    /// The whole request.
    pub(super) fn wire(
        self,
        protocol: Protocol,
        changes: &[String],
        trailers: &[String],
        trace: &str,
    ) -> Wire {
        match protocol {
            Protocol::Http1 => Wire::Http1(self.http1(changes, trace)),
            Protocol::Http2 => {
                let line = |line: &String| {
                    let (name, value) = line.split_once(": ").unwrap_or((line, ""));
                    (bytes(name), bytes(value))
                };
                Wire::Http2(http2::Request {
                    trailers: trailers.iter().map(line).collect(),
                    ..self.http2(changes, trace)
                })
            }
        }
    }

    /// The whole request over HTTP/2.
    pub fn http2(self, changes: &[String], trace: &str) -> http2::Request {
        http2::Request {
            fields: self.head(changes, trace),
            body: (!self.body.is_empty()).then(|| self.body.to_vec()),
            trailers: Vec::new(),
        }
    }

    /// The whole request over HTTP/1.1.
    pub fn http1(self, changes: &[String], trace: &str) -> Vec<u8> {
        lines(&self.head(changes, trace), self.body)
    }
}

fn lines(fields: &[(Vec<u8>, Vec<u8>)], body: &[u8]) -> Vec<u8> {
    let find = |wanted: &[u8]| {
        fields
            .iter()
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| &**value)
    };
    let mut wire = find(b":method").unwrap_or(b"POST").to_vec();
    wire.push(b' ');
    wire.extend(find(b":path").unwrap_or(b"/mcp"));
    wire.extend(b" HTTP/1.1\r\n");
    for (name, value) in fields {
        let name: &[u8] = match &**name {
            b":authority" => b"host",
            [b':', ..] => continue,
            name => name,
        };
        wire.extend_from_slice(name);
        wire.extend(b": ");
        wire.extend_from_slice(value);
        wire.extend(b"\r\n");
    }
    wire.extend(b"\r\n");
    wire.extend_from_slice(body);
    wire
}

/// A whole request by its lines.
pub(super) fn raw(lines: &[String], token: &str, body: &[u8], trace: &str) -> Vec<u8> {
    let standard = format!(
        "Host: notes.test\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\ntraceparent: {trace}"
    );
    let head = lines.join("\r\n");
    let head = head
        .replace("$STANDARD", &standard)
        .replace("$TOKEN", token)
        .replace("$TRACE", trace)
        .replace("$LEN", &body.len().to_string());
    let mut wire = Vec::new();
    let mut rest = &*head;
    while let Some(at) = rest
        .find("$BODY")
        .into_iter()
        .chain(rest.find("$CHUNKED"))
        .min()
    {
        let (before, after) = rest.split_at(at);
        wire.extend(bytes(before));
        rest = after
            .strip_prefix("$BODY")
            .inspect(|_| wire.extend_from_slice(body))
            .unwrap_or_else(|| {
                wire.extend(chunked(body, 7));
                after.strip_prefix("$CHUNKED").unwrap_or_default()
            });
    }
    wire.extend(bytes(rest));
    wire
}
