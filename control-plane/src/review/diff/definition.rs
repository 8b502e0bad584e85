//! The fields of a definition.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use super::{
    change::{Change, ChangeKind, Weight},
    listing::{CapabilityKind, LISTS},
    schema::Side,
    walk::{Pair, Told, Walk},
};

/// What stands for an object that is not there.
pub(super) static EMPTY: LazyLock<Value> = LazyLock::new(|| Value::Object(Map::new()));

/// What is about the result that a server's own fields stand in, and not about the server.
const OF_RESULTS: [&str; 5] = ["nextCursor", "resultType", "ttlMs", "cacheScope", "_meta"];

impl<'v> Walk<'v, '_> {
    /// What differs between two definitions of one capability, heaviest first.
    pub(super) fn definition(
        mut self,
        kind: CapabilityKind,
        old: &'v Value,
        new: &'v Value,
    ) -> Vec<Change<'v>> {
        self.fields(old, new, |walk, field, pair| walk.field(kind, field, pair));
        self.finish()
    }

    /// What a new capability says of itself, heaviest first.
    pub(super) fn introduction(
        mut self,
        kind: CapabilityKind,
        name: &'v str,
        definition: &'v Value,
    ) -> Vec<Change<'v>> {
        self.is_new = true;
        if kind != CapabilityKind::Server {
            self.within(kind.key(), |walk| walk.name(name));
        }
        if kind == CapabilityKind::Tool {
            self.claims(definition.get("annotations"));
        }
        self.definition(kind, &EMPTY, definition)
    }

    /// Visits every field of two objects that differs.
    pub(super) fn fields(
        &mut self,
        old: &'v Value,
        new: &'v Value,
        mut visit: impl FnMut(&mut Self, &'v str, Pair<'v>) -> Told,
    ) {
        let (Value::Object(old), Value::Object(new)) = (old, new) else {
            return;
        };
        let kept = old
            .keys()
            .chain(new.keys().filter(|key| !old.contains_key(*key)));
        for field in kept {
            let pair = (old.get(field), new.get(field));
            self.differing(field, pair, |walk| visit(walk, field, pair));
        }
    }

    fn field(&mut self, kind: CapabilityKind, field: &'v str, pair: Pair<'v>) -> Told {
        let is_list = LISTS.iter().any(|(list, _)| *list == field);
        match (kind, field) {
            (CapabilityKind::Server, field) if is_list || OF_RESULTS.contains(&field) => {
                return Told::Elsewhere;
            }
            // A new one was looked at by its name.
            (kind, field) if kind.key() == field => return Told::Elsewhere,
            (_, "title" | "description" | "instructions" | "name") => self.text(field, pair),
            (CapabilityKind::Tool, "inputSchema") => {
                let (old, new) = pair;
                let (old, new) = (old.unwrap_or(&*EMPTY), new.unwrap_or(&*EMPTY));
                self.schema(old, new, Side::Input);
            }
            (CapabilityKind::Tool, "outputSchema") => self.output(pair),
            (CapabilityKind::Tool, "annotations") => return self.annotations(pair),
            (CapabilityKind::Prompt, "arguments") => self.arguments(pair),
            (_, "icons" | "size" | "mimeType" | "execution" | "protocolVersion") => {
                let said = "Agents do not read it, and it does not say what may be called.";
                self.note((ChangeKind::Field, Weight::Neutral), pair, said);
            }
            (CapabilityKind::Resource | CapabilityKind::ResourceTemplate, "annotations") => {
                let said = "It says for whom a resource is and how much it matters.";
                self.note((ChangeKind::Field, Weight::Neutral), pair, said);
            }
            (CapabilityKind::Server, "serverInfo") => {
                let (old, new) = (pair.0.unwrap_or(&*EMPTY), pair.1.unwrap_or(&*EMPTY));
                self.fields(old, new, |walk, field, pair| {
                    let (weight, said) = if field == "version" {
                        (
                            Weight::Neutral,
                            "The server says that it is another version.",
                        )
                    } else {
                        (Weight::Text, "The server calls itself something else.")
                    };
                    walk.note((ChangeKind::Field, weight), pair, said);
                    Told::Here
                });
            }
            (CapabilityKind::Server, "capabilities") => {
                let said = "What the server says it can do changes: read which feature it is.";
                self.note((ChangeKind::Field, Weight::Unclear), pair, said);
            }
            (_, "_meta") => {
                let said = "Clients and extensions act on it as they like: a person must read it.";
                self.note((ChangeKind::Field, Weight::Unclear), pair, said);
            }
            (_, _) => self.unclear(pair),
        }
        Told::Here
    }

    /// Results are held to a schema, or not, or to another.
    fn output(&mut self, pair: Pair<'v>) {
        match pair {
            (Some(old), Some(new)) => self.schema(old, new, Side::Output),
            (None, _) => {
                let of = (ChangeKind::LimitTightened, Weight::Narrowing);
                self.note(of, pair, "Results are held to a schema; there was none.");
            }
            (Some(_), None) => {
                let of = (ChangeKind::LimitLoosened, Weight::Widening);
                self.note(of, pair, "Results are held to no schema any more.");
            }
        }
    }
}
