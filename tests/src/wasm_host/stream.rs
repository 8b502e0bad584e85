//! One HTTP stream as Envoy's filter manager and the Wasm filter's context keep it.

use std::collections::BTreeMap;

use super::{ClientResponse, ForwardedRequest, Headers};

/// Which half of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From the client to the upstream.
    Request,
    /// From the upstream (or a local reply) to the client.
    Response,
}

/// Something the guest did that Envoy does not survive unharmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// `continue_stream` while the stream was not paused: a debug build of Envoy asserts.
    ResumedWhileRunning(Direction),
    /// A second local reply: Envoy drops it, bypasses the filter with it, or resets the stream.
    SecondLocalReply,
    /// Frames went out twice: `continue_stream` inside a callback that then continues.
    SentTwice(Direction),
}

/// Whether frames pass the filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Iteration {
    Running,
    /// Paused: headers are held, the filter still sees body and trailers.
    Paused,
    /// Paused without `allow_on_headers_stop_iteration` or by a local reply: it sees nothing more.
    StoppedAll,
}

/// Which bytes the guest sees as the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyView {
    /// None: no callback ran, or the last one let its data go.
    Hidden,
    /// The data of the running callback.
    Current,
    /// Everything that is held.
    Held,
}

/// One direction of a stream.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) headers: Option<Headers>,
    pub(super) trailers: Option<Headers>,
    pub(super) held: Option<Vec<u8>>,
    pub(super) current: Vec<u8>,
    pub(super) view: BodyView,
    pub(super) iteration: Iteration,
    /// Header and trailer maps that host calls reach outside of their own callback.
    pub(super) headers_visible: bool,
    pub(super) trailers_visible: bool,
    pub(super) progress: Progress,
}

/// How far a direction has come.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The headers have gone past the filter.
    pub(super) headers_passed: bool,
    /// The last frame has reached the filter manager.
    pub(super) complete: bool,
}

impl Side {
    fn new() -> Self {
        Self {
            headers: None,
            trailers: None,
            held: None,
            current: Vec::new(),
            view: BodyView::Hidden,
            iteration: Iteration::Running,
            headers_visible: false,
            trailers_visible: false,
            progress: Progress::default(),
        }
    }

    /// The body bytes the guest may read.
    pub(super) fn body(&self) -> &[u8] {
        match self.view {
            BodyView::Hidden => &[],
            BodyView::Current => &self.current,
            BodyView::Held => self.held.as_deref().unwrap_or_default(),
        }
    }

    /// The body bytes the guest may change.
    pub(super) fn body_mut(&mut self) -> Option<&mut Vec<u8>> {
        match self.view {
            BodyView::Hidden => None,
            BodyView::Current => Some(&mut self.current),
            BodyView::Held => Some(self.held.get_or_insert_default()),
        }
    }
}

/// Who answered a stream in place of the upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Envoy,
    Filter,
    Trap,
}

/// An answer that does not come from the upstream.
#[derive(Debug)]
pub(super) struct LocalReply {
    pub(super) status: u32,
    pub(super) body: Vec<u8>,
    pub(super) headers: Headers,
    pub(super) details: String,
    pub(super) origin: Origin,
}

/// What becomes of a local reply that is sent now.
#[derive(Debug)]
pub(super) enum Deferral {
    /// It goes out at once.
    None,
    /// A request callback runs: the first reply waits until the callback has returned.
    Waiting,
    /// It is this one; a further one is dropped.
    Prepared(LocalReply),
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Complete,
    Reset,
}

/// What the guest has been told of a stream's context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContextState {
    Live,
    /// `proxy_on_log` is running: header maps come from the access log.
    Logging,
    /// `proxy_on_delete` has run.
    Deleted,
}

/// One exchange.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) root: u32,
    /// A `HEAD` request: no body comes back, whatever `content-length` says.
    pub(super) head: bool,
    /// Bytes that may be held in one direction; `None` for no limit.
    pub(super) buffer_limit: Option<usize>,
    pub(super) properties: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) filter_state: BTreeMap<String, Vec<u8>>,
    pub(super) request: Side,
    pub(super) response: Side,
    pub(super) forwarded: Option<ForwardedRequest>,
    pub(super) received: Option<ClientResponse>,
    /// Bytes of `received` that the test has not taken yet.
    pub(super) untaken: Vec<u8>,
    pub(super) reply: Option<Origin>,
    /// Set while a request callback runs: a local reply then waits for its return.
    pub(super) deferral: Deferral,
    pub(super) end: Option<End>,
    pub(super) context: ContextState,
    pub(super) response_code_details: String,
    pub(super) violations: Vec<Violation>,
    pub(super) fuel: u64,
}

impl Stream {
    pub(super) fn new(root: u32) -> Self {
        Self {
            root,
            head: false,
            buffer_limit: None,
            properties: BTreeMap::new(),
            filter_state: BTreeMap::new(),
            request: Side::new(),
            response: Side::new(),
            forwarded: None,
            received: None,
            untaken: Vec::new(),
            reply: None,
            deferral: Deferral::None,
            end: None,
            context: ContextState::Live,
            response_code_details: String::new(),
            violations: Vec::new(),
            fuel: 0,
        }
    }

    pub(super) fn side(&self, direction: Direction) -> &Side {
        match direction {
            Direction::Request => &self.request,
            Direction::Response => &self.response,
        }
    }

    pub(super) fn side_mut(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Request => &mut self.request,
            Direction::Response => &mut self.response,
        }
    }
}
