//! gRPC streams and calls, and HTTP calls, that a VM has open.

use std::collections::{BTreeMap, BTreeSet};

use super::{Headers, RootId, Status};

/// How a cluster of the node answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cluster {
    /// Connections are refused: opening works, and the stream closes with 14 on the next pump.
    Refused,
    /// Opening fails with `InternalFailure`, and close 14 follows for a token that the guest never
    /// got (a cluster that is just being removed).
    Removed,
    /// The test answers.
    Up,
}

/// Streaming or unary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrpcKind {
    /// `grpc_stream`.
    Stream,
    /// `grpc_call`, with the timeout that the guest gave, in milliseconds.
    Unary {
        /// Milliseconds.
        timeout_ms: u32,
    },
}

/// Who has closed a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrpcState {
    /// Open in both directions.
    Open,
    /// The guest said it sends no more (`grpc_close` or the last message's flag).
    HalfClosed,
    /// The guest cancelled it, or its root context or VM is gone.
    Cancelled,
    /// The control plane (or a refused connection) closed it with that code.
    Closed(u32),
}

/// A gRPC stream or unary call that the guest opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrpcStream {
    /// The token the guest knows it by.
    pub token: u32,
    /// Stream or call.
    pub kind: GrpcKind,
    /// The root context that owns it.
    pub root: RootId,
    /// Cluster name.
    pub cluster: String,
    /// Full service name.
    pub service: String,
    /// Method name.
    pub method: String,
    /// Initial metadata.
    pub initial_metadata: Headers,
    /// Messages sent and not taken yet; for a unary call its request.
    pub sent: Vec<Vec<u8>>,
    /// Messages that the guest sent after either side had closed. Envoy takes them with `Ok` and
    /// loses them; once both sides have closed, or the guest has cancelled, it says `NotFound`.
    pub lost: Vec<Vec<u8>>,
    /// Who has closed it.
    pub state: GrpcState,
}

impl GrpcStream {
    pub(super) fn answerable(&self) -> bool {
        matches!(self.state, GrpcState::Open | GrpcState::HalfClosed)
    }
}

/// An HTTP call (`http_call`) that the guest made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpCall {
    /// The token the guest knows it by.
    pub token: u32,
    /// The root context that owns it.
    pub root: RootId,
    /// Cluster name.
    pub cluster: String,
    /// Request headers.
    pub headers: Headers,
    /// Request body.
    pub body: Vec<u8>,
    /// Request trailers.
    pub trailers: Headers,
    /// Milliseconds, 0 for none.
    pub timeout_ms: u32,
}

/// All calls of a VM.
#[derive(Debug, Default)]
pub(super) struct Calls {
    opened: [u32; 3],
    pub(super) grpc: BTreeMap<u32, GrpcStream>,
    pub(super) http: BTreeMap<u32, HttpCall>,
    /// Tokens whose connection was refused and whose guest has not been told.
    pub(super) refused: Vec<u32>,
    /// Tokens that the guest closed or cancelled after the other side had closed.
    released: BTreeSet<u32>,
}

/// The ABI's tokens carry the kind of call in their two lowest bits.
#[derive(Debug, Clone, Copy)]
pub(super) enum CallKind {
    Http = 0,
    GrpcCall = 1,
    GrpcStream = 2,
}

impl Calls {
    pub(super) fn token(&mut self, kind: CallKind) -> u32 {
        self.opened.get_mut(kind as usize).map_or(0, |opened| {
            *opened = opened.saturating_add(4);
            *opened | kind as u32
        })
    }

    /// The stream behind a token that the other side can still use.
    pub(super) fn answerable(&mut self, token: u32) -> Option<&mut GrpcStream> {
        self.grpc
            .get_mut(&token)
            .filter(|stream| stream.answerable())
    }

    /// `grpc_send`. Unary calls take no further message.
    pub(super) fn send(&mut self, token: u32, message: Vec<u8>, end: bool) -> Result<(), Status> {
        if token & 3 != CallKind::GrpcStream as u32 {
            return Err(Status::BadArgument);
        }
        let stream = self.known(token)?;
        if stream.state == GrpcState::Open {
            stream.sent.push(message);
            if end {
                stream.state = GrpcState::HalfClosed;
            }
        } else {
            stream.lost.push(message);
        }
        Ok(())
    }

    /// `grpc_close`: half-closes a stream, cancels a unary call.
    pub(super) fn close(&mut self, token: u32) -> Result<(), Status> {
        let stream = self.known(token)?;
        match (stream.answerable(), stream.kind) {
            (true, GrpcKind::Stream) => stream.state = GrpcState::HalfClosed,
            (true, GrpcKind::Unary { .. }) => stream.state = GrpcState::Cancelled,
            (false, _) => {
                self.released.insert(token);
            }
        }
        Ok(())
    }

    /// The other side closes.
    pub(super) fn closed_by_peer(&mut self, token: u32, code: u32) {
        if let Some(stream) = self.grpc.get_mut(&token) {
            if stream.state == GrpcState::HalfClosed {
                self.released.insert(token);
            }
            stream.state = GrpcState::Closed(code);
        }
    }

    /// `grpc_cancel`.
    pub(super) fn cancel(&mut self, token: u32) -> Result<(), Status> {
        let stream = self.known(token)?;
        if stream.answerable() {
            stream.state = GrpcState::Cancelled;
        } else {
            self.released.insert(token);
        }
        Ok(())
    }

    /// The stream behind a token that the guest may still use. Envoy keeps a stream that the
    /// other side has closed until the guest closes it too; a unary call is gone at once.
    fn known(&mut self, token: u32) -> Result<&mut GrpcStream, Status> {
        if token & 3 == CallKind::Http as u32 || token & 3 == 3 {
            return Err(Status::BadArgument);
        }
        let released = self.released.contains(&token);
        let stream = self
            .grpc
            .get_mut(&token)
            .filter(|stream| match stream.state {
                GrpcState::Open | GrpcState::HalfClosed => true,
                GrpcState::Cancelled => false,
                GrpcState::Closed(_) => !released && stream.kind == GrpcKind::Stream,
            });
        stream.ok_or(Status::NotFound)
    }

    /// Resets what belongs to a root context that is gone, or everything.
    pub(super) fn abandon(&mut self, root: Option<RootId>) {
        let concerned = |owner: RootId| root.is_none_or(|root| root == owner);
        for stream in self.grpc.values_mut() {
            if concerned(stream.root) && stream.answerable() {
                stream.state = GrpcState::Cancelled;
            }
        }
        self.http.retain(|_, call| !concerned(call.root));
    }
}

#[cfg(test)]
mod tests {
    use super::{CallKind, Calls};
    use crate::wasm_host::Status;

    #[test]
    fn tokens_carry_the_kind() {
        let mut calls = Calls::default();
        assert_eq!(calls.token(CallKind::GrpcStream), 6);
        assert_eq!(calls.token(CallKind::GrpcCall), 5);
        assert_eq!(calls.token(CallKind::Http), 4);
        assert_eq!(calls.token(CallKind::GrpcStream), 10);
        assert_eq!(calls.close(6), Err(Status::NotFound));
        assert_eq!(calls.close(4), Err(Status::BadArgument));
        assert_eq!(calls.send(5, Vec::new(), false), Err(Status::BadArgument));
    }
}
