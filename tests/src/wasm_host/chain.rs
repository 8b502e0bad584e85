//! Envoy's filter manager around this one filter: headers, pausing and letting go.
//!
//! The model follows `FilterManager` of Envoy: a filter that pauses in a header callback still
//! sees the body; a filter that returns *continue* from any later callback lets everything go.

use super::guest::Callback;
use super::stream::{BodyView, Deferral, Direction, Iteration, Origin, Side, Stream};
use super::vm::VmInner;
use super::{ClientResponse, ForwardedRequest, Headers, Violation};

/// What the filter wants to happen with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Continue,
    Pause,
    /// The filter has replied itself, or its VM is dead.
    Stop,
}

impl VmInner {
    /// A stream that has not ended.
    pub(super) fn open_stream(&mut self, id: u32) -> Option<&mut Stream> {
        self.host_mut()
            .streams
            .get_mut(&id)
            .filter(|stream| stream.end.is_none())
    }

    pub(super) fn side(&mut self, id: u32, direction: Direction) -> Option<&mut Side> {
        self.open_stream(id)
            .map(|stream| stream.side_mut(direction))
    }

    /// Asks the filter about a request's frame. A local reply that was sent meanwhile, by the
    /// filter or by Envoy, goes out when the filter has returned, whatever it returned.
    fn ask_request(&mut self, id: u32, callback: Callback, args: &[u32]) -> Action {
        if let Some(stream) = self.open_stream(id)
            && matches!(stream.deferral, Deferral::None)
        {
            stream.deferral = Deferral::Waiting;
        }
        let action = self.ask(id, callback, args);
        let stream = self.host_mut().streams.get_mut(&id);
        match stream.map(|stream| std::mem::replace(&mut stream.deferral, Deferral::None)) {
            Some(Deferral::Prepared(reply)) => {
                if callback == Callback::RequestBody
                    && let Some(side) = self.side(id, Direction::Request)
                {
                    side.view = match action {
                        Action::Continue => BodyView::Hidden,
                        Action::Pause => BodyView::Held,
                        Action::Stop => BodyView::Current,
                    };
                }
                self.local_reply(id, reply);
                Action::Stop
            }
            Some(Deferral::None | Deferral::Waiting) | None => action,
        }
    }

    /// Asks the filter about a frame.
    pub(super) fn ask_about(
        &mut self,
        id: u32,
        direction: Direction,
        callback: Callback,
        args: &[u32],
    ) -> Action {
        match direction {
            Direction::Request => self.ask_request(id, callback, args),
            Direction::Response => self.ask(id, callback, args),
        }
    }

    /// Runs a callback of a stream. If that kills the VM, the stream fails.
    fn ask(&mut self, id: u32, callback: Callback, args: &[u32]) -> Action {
        let replied = self.open_stream(id).and_then(|stream| stream.reply);
        if replied == Some(Origin::Trap) {
            return Action::Continue;
        }
        let returned = self.guest.run(callback, id, args);
        if self.host().failed.is_some() {
            self.fail_stream(id);
            self.settle();
            return Action::Stop;
        }
        self.settle();
        match (returned.stopped, returned.value) {
            (false, None | Some(0)) => Action::Continue,
            (false, Some(1)) => Action::Pause,
            (true, _) | (false, Some(_)) => Action::Stop,
        }
    }

    /// Headers reach the filter.
    pub(super) fn headers(&mut self, id: u32, direction: Direction, headers: Headers, end: bool) {
        let allow_stop = self.allows_stop(id);
        let Some(side) = self.side(id, direction) else {
            return;
        };
        let count = u32::try_from(headers.len()).unwrap_or(u32::MAX);
        side.headers = Some(headers);
        side.headers_visible = true;
        side.progress.complete = end;
        let callback = match direction {
            Direction::Request => Callback::RequestHeaders,
            Direction::Response => Callback::ResponseHeaders,
        };
        let action = self.ask_about(id, direction, callback, &[id, count, u32::from(end)]);
        let Some(side) = self.side(id, direction) else {
            return;
        };
        match action {
            Action::Continue => {
                side.headers_visible = false;
                if std::mem::replace(&mut side.progress.headers_passed, true) {
                    self.violate(id, Violation::SentTwice(direction));
                } else {
                    self.pass_headers(id, direction, end);
                }
            }
            Action::Pause if allow_stop => side.iteration = Iteration::Paused,
            Action::Pause | Action::Stop => side.iteration = Iteration::StoppedAll,
        }
    }

