//! A request and its response, driven whole or step by step.

use super::guest::Callback;
use super::http::{ForwardedRequest, RequestSpec, UpstreamResponse};
use super::stream::{Direction, End, LocalReply, Origin, Stream};
use super::vm::{Vm, VmInner};
use super::{ClientResponse, Headers, HostError, Outcome, Phase, RootId};

/// An exchange under way. The test plays the client and the upstream.
///
/// An exchange that is dropped stays open in its VM.
#[derive(Debug)]
pub struct Exchange {
    vm: Vm,
    id: u32,
}

impl Vm {
    /// Runs one exchange to its end. `upstream` is asked once, when the whole request has gone
    /// past the filter. An exchange that the filter holds is [`Outcome::Held`], and its client
    /// then disconnects; use [`Self::open`] to let it go from elsewhere.
    ///
    /// Fails if the VM is dead, the root context is unknown, or a body does not have the length
    /// that a remaining `content-length` declares.
    pub fn request(
        &self,
        root: RootId,
        spec: RequestSpec,
        upstream: impl FnOnce(&ForwardedRequest) -> UpstreamResponse,
    ) -> Result<Outcome, HostError> {
        let exchange = self.open(root, spec)?;
        if exchange.phase() == Phase::AwaitingUpstream {
            exchange.check_lengths()?;
            if let Some(request) = exchange.forwarded() {
                exchange.respond(upstream(&request))?;
            }
        }
        exchange.finish()
    }

    /// Starts an exchange and sends the whole request, or what `spec` has of an unfinished one.
    pub fn open(&self, root: RootId, spec: RequestSpec) -> Result<Exchange, HostError> {
        let id = self.with(|vm| vm.open_request(root, spec))?;
        Ok(Exchange {
            vm: self.clone(),
            id,
        })
    }
}

impl Exchange {
    /// The context id that the guest knows the exchange by.
    pub fn context_id(&self) -> u32 {
        self.id
    }

    /// Where the exchange stands.
    pub fn phase(&self) -> Phase {
        self.look(Phase::of).unwrap_or(Phase::Ended)
    }

    /// Whether the filter holds the request or the response.
    pub fn pending(&self) -> bool {
        matches!(
            self.phase(),
            Phase::RequestHeld | Phase::ResponseHeld | Phase::Hung
        )
    }

    /// What has gone to the upstream so far.
    pub fn forwarded(&self) -> Option<ForwardedRequest> {
        self.look(|stream, _| stream.forwarded.clone()).flatten()
    }

    /// What the client has received so far.
    pub fn response(&self) -> Option<ClientResponse> {
        self.look(|stream, _| stream.received.clone()).flatten()
    }

    /// Takes the body bytes that the client has received since the last call.
    pub fn take_body(&self) -> Vec<u8> {
        self.vm.with(|vm| {
            let stream = vm.host_mut().streams.get_mut(&self.id);
            stream
                .map(|stream| std::mem::take(&mut stream.untaken))
                .unwrap_or_default()
        })
    }

    /// How the exchange has ended, or how it stands.
    pub fn outcome(&self) -> Outcome {
        let outcome = self.look(Outcome::of);
        outcome.unwrap_or_else(|| Outcome::Reset(super::Details::default()))
    }

    /// The client sends a piece of an unfinished request.
    pub fn send_body(&self, data: impl Into<Vec<u8>>) -> Result<(), HostError> {
        self.requesting()?;
        let data = data.into();
        self.vm
            .with(|vm| vm.data(self.id, Direction::Request, data, false));
        Ok(())
    }

    /// The client ends an unfinished request.
    pub fn end_request(&self, trailers: Option<Headers>) -> Result<(), HostError> {
        self.requesting()?;
        self.vm
            .with(|vm| vm.end_message(self.id, Direction::Request, trailers));
        Ok(())
    }

    /// The client goes away.
    pub fn disconnect(&self) {
        self.vm.with(|vm| vm.reset(self.id));
    }

