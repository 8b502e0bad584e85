//! Envoy's filter manager around this one filter: bodies and trailers.

use super::Headers;
use super::chain::Action;
use super::guest::Callback;
use super::stream::{BodyView, Deferral, Direction, Iteration, LocalReply, Origin};
use super::vm::VmInner;

impl VmInner {
    /// A piece of a body reaches the filter.
    pub(super) fn data(&mut self, id: u32, direction: Direction, data: Vec<u8>, end: bool) {
        let Some(side) = self.side(id, direction) else {
            return;
        };
        side.progress.complete |= end;
        if side.iteration == Iteration::StoppedAll {
            // Back pressure instead of a limit: the sender is told to wait.
            side.held.get_or_insert_default().extend_from_slice(&data);
            return;
        }
        let mut data = data;
        if side.view == BodyView::Held {
            // A request over the limit still comes before the filter; the 413 waits for it.
            self.await_filter(id, direction);
            self.hold(id, direction, std::mem::take(&mut data));
        }
        let Some(side) = self.side(id, direction) else {
            return;
        };
        side.current = data;
        if side.view == BodyView::Hidden {
            side.view = BodyView::Current;
        }
        let length = u32::try_from(side.body().len()).unwrap_or(u32::MAX);
        let callback = match direction {
            Direction::Request => Callback::RequestBody,
            Direction::Response => Callback::ResponseBody,
        };
        let action = self.ask_about(id, direction, callback, &[id, length, u32::from(end)]);
        let Some(side) = self.side(id, direction) else {
            return;
        };
        let data = std::mem::take(&mut side.current);
        side.view = BodyView::Hidden;
        match action {
            Action::Continue if side.iteration == Iteration::Running => {
                self.pass_data(id, direction, data, end);
            }
            Action::Continue => {
                if self.hold(id, direction, data) {
                    self.resume(id, direction);
                }
            }
            Action::Pause => {
                side.view = BodyView::Held;
                side.iteration = Iteration::Paused;
                self.hold(id, direction, data);
            }
            Action::Stop => {
                side.view = BodyView::Current;
                side.current = data;
                side.iteration = Iteration::Paused;
            }
        }
    }

    fn await_filter(&mut self, id: u32, direction: Direction) {
        if direction == Direction::Request
            && let Some(stream) = self.open_stream(id)
        {
            stream.deferral = Deferral::Waiting;
        }
    }

    /// Puts bytes into the buffer of a paused direction. Over the limit Envoy answers itself, and
    /// the result is false.
    fn hold(&mut self, id: u32, direction: Direction, data: Vec<u8>) -> bool {
        let Some(stream) = self.open_stream(id) else {
            return false;
        };
        let limit = stream.buffer_limit;
        let held = stream.side_mut(direction).held.get_or_insert_default();
        held.extend(data);
        if limit.is_none_or(|limit| held.len() <= limit) {
            return true;
        }
        let (status, body, details) = match direction {
            Direction::Request => (413, "Payload Too Large", "request_payload_too_large"),
            Direction::Response => (500, "Internal Server Error", "response_payload_too_large"),
        };
        let reply = LocalReply {
            status,
            body: body.into(),
            headers: Headers::new(),
            details: details.to_owned(),
            origin: Origin::Envoy,
        };
        self.local_reply(id, reply);
        false
    }

    /// The trailers, which the caller has put in their place, reach the filter.
    pub(super) fn trailers(&mut self, id: u32, direction: Direction) {
        let Some(side) = self.side(id, direction) else {
            return;
        };
        side.progress.complete = true;
        if side.iteration == Iteration::StoppedAll {
            return;
        }
        side.trailers_visible = true;
        let count = side.trailers.as_ref().map_or(0, Headers::len);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let callback = match direction {
            Direction::Request => Callback::RequestTrailers,
            Direction::Response => Callback::ResponseTrailers,
        };
        let action = self.ask_about(id, direction, callback, &[id, count]);
        let Some(side) = self.side(id, direction) else {
            return;
        };
        match action {
            Action::Continue => {
                side.trailers_visible = false;
                if side.iteration == Iteration::Running {
                    self.pass_trailers(id, direction);
                } else {
                    self.resume(id, direction);
                }
            }
            Action::Pause | Action::Stop => {
                if side.iteration == Iteration::Running {
                    side.iteration = Iteration::Paused;
                }
            }
        }
    }
}
