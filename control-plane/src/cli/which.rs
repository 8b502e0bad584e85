//! Which resources a command is about.

use std::ffi::OsStr;

use clap::{
    Arg, Command, ValueEnum as _,
    builder::{EnumValueParser, PossibleValue, TypedValueParser},
};

use super::{
    exit::Failure,
    name::{Kind, Name, Scope},
};

/// A kind, or a resource with its kind before it, as commands print it: `rules`, `rule/dev`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Which {
    pub(crate) kind: Kind,
    name: Option<String>,
}

impl Which {
    /// The one resource that is meant, by the name here or by the argument after it, if one is.
    pub(crate) fn one(&self, after: Option<&str>, scope: &Scope) -> Result<Option<Name>, Failure> {
        let name = match (&self.name, after) {
            (Some(name), Some(after)) => {
                let found = format!("{}/{name}", self.kind.singular());
                let message = format!("found `{after}` after `{found}`, expected one name");
                return Err(Failure::Usage(message));
            }
            (name, after) => name.as_deref().or(after),
        };
        name.map(|name| scope.read(self.kind, name)).transpose()
    }
}

/// Reads [`Which`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct WhichParser;

impl TypedValueParser for WhichParser {
    type Value = Which;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Which, clap::Error> {
        let parts = value.to_str().and_then(|text| text.split_once('/'));
        let (kind, name) = match parts {
            Some((kind, name)) => (OsStr::new(kind), Some(name.to_owned())),
            None => (value, None),
        };
        let kind = EnumValueParser::<Kind>::new().parse_ref(command, arg, kind)?;
        Ok(Which { kind, name })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let kinds = Kind::ALL.into_iter();
        Some(Box::new(kinds.filter_map(|kind| kind.to_possible_value())))
    }
}
