//! A bounded load of HTTP/1.1 requests over connections that are kept.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use super::{super::LabError, traffic::Call};

const HEAD_END: &[u8] = b"\r\n\r\n";

/// So many requests over so many connections, each waiting for its answer.
#[derive(Clone, Debug)]
pub(super) struct Load {
    pub(super) address: SocketAddr,
    pub(super) call: Call,
    pub(super) connections: usize,
    pub(super) requests: usize,
}

impl Load {
    /// Sends all and gives the latency of each.
    ///
    /// One thread of its own does it, so that nothing else of this program comes in between.
    pub(super) async fn run(self) -> Result<Vec<Duration>, LabError> {
        let sent = tokio::task::spawn_blocking(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .build()?;
            runtime.block_on(self.send_all())
        });
        sent.await
            .map_err(|error| LabError::Bench(error.to_string()))?
    }

    async fn send_all(self) -> Result<Vec<Duration>, LabError> {
        let left = Arc::new(AtomicUsize::new(self.requests));
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let connection = Connection::open(self.address).await?;
            connections.spawn(connection.send(self.call.clone(), Arc::clone(&left)));
        }
        let mut latencies = Vec::with_capacity(self.requests);
        while let Some(sent) = connections.join_next().await {
            latencies.extend(sent.map_err(|error| LabError::Bench(error.to_string()))??);
        }
        Ok(latencies)
    }
}

struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            address,
            stream,
            buffer: Vec::new(),
        })
    }

    async fn send(mut self, call: Call, left: Arc<AtomicUsize>) -> Result<Vec<Duration>, LabError> {
        let mut latencies = Vec::new();
        let one_less = |left: usize| left.checked_sub(1);
        while left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_ok()
        {
            let start = Instant::now();
            self.stream.write_all(&call.request).await?;
            let answer = self.receive().await?;
            latencies.push(start.elapsed());
            // Only the first: looking for the marker would cost more than the rest.
            let is_right = answer.status == call.status
                && (latencies.len() > 1 || answer.contains(&self.buffer, call.marker));
            if !is_right {
                let text = String::from_utf8_lossy(&self.buffer).into_owned();
                let wanted = format!("expected {} with {}", call.status, call.marker);
                return Err(LabError::Bench(format!(
                    "{wanted}; the answer was:\n{text}"
                )));
            }
            self.buffer.clear();
            if answer.closes {
                self.stream = Self::open(self.address).await?.stream;
            }
        }
        Ok(latencies)
    }

    /// Reads one whole answer into the buffer.
    async fn receive(&mut self) -> Result<Answer, LabError> {
        loop {
            if let Some(answer) = Answer::parse(&self.buffer) {
                return Ok(answer);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(LabError::Bench("Envoy closed the connection".to_owned()));
            }
        }
    }
}

/// An answer that has come in whole.
#[derive(Debug)]
struct Answer {
    status: u16,
    head_bytes: usize,
    /// No other request may follow on this connection.
    closes: bool,
}

impl Answer {
    /// `None` where more has to come.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let head_bytes = find(bytes, HEAD_END)? + HEAD_END.len();
        let (head, body) = bytes.split_at_checked(head_bytes)?;
        let head = std::str::from_utf8(head).ok()?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let (mut length, mut closes) = (None, false);
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse::<usize>().ok();
            }
            closes |= name.eq_ignore_ascii_case("connection") && value.trim() == "close";
        }
        let is_whole = match length {
            Some(length) => body.len() >= length,
            // In chunks: whole once the last one, which is empty, has come.
            None => body.ends_with(b"\r\n0\r\n\r\n") || body == b"0\r\n\r\n",
        };
        is_whole.then_some(Self {
            status,
            head_bytes,
            closes,
        })
    }

    fn contains(&self, bytes: &[u8], marker: &str) -> bool {
        bytes
            .get(self.head_bytes..)
            .is_some_and(|body| find(body, marker.as_bytes()).is_some())
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_whole_or_it_is_not() {
        for (bytes, whole) in [
            (&b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"[..], true),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab", false),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
                true,
            ),
            (
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n",
                false,
            ),
            (b"HTTP/1.1 200 OK\r\ncont", false),
        ] {
            assert_eq!(Answer::parse(bytes).is_some(), whole);
        }
    }
}
