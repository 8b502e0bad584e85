//! The tokens that a record is found by. Those of fields begin with a sign that no word has.

use sha2::{Digest as _, Sha256};

use crate::ledger::card::{Code, Text};

/// The field's number under which places are terms.
pub(super) const PLACE: u8 = 200;

/// Hexadecimal digits of a decision id; of one that has more, the first.
const DECISION_DIGITS: usize = 32;

/// Every record has this.
pub(super) fn any() -> String {
    "§a".to_owned()
}

/// Rules in shadow would have decided otherwise.
pub(super) fn shadowed() -> String {
    "§x".to_owned()
}

/// A value of a field with a few words.
pub(super) fn code(field: Code, code: u8) -> String {
    let letter = match field {
        Code::Kind => 'k',
        Code::Verdict => 'v',
        Code::Status => 't',
    };
    format!("§{letter}{code:x}")
}

/// What all values of a field begin with.
pub(super) fn prefix(field: Text) -> String {
    let letter = match field {
        Text::User => 'u',
        Text::Agent => 'g',
        Text::Workspace => 'w',
        Text::Organization => 'o',
        Text::Session => 's',
        Text::Server => 'e',
        Text::Capability => 'c',
        Text::Method => 'm',
        Text::Reason => 'r',
        Text::Rule => 'l',
        Text::Finding => 'f',
    };
    format!("§{letter}")
}

/// A value of a field that is among the terms.
pub(super) fn term(field: Text, id: i64) -> String {
    format!("{}{id:x}", prefix(field))
}

/// Where a record may be read.
pub(super) fn place(id: i64) -> String {
    format!("§p{id:x}")
}

/// A session. There are many and each is short-lived, so they are no terms.
pub(super) fn session(id: &str) -> String {
    let digest = Sha256::digest(id.as_bytes());
    let short = digest
        .iter()
        .take(8)
        .fold(0_u64, |short, byte| (short << 8) | u64::from(*byte));
    format!("{}{short:016x}", prefix(Text::Session))
}

/// A decision, by hexadecimal digits in lower case or the first of them, and whether these are all.
pub(super) fn decision(digits: &str) -> (String, bool) {
    let short: String = digits.chars().take(DECISION_DIGITS).collect();
    let is_whole = short.len() == DECISION_DIGITS;
    (format!("§d{short}"), is_whole)
}
