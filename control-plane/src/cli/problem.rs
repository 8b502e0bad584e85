//! What is wrong with a file, said so that a person finds it and knows what to write.

use std::fmt;

use super::{locate::Position, visible::visible};
pub(crate) use crate::nearest::nearest;

/// One thing that is wrong in one place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) file: String,
    /// Absent: it is about the file as such.
    pub(crate) at: Option<Position>,
    pub(crate) field: String,
    /// `found X, expected Y`.
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            at,
            field,
            message,
            hint,
        } = self;
        write!(f, "{}:", visible(file))?;
        if let Some(at) = at {
            write!(f, "{at}: {}:", visible(field))?;
        }
        write!(f, " {}", visible(message))?;
        if let Some(hint) = hint {
            write!(f, " ({})", visible(hint))?;
        }
        Ok(())
    }
}

impl Problem {
    /// Something is wrong with a file as such.
    pub(crate) fn with_file(file: &str, message: String) -> Self {
        Self {
            file: file.to_owned(),
            at: None,
            field: String::new(),
            message,
            hint: None,
        }
    }
}

/// "did you mean …?", where something comes near.
pub(crate) fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    nearest(word, known).map(|candidate| format!("did you mean `{candidate}`?"))
}

/// "`a`, `b` or `c`".
pub(crate) fn alternatives(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}
