//! Requests that wait for an answer of the control plane, and how they go on.
//!
//! The answer comes to a root context, on the stream; the request belongs to an HTTP context, whose
//! callbacks return `Pause` meanwhile. When it is over, by an answer, the deadline or the loss of the
//! stream, the request is taken up in the name of its own context. Whoever waits says for what, so
//! that one answer ends every wait for it.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
};

use chancery_engine::{credential::Release, id::Time, token::WantedKey};

use crate::{host, http::Request, instance, metric::metrics};

/// What a request waits for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Awaited {
    /// The key of a token.
    Key(WantedKey),
    /// A credential for the server.
    Credential,
}

/// What is over.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// These were answered.
    pub(crate) answered: Vec<Awaited>,
    /// These have a credential, or never will.
    pub(crate) released: Vec<Release>,
    /// The stream is gone, and with it every key that was to come.
    pub(crate) stream_lost: bool,
}

struct Waiter {
    context_id: u32,
    awaited: Awaited,
    deadline: Time,
    request: Weak<RefCell<Request>>,
}

thread_local! {
    static WAITERS: RefCell<Vec<Waiter>> = const { RefCell::new(Vec::new()) };
}

/// Has a request wait until it is answered, and not beyond the deadline.
pub(crate) fn wait(
    context_id: u32,
    request: Weak<RefCell<Request>>,
    awaited: Awaited,
    deadline: Time,
) {
    host::increment(metrics().held);
    let waiter = Waiter {
        context_id,
        awaited,
        deadline,
        request,
    };
    WAITERS.with_borrow_mut(|waiters| waiters.push(waiter));
}

/// A request is over: it waits no more.
pub(crate) fn forget(context_id: u32) {
    WAITERS.with_borrow_mut(|waiters| waiters.retain(|waiter| waiter.context_id != context_id));
}

/// Takes up the requests whose wait is over, in the callback of a root context.
pub(crate) fn settle(root_id: u32) {
    let settled = instance::with(instance::Instance::take_settled).unwrap_or_default();
    if WAITERS.with_borrow(Vec::is_empty) {
        return;
    }
    let now = host::now();
    let is_over = |waiter: &mut Waiter| match &waiter.awaited {
        Awaited::Key(_) => {
            settled.stream_lost
                || waiter.deadline <= now
                || settled.answered.contains(&waiter.awaited)
        }
        // The instance keeps the deadline, and asks again on the next stream.
        Awaited::Credential => {
            let mut released = settled.released.iter();
            released.any(|release| release.waiter == waiter.context_id)
        }
    };
    // Whoever is taken up may wait anew: the list is not borrowed meanwhile.
    let over: Vec<_> = WAITERS.with_borrow_mut(|waiters| waiters.extract_if(.., is_over).collect());
    for waiter in over {
        if let Some(request) = waiter.request.upgrade() {
            let mut released = settled.released.iter();
            let answer = released.find(|release| release.waiter == waiter.context_id);
            let answer = answer.map(|release| release.answer.clone());
            let resume = || Rc::clone(&request).borrow_mut().resume(answer);
            host::in_context(waiter.context_id, root_id, resume);
        }
    }
}
