use proptest::{collection, prelude::*};
use serde_json::{Value, json};

use super::{super::value, told};

/// A value that may be part of a definition.
fn values() -> impl Strategy<Value = Value> {
    let text = prop::sample::select(vec!["a", "b\u{200b}", "string", "object", "p", ""]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3..3).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let key = prop::sample::select(vec![
            "type",
            "enum",
            "const",
            "default",
            "properties",
            "required",
            "items",
            "minimum",
            "pattern",
            "additionalProperties",
            "anyOf",
            "$defs",
            "title",
            "description",
            "p",
            "x\u{430}",
            "prefixItems",
            "uniqueItems",
            "name",
        ]);
        prop_oneof![
            collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            collection::btree_map(key, inner, 0..5).prop_map(|members| {
                members
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

fn definitions() -> impl Strategy<Value = Value> {
    let fields = [
        "inputSchema",
        "outputSchema",
        "annotations",
        "arguments",
        "other",
    ];
    collection::vec(values(), fields.len()).prop_map(move |values| {
        let fields = fields.into_iter().map(str::to_owned).zip(values);
        fields.chain([("name".to_owned(), json!("t"))]).collect()
    })
}

/// The same value, each object's keys the other way around.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members = members.iter().rev();
            members
                .map(|(key, value)| (key.clone(), reversed(value)))
                .collect()
        }
        Value::Array(items) => items.iter().map(reversed).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

proptest! {
    #[test]
    fn equal_values_are_the_same_in_any_order_of_keys(definition in definitions()) {
        let other = reversed(&definition);
        prop_assert_eq!(told(&definition, &definition), ["same tool t"]);
        prop_assert_eq!(told(&definition, &other), ["same tool t"]);
    }

    #[test]
    fn whatever_differs_is_told(old in definitions(), new in definitions()) {
        let is_same = value::same(&old, &new);
        prop_assert_eq!(told(&old, &new).len() == 1, is_same);
    }

    #[test]
    fn one_difference_is_told(field in values(), other in values()) {
        let tool = |schema: &Value| json!({"name": "t", "inputSchema": {"properties": {"p": schema}}});
        let (old, new) = (tool(&field), tool(&other));
        prop_assert_eq!(told(&old, &new).len() == 1, value::same(&field, &other));
    }
}
