//! Names a value inside a document: `spec.endpoints[0].path`.

use std::fmt;

/// The way from a document's root to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(Vec<Step>);

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Field(String),
    Index(usize),
}

/// A text is not a path.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a field path")]
pub(crate) struct InvalidPath(String);

impl Path {
    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    pub(crate) fn field(&self, key: &str) -> Self {
        self.joined(Step::Field(key.to_owned()))
    }

    pub(crate) fn index(&self, index: usize) -> Self {
        self.joined(Step::Index(index))
    }

    fn joined(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// Reads `a.b[0].c`, as google.rpc.BadRequest writes its fields.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidPath> {
        let invalid = || InvalidPath(text.to_owned());
        let mut steps = Vec::new();
        for part in text.split('.').filter(|part| !part.is_empty()) {
            let mut pieces = part.split('[');
            let name = pieces.next().unwrap_or_default();
            if !name.is_empty() {
                steps.push(Step::Field(name.to_owned()));
            }
            for piece in pieces {
                let inside = piece.strip_suffix(']').ok_or_else(invalid)?;
                steps.push(match inside.parse() {
                    Ok(index) => Step::Index(index),
                    Err(_) => Step::Field(inside.trim_matches('"').to_owned()),
                });
            }
        }
        Ok(Self(steps))
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Field(key) if !is_plain(key) => {
                    write!(f, "[{}]", serde_json::Value::from(key.as_str()))?;
                }
                Step::Field(key) if number == 0 => f.write_str(key)?,
                Step::Field(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

fn is_plain(key: &str) -> bool {
    !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_survives_reading_and_writing() {
        for text in [
            "spec",
            "spec.endpoints[0].path",
            "resources[12]",
            "spec.jwks.keys[1].kty",
        ] {
            assert_eq!(Path::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Path::default().field("a.b").field("c").to_string(),
            "[\"a.b\"].c"
        );
        assert!(Path::parse("a[0").is_err());
    }
}
