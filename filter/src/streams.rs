//! Open event streams. One that was stopped, by a block or with its server, is ended then, and not only
//! with its next event, which may never come. Where other rules or time end one, nothing more goes on
//! either, and its next event is replaced by why.

use std::{
    cell::RefCell,
    rc::{Rc, Weak},
};

use crate::{host, http::Request, instance};

thread_local! {
    /// Each with its context.
    static OPEN: RefCell<Vec<(u32, Weak<RefCell<Request>>)>> = const { RefCell::new(Vec::new()) };
}

/// A stream began.
pub(crate) fn opened(context_id: u32, request: Weak<RefCell<Request>>) {
    OPEN.with_borrow_mut(|open| open.push((context_id, request)));
}

/// A stream is over.
pub(crate) fn closed(context_id: u32) {
    OPEN.with_borrow_mut(|open| open.retain(|(other, _)| *other != context_id));
}

/// Looks at all streams where there is a new policy, in the callback of a root context.
pub(crate) fn look(root_id: u32) {
    if instance::with(instance::Instance::take_policy_change) != Some(true) {
        return;
    }
    // Ending one changes the list.
    let open: Vec<_> = OPEN.with_borrow(|open| {
        let open = open.iter();
        open.filter_map(|(id, request)| Some((*id, request.upgrade()?)))
            .collect()
    });
    for (context_id, request) in open {
        let end = || Rc::clone(&request).borrow_mut().end_if_stopped();
        host::in_context(context_id, root_id, end);
    }
}
