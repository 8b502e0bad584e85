//! What is said of the members of objects and of the items of arrays.

use chancery_engine::json::{Kind, Value};
use chancery_proto::policy::v1::{self as policy, SchemaBoundKind as Bound};

use super::{Compiler, Place, Said, keywords::count, pattern};

impl Said {
    /// What is said of the member of this name.
    fn member(&mut self, name: &str) -> &mut policy::SchemaMember {
        let new = || policy::SchemaMember {
            name: name.to_owned(),
            ..policy::SchemaMember::default()
        };
        self.members.entry(name.to_owned()).or_insert_with(new)
    }
}

/// The strings of an array, if it is one of those alone.
fn strings(value: Value<'_>) -> Option<Vec<String>> {
    let is_array = value.kind() == Kind::Array;
    let items = value.items().map(|item| item.as_str().map(Into::into));
    items.collect::<Option<Vec<String>>>().filter(|_| is_array)
}

impl<'d> Compiler<'d> {
    pub(super) fn objects(&mut self, schema: Value<'d>, place: &Place, said: &mut Said) {
        let are_listed = self.properties(schema, place, said);
        self.required(schema, place, said);
        if self.dialect.is_since_2019() {
            for key in ["dependentRequired", "dependentSchemas"] {
                self.dependent(key, schema, place, said);
            }
        } else {
            self.dependent("dependencies", schema, place, said);
        }
        said.node.members = std::mem::take(&mut said.members).into_values().collect();
        let are_known = self.pattern_properties(schema, place, said) && are_listed;
        if let Some(others) = schema.get("additionalProperties") {
            let at = place.at("additionalProperties");
            if are_known {
                said.node.other_members = Some(self.place(others, at));
            } else {
                self.leave_out(said, &at, others);
            }
        }
        if let Some(names) = schema.get("propertyNames") {
            said.node.member_names = Some(self.place(names, place.at("propertyNames")));
        }
    }

    /// Whether it is known which members are named.
    fn properties(&mut self, schema: Value<'d>, place: &Place, said: &mut Said) -> bool {
        let Some(properties) = schema.get("properties") else {
            return true;
        };
        let at = place.at("properties");
        if properties.kind() != Kind::Object {
            self.leave_out(said, &at, properties);
            return false;
        }
        for (name, property) in properties.members() {
            let name = name.as_str().unwrap_or_default();
            let node = self.place(property, at.at(&name));
            said.member(&name).node = Some(node);
        }
        true
    }

    fn required(&mut self, schema: Value<'d>, place: &Place, said: &mut Said) {
        let Some(required) = schema.get("required") else {
            return;
        };
        match strings(required) {
            Some(names) => {
                for name in names {
                    said.member(&name).required = true;
                }
            }
            None => self.leave_out(said, &place.at("required"), required),
        }
    }

    /// What is asked where a member is there: other members, or a schema.
    fn dependent(&mut self, key: &str, schema: Value<'d>, place: &Place, said: &mut Said) {
        let Some(dependent) = schema.get(key) else {
            return;
        };
        let at = place.at(key);
        if dependent.kind() != Kind::Object {
            return self.leave_out(said, &at, dependent);
        }
        for (name, asked) in dependent.members() {
            let name = name.as_str().unwrap_or_default();
            let at = at.at(&name);
            let names = strings(asked).filter(|_| key != "dependentSchemas");
            match (names, asked.kind()) {
                (Some(names), _) => said.member(&name).needs.extend(names),
                (None, Kind::Object | Kind::Bool) if key != "dependentRequired" => {
                    let node = self.place(asked, at);
                    said.member(&name).dependent = Some(node);
                }
                (None, _) => self.leave_out(said, &at, asked),
            }
        }
    }

    /// Whether it is known which members the patterns are about.
    fn pattern_properties(&mut self, schema: Value<'d>, place: &Place, said: &mut Said) -> bool {
        let Some(patterns) = schema.get("patternProperties") else {
            return true;
        };
        let at = place.at("patternProperties");
        if patterns.kind() != Kind::Object {
            self.leave_out(said, &at, patterns);
            return false;
        }
        let mut are_known = true;
        for (written, property) in patterns.members() {
            let written = written.as_str().unwrap_or_default();
            let at = at.at(&written);
            if let Some(pattern) = pattern::compile(&written) {
                let node = self.place(property, at);
                let pattern = policy::SchemaPattern { pattern, node };
                said.node.member_patterns.push(pattern);
            } else {
                are_known = false;
                self.leave_out(said, &at, property);
            }
        }
        are_known
    }

    pub(super) fn arrays(&mut self, schema: Value<'d>, place: &Place, said: &mut Said) {
        if let Some(contains) = schema.get("contains") {
            let node = self.place(contains, place.at("contains"));
            self.contains(schema, node, place, said);
        }
        let has_arrays = self.dialect.has_item_arrays();
        let first = if has_arrays { "items" } else { "prefixItems" };
        let listed = schema.get(first).filter(|it| it.kind() == Kind::Array);
        if let Some(listed) = listed {
            let at = place.at(first);
            let items = listed.items().enumerate();
            said.node.prefix_items = items
                .map(|(position, item)| self.place(item, at.item(position)))
                .collect();
        } else if let Some(wrong) = schema.get("prefixItems").filter(|_| !has_arrays) {
            // Which items `items` is about is not known either.
            return self.leave_out(said, &place.at("prefixItems"), wrong);
        }
        let rest = if has_arrays && listed.is_some() {
            "additionalItems"
        } else {
            "items"
        };
        if let Some(items) = schema.get(rest) {
            said.node.items = Some(self.place(items, place.at(rest)));
        }
    }

    fn contains(&mut self, schema: Value<'d>, node: u32, place: &Place, said: &mut Said) {
        let counted = |key| schema.get(key).filter(|_| self.dialect.is_since_2019());
        let (min, max) = (counted("minContains"), counted("maxContains"));
        said.node.contains = Some(node);
        let one = || Some("1".to_owned());
        let least = min.map_or_else(one, count);
        let most = max.and_then(count);
        for (key, bound, is_known) in [
            ("minContains", min, least.is_some()),
            ("maxContains", max, most.is_some()),
        ] {
            if let Some(bound) = bound.filter(|_| !is_known) {
                self.leave_out(said, &place.at(key), bound);
            }
        }
        said.node.bound(Bound::MinContains, least);
        said.node.bound(Bound::MaxContains, most);
    }
}
