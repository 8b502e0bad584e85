//! Answers that do not come from the upstream, and the end of a stream.

use super::guest::Callback;
use super::stream::{ContextState, Deferral, Direction, End, Iteration, LocalReply, Origin};
use super::vm::VmInner;
use super::{ClientResponse, Headers, HostError, Violation};

impl VmInner {
    /// Answers the client. Before a response has begun the answer goes through the filter's
    /// response callbacks; while the filter holds a response the answer takes its place unseen by
    /// the filter; after that only a reset is left.
    pub(super) fn local_reply(&mut self, id: u32, reply: LocalReply) {
        let Some(stream) = self.open_stream(id) else {
            return;
        };
        let prepared = matches!(stream.deferral, Deferral::Prepared(_));
        if reply.origin == Origin::Filter && (prepared || stream.reply == Some(Origin::Filter)) {
            stream.violations.push(Violation::SecondLocalReply);
        }
        if !matches!(stream.deferral, Deferral::None) {
            if !prepared {
                stream.deferral = Deferral::Prepared(reply);
            }
            return;
        }
        let headers = reply_headers(&reply);
        let body = if stream.head { Vec::new() } else { reply.body };
        stream.response_code_details = reply.details;
        if stream.response.headers.is_none() {
            stream.reply = Some(reply.origin);
            stream.request.iteration = Iteration::StoppedAll;
            self.headers(id, Direction::Response, headers, body.is_empty());
            if !body.is_empty() {
                self.data(id, Direction::Response, body, true);
            }
        } else if stream.received.is_none() {
            stream.reply = Some(reply.origin);
            stream.untaken.clone_from(&body);
            stream.response.headers = Some(headers.clone());
            let chunks = if body.is_empty() {
                Vec::new()
            } else {
                vec![body]
            };
            stream.received = Some(ClientResponse {
                headers,
                chunks,
                complete: true,
                ..Default::default()
            });
            self.finish(id);
        } else {
            self.reset(id);
        }
    }

    /// A dead VM cannot judge the stream: Envoy answers 503 with nothing in it.
    pub(super) fn fail_stream(&mut self, id: u32) {
        let reply = LocalReply {
            status: 503,
            body: Vec::new(),
            headers: Headers::new(),
            details: "wasm_fail_stream".to_owned(),
            origin: Origin::Trap,
        };
        self.local_reply(id, reply);
    }

    /// The response has ended.
    pub(super) fn finish(&mut self, id: u32) {
        self.conclude(id, End::Complete);
    }

    /// The stream is torn down.
    pub(super) fn reset(&mut self, id: u32) {
        self.conclude(id, End::Reset);
    }

    /// Ends a stream and takes leave of its context: log, done, delete.
    fn conclude(&mut self, id: u32, end: End) {
        let Some(stream) = self.open_stream(id) else {
            return;
        };
        stream.end = Some(end);
        stream.context = ContextState::Logging;
        self.call(Callback::Log, id, &[id]);
        self.set_context(id, ContextState::Live);
        self.call(Callback::Done, id, &[id]);
        self.call(Callback::Delete, id, &[id]);
        self.set_context(id, ContextState::Deleted);
    }

    fn set_context(&mut self, id: u32, context: ContextState) {
        if let Some(stream) = self.host_mut().streams.get_mut(&id) {
            stream.context = context;
        }
    }

    /// The VM is thrown away without a further callback.
    pub(super) fn kill(&mut self) {
        let host = self.host_mut();
        host.failed.get_or_insert(HostError::Replaced);
        host.calls.abandon(None);
    }
}

/// The headers of a local reply, as Envoy makes them.
fn reply_headers(reply: &LocalReply) -> Headers {
    let mut headers = Headers::from([(":status", reply.status.to_string())]);
    for (name, value) in reply.headers.iter() {
        headers.add(name, value);
    }
    if reply.body.is_empty() {
        headers.remove("content-length");
        headers.remove("content-type");
    } else {
        headers.set("content-length", reply.body.len().to_string());
        if headers.value("content-type").is_none() {
            headers.add("content-type", "text/plain");
        }
    }
    headers
}
