//! What keywords say, one by one.

use chancery_engine::{
    condition::Scalar,
    json::{Kind, Value},
};
use chancery_proto::policy::v1::{self as policy, SchemaBoundKind as Bound};

use super::{Compiler, Place, Said, node::Node, pattern};

impl<'d> Compiler<'d> {
    /// Fills in what an object says.
    pub(super) fn keywords(&mut self, schema: Value<'d>, place: &Place, said: &mut Said) {
        let is_root = schema.span() == self.root.span();
        let place = &Place {
            // A part with an id of its own is another document.
            is_embedded: place.is_embedded || (!is_root && schema.get("$id").is_some()),
            path: place.path.clone(),
        };
        if let Some(reference) = schema.get("$ref") {
            self.reference(reference, &place.at("$ref"), said);
            if self.dialect.has_lone_references() {
                return;
            }
        }
        for (key, value) in schema.members() {
            let Some(key) = key.as_str() else { continue };
            let at = place.at(&key);
            if !self.scalar_keyword(&key, value, &at, said)
                && !self.part_keyword(&key, value, &at, said)
            {
                self.other_keyword(&key, value, &at, said);
            }
        }
        self.objects(schema, place, said);
        self.arrays(schema, place, said);
        self.conditions(schema, place, said);
    }

    /// What is about values by themselves. Whether it is one of these.
    fn scalar_keyword(&mut self, key: &str, value: Value<'d>, at: &Place, said: &mut Said) -> bool {
        let node = &mut said.node;
        let is_taken = match key {
            "type" => set(&mut node.types, types(value)),
            "enum" | "const" => self.choices(key, value, at, said),
            "minimum" => node.bound(Bound::Minimum, number(value)),
            "maximum" => node.bound(Bound::Maximum, number(value)),
            "exclusiveMinimum" => node.bound(Bound::ExclusiveMinimum, number(value)),
            "exclusiveMaximum" => node.bound(Bound::ExclusiveMaximum, number(value)),
            "multipleOf" => {
                let divisor = number(value).filter(|it| is_divisor(it));
                node.bound(Bound::MultipleOf, divisor)
            }
            "minLength" => node.bound(Bound::MinChars, count(value)),
            "maxLength" => node.bound(Bound::MaxChars, count(value)),
            "pattern" => {
                let text = value.as_str();
                set(
                    &mut node.pattern,
                    text.and_then(|text| pattern::compile(&text)),
                )
            }
            "minItems" => node.bound(Bound::MinItems, count(value)),
            "maxItems" => node.bound(Bound::MaxItems, count(value)),
            "uniqueItems" => set(&mut node.unique_items, value.as_bool()),
            "minProperties" => node.bound(Bound::MinMembers, count(value)),
            "maxProperties" => node.bound(Bound::MaxMembers, count(value)),
            _ => return false,
        };
        if !is_taken {
            self.leave_out(said, at, value);
        }
        true
    }

    fn choices(&mut self, key: &str, value: Value<'d>, at: &Place, said: &mut Said) -> bool {
        let choices = match (key, value.kind()) {
            ("const", _) => format!("[{}]", value.raw()),
            (_, Kind::Array) => value.raw().to_owned(),
            (_, Kind::Null | Kind::Bool | Kind::Number | Kind::String | Kind::Object) => {
                return false;
            }
        };
        if said.node.choices.is_empty() {
            said.node.choices = choices;
        } else {
            let both = Node {
                choices,
                ..Node::default()
            };
            let index = self.add(both, &at.path);
            said.node.all_of.push(index);
        }
        true
    }

    /// What other schemas say of the same value.
    fn part_keyword(&mut self, key: &str, value: Value<'d>, at: &Place, said: &mut Said) -> bool {
        match key {
            "allOf" | "anyOf" | "oneOf" => {
                let is_list = value.kind() == Kind::Array && value.items().next().is_some();
                if !is_list {
                    self.leave_out(said, at, value);
                    return true;
                }
                let items = value.items().enumerate();
                let parts: Vec<_> = items
                    .map(|(position, part)| self.place(part, at.item(position)))
                    .collect();
                match key {
                    "allOf" => said.node.all_of.extend(parts),
                    "anyOf" => said.node.any_of = parts,
                    _ => said.node.one_of = parts,
                }
            }
            "not" => said.node.none_of = Some(self.place(value, at.clone())),
            _ => return false,
        }
        true
    }

    fn conditions(&mut self, schema: Value<'d>, place: &Place, said: &mut Said) {
        let Some(condition) = schema.get("if") else {
            return;
        };
        let part = |compiler: &mut Self, key: &str| {
            let part = schema.get(key)?;
            Some(compiler.place(part, place.at(key)))
        };
        let (then, otherwise) = (part(self, "then"), part(self, "else"));
        if then.is_some() || otherwise.is_some() {
            said.node.condition = Some(self.place(condition, place.at("if")));
            said.node.then = then;
            said.node.otherwise = otherwise;
        }
    }

