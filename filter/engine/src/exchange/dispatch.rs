//! Calls inside calls: what a dispatcher would call in turn, read from its arguments.

use std::borrow::Cow;

use super::{Malformed, target::is_name};
use crate::{
    entry::{Capability, Fact, Provenance},
    json::{Kind, Value},
    limits::Limits,
    message::has_look_alike,
    reason::Reason,
    server::Server,
};

/// Most calls that one call may hold within each other.
const MAX_DEPTH: usize = 3;

const NAME: &str = "the inner tool's name is no name of 1 to 128 letters, digits, `.`, `_` or `-`";
const ARGUMENTS: &str = "the inner tool's arguments are no object";
const LOOK_ALIKE: &str = "a key looks like one that leads to the inner call";
const DEEP: &str = "more than 3 calls within each other";

/// A call that a dispatcher makes.
#[derive(Clone, Debug)]
pub(super) struct Inner<'d> {
    pub(super) tool: Box<str>,
    /// An object. `None`: it has none.
    pub(super) arguments: Option<Value<'d>>,
}

impl Inner<'_> {
    /// What it acts on.
    pub(super) fn capability(&self) -> Capability {
        Capability::Tool(self.tool.clone())
    }

    /// What the record says of it.
    pub(super) fn fact(&self) -> Fact {
        Fact {
            key: Cow::Borrowed("dispatch.tool"),
            value: self.tool.clone(),
            provenance: Provenance::Claimed,
            is_altered: false,
        }
    }
}

/// The calls that calling a tool makes in turn, each inside the one before it.
///
/// Nothing is parsed twice: arguments that are JSON in a string are refused, since what the server
/// makes of them is not what was judged.
pub(super) fn inner_calls<'d>(
    server: &Server,
    tool: &str,
    arguments: Option<Value<'d>>,
    limits: &Limits,
) -> Result<Vec<Inner<'d>>, Malformed> {
    let mut calls: Vec<Inner<'d>> = Vec::new();
    loop {
        let (tool, arguments) = match calls.last() {
            Some(inner) => (&*inner.tool, inner.arguments),
            None => (tool, arguments),
        };
        let Some(dispatcher) = server.dispatcher(tool) else {
            return Ok(calls);
        };
        if calls.len() == MAX_DEPTH {
            return Err(unreadable(DEEP));
        }
        let name = follow(arguments, &dispatcher.name)?.and_then(Value::as_str);
        let name = name.filter(|name| is_name(name, limits));
        let inner = match &dispatcher.arguments {
            Some(path) => follow(arguments, path)?,
            None => None,
        };
        if inner.is_some_and(|inner| inner.kind() != Kind::Object) {
            return Err(unreadable(ARGUMENTS));
        }
        calls.push(Inner {
            tool: name.ok_or_else(|| unreadable(NAME))?.into(),
            arguments: inner,
        });
    }
}

/// The value that names lead to. A key on the way that some reader takes for one of them is refused.
fn follow<'d>(from: Option<Value<'d>>, path: &[Box<str>]) -> Result<Option<Value<'d>>, Malformed> {
    path.iter().try_fold(from, |at, name| {
        if at.is_some_and(|object| has_look_alike(object, name)) {
            return Err(unreadable(LOOK_ALIKE));
        }
        Ok(at.and_then(|object| object.get(name)))
    })
}

fn unreadable(detail: &'static str) -> Malformed {
    Malformed::new(Reason::UnreadableDispatch, detail)
}
