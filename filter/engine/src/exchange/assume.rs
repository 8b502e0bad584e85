//! Exchanges that never were: to say what would be decided, a principal is taken for granted in
//! place of a token. Everything else is judged as it would be.

use std::sync::Arc;

use super::{
    Context, Exchange, HeadStep, RequestHead, Subject, claims::mirrored_name, handles::about_text,
    headers::encode_mirrored, identity::Addressee,
};
use crate::{
    circumstances::Circumstances,
    entry::Capability,
    explain::NearMiss,
    limits::Limits,
    message::{self, Message, PROTOCOL_VERSION_KEY},
    policy::{Policy, ServerIndex},
    principal::Principal,
    rule::Act,
    seal::{Binding, Handle, SealError},
    server::Authentication,
    token::{TokenCache, TokenError},
};

/// How it is known who makes a request.
pub(super) enum Identity<'a> {
    /// By the token in its head.
    Token(&'a TokenCache),
    /// Nobody makes it: this principal is only thought of.
    Assumed(&'a Assumed),
}

/// What is taken for granted of a request that nobody makes.
#[derive(Clone, Debug, Default)]
pub struct Assumed {
    /// Who makes it.
    pub principal: Arc<Principal>,
    /// The id of the workspace that the call belongs to by its token's audience, if the endpoint has
    /// one that says so. Else it belongs to the endpoint's.
    pub workspace: Option<Box<str>>,
    /// Whether to find out why rules do not apply, for [`Exchange::take_near_misses`].
    pub is_explained: bool,
}

/// Finds out why rules do not apply to an act.
pub(super) type Explain =
    fn(&Policy, ServerIndex, &Principal, &Circumstances<'_>, Act<'_>) -> Vec<NearMiss>;

impl Exchange {
    /// Judges a head as [`Exchange::open`] does, but for the token, which a principal that is only
    /// assumed stands for. No request may go anywhere by this.
    pub fn assume(context: Context, head: &RequestHead<'_>, assumed: &Assumed) -> (Self, HeadStep) {
        let mut exchange = Self::new(context);
        exchange.explain = assumed.is_explained.then_some(Policy::near_misses);
        let step = exchange
            .judge_head(head, &Identity::Assumed(assumed))
            .unwrap_or_else(|reason| HeadStep::Reply(exchange.refuse(reason, Subject::default())));
        (exchange, step)
    }

    /// Why rules did not apply to what was decided on, where that was asked.
    pub fn take_near_misses(&mut self) -> Vec<NearMiss> {
        std::mem::take(&mut self.near_misses)
    }

    /// Takes a principal as its token's answer; where nobody is logged in, there is no token.
    pub(super) fn take_for_granted(
        &mut self,
        at: Addressee<'_>,
        assumed: &Assumed,
    ) -> Result<(), Option<TokenError>> {
        let Assumed {
            principal,
            workspace,
            is_explained: _,
        } = assumed;
        match at.server.authentication {
            Authentication::Required if !principal.is_authenticated() => return Err(None),
            Authentication::Required | Authentication::Optional => {}
        }
        self.principal = Arc::clone(principal);
        let mut audiences = at.endpoint.audiences.iter();
        if let Some(workspace) = workspace
            && audiences.any(|audience| audience.workspace.as_ref() == Some(workspace))
        {
            self.workspace.clone_from(workspace);
        }
        Ok(())
    }
}

/// The headers that a client of the protocol sends with a message: its type, and since 2026-07-28
/// what repeats it. Of a body that is no message, its type alone.
pub fn headers_with(body: &[u8], limits: &Limits) -> Vec<(String, Vec<u8>)> {
    let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
    let mut headers = vec![header("content-type", "application/json")];
    let document = message::parse(body, limits.max_body_bytes, limits).ok();
    let message = document
        .as_ref()
        .and_then(|document| Message::read(document).ok());
    let Some(call) = message.as_ref().and_then(Message::call) else {
        return headers;
    };
    let version = call.meta(PROTOCOL_VERSION_KEY);
    let Some(version) = version.and_then(crate::json::Value::as_str) else {
        return headers;
    };
    headers.push(header("mcp-protocol-version", &version));
    headers.push(header("mcp-method", &encode_mirrored(&call.name())));
    if let Some(name) = mirrored_name(call) {
        headers.push(header("mcp-name", &encode_mirrored(&name)));
    }
    headers
}

/// A task's id as a client would show it that made the task by using a capability.
///
/// # Errors
/// Where there is no key to seal it with.
pub fn task_handle(binding: &Binding<'_>, made_by: &Capability) -> Result<String, SealError> {
    binding.seal(Handle::Task, &about_text([made_by]), "task")
}
