//! HTTP/2 by hand (RFC 9113): header fields that no library would send.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::http1::Answer;

const PATIENCE: Duration = Duration::from_secs(10);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

const STREAM: u32 = 1;

/// The largest payload that everyone takes.
const MAX_FRAME: usize = 16 << 10;

/// A request as it goes over the wire.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Header fields in their order, pseudo-headers among them.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body. `None`: the stream ends with the header fields.
    pub body: Option<Vec<u8>>,
    /// Trailer fields.
    pub trailers: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Sends a request over a connection of its own. Status 0 is a reset or a closed connection; of the
/// header fields only the status is read.
///
/// # Errors
/// Where Envoy does not accept the connection or says nothing in time.
pub async fn send(address: SocketAddr, request: &Request) -> io::Result<Answer> {
    let mut connection = Connection {
        stream: TcpStream::connect(address).await?,
        answer: Answer::default(),
        windows: [i64::from(u16::MAX); 2],
    };
    timeout(PATIENCE, connection.exchange(request))
        .await
        .map_err(io::Error::other)?;
    Ok(connection.answer)
}

struct Connection {
    stream: TcpStream,
    answer: Answer,
    /// What may still be sent: of the connection, and of the stream.
    windows: [i64; 2],
}

impl Connection {
    async fn exchange(&mut self, request: &Request) {
        let mut bytes = PREFACE.to_vec();
        frame(&mut bytes, SETTINGS, 0, 0, b"");
        // More than any answer here, so that the other side need not wait for us.
        frame(
            &mut bytes,
            WINDOW_UPDATE,
            0,
            0,
            &(1_u32 << 24).to_be_bytes(),
        );
        let only_head = request.body.is_none() && request.trailers.is_empty();
        let end = if only_head { END_STREAM } else { 0 };
        frame(
            &mut bytes,
            HEADERS,
            END_HEADERS | end,
            STREAM,
            &block(&request.fields),
        );
        self.write(&bytes).await;
        let ends_with_body = request.trailers.is_empty();
        let mut rest = request.body.as_deref().unwrap_or_default();
        let mut ends = request.body.is_none();
        while !ends {
            let window = self.windows.into_iter().min().unwrap_or_default();
            let size = usize::try_from(window)
                .unwrap_or(0)
                .min(MAX_FRAME)
                .min(rest.len());
            if size == 0 && !rest.is_empty() {
                if self.read().await.is_none() {
                    return;
                }
                continue;
            }
            let (chunk, after) = rest.split_at(size);
            rest = after;
            ends = rest.is_empty();
            let mut bytes = Vec::new();
            frame(
                &mut bytes,
                DATA,
                u8::from(ends && ends_with_body),
                STREAM,
                chunk,
            );
            self.write(&bytes).await;
            let sent = i64::try_from(size).unwrap_or(i64::MAX);
            self.windows = self.windows.map(|window| window - sent);
        }
        if !request.trailers.is_empty() {
            let mut bytes = Vec::new();
            frame(
                &mut bytes,
                HEADERS,
                END_HEADERS | END_STREAM,
                STREAM,
                &block(&request.trailers),
            );
            self.write(&bytes).await;
        }
        while self.read().await.is_some() {}
    }

    /// It fails where Envoy has closed already; its answer is there all the same.
    async fn write(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes).await);
    }

    /// Reads a frame; `None` after the last one.
    async fn read(&mut self) -> Option<()> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let mut payload = vec![0; usize::try_from(length).ok()?];
        self.stream.read_exact(&mut payload).await.ok()?;
        match kind {
            HEADERS if self.answer.status == 0 => self.answer.status = status(&payload)?,
            DATA => self.answer.body.extend(&payload),
            SETTINGS if flags & ACK == 0 => {
                let mut bytes = Vec::new();
                frame(&mut bytes, SETTINGS, ACK, 0, b"");
                self.write(&bytes).await;
            }
            WINDOW_UPDATE => {
                let more = i64::from(u32::from_be_bytes(*payload.first_chunk()?));
                let [connection, own] = &mut self.windows;
                *if u32::from_be_bytes(stream) == 0 {
                    connection
                } else {
                    own
                } += more;
            }
            RESET | GO_AWAY => return None,
            _ => {}
        }
        let ends = matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0;
        (!ends).then_some(())
    }
}

/// A header block of literals without indexing (RFC 7541, section 6.2.2), uncompressed.
fn block(fields: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut block = Vec::new();
    let text = |block: &mut Vec<u8>, text: &[u8]| {
        if text.len() < 127 {
            block.push(u8::try_from(text.len()).unwrap_or(0));
        } else {
            block.push(127);
            let mut rest = text.len() - 127;
            while rest >= 128 {
                block.push(u8::try_from(rest % 128).unwrap_or(0) | 0x80);
                rest /= 128;
            }
            block.push(u8::try_from(rest).unwrap_or(0));
        }
        block.extend_from_slice(text);
    };
    for (name, value) in fields {
        block.push(0);
        text(&mut block, name);
        text(&mut block, value);
    }
    block
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let length = u32::try_from(payload.len())
        .unwrap_or(u32::MAX)
        .to_be_bytes();
    bytes.extend_from_slice(length.get(1..).unwrap_or_default());
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}

/// The status, which is the first field of the first block of a connection: one of the static table,
/// or a literal whose name is (RFC 7541, appendices A and B).
fn status(block: &[u8]) -> Option<u16> {
    const INDEXED: [u16; 7] = [200, 204, 206, 304, 400, 404, 500];
    // A change of the dynamic table's size may come first.
    let block = match block {
        [first, rest @ ..] if first & 0xe0 == 0x20 => rest,
        _ => block,
    };
    match block {
        [index @ 0x88..=0x8e, ..] => INDEXED.get(usize::from(index - 0x88)).copied(),
        [0x08 | 0x18 | 0x48, 3, digits @ ..] => {
            std::str::from_utf8(digits.get(..3)?).ok()?.parse().ok()
        }
        [0x08 | 0x18 | 0x48, length, digits @ ..] if length & 0x80 != 0 => {
            huffman_digits(digits.get(..usize::from(length & 0x7f))?)
        }
        _ => None,
    }
}

/// Three digits in the static Huffman code: `0`, `1` and `2` have five bits, the others six.
fn huffman_digits(bytes: &[u8]) -> Option<u16> {
    let mut bits = bytes
        .iter()
        .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
    bits <<= 32 - 8 * u32::try_from(bytes.len()).ok()?;
    let mut number = 0;
    for _ in 0..3 {
        let (digit, width) = match bits >> 27 {
            short @ 0..=2 => (short, 5),
            _ => ((bits >> 26).checked_sub(0x16)?, 6),
        };
        number = number * 10 + digit;
        bits <<= width;
    }
    u16::try_from(number).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_status_however_it_is_coded() {
        assert_eq!(status(&[0x88]), Some(200));
        assert_eq!(status(&[0x20, 0x8c]), Some(400));
        assert_eq!(status(b"\x48\x03415"), Some(415));
        // The examples of RFC 7541, appendix C.6.
        assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), Some(302));
        assert_eq!(status(&[0x48, 0x83, 0x64, 0x0e, 0xff]), Some(307));
    }
}
