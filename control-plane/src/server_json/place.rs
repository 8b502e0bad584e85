//! A value of a document, which knows where it stands.

use serde_json::Value;

use super::{ServerJson, ServerJsonError, spelling};

/// A value and its JSON Pointer.
#[derive(Clone, Debug)]
pub(super) struct Place<'v> {
    pub(super) pointer: String,
    pub(super) value: &'v Value,
}

impl<'v> Place<'v> {
    /// The whole document.
    pub(super) fn root(value: &'v Value) -> Self {
        Self {
            pointer: String::new(),
            value,
        }
    }

    /// What a key stands for, however it is spelled. `null` is nothing.
    pub(super) fn get(&self, key: &str) -> Option<Self> {
        let (key, value) = spelling::get(self.value.as_object()?, key)?;
        (!value.is_null()).then(|| Self {
            pointer: format!("{}/{key}", self.pointer),
            value,
        })
    }

    /// That it is not what belongs there.
    pub(super) fn wrong(&self, expected: &'static str) -> ServerJsonError {
        let found = match self.value {
            Value::Null => "`null`".to_owned(),
            Value::Bool(_) => "a boolean".to_owned(),
            Value::Number(_) => "a number".to_owned(),
            Value::String(text) => format!("`{}`", short(text)),
            Value::Array(_) => "an array".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        self.found(found, expected)
    }

    /// That something that belongs there is something else.
    pub(super) fn found(&self, found: String, expected: &'static str) -> ServerJsonError {
        ServerJsonError {
            pointer: self.pointer.clone(),
            found,
            expected,
        }
    }

    /// That a key is missing.
    fn without(&self, key: &str, expected: &'static str) -> ServerJsonError {
        ServerJsonError {
            pointer: format!("{}/{key}", self.pointer),
            found: "nothing".to_owned(),
            expected,
        }
    }

    pub(super) fn object(&self, expected: &'static str) -> Result<&'v ServerJson, ServerJsonError> {
        self.value.as_object().ok_or_else(|| self.wrong(expected))
    }

    fn text(&self, expected: &'static str) -> Result<&'v str, ServerJsonError> {
        let text = self.value.as_str();
        text.filter(|text| !text.trim().is_empty())
            .ok_or_else(|| self.wrong(expected))
    }

    /// The text that a key stands for.
    pub(super) fn required(
        &self,
        key: &str,
        expected: &'static str,
    ) -> Result<(Self, &'v str), ServerJsonError> {
        let place = self.get(key).ok_or_else(|| self.without(key, expected))?;
        let text = place.text(expected)?;
        Ok((place, text))
    }

    /// The text that a key stands for, where it is there.
    pub(super) fn optional(
        &self,
        key: &str,
        expected: &'static str,
    ) -> Result<&'v str, ServerJsonError> {
        let Some(place) = self.get(key) else {
            return Ok("");
        };
        let text = place.value.as_str();
        text.ok_or_else(|| place.wrong(expected))
    }

    /// The items of the list that a key stands for; none where it is not there.
    pub(super) fn items(
        &self,
        key: &str,
        expected: &'static str,
    ) -> Result<Vec<Self>, ServerJsonError> {
        let Some(list) = self.get(key) else {
            return Ok(Vec::new());
        };
        let items = list.value.as_array().ok_or_else(|| list.wrong(expected))?;
        let place = |(at, value)| Self {
            pointer: format!("{}/{at}", list.pointer),
            value,
        };
        Ok(items.iter().enumerate().map(place).collect())
    }
}

/// As much of a text as a message has room for.
fn short(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