    /// What says nothing of values, and what cannot be enforced.
    fn other_keyword(&mut self, key: &str, value: Value<'d>, at: &Place, said: &mut Said) {
        let is_open = value.as_bool() == Some(true);
        let is_left_out = match key {
            "format" | "$dynamicRef" | "$recursiveRef" => true,
            "unevaluatedProperties" | "unevaluatedItems" => !is_open,
            "dependencies" => self.dialect.is_since_2019(),
            "prefixItems" => self.dialect.has_item_arrays(),
            "dependentRequired" | "dependentSchemas" | "minContains" | "maxContains" => {
                !self.dialect.is_since_2019()
            }
            // Annotations, and what no draft knows.
            _ => false,
        };
        if is_left_out {
            self.leave_out(said, at, value);
        }
    }

    /// A reference to another place of the document.
    fn reference(&mut self, reference: Value<'d>, at: &Place, said: &mut Said) {
        let text = reference.as_str().unwrap_or_default();
        let pointer = text.strip_prefix('#').filter(|_| !at.is_embedded);
        let found = pointer.and_then(|pointer| self.follow(pointer));
        match found {
            Some((target, place)) => {
                let node = self.place(target, place);
                said.node.all_of.push(node);
            }
            None => self.leave_out(said, at, reference),
        }
    }

    /// Where a JSON pointer in a URI's fragment (RFC 6901 section 6) leads.
    fn follow(&self, pointer: &str) -> Option<(Value<'d>, Place)> {
        let pointer = percent_encoding::percent_decode_str(pointer)
            .decode_utf8()
            .ok()?;
        let (mut value, mut place) = (self.root, Place::root());
        if pointer.is_empty() {
            return Some((value, place));
        }
        for token in pointer.strip_prefix('/')?.split('/') {
            let token = token.replace("~1", "/").replace("~0", "~");
            if value.kind() == Kind::Array {
                let position = token.parse().ok()?;
                value = value.items().nth(position)?;
                place = place.item(position);
            } else {
                value = value.get(&token)?;
                place = place.at(&token);
            }
            place.is_embedded |= value.get("$id").is_some();
        }
        let is_schema = matches!(value.kind(), Kind::Object | Kind::Bool);
        is_schema.then_some((value, place))
    }
}

impl Node {
    /// Says a bound, where there is one.
    pub(super) fn bound(&mut self, kind: Bound, value: Option<String>) -> bool {
        let is_there = value.is_some();
        self.bounds.extend(value.map(|value| (kind, value)));
        is_there
    }
}

/// Puts a value where there is one.
fn set<T>(field: &mut T, value: Option<T>) -> bool {
    let is_there = value.is_some();
    if let Some(value) = value {
        *field = value;
    }
    is_there
}

fn types(value: Value<'_>) -> Option<Vec<i32>> {
    let one = |name: Value<'_>| {
        let known = [
            ("null", policy::SchemaType::Null),
            ("boolean", policy::SchemaType::Boolean),
            ("integer", policy::SchemaType::Integer),
            ("number", policy::SchemaType::Number),
            ("string", policy::SchemaType::String),
            ("array", policy::SchemaType::Array),
            ("object", policy::SchemaType::Object),
        ];
        let found = known.into_iter().find(|(known, _)| name.is(known));
        found.map(|(_, kind)| i32::from(kind))
    };
    match value.kind() {
        Kind::Array if value.items().next().is_some() => value.items().map(one).collect(),
        Kind::String => one(value).map(|kind| vec![kind]),
        Kind::Null | Kind::Bool | Kind::Number | Kind::Object | Kind::Array => None,
    }
}

/// The lexeme of a number that others can be compared with.
fn number(value: Value<'_>) -> Option<String> {
    match Scalar::parse(value.as_number()?) {
        Ok(Scalar::Number(lexeme)) => Some(lexeme.into()),
        Ok(Scalar::Null | Scalar::Bool(_) | Scalar::String(_)) | Err(_) => None,
    }
}

/// Whether the engine divides by it.
fn is_divisor(lexeme: &str) -> bool {
    let mantissa = lexeme.split(['e', 'E']).next().unwrap_or_default();
    let digits = mantissa.trim_matches(['0', '.']);
    let count = digits.bytes().filter(u8::is_ascii_digit).count();
    !lexeme.starts_with('-') && (1..=18).contains(&count)
}

/// How many there may be, if that is a whole number.
pub(super) fn count(value: Value<'_>) -> Option<String> {
    let lexeme = value.as_number()?;
    let count = whole(lexeme)?;
    Some(u32::try_from(count).unwrap_or(u32::MAX).to_string())
}

fn whole(lexeme: &str) -> Option<u64> {
    if let Ok(count) = lexeme.parse() {
        return Some(count);
    }
    let (whole, fraction) = lexeme.split_once('.')?;
    fraction
        .bytes()
        .all(|digit| digit == b'0')
        .then(|| whole.parse().ok())?
}
