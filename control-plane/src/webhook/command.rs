//! The command that somebody who is told something goes on with.
//!
//! People paste it into a shell, so it has nothing in it that a server made up unless that is plain.

use std::fmt;

use chancery_engine::id::Hex;
use chancery_proto::audit::v1::DefinitionKind;

use crate::{access::Place, review::called::named};

/// The organization and workspace that the command line takes where none is said.
const DEFAULT: &str = "default";

/// As many digits of a pin as `chancery review list` shows.
const PIN_DIGITS: usize = 12;

/// A command of `chancery`, word by word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Command(Vec<String>);

impl Command {
    /// Shows what was seen; where its name is not plain, all that waits at its server.
    pub(super) fn review(server: &str, kind: DefinitionKind, name: &str, pin: &[u8]) -> Self {
        let (id, what) = (id_of(server), named(kind, name));
        if !is_plain(&what) {
            return Self::of(&["review", "list", id]).at(server);
        }
        let mut command = Self::of(&["review", "show", id, &what]);
        if !pin.is_empty() {
            let digits = Hex(pin).to_string();
            let digits = digits.chars().take(PIN_DIGITS).collect();
            command.0.extend(["--pin".to_owned(), digits]);
        }
        command.at(server)
    }

    /// Shows a server.
    pub(super) fn server(name: &str) -> Self {
        Self::of(&["get", "server", id_of(name), "-o", "yaml"]).at(name)
    }

    /// Says why something was decided, and what came of it.
    pub(super) fn explain(decision_id: &[u8]) -> Self {
        Self::of(&["explain", &Hex(decision_id).to_string()])
    }

    /// Shows the nodes.
    pub(super) fn nodes() -> Self {
        Self::of(&["nodes"])
    }

    fn of(words: &[&str]) -> Self {
        let words = words.iter().map(|word| (*word).to_owned());
        Self(words.collect())
    }

    /// Where the server of this name is.
    fn at(mut self, server: &str) -> Self {
        let place = Place::of(server);
        let organization = place.map(|place| place.organization);
        let workspace = place.and_then(|place| place.workspace);
        for (flag, id) in [("--organization", organization), ("--workspace", workspace)] {
            if let Some(id) = id.filter(|id| *id != DEFAULT && is_plain(id)) {
                self.0.extend([flag.to_owned(), id.to_owned()]);
            }
        }
        self
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "chancery {}", self.0.join(" "))
    }
}

/// The id of a server, which is in the record as a node says it.
fn id_of(server: &str) -> &str {
    let id = server.rsplit('/').next().unwrap_or_default();
    if is_plain(id) { id } else { "SERVER" }
}

/// Whether every shell takes it for one word, and no command for a flag.
fn is_plain(word: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:".contains(&byte);
    !word.is_empty() && !word.starts_with('-') && word.bytes().all(plain)
}
