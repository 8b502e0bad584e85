//! JSON Schemas (2020-12 and before), keyword by keyword.

mod fitting;
mod limits;
mod properties;
mod values;

use serde_json::{Map, Value};

use super::{
    change::{ChangeKind, Weight},
    definition::EMPTY,
    walk::{Pair, Told, Walk},
};

/// Schemas that stand deeper in others are not walked; no tool needs half of it.
const MAX_DEPTH: usize = 48;

/// What a schema is of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    /// What agents send.
    Input,
    /// What servers return.
    Output,
}

impl Side {
    /// "Agents may send", "Results may hold".
    fn may(self) -> &'static str {
        match self {
            Self::Input => "Agents may send",
            Self::Output => "Results may hold",
        }
    }

    /// "Agents cannot send", "Results cannot hold".
    fn cannot(self) -> &'static str {
        match self {
            Self::Input => "Agents cannot send",
            Self::Output => "Results cannot hold",
        }
    }

    /// "Agents must send", "Results must hold".
    fn must(self) -> &'static str {
        match self {
            Self::Input => "Agents must send",
            Self::Output => "Results must hold",
        }
    }
}

/// Two schemas of one value.
#[derive(Clone, Copy, Debug)]
struct Schemas<'v> {
    old: &'v Map<String, Value>,
    new: &'v Map<String, Value>,
    side: Side,
    depth: usize,
}

impl<'v> Walk<'v, '_> {
    /// What differs between two schemas.
    pub(super) fn schema(&mut self, old: &'v Value, new: &'v Value, side: Side) {
        self.schema_at(old, new, (side, 0));
    }

    fn schema_at(&mut self, old: &'v Value, new: &'v Value, (side, depth): (Side, usize)) {
        let pair = (Some(old), Some(new));
        match (open(old), open(new)) {
            (Some(old), Some(new)) if depth < MAX_DEPTH => {
                let schemas = Schemas {
                    old,
                    new,
                    side,
                    depth,
                };
                self.keywords(&schemas);
            }
            (Some(_), None) if *new == Value::Bool(false) => {
                let said = format!("{} nothing here any more.", side.may());
                self.note((ChangeKind::Closed, Weight::Narrowing), pair, said);
            }
            (None, Some(_)) if *old == Value::Bool(false) => {
                let said = format!("{} something here; nothing fitted before.", side.may());
                self.note((ChangeKind::Opened, Weight::Widening), pair, said);
            }
            (Some(_) | None, _) => self.unclear(pair),
        }
    }

    fn keywords(&mut self, schemas: &Schemas<'v>) {
        let Schemas { old, new, .. } = *schemas;
        for keyword in old
            .keys()
            .chain(new.keys().filter(|key| !old.contains_key(*key)))
        {
            let pair = (old.get(keyword), new.get(keyword));
            self.differing(keyword, pair, |walk| walk.keyword(keyword, pair, schemas));
        }
    }

    fn keyword(&mut self, keyword: &'v str, pair: Pair<'v>, schemas: &Schemas<'v>) -> Told {
        let (old, new) = pair;
        let side = schemas.side;
        // What a new capability takes is told with its properties.
        let is_shape = matches!(
            keyword,
            "type" | "required" | "additionalProperties" | "$schema" | "minProperties"
        );
        if self.is_new && is_shape && schemas.depth == 0 && !new.is_some_and(Value::is_object) {
            return Told::Elsewhere;
        }
        match keyword {
            "title" | "description" | "$comment" => self.text(keyword, pair),
            "type" => self.types(pair, side),
            "enum" => self.listed(pair, side),
            "const" => self.fixed(pair, side),
            "default" => {
                let said = "What counts where it is left out changes: see what that does.";
                self.note((ChangeKind::Default, Weight::Unclear), pair, said);
            }
            "properties" | "patternProperties" => self.properties(keyword, pair, schemas),
            "required" => return self.required(pair, schemas),
            "$defs" | "definitions" => self.definitions(pair, schemas),
            "additionalProperties"
            | "unevaluatedProperties"
            | "additionalItems"
            | "unevaluatedItems" => self.openness(pair, schemas),
            "items" | "prefixItems" | "contains" | "propertyNames" => {
                self.parts(keyword, pair, schemas);
            }
            "examples" => self.text_of_values(pair),
            "$schema" | "deprecated" | "readOnly" | "writeOnly" => {
                let said = "It does not say what fits.";
                self.note((ChangeKind::Field, Weight::Neutral), pair, said);
            }
            "$ref" | "$dynamicRef" | "$recursiveRef" | "oneOf" | "anyOf" | "allOf" | "not"
            | "if" | "then" | "else" | "dependentSchemas" | "dependentRequired"
            | "dependencies" | "$id" | "id" | "$anchor" | "$dynamicAnchor" => {
                let said = "How schemas are put together is not compared: a person must read it.";
                self.by_hand(ChangeKind::Composition, pair, said);
            }
            _ if limits::is_limit(keyword) => self.limit(keyword, (old, new), side),
            _ => {
                let said = "No keyword of JSON Schema, but agents read it: a person must too.";
                self.by_hand(ChangeKind::Field, pair, said);
            }
        }
        Told::Here
    }

    /// A part of two schemas that both have.
    fn part(&mut self, old: &'v Value, new: &'v Value, schemas: &Schemas<'v>) {
        self.schema_at(old, new, (schemas.side, schemas.depth.saturating_add(1)));
    }

    fn text_of_values(&mut self, pair: Pair<'v>) {
        let said = "Agents read examples and follow them.";
        self.note((ChangeKind::Text, Weight::Text), pair, said);
    }
}

/// The keywords of a schema that lets something through: `true` is one without any.
fn open(schema: &Value) -> Option<&Map<String, Value>> {
    match schema {
        Value::Object(keywords) => Some(keywords),
        Value::Bool(true) => EMPTY.as_object(),
        Value::Bool(false)
        | Value::Null
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_) => None,
    }
}
