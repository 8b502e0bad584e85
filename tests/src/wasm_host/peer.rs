//! The other side of what a VM has open, as the test plays it: control plane, HTTP services.

use super::grpc::{GrpcKind, GrpcState, GrpcStream, HttpCall};
use super::guest::Callback;
use super::vm::{Vm, VmInner};
use super::{Headers, HostError, RootId, Status, UpstreamResponse};

impl VmInner {
    fn answerable(&mut self, token: u32) -> Result<RootId, HostError> {
        self.alive()?;
        let stream = self.host_mut().calls.answerable(token);
        stream
            .map(|stream| stream.root)
            .ok_or(HostError::UnknownCall(token))
    }

    fn grpc_metadata(
        &mut self,
        token: u32,
        callback: Callback,
        metadata: Headers,
    ) -> Result<(), HostError> {
        let RootId(root) = self.answerable(token)?;
        let count = u32::try_from(metadata.len()).unwrap_or(u32::MAX);
        self.set_metadata(root, callback, Some(metadata));
        self.call(callback, root, &[root, token, count]);
        self.set_metadata(root, callback, None);
        self.alive()
    }

    fn set_metadata(&mut self, root: u32, callback: Callback, metadata: Option<Headers>) {
        if let Some(root) = self.host_mut().roots.get_mut(&root) {
            if callback == Callback::GrpcInitialMetadata {
                root.grpc_initial_metadata = metadata;
            } else {
                root.grpc_trailing_metadata = metadata;
            }
        }
    }

    fn grpc_receive(&mut self, token: u32, message: Vec<u8>) -> Result<(), HostError> {
        let RootId(root) = self.answerable(token)?;
        let size = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let calls = &mut self.host_mut().calls;
        if let Some(stream) = calls.grpc.get_mut(&token)
            && stream.kind != GrpcKind::Stream
        {
            stream.state = GrpcState::Closed(0);
        }
        if let Some(root) = self.host_mut().roots.get_mut(&root) {
            root.grpc_message = message;
        }
        self.call(Callback::GrpcReceive, root, &[root, token, size]);
        if let Some(root) = self.host_mut().roots.get_mut(&root) {
            root.grpc_message = Vec::new();
        }
        self.alive()
    }

    /// Tells the guest that a stream has closed, or that a unary call has failed.
    pub(super) fn grpc_closed(
        &mut self,
        token: u32,
        code: u32,
        message: &str,
    ) -> Result<(), HostError> {
        let RootId(root) = self.answerable(token)?;
        self.host_mut().calls.closed_by_peer(token, code);
        if let Some(root) = self.host_mut().roots.get_mut(&root) {
            root.status = (code, message.as_bytes().to_vec());
        }
        self.call(Callback::GrpcClose, root, &[root, token, code]);
        if let Some(root) = self.host_mut().roots.get_mut(&root) {
            root.status.1 = Vec::new();
        }
        self.alive()
    }

    /// Delivers the refusals that are due, as Envoy was seen to: empty initial metadata, four
    /// trailers, close with 14.
    pub(super) fn pump_grpc(&mut self) -> Result<(), HostError> {
        for token in std::mem::take(&mut self.host_mut().calls.refused) {
            let Some(stream) = self.host_mut().calls.answerable(token) else {
                continue;
            };
            let message = "upstream connect error or disconnect/reset before headers";
            if stream.kind == GrpcKind::Stream {
                self.grpc_metadata(token, Callback::GrpcInitialMetadata, Headers::new())?;
                let trailers = Headers::from([
                    (":status", "200"),
                    ("content-type", "application/grpc"),
                    ("grpc-status", "14"),
                    ("grpc-message", message),
                ]);
                self.grpc_metadata(token, Callback::GrpcTrailingMetadata, trailers)?;
            }
            self.grpc_closed(token, 14, message)?;
        }
        Ok(())
    }

    fn http_respond(
        &mut self,
        token: u32,
        response: Option<UpstreamResponse>,
    ) -> Result<(), HostError> {
        self.alive()?;
        let call = self.host_mut().calls.http.remove(&token);
        let RootId(id) = call.ok_or(HostError::UnknownCall(token))?.root;
        let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        let mut sizes = [0; 3];
        if let Some(root) = self.host_mut().roots.get_mut(&id) {
            match response {
                Some(response) => {
                    root.http_body = response.chunks.concat();
                    sizes = [
                        size(response.headers.len()),
                        size(root.http_body.len()),
                        size(response.trailers.as_ref().map_or(0, Headers::len)),
                    ];
                    root.http_headers = Some(response.headers);
                    root.http_trailers = response.trailers;
                }
                None => root.status = (Status::BrokenConnection.code(), b"reset".to_vec()),
            }
        }
        let [headers, body, trailers] = sizes;
        self.call(
            Callback::HttpCallResponse,
            id,
            &[id, token, headers, body, trailers],
        );
        if let Some(root) = self.host_mut().roots.get_mut(&id) {
            root.http_headers = None;
            root.http_trailers = None;
            root.http_body = Vec::new();
        }
        self.alive()
    }
}

impl Vm {
    /// Every stream and unary call that the guest has opened, oldest token first of each kind.
    pub fn grpc_streams(&self) -> Vec<GrpcStream> {
        self.read(|vm| vm.host().calls.grpc.values().cloned().collect())
    }

    /// The streams that are open for the control plane.
    pub fn open_grpc_streams(&self) -> Vec<GrpcStream> {
        self.grpc_streams()
            .into_iter()
            .filter(GrpcStream::answerable)
            .collect()
    }

    /// Takes the messages that the guest has sent on a stream since the last call.
    pub fn take_sent(&self, token: u32) -> Vec<Vec<u8>> {
        self.with(|vm| {
            let stream = vm.host_mut().calls.grpc.get_mut(&token);
            stream
                .map(|stream| std::mem::take(&mut stream.sent))
                .unwrap_or_default()
        })
    }

    /// The control plane answers with initial metadata.
    pub fn grpc_initial_metadata(&self, token: u32, metadata: Headers) -> Result<(), HostError> {
        self.with(|vm| vm.grpc_metadata(token, Callback::GrpcInitialMetadata, metadata))
    }

    /// The control plane sends a message. On a unary call it is the response and ends the call.
    pub fn grpc_receive(&self, token: u32, message: impl Into<Vec<u8>>) -> Result<(), HostError> {
        let message = message.into();
        self.with(|vm| vm.grpc_receive(token, message))
    }

    /// The control plane sends trailing metadata. [`Self::grpc_close`] usually follows.
    pub fn grpc_trailing_metadata(&self, token: u32, metadata: Headers) -> Result<(), HostError> {
        self.with(|vm| vm.grpc_metadata(token, Callback::GrpcTrailingMetadata, metadata))
    }

    /// The stream closes with that gRPC status, or the unary call fails with it. The guest reads
    /// the message with `get_status`.
    pub fn grpc_close(&self, token: u32, code: u32, message: &str) -> Result<(), HostError> {
        self.with(|vm| vm.grpc_closed(token, code, message))
    }

    /// HTTP calls that the guest has made and that are not answered.
    pub fn http_calls(&self) -> Vec<HttpCall> {
        self.read(|vm| vm.host().calls.http.values().cloned().collect())
    }

    /// Answers an HTTP call; `None` is a connection that broke.
    pub fn http_respond(
        &self,
        token: u32,
        response: Option<UpstreamResponse>,
    ) -> Result<(), HostError> {
        self.with(|vm| vm.http_respond(token, response))
    }
}
