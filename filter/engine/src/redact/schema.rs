//! What a tool promises of its structured content, as far as redaction could break it.
//!
//! A client that knows the `outputSchema` throws away a whole result of which one field does not
//! fit. The control plane compiles such a schema to what stands in here: for each field that is
//! restricted, how long its text may be, or a value that fits in any case.

use crate::json::{Document, Edits, Kind, Value};

/// What the structured content of a tool must fit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ToolSchema {
    /// The tool's name.
    pub tool: Box<str>,
    /// The fields that are restricted.
    pub fields: Vec<FieldLimit>,
    /// The objects, by the paths to them, that may have no other keys than they had.
    pub closed: Vec<Vec<Box<str>>>,
}

/// What may stand in a field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FieldLimit {
    /// The keys that lead to it from the outermost value; `*` is every item of an array, and every
    /// member of an object that is not named.
    pub path: Vec<Box<str>>,
    /// Which texts.
    pub texts: Texts,
    /// JSON that fits, whatever stood there. `None`: nothing that is known.
    pub stand_in: Option<Box<str>>,
}

/// Which texts may stand in a field.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Texts {
    /// Those of so many characters.
    OfLength {
        /// At least.
        min_chars: u32,
        /// At most.
        max_chars: u32,
    },
    /// None but those that stood there, or the stand-in: a format, a pattern, an enumeration, or a
    /// number within bounds.
    Untouched,
}

/// A field that nothing fits which could take its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unfit;

impl ToolSchema {
    /// Makes what `edits`, all of them inside `structured`, write into its fields fit.
    ///
    /// # Errors
    /// Where nothing fits.
    pub(super) fn fit(&self, structured: Value<'_>, edits: &mut Edits) -> Result<(), Unfit> {
        if edits.is_empty() {
            return Ok(());
        }
        edits.sort();
        let closed = self.closed.iter();
        let mut closed = closed.flat_map(|path| reached(structured, path));
        if closed.any(|object| has_edited_key(object, edits)) {
            return Err(Unfit);
        }
        // Before what they replace in turn.
        let mut fitting = Edits::default();
        for field in &self.fields {
            for value in reached(structured, &field.path) {
                let Some(edited) = edits.applied_within(value) else {
                    continue;
                };
                if !field.texts.admit(&edited) {
                    let stand_in = field.stand_in.clone().ok_or(Unfit)?;
                    fitting.replace(value.span(), stand_in.into());
                }
            }
        }
        fitting.extend(std::mem::take(edits));
        *edits = fitting;
        edits.sort();
        Ok(())
    }
}

fn has_edited_key(object: Value<'_>, edits: &Edits) -> bool {
    let mut keys = object.members().map(|(key, _)| key);
    keys.any(|key| edits.applied_within(key).is_some())
}

impl Texts {
    fn admit(self, json: &str) -> bool {
        let Self::OfLength {
            min_chars,
            max_chars,
        } = self
        else {
            return false;
        };
        let limits = &crate::limits::Limits::DEFAULT;
        let document = Document::parse(json.as_bytes(), json.len(), limits).ok();
        let text = document.as_ref().and_then(|text| text.root().as_str());
        // JSON Schema counts characters (validation, section 6.3).
        let count = text.map(|text| u32::try_from(text.chars().count()).unwrap_or(u32::MAX));
        count.is_some_and(|count| (min_chars..=max_chars).contains(&count))
    }
}

/// The values that a path leads to.
fn reached<'d>(from: Value<'d>, path: &[Box<str>]) -> Vec<Value<'d>> {
    let mut reached = vec![from];
    for key in path {
        let step = |value: Value<'d>| -> Vec<Value<'d>> {
            match (value.kind(), &**key) {
                (Kind::Array | Kind::Object, "*") => {
                    value.children().map(|child| child.value).collect()
                }
                _ => value.get(key).into_iter().collect(),
            }
        };
        reached = reached.into_iter().flat_map(step).collect();
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;

    fn fit(schema: &ToolSchema, json: &str, edits: &[(&str, &str)]) -> Result<String, Unfit> {
        let document = Document::parse(json.as_bytes(), json.len(), &Limits::DEFAULT).unwrap();
        let mut all = Edits::default();
        for (text, with) in edits {
            let start = json.find(text).unwrap();
            all.replace(start..start + text.len(), (*with).to_owned());
        }
        schema.fit(document.root(), &mut all)?;
        Ok(all.apply(json).unwrap())
    }

    fn schema(path: &str, texts: Texts, stand_in: Option<&str>) -> ToolSchema {
        ToolSchema {
            tool: "t".into(),
            fields: vec![FieldLimit {
                path: path.split('.').map(Box::from).collect(),
                texts,
                stand_in: stand_in.map(Box::from),
            }],
            closed: Vec::new(),
        }
    }

    #[test]
    fn a_number_within_bounds_makes_way_for_one_that_is() {
        let schema = schema("card", Texts::Untouched, Some("1000"));
        let json = r#"{"card":4111111111111111,"n":7}"#;
        let fitted = fit(&schema, json, &[("4111111111111111", "0")]);
        assert_eq!(fitted, Ok(r#"{"card":1000,"n":7}"#.to_owned()));
    }

    #[test]
    fn characters_are_counted_as_the_client_reads_them() {
        let texts = Texts::OfLength {
            min_chars: 0,
            max_chars: 4,
        };
        let schema = schema("a", texts, Some("\"\""));
        let fitted = |with| fit(&schema, r#"{"a":"x"}"#, &[("x", with)]).unwrap();
        assert_eq!(
            fitted(r#"\u00e9\ud83d\ude00\n\""#),
            r#"{"a":"\u00e9\ud83d\ude00\n\""}"#
        );
        assert_eq!(fitted("12345"), r#"{"a":""}"#);
    }

    #[test]
    fn the_keys_of_a_closed_object_must_stay() {
        let closed = ToolSchema {
            closed: vec![vec!["*".into()]],
            ..schema("-", Texts::Untouched, None)
        };
        let json = r#"{"a":{"a@b.io":{"c@d.io":1}},"e@f.io":1}"#;
        for (key, fits) in [("a@b.io", false), ("c@d.io", true), ("e@f.io", true)] {
            assert_eq!(fit(&closed, json, &[(key, "k")]).is_ok(), fits, "{key}");
        }
    }

    #[test]
    fn a_star_is_every_item_and_every_member() {
        let schema = schema("*.*", Texts::Untouched, Some("0"));
        let json = r#"{"a":["p",{"b":"q"}],"c":{"d":"r"},"e":"s"}"#;
        let edits = [("p", "*"), ("q", "*"), ("r", "*"), ("s", "*")];
        let fitted = fit(&schema, json, &edits).unwrap();
        assert_eq!(fitted, r#"{"a":[0,0],"c":{"d":0},"e":"*"}"#);
    }
}
