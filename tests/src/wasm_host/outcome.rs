//! How an exchange stands, and how it ended.

use std::collections::BTreeMap;

use super::stream::{End, Iteration, Origin, Stream};
use super::{ClientResponse, ForwardedRequest, Violation};

/// Where an exchange stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The client has not finished its request.
    Requesting,
    /// The whole request is in, and the filter holds it.
    RequestHeld,
    /// The whole request is with the upstream, which has not answered.
    AwaitingUpstream,
    /// A response has begun and passes.
    Responding,
    /// A response has begun, and the filter holds it.
    ResponseHeld,
    /// The filter held it when its VM died: nobody will ever let it go.
    Hung,
    /// It is over.
    Ended,
}

/// How an exchange ended, or where it was left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The client got the upstream's answer as the filter let it through.
    Answered(Details),
    /// The filter held it and nothing in the exchange can change that: [`Phase`] says where.
    /// [`super::Vm::request`] then disconnects the client.
    Held(Phase, Details),
    /// The filter answered in place of the upstream, or Envoy did (413, 500).
    Replied(Details),
    /// The stream was reset; the client may have seen a part of a response.
    Reset(Details),
    /// The guest trapped on this exchange: the client got Envoy's empty 503.
    Trapped(Details),
}

/// All that is known of an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// What went to the upstream, if anything did.
    pub forwarded: Option<ForwardedRequest>,
    /// What the client received, if anything.
    pub response: Option<ClientResponse>,
    /// Envoy's `%RESPONSE_CODE_DETAILS%` where the model knows it, such as `wasm_fail_stream`.
    pub response_code_details: String,
    /// What the guest wrote with `set_property`, by path (elements joined by NUL).
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// Guest behaviour that Envoy would not survive unharmed.
    pub violations: Vec<Violation>,
    /// Fuel that the callbacks of this exchange used.
    pub fuel: u64,
}

impl Outcome {
    /// All that is known of the exchange.
    pub fn details(&self) -> &Details {
        match self {
            Self::Answered(details)
            | Self::Held(_, details)
            | Self::Replied(details)
            | Self::Reset(details)
            | Self::Trapped(details) => details,
        }
    }

    /// The status code that the client saw, 0 if none.
    pub fn status(&self) -> u16 {
        self.details()
            .response
            .as_ref()
            .map_or(0, ClientResponse::status)
    }

    /// The body that the client saw, as text.
    pub fn text(&self) -> String {
        self.details()
            .response
            .as_ref()
            .map(ClientResponse::text)
            .unwrap_or_default()
    }

    /// A response header that the client saw.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.details()
            .response
            .as_ref()
            .and_then(|response| response.headers.text(name))
    }

    /// What went to the upstream, if anything did.
    pub fn forwarded(&self) -> Option<&ForwardedRequest> {
        self.details().forwarded.as_ref()
    }

    pub(super) fn of(stream: &Stream, vm_failed: bool) -> Self {
        let details = Details {
            forwarded: stream.forwarded.clone(),
            response: stream.received.clone(),
            response_code_details: stream.response_code_details.clone(),
            filter_state: stream.filter_state.clone(),
            violations: stream.violations.clone(),
            fuel: stream.fuel,
        };
        match (stream.end, stream.reply) {
            (None, _) => Self::Held(Phase::of(stream, vm_failed), details),
            (Some(End::Reset), _) => Self::Reset(details),
            (Some(End::Complete), None) => Self::Answered(details),
            (Some(End::Complete), Some(Origin::Trap)) => Self::Trapped(details),
            (Some(End::Complete), Some(Origin::Envoy | Origin::Filter)) => Self::Replied(details),
        }
    }
}

impl Phase {
    pub(super) fn of(stream: &Stream, vm_failed: bool) -> Self {
        let responding = stream.response.headers.is_some();
        let side = if responding {
            &stream.response
        } else {
            &stream.request
        };
        let forwarded = stream
            .forwarded
            .as_ref()
            .is_some_and(|request| request.complete);
        let held = side.iteration != Iteration::Running && (responding || !forwarded);
        match (stream.end, responding) {
            (Some(_), _) => Self::Ended,
            (None, _) if held && vm_failed => Self::Hung,
            (None, true) if held => Self::ResponseHeld,
            (None, true) => Self::Responding,
            (None, false) if !side.progress.complete => Self::Requesting,
            (None, false) if held => Self::RequestHeld,
            (None, false) => Self::AwaitingUpstream,
        }
    }
}