    /// The upstream answers with all of this.
    pub fn respond(&self, response: UpstreamResponse) -> Result<(), HostError> {
        let UpstreamResponse {
            headers,
            chunks,
            trailers,
            http2,
        } = response;
        let trailers = self.vm.with(|vm| vm.deliverable(trailers, http2));
        let last = chunks.len();
        self.respond_headers(headers, last == 0 && trailers.is_none())?;
        let ends_with_data = http2 && trailers.is_none();
        for (index, chunk) in chunks.into_iter().enumerate() {
            let end = ends_with_data && index.saturating_add(1) == last;
            self.vm
                .with(|vm| vm.data(self.id, Direction::Response, chunk, end));
        }
        if trailers.is_some() || (last > 0 && !ends_with_data) {
            self.vm
                .with(|vm| vm.end_message(self.id, Direction::Response, trailers));
        }
        Ok(())
    }

    /// The upstream begins its response. `end`: there is no body.
    ///
    /// Fails before the request has reached the upstream, and for a second response. What comes
    /// after the exchange has ended is dropped, as Envoy does.
    pub fn respond_headers(&self, headers: Headers, end: bool) -> Result<(), HostError> {
        let ready = self.look(|stream, _| {
            stream.end.is_some()
                || (stream.forwarded.is_some() && stream.response.headers.is_none())
        });
        if ready != Some(true) {
            return Err(HostError::Sequence("the upstream has no request to answer"));
        }
        self.vm
            .with(|vm| vm.headers(self.id, Direction::Response, headers, end));
        Ok(())
    }

    /// The upstream sends a piece of its response.
    pub fn respond_body(&self, data: impl Into<Vec<u8>>) -> Result<(), HostError> {
        self.responding()?;
        let data = data.into();
        self.vm
            .with(|vm| vm.data(self.id, Direction::Response, data, false));
        Ok(())
    }

    /// The upstream ends its response.
    pub fn respond_end(&self, trailers: Option<Headers>) -> Result<(), HostError> {
        self.responding()?;
        self.vm
            .with(|vm| vm.end_message(self.id, Direction::Response, trailers));
        Ok(())
    }

    /// The upstream's connection breaks: 503 before its response began, a reset after.
    pub fn upstream_reset(&self) {
        let reason = "connection termination";
        let reply = LocalReply {
            status: 503,
            body: format!(
                "upstream connect error or disconnect/reset before headers. reset reason: {reason}"
            )
            .into_bytes(),
            headers: Headers::new(),
            details: "upstream_reset_before_response_started{connection_termination}".to_owned(),
            origin: Origin::Envoy,
        };
        self.vm.with(|vm| {
            let begun = vm
                .side(self.id, Direction::Response)
                .map(|side| side.headers.is_some());
            match begun {
                Some(true) => vm.reset(self.id),
                Some(false) => vm.local_reply(self.id, reply),
                None => {}
            }
        });
    }

    /// Ends the exchange and says how it went. One that is not over is [`Outcome::Held`], and its
    /// client disconnects.
    ///
    /// Fails if a body that went through does not have the length that a remaining
    /// `content-length` declares.
    pub fn finish(self) -> Result<Outcome, HostError> {
        let outcome = self.outcome();
        let lengths = self.check_lengths();
        self.disconnect();
        self.vm.with(|vm| vm.host_mut().streams.remove(&self.id));
        lengths.map(|()| outcome)
    }

    fn look<T>(&self, see: impl FnOnce(&Stream, bool) -> T) -> Option<T> {
        self.vm.read(|vm| {
            let failed = vm.host().failed.is_some();
            vm.host()
                .streams
                .get(&self.id)
                .map(|stream| see(stream, failed))
        })
    }

    fn requesting(&self) -> Result<(), HostError> {
        let ended = self.look(|stream, _| stream.end.is_none() && stream.request.progress.complete);
        match ended {
            Some(true) => Err(HostError::Sequence("the request has ended")),
            Some(false) | None => Ok(()),
        }
    }

