//! HTTP/1.1 by hand: what is sent is bytes, whatever they are.

use std::{io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// For what Envoy does at once where it does anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer, as far as it came.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    /// The status; 0 where the connection ended without an answer.
    pub status: u16,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decoded from its chunks.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| &**value)
    }
}

/// A connection to Envoy.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// Where Envoy does not accept it.
    pub async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            read: Vec::new(),
        })
    }

    /// Sends bytes. A peer that has closed already is no error: it has said what it had to say.
    pub async fn send(&mut self, bytes: &[u8]) {
        drop(self.stream.write_all(bytes).await);
    }

    /// Ends our half of the connection.
    pub async fn finish(&mut self) {
        drop(self.stream.shutdown().await);
    }

    /// The next answer that is final; `None` where the connection ends before one.
    ///
    /// # Errors
    /// Where none comes in time.
    pub async fn answer(&mut self) -> io::Result<Option<Answer>> {
        loop {
            let Some(answer) = timeout(PATIENCE, self.read_answer())
                .await
                .map_err(io::Error::other)?
            else {
                return Ok(None);
            };
            if !(100..200).contains(&answer.status) {
                return Ok(Some(answer));
            }
        }
    }

    /// The head of the next answer, which may be interim.
    ///
    /// # Errors
    /// Where none comes in time.
    pub async fn head(&mut self) -> io::Result<Option<Answer>> {
        timeout(PATIENCE, self.read_head())
            .await
            .map_err(io::Error::other)
    }

    /// Reads body bytes as they are on the wire until `enough`, or the end.
    ///
    /// # Errors
    /// Where they do not come in time.
    pub async fn read_until(&mut self, enough: impl Fn(&[u8]) -> bool) -> io::Result<&[u8]> {
        let reading = async { while !enough(&self.read) && self.more().await {} };
        timeout(PATIENCE, reading).await.map_err(io::Error::other)?;
        Ok(&self.read)
    }

    async fn more(&mut self) -> bool {
        matches!(self.stream.read_buf(&mut self.read).await, Ok(1..))
    }

    /// Takes bytes up to and including `end`.
    async fn take_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self
                .read
                .windows(end.len())
                .position(|window| window == end);
            if let Some(at) = found {
                return Some(self.read.drain(..at + end.len()).collect());
            }
            if !self.more().await {
                return None;
            }
        }
    }

    async fn take(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count && self.more().await {}
        self.read.drain(..count.min(self.read.len())).collect()
    }

    async fn read_head(&mut self) -> Option<Answer> {
        let head = self.take_until(b"\r\n\r\n").await?;
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        let headers = headers.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
        Some(Answer {
            status,
            headers: headers.collect(),
            body: Vec::new(),
        })
    }

    async fn read_answer(&mut self) -> Option<Answer> {
        let mut answer = self.read_head().await?;
        let length = answer
            .header("content-length")
            .and_then(|length| length.parse().ok());
        if let Some(length) = length {
            answer.body = self.take(length).await;
        } else if answer.header("transfer-encoding").is_some() {
            answer.body = self.chunks().await;
        } else if answer.header("connection") == Some("close") {
            while self.more().await {}
            answer.body = std::mem::take(&mut self.read);
        }
        Some(answer)
    }

    async fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(line) = self.take_until(b"\r\n").await {
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            let size = usize::from_str_radix(&line, 16).unwrap_or(0);
            body.extend(self.take(size).await);
            self.take_until(b"\r\n").await;
            if size == 0 {
                break;
            }
        }
        body
    }
}

/// A body in chunks of this many bytes.
pub fn chunked(body: &[u8], size: usize) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in body.chunks(size.max(1)) {
        chunks.extend(format!("{:x}\r\n", chunk.len()).bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend(b"\r\n");
    }
    chunks.extend(b"0\r\n\r\n");
    chunks
}
