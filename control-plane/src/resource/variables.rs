//! Fields of a server's definitions that may vary, as filters get them: only such as are there, and
//! are there what they may be.

use chancery_engine::{
    canonical::{MAX_VARIABLE_FIELDS, Pinned, VariableField, Variables},
    json::Value,
    wire::Invalid,
};
use chancery_proto::{admin::v1 as admin, policy::v1 as policy};

use super::invalid;

/// Most bytes of a value that an error shows.
const MAX_SHOWN_BYTES: usize = 80;

/// The fields that a server's document names.
///
/// # Errors
/// One that cannot be read.
pub(super) fn of(server: &admin::Server) -> Result<Variables, Invalid> {
    let mut fields = Vec::with_capacity(server.variable_fields.len());
    for (position, message) in server.variable_fields.iter().enumerate() {
        let place = |part: &str| format!("variable_fields[{position}].{part}");
        VariableField::check(&message.pattern).map_err(|error| {
            let found = format!("`{}`, which {error}", message.pattern);
            invalid(place("pattern"), found, "a regular expression")
        })?;
        let field = VariableField::try_from(message.clone());
        fields.push(field.map_err(|error| Invalid {
            field: place(&error.field),
            ..error
        })?);
    }
    Variables::new(fields).map_err(|error| {
        let expected = format!("at most {MAX_VARIABLE_FIELDS}, each once");
        invalid("variable_fields", error.to_string(), expected)
    })
}

/// Fields that may vary, while the definitions that they are of are looked at.
pub(super) struct Checked<'s> {
    messages: &'s [policy::VariableField],
    pub(super) variables: Variables,
    /// The positions of those that some definition has.
    found: Vec<usize>,
}

impl<'s> Checked<'s> {
    /// Fields that no definition was looked at for.
    ///
    /// # Errors
    /// One that cannot be read.
    pub(super) fn new(server: &'s admin::Server) -> Result<Self, Invalid> {
        Ok(Self {
            messages: &server.variable_fields,
            variables: of(server)?,
            found: Vec::new(),
        })
    }

    /// Looks at a definition, which stands at `place`.
    ///
    /// # Errors
    /// One that is not what it may be: whoever wrote that meant something else.
    pub(super) fn look_at(
        &mut self,
        (what, definition): (Pinned<'_>, Value<'_>),
        place: &str,
    ) -> Result<(), Invalid> {
        let fields = self.variables.iter().zip(self.messages).enumerate();
        for (position, (field, message)) in fields {
            let of_this = field.is_of(what).then_some(definition);
            let Some(value) = of_this.and_then(|definition| field.find_in(definition)) else {
                continue;
            };
            if !field.allows(value) {
                let cut = value.raw().floor_char_boundary(MAX_SHOWN_BYTES);
                let shown = value.raw().get(..cut).unwrap_or_default();
                let found = format!("`{}`, where `{place}` has `{shown}`", message.pattern);
                let expected = "a pattern of all of what approved definitions have there";
                let field = format!("variable_fields[{position}].pattern");
                return Err(invalid(field, found, expected));
            }
            self.found.push(position);
        }
        Ok(())
    }

    /// Checks, once all definitions were looked at, that each field is one of some.
    ///
    /// # Errors
    /// One that is nowhere.
    pub(super) fn finish(self) -> Result<Vec<policy::VariableField>, Invalid> {
        let mut fields = self.messages.iter().enumerate();
        match fields.find(|(position, _)| !self.found.contains(position)) {
            None => Ok(self.messages.to_vec()),
            Some((position, message)) => Err(invalid(
                format!("variable_fields[{position}].pointer"),
                format!(
                    "`{}`, where no approved definition has anything",
                    message.pointer
                ),
                "the JSON pointer of a string in an approved definition of that kind and name",
            )),
        }
    }
}

#[cfg(test)]
mod tests;