    fn responding(&self) -> Result<(), HostError> {
        let ready = self.look(|stream, _| {
            let response = &stream.response;
            stream.end.is_some() || (response.headers.is_some() && !response.progress.complete)
        });
        if ready == Some(true) {
            Ok(())
        } else {
            Err(HostError::Sequence("there is no open response"))
        }
    }

    /// Compares the bodies that went through with the `content-length` that went with them.
    fn check_lengths(&self) -> Result<(), HostError> {
        let checked = self.look(|stream, _| {
            if let Some(request) = stream.forwarded.as_ref().filter(|request| request.complete) {
                check_length(Direction::Request, &request.headers, request.body().len())?;
            }
            let bodiless = |response: &&ClientResponse| {
                stream.head || matches!(response.status(), 100..=199 | 204 | 304)
            };
            let received = stream
                .received
                .as_ref()
                .filter(|response| !bodiless(response));
            match received.filter(|_| stream.end == Some(End::Complete)) {
                Some(response) => check_length(
                    Direction::Response,
                    &response.headers,
                    response.body().len(),
                ),
                None => Ok(()),
            }
        });
        checked.unwrap_or(Ok(()))
    }
}

fn check_length(direction: Direction, headers: &Headers, actual: usize) -> Result<(), HostError> {
    match headers.value("content-length") {
        Some(declared) if declared != actual.to_string().as_bytes() => {
            let declared = String::from_utf8_lossy(declared).into_owned();
            Err(HostError::ContentLength {
                direction,
                declared,
                actual,
            })
        }
        Some(_) | None => Ok(()),
    }
}

impl VmInner {
    fn open_request(&mut self, root: RootId, spec: RequestSpec) -> Result<u32, HostError> {
        self.alive()?;
        if self.live_root(|_| true).is_none() || !self.host().roots.contains_key(&root.0) {
            return Err(HostError::UnknownRoot(root.0));
        }
        let trailers = self.deliverable(spec.trailers, spec.http2);
        let node_limit = self.host().node.borrow().config.buffer_limit_bytes;
        let host = self.host_mut();
        let id = host.allocate_context();
        let mut stream = Stream::new(root.0);
        stream.head = spec.headers.value(":method") == Some(b"HEAD");
        stream.buffer_limit = spec
            .buffer_limit_bytes
            .or_else(|| (!spec.http2).then_some(node_limit));
        stream.properties = spec.properties;
        host.streams.insert(id, stream);
        self.call(Callback::ContextCreate, id, &[id, root.0]);
        let last = spec.chunks.len();
        let bare = last == 0 && trailers.is_none() && !spec.unfinished;
        self.headers(id, Direction::Request, spec.headers, bare);
        let ends_with_data = spec.http2 && trailers.is_none() && !spec.unfinished;
        for (index, chunk) in spec.chunks.into_iter().enumerate() {
            let end = ends_with_data && index.saturating_add(1) == last;
            self.data(id, Direction::Request, chunk, end);
        }
        if !spec.unfinished && (trailers.is_some() || (last > 0 && !ends_with_data)) {
            self.end_message(id, Direction::Request, trailers);
        }
        Ok(id)
    }

    /// Trailers that reach the filter at all.
    fn deliverable(&self, trailers: Option<Headers>, http2: bool) -> Option<Headers> {
        let enabled = http2 || self.host().node.borrow().config.http1_trailers;
        trailers.filter(|_| enabled)
    }

    /// Ends a message with trailers, or with an empty piece of body.
    fn end_message(&mut self, id: u32, direction: Direction, trailers: Option<Headers>) {
        match trailers {
            Some(trailers) => {
                if let Some(side) = self.side(id, direction) {
                    side.trailers = Some(trailers);
                    side.progress.complete = true;
                }
                self.trailers(id, direction);
            }
            None => self.data(id, direction, Vec::new(), true),
        }
    }
}
