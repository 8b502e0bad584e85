//! Fields of definitions that may be any text of a pattern.

use super::{DefinitionPlace, Pin, Pinned, Unpinnable};
use crate::{
    condition::{Pattern, PatternError},
    json::{Pointer, PointerError, Value},
    schema::LazyPattern,
    truth::Truth,
};

/// Most fields of one server that may vary.
pub const MAX_VARIABLE_FIELDS: usize = 64;

/// A string in definitions that may be any text of a pattern, such as the version in `serverInfo`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VariableField {
    place: DefinitionPlace,
    name: Box<str>,
    pointer: Pointer,
    pattern: LazyPattern,
}

impl VariableField {
    /// The string at a JSON pointer (RFC 6901) in the definitions of something, where all of it
    /// matches a regular expression in the syntax of conditions. One that does not compile matches
    /// nothing.
    ///
    /// # Errors
    /// Text that is no pointer.
    pub fn new(what: Pinned<'_>, pointer: &str, pattern: &str) -> Result<Self, PointerError> {
        let (place, name) = what.key();
        Ok(Self {
            place,
            name: name.into(),
            pointer: Pointer::parse(pointer)?,
            pattern: LazyPattern::new(whole(pattern)),
        })
    }

    /// Compiles a pattern as it stands and as it is matched: of what is one only between the
    /// parentheses that it is put in, nobody could say what all of it is.
    ///
    /// # Errors
    /// Where it does not compile.
    pub fn check(pattern: &str) -> Result<(), PatternError> {
        Pattern::parse(pattern)?;
        Pattern::parse(&whole(pattern)).map(drop)
    }

    /// Whether it is one of the definitions of this.
    pub fn is_of(&self, what: Pinned<'_>) -> bool {
        (self.place, &*self.name) == what.key()
    }

    /// What stands there in a definition, if anything does.
    pub fn find_in<'d>(&self, definition: Value<'d>) -> Option<Value<'d>> {
        self.pointer.find_in(definition)
    }

    /// Whether what stands there is one of the texts that may.
    pub fn allows(&self, value: Value<'_>) -> bool {
        let text = value.as_str();
        text.is_some_and(|text| self.pattern.find_in(&text) == Truth::Holds)
    }

    fn is_same_place(&self, other: &Self) -> bool {
        (self.place, &self.name, &self.pointer) == (other.place, &other.name, &other.pointer)
    }
}

/// A pattern that matches only all of a text.
fn whole(pattern: &str) -> String {
    format!("^(?:{pattern})$")
}

/// All fields of one server that may vary.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Variables(Box<[VariableField]>);

/// Why fields are not those of one server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum VariablesError {
    /// More than the limit.
    #[error("{found} fields")]
    TooMany {
        /// How many there are.
        found: usize,
    },
    /// One field twice: whoever wrote that meant something else.
    #[error("field {position} is one that is there already")]
    Duplicate {
        /// The later of the two, from 0.
        position: usize,
    },
}

impl Variables {
    /// Puts fields together.
    ///
    /// # Errors
    /// More than [`MAX_VARIABLE_FIELDS`], or one twice.
    pub fn new(fields: Vec<VariableField>) -> Result<Self, VariablesError> {
        if fields.len() > MAX_VARIABLE_FIELDS {
            return Err(VariablesError::TooMany {
                found: fields.len(),
            });
        }
        let is_repeated = |(position, field): &(usize, &VariableField)| {
            let mut before = fields.iter().take(*position);
            before.any(|other| other.is_same_place(field))
        };
        match fields.iter().enumerate().find(is_repeated) {
            Some((position, _)) => Err(VariablesError::Duplicate { position }),
            None => Ok(Self(fields.into())),
        }
    }

    /// All of them, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &VariableField> {
        self.0.iter()
    }

    /// Pins a definition without what may vary of it.
    ///
    /// # Errors
    /// A number in it that a double does not hold.
    pub fn pin(&self, what: Pinned<'_>, definition: Value<'_>) -> Result<Pin, Unpinnable> {
        let fields = self.iter().filter(|field| field.is_of(what));
        let allowed = fields.filter_map(|field| {
            let found = field.find_in(definition)?;
            field.allows(found).then_some(found)
        });
        Pin::without(&allowed.collect::<Vec<_>>(), definition)
    }
}

#[cfg(test)]
mod tests;
