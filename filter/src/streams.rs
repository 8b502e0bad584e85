//! Open event streams. One that may not go on, because of a block or another policy, or because its
//! token has expired, is ended then, and not only with its next event, which may never come.

use std::{
    cell::{Cell, RefCell},
    rc::{Rc, Weak},
};

use chancery_engine::id::Time;

use crate::{host, http::Request, instance};

/// How often time alone is held against streams.
const PERIOD_MS: u64 = 1_000;

thread_local! {
    /// Each with its context.
    static OPEN: RefCell<Vec<(u32, Weak<RefCell<Request>>)>> = const { RefCell::new(Vec::new()) };
    static LAST_LOOK: Cell<Time> = const { Cell::new(Time::from_unix_ms(0)) };
}

/// A stream began.
pub(crate) fn opened(context_id: u32, request: Weak<RefCell<Request>>) {
    OPEN.with_borrow_mut(|open| open.push((context_id, request)));
}

/// A stream is over.
pub(crate) fn closed(context_id: u32) {
    OPEN.with_borrow_mut(|open| open.retain(|(other, _)| *other != context_id));
}

/// Looks at all streams where there is a new policy, or time to look, in the callback of a root context.
pub(crate) fn look(root_id: u32) {
    let now = host::now();
    let is_new = instance::with(instance::Instance::take_policy_change) == Some(true);
    if OPEN.with_borrow(Vec::is_empty) {
        return;
    }
    if !is_new && now.since_ms(LAST_LOOK.get()) < PERIOD_MS {
        return;
    }
    LAST_LOOK.set(now);
    // Ending one changes the list.
    let open: Vec<_> = OPEN.with_borrow(|open| {
        let open = open.iter();
        open.filter_map(|(id, request)| Some((*id, request.upgrade()?)))
            .collect()
    });
    for (context_id, request) in open {
        let end = || Rc::clone(&request).borrow_mut().end_if_lost();
        host::in_context(context_id, root_id, end);
    }
}
