//! Tools that call other tools.

use std::collections::BTreeSet;

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    each,
};
use crate::server::Dispatcher;

/// The dispatchers of a server, each tool once.
pub(super) fn dispatchers(messages: Vec<pb::Dispatcher>) -> Result<Vec<Dispatcher>, Invalid> {
    let dispatchers = each("dispatchers", messages, Dispatcher::try_from)?;
    let mut tools = BTreeSet::new();
    let mut each_tool = dispatchers.iter().enumerate();
    match each_tool.find(|(_, dispatcher)| !tools.insert(&*dispatcher.tool)) {
        None => Ok(dispatchers),
        Some((position, twice)) => {
            let field = format!("dispatchers[{position}].tool");
            let expected = "every tool once: one call makes one other";
            Err(Invalid::new(field, shown(&twice.tool), expected))
        }
    }
}

impl TryFrom<pb::Dispatcher> for Dispatcher {
    type Error = Invalid;

    fn try_from(message: pb::Dispatcher) -> Result<Self, Invalid> {
        let pb::Dispatcher {
            tool,
            name,
            arguments,
        } = message;
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if tool.is_empty() || !tool.bytes().all(is_name) {
            let expected = "a tool's exact name, of letters, digits, `.`, `_` and `-`";
            return Err(Invalid::new("tool", shown(&tool), expected));
        }
        let arguments = Some(arguments).filter(|path| !path.is_empty());
        let dispatcher = Self {
            tool: tool.into(),
            name: keys("name", &name)?,
            arguments: arguments.map(|path| keys("arguments", &path)).transpose()?,
        };
        if dispatcher.name.is_empty() {
            let expected = "the path of one of the tool's arguments, such as `$.name`";
            return Err(Invalid::new("name", shown(&name), expected));
        }
        Ok(dispatcher)
    }
}

/// The keys that a JSONPath (RFC 9535) of keys alone leads through. An element of an array would
/// leave its others unjudged, so no path of a dispatcher has an index.
fn keys(field: &str, path: &str) -> Result<Box<[Box<str>]>, Invalid> {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let key = |key: &str| {
        let is_key =
            key.starts_with(is_first) && key.chars().all(|c| is_first(c) || c.is_ascii_digit());
        is_key.then(|| Box::from(key))
    };
    let keys = match path.strip_prefix('$') {
        Some("") => Some(Box::default()),
        Some(rest) => rest
            .strip_prefix('.')
            .and_then(|rest| rest.split('.').map(key).collect()),
        None => None,
    };
    keys.ok_or_else(|| {
        let expected = "a path of keys alone, such as `$.name` or `$.call.arguments`";
        Invalid::new(field, shown(path), expected)
    })
}
