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

use chancery_engine::{
    credential::{Answer, Release},
    id::Time,
    ring::Ticket,
    token::WantedKey,
};

use crate::{host, http::Request, instance, metric::metrics};

/// What a request waits for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Awaited {
    /// The key of a token.
    Key(WantedKey),
    /// A credential for the server.
    Credential,
    /// That its decision is durable.
    Record(Ticket),
}

/// What came of a wait.
#[derive(Debug)]
pub(crate) enum Answered {
    /// A key was looked for, or will not come.
    Key,
    /// There is a credential, or none.
    Credential(Answer),
    /// The decision is durable, or is not by the deadline.
    Record {
        /// Whether it is.
        is_durable: bool,
    },
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
    /// Entries about calls up to this one are durable.
    pub(crate) durable: Option<Ticket>,
}

impl Settled {
    /// What came of a wait, if it is over.
    fn answer(&self, waiter: &Waiter, now: Time) -> Option<Answered> {
        let is_late = waiter.deadline <= now;
        match &waiter.awaited {
            Awaited::Key(_) => {
                let is_over =
                    self.stream_lost || is_late || self.answered.contains(&waiter.awaited);
                is_over.then_some(Answered::Key)
            }
            // The instance keeps the deadline, and asks again on the next stream.
            Awaited::Credential => {
                let mut released = self.released.iter();
                let release = released.find(|release| release.waiter == waiter.context_id);
                release.map(|release| Answered::Credential(release.answer.clone()))
            }
            // What is lost with a stream is sent again on the next one, which may come in time.
            Awaited::Record(ticket) => {
                let is_durable = self.durable.is_some_and(|durable| *ticket <= durable);
                (is_durable || is_late).then_some(Answered::Record { is_durable })
            }
        }
    }
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

/// How many requests wait for their decisions to be durable.
pub(crate) fn count_ahead() -> usize {
    let waits = |waiter: &&Waiter| matches!(waiter.awaited, Awaited::Record(_));
    WAITERS.with_borrow(|waiters| waiters.iter().filter(waits).count())
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
    // Whoever is taken up may wait anew: the list is not borrowed meanwhile.
    let over: Vec<_> = WAITERS.with_borrow_mut(|waiters| {
        let mut over = Vec::new();
        waiters.retain_mut(|waiter| match settled.answer(waiter, now) {
            None => true,
            Some(answered) => {
                over.push((waiter.context_id, Weak::clone(&waiter.request), answered));
                false
            }
        });
        over
    });
    for (context_id, request, answered) in over {
        if let Some(request) = request.upgrade() {
            let resume = || Rc::clone(&request).borrow_mut().resume(answered);
            host::in_context(context_id, root_id, resume);
        }
    }
}