    fn allows_stop(&mut self, id: u32) -> bool {
        let root = self.open_stream(id).map_or(0, |stream| stream.root);
        let root = self.host().roots.get(&root);
        root.is_none_or(|root| root.plugin.allow_on_headers_stop_iteration)
    }

    /// Lets everything go that a paused direction holds.
    pub(super) fn resume(&mut self, id: u32, direction: Direction) {
        let Some(stream) = self.open_stream(id) else {
            return;
        };
        let replied = stream.reply.is_some() || matches!(stream.deferral, Deferral::Prepared(_));
        if direction == Direction::Request && replied {
            return;
        }
        let side = stream.side_mut(direction);
        let before = std::mem::replace(&mut side.iteration, Iteration::Running);
        let from_this_filter = before == Iteration::StoppedAll;
        let complete = side.progress.complete;
        let had_trailers = side.trailers.is_some();
        if before == Iteration::Running {
            self.violate(id, Violation::ResumedWhileRunning(direction));
        }
        let Some(side) = self.side(id, direction) else {
            return;
        };
        if !side.progress.headers_passed {
            side.progress.headers_passed = true;
            let end = complete && side.held.is_none() && !had_trailers;
            self.pass_headers(id, direction, end);
        }
        let held = self.side(id, direction).and_then(|side| side.held.take());
        if let Some(held) = held {
            let end = complete && !had_trailers;
            if from_this_filter {
                self.data(id, direction, held, end);
            } else {
                self.pass_data(id, direction, held, end);
            }
        }
        if had_trailers && from_this_filter {
            self.trailers(id, direction);
        } else if had_trailers {
            self.pass_trailers(id, direction);
        }
    }

    pub(super) fn violate(&mut self, id: u32, violation: Violation) {
        if let Some(stream) = self.host_mut().streams.get_mut(&id) {
            stream.violations.push(violation);
        }
    }

    /// Headers go past the filter.
    fn pass_headers(&mut self, id: u32, direction: Direction, end: bool) {
        let Some(stream) = self.open_stream(id) else {
            return;
        };
        let headers = stream.side(direction).headers.clone().unwrap_or_default();
        match direction {
            Direction::Request => {
                let request = ForwardedRequest {
                    headers,
                    complete: end,
                    ..Default::default()
                };
                stream.forwarded = Some(request);
            }
            Direction::Response => {
                let response = ClientResponse {
                    headers,
                    complete: end,
                    ..Default::default()
                };
                stream.received = Some(response);
                if end {
                    self.finish(id);
                }
            }
        }
    }

    /// Body bytes go past the filter.
    pub(super) fn pass_data(&mut self, id: u32, direction: Direction, data: Vec<u8>, end: bool) {
        let Some(stream) = self.open_stream(id) else {
            return;
        };
        let (chunks, complete) = match direction {
            Direction::Request => {
                let Some(request) = &mut stream.forwarded else {
                    return;
                };
                (&mut request.chunks, &mut request.complete)
            }
            Direction::Response => {
                let Some(response) = &mut stream.received else {
                    return;
                };
                stream.untaken.extend_from_slice(&data);
                (&mut response.chunks, &mut response.complete)
            }
        };
        if *complete {
            stream.violations.push(Violation::SentTwice(direction));
            return;
        }
        *complete = end;
        if !data.is_empty() {
            chunks.push(data);
        }
        if end && direction == Direction::Response {
            self.finish(id);
        }
    }

    /// Trailers go past the filter and end the message.
    pub(super) fn pass_trailers(&mut self, id: u32, direction: Direction) {
        let Some(stream) = self.open_stream(id) else {
            return;
        };
        let trailers = stream.side(direction).trailers.clone();
        match direction {
            Direction::Request => {
                if let Some(request) = &mut stream.forwarded {
                    request.trailers = trailers;
                    request.complete = true;
                }
            }
            Direction::Response => {
                if let Some(response) = &mut stream.received {
                    response.trailers = trailers;
                    response.complete = true;
                }
                self.finish(id);
            }
        }
    }
}

impl super::state::Host {
    /// `continue_stream`: the resumption comes when the callback has returned, but the request's
    /// maps and body are out of the guest's reach at once, whichever direction it continued.
    pub(super) fn continue_stream(&mut self, id: u32, direction: Direction) {
        if let Some(stream) = self.streams.get_mut(&id) {
            let request = &mut stream.request;
            request.headers_visible = false;
            request.trailers_visible = false;
            if request.view == BodyView::Current {
                request.view = BodyView::Hidden;
            }
            self.after.push_back(super::state::After::Resume {
                stream: id,
                direction,
            });
        }
    }
}
