//! What schemas say of a condition, and what several say together.

use std::collections::BTreeSet;

use super::{Misfit, misfit, nothing};
use crate::lint::most_like;

/// What a schema says of a condition.
pub(super) enum Said<'s> {
    Nothing,
    /// It declares the value, or is open for any, and the condition fits.
    Fits,
    /// It declares other values, and not this one.
    Undeclared(Undeclared<'s>),
    /// The condition does not fit what it declares.
    Misfits(Misfit),
}

/// A member that a schema does not declare.
pub(super) struct Undeclared<'s> {
    /// The path to the object.
    pub(super) at: String,
    pub(super) name: &'s str,
    /// The members that it declares.
    pub(super) known: BTreeSet<&'s str>,
    /// What one says that does declare it, where a value need not fit that one.
    pub(super) misfit: Option<Misfit>,
}

impl Said<'_> {
    /// What two schemas say that a value must both fit: one of them is enough to declare it.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Misfits(misfit), _) | (_, Self::Misfits(misfit)) => Self::Misfits(misfit),
            (Self::Fits, _) | (_, Self::Fits) => Self::Fits,
            (Self::Undeclared(one), Self::Undeclared(other)) => Self::Undeclared(one.and(other)),
            (Self::Undeclared(one), Self::Nothing) | (Self::Nothing, Self::Undeclared(one)) => {
                Self::Undeclared(one)
            }
            (Self::Nothing, Self::Nothing) => Self::Nothing,
        }
    }

    /// What two schemas say of which a value must fit one.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fits, _) | (_, Self::Fits) => Self::Fits,
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::Undeclared(one), Self::Undeclared(other)) => Self::Undeclared(one.and(other)),
            (Self::Undeclared(one), Self::Misfits(misfit))
            | (Self::Misfits(misfit), Self::Undeclared(one)) => {
                Self::Undeclared(one.unless(misfit))
            }
            (Self::Misfits(first), Self::Misfits(_)) => Self::Misfits(first),
        }
    }

    /// What two schemas say of which a value need not fit the other: that may declare it.
    pub(super) fn or_declared_by(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing | Self::Undeclared(_), Self::Fits) => Self::Fits,
            (Self::Undeclared(one), Self::Undeclared(other)) => Self::Undeclared(one.and(other)),
            (Self::Undeclared(one), Self::Misfits(misfit)) => Self::Undeclared(one.unless(misfit)),
            (said, _) => said,
        }
    }

    /// What is declared without a word may be anything.
    pub(super) fn declared(self) -> Self {
        match self {
            Self::Nothing => Self::Fits,
            said @ (Self::Fits | Self::Undeclared(_) | Self::Misfits(_)) => said,
        }
    }
}

impl Undeclared<'_> {
    /// What two schemas say together: of one object, or what the one says that goes further.
    pub(super) fn and(mut self, mut other: Self) -> Self {
        let misfit = self.misfit.take().or_else(|| other.misfit.take());
        let mut both = if self.at == other.at {
            self.known.append(&mut other.known);
            self
        } else if self.at.len() > other.at.len() {
            self
        } else {
            other
        };
        both.misfit = misfit;
        both
    }

    /// The same, beside a schema that a condition does not fit. That there is no step to the value
    /// is no more than that it is not declared.
    pub(super) fn unless(mut self, misfit: Misfit) -> Self {
        let says_more = misfit.field != "argument";
        self.misfit = self.misfit.or_else(|| says_more.then_some(misfit));
        self
    }
}

impl From<Undeclared<'_>> for Misfit {
    fn from(undeclared: Undeclared<'_>) -> Self {
        let Undeclared {
            at,
            name,
            known,
            misfit: more,
        } = undeclared;
        more.unwrap_or_else(|| {
            let expected = match most_like(name, known) {
                none if none.is_empty() => nothing(&at),
                known => format!("a property that the schema has under `{at}`: {known}"),
            };
            misfit("argument", format!("`{at}.{name}`"), expected)
        })
    }
}
