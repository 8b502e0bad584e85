//! What an entry is as an event, beside what all entries have.

use serde_json::{Map, Value as Json, json};

/// What was done, as OCSF counts it.
#[derive(Clone, Copy)]
pub(super) enum Activity {
    Create = 1,
    Read = 2,
    Update = 3,
    Delete = 4,
    Other = 99,
}

/// How grave it is.
#[derive(Clone, Copy)]
pub(super) enum Severity {
    Informational = 1,
    Low = 2,
    Medium = 3,
    High = 4,
}

/// What an entry is as an event, beside what all entries have.
pub(super) struct Said {
    pub(super) activity: Activity,
    /// What was called, in the API's own words.
    pub(super) operation: String,
    pub(super) severity: Severity,
    pub(super) message: String,
    pub(super) fields: Map<String, Json>,
}

impl Said {
    pub(super) fn new(activity: Activity, operation: &str, message: String) -> Self {
        Self {
            activity,
            operation: operation.to_owned(),
            severity: Severity::Informational,
            message,
            fields: Map::new(),
        }
    }

    pub(super) fn severity(self, severity: Severity) -> Self {
        Self { severity, ..self }
    }

    pub(super) fn with(mut self, field: &str, value: Json) -> Self {
        if !is_empty(&value) {
            self.fields.insert(field.to_owned(), value);
        }
        self
    }

    pub(super) fn succeeded(self, has: Option<bool>, detail: &str) -> Self {
        let status = match has {
            None => json!(0),
            Some(true) => json!(1),
            Some(false) => json!(2),
        };
        self.with("status_id", status)
            .with("status_detail", json!(detail))
    }

    pub(super) fn resources(
        self,
        resources: impl IntoIterator<Item = (&'static str, String)>,
    ) -> Self {
        let named = resources.into_iter().filter(|(_, name)| !name.is_empty());
        let resources: Vec<_> = named
            .map(|(kind, name)| json!({"type": kind, "name": name}))
            .collect();
        self.with("resources", json!(resources))
    }
}

/// Whether there is nothing in a value.
pub(super) fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}

/// Leaves out what is empty of an object.
pub(super) fn drop_empty(value: &mut Json) {
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|_, value| !is_empty(value));
    }
}
