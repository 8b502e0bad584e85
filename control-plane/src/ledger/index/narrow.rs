//! From what is asked to a question of the tokens, which finds at least what is asked.

use rusqlite::Connection;

use super::{IndexError, draft::find, token};
use crate::{
    access::{Grants, Role},
    ledger::{
        card::{Nanos, Text},
        expression::{Condition, Expression, Pattern, Start, Test},
        filter::Filter,
    },
};

/// Most terms that one condition may stand for.
const MAX_TERMS: usize = 1_000;

/// What the tokens are asked, and which times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Narrow {
    pub(super) rows: Rows,
    /// Not older than this.
    pub(super) from: Nanos,
    /// Older than this, if at all.
    pub(super) before: Option<Nanos>,
}

/// Which records the tokens find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rows {
    /// All of them.
    All,
    /// None.
    None,
    /// Those of a full-text question.
    Of(String),
}

/// Records that are found, and whether these are just those that are asked for.
struct Match {
    rows: Rows,
    is_exact: bool,
}

impl Narrow {
    /// What a filter asks.
    pub(super) fn new(filter: &Filter, connection: &Connection) -> Result<Self, IndexError> {
        let wanted = of(filter.wanted(), connection)?.rows;
        let readable = match filter.reader() {
            Some(grants) => readable(grants, connection)?,
            None => Rows::All,
        };
        let (from, before) = times(filter.wanted());
        Ok(Self {
            rows: all([wanted, readable]),
            from,
            before,
        })
    }
}

/// What times are asked for, beside all else.
fn times(wanted: &Expression) -> (Nanos, Option<Nanos>) {
    let any = (Nanos::MIN, None);
    match wanted {
        Expression::All(parts) => parts.iter().map(times).fold(any, |one, other| {
            let before = [one.1, other.1].into_iter().flatten().min();
            (one.0.max(other.0), before)
        }),
        Expression::Is(Condition::From(time)) => (*time, None),
        Expression::Is(Condition::Before(time)) => (Nanos::MIN, Some(*time)),
        Expression::Is(_) | Expression::Any(_) | Expression::Not(_) => any,
    }
}

fn of(wanted: &Expression, connection: &Connection) -> Result<Match, IndexError> {
    let parts = |parts: &[Expression]| -> Result<(Vec<Rows>, bool), IndexError> {
        let parts = parts.iter().map(|part| of(part, connection));
        let parts: Vec<_> = parts.collect::<Result<_, _>>()?;
        let is_exact = parts.iter().all(|part| part.is_exact);
        Ok((parts.into_iter().map(|part| part.rows).collect(), is_exact))
    };
    Ok(match wanted {
        Expression::All(wanted) => {
            let (rows, is_exact) = parts(wanted)?;
            Match {
                rows: all(rows),
                is_exact,
            }
        }
        Expression::Any(wanted) => {
            let (rows, is_exact) = parts(wanted)?;
            Match {
                rows: any(rows),
                is_exact,
            }
        }
        Expression::Not(part) => match of(part, connection)? {
            Match {
                is_exact: false, ..
            } => unknown(),
            Match {
                rows,
                is_exact: true,
            } => exactly(match rows {
                Rows::All => Rows::None,
                Rows::None => Rows::All,
                Rows::Of(question) => {
                    Rows::Of(format!("({} NOT {question})", quoted(&token::any())))
                }
            }),
        },
        Expression::Is(condition) => met(condition, connection)?,
    })
}

fn met(condition: &Condition, connection: &Connection) -> Result<Match, IndexError> {
    Ok(match condition {
        Condition::Text(Text::Session, test) => session(test),
        Condition::Text(field, test) => term(*field, test, connection)?,
        Condition::Code(field, codes) => {
            let known = 0..field.words().len();
            let codes = known.filter(|code| (codes >> code) & 1 == 1);
            let tokens = codes.filter_map(|code| u8::try_from(code).ok());
            exactly(any(tokens.map(|code| one(&token::code(*field, code)))))
        }
        Condition::Decision(Start { is_other: true, .. }) => about(beginning("§d")),
        Condition::Decision(Start { digits, .. }) => match token::decision(digits) {
            (token, true) => about(one(&token)),
            (token, false) => about(beginning(&token)),
        },
        Condition::From(_) | Condition::Before(_) => unknown(),
        Condition::Words(words) => {
            let rows = all(words.iter().map(|word| match word {
                Pattern {
                    starts_open: true, ..
                } => Rows::All,
                Pattern {
                    text,
                    ends_open: true,
                    ..
                } => beginning(text),
                Pattern { text, .. } => one(text),
            }));
            let is_exact = words.iter().all(|word| !word.starts_open);
            Match { rows, is_exact }
        }
        Condition::Shadowed => exactly(one(&token::shadowed())),
    })
}

/// Sessions are known by a digest.
fn session(test: &Test) -> Match {
    match test {
        Test::Is(pattern) if pattern.is_exact() => about(one(&token::session(&pattern.text))),
        Test::Present => exactly(beginning(&token::prefix(Text::Session))),
        Test::Is(_)
        | Test::IsNot(_)
        | Test::Holds(_)
        | Test::Less(_)
        | Test::Greater(_)
        | Test::AtMost(_)
        | Test::AtLeast(_) => about(beginning(&token::prefix(Text::Session))),
    }
}

/// The terms of a field that pass a test.
fn term(field: Text, test: &Test, connection: &Connection) -> Result<Match, IndexError> {
    let has_one = beginning(&token::prefix(field));
    if let (Test::Present, false) = (test, field.is_list()) {
        return Ok(exactly(has_one));
    }
    if let (Test::Is(pattern), false) = (test, field.is_list())
        && pattern.is_exact()
    {
        let id = find(connection, field.number(), &pattern.text)?;
        return Ok(exactly(
            id.map_or(Rows::None, |id| one(&token::term(field, id))),
        ));
    }
    let mut ask = connection.prepare_cached("SELECT id, text FROM terms WHERE field = ?1")?;
    let mut terms = ask.query([field.number()])?;
    let mut found = Vec::new();
    while let Some(row) = terms.next()? {
        if !test.admits(field, row.get_ref(1)?.as_str().unwrap_or_default()) {
            continue;
        }
        if found.len() == MAX_TERMS {
            return Ok(about(has_one));
        }
        found.push(one(&token::term(field, row.get(0)?)));
    }
    Ok(exactly(any(found)))
}

/// Records that an auditor may read, and some that they may not: a record can be in several places.
fn readable(grants: &Grants, connection: &Connection) -> Result<Rows, IndexError> {
    let mut ask = connection.prepare_cached("SELECT id, text FROM terms WHERE field = ?1")?;
    let mut terms = ask.query([token::PLACE])?;
    let mut found = Vec::new();
    while let Some(row) = terms.next()? {
        let place = row.get_ref(1)?.as_str().unwrap_or_default();
        if grants.allow_at(Role::Auditor, place) {
            found.push(one(&token::place(row.get(0)?)));
        }
        if found.len() > MAX_TERMS {
            return Ok(Rows::All);
        }
    }
    Ok(any(found))
}

fn exactly(rows: Rows) -> Match {
    Match {
        rows,
        is_exact: true,
    }
}

/// At least those that are asked for.
fn about(rows: Rows) -> Match {
    Match {
        rows,
        is_exact: false,
    }
}

fn unknown() -> Match {
    about(Rows::All)
}

fn one(token: &str) -> Rows {
    Rows::Of(quoted(token))
}

fn beginning(token: &str) -> Rows {
    Rows::Of(format!("{} *", quoted(token)))
}

/// No token has a quote.
fn quoted(token: &str) -> String {
    format!("\"{token}\"")
}

fn all(rows: impl IntoIterator<Item = Rows>) -> Rows {
    let mut questions = Vec::new();
    for rows in rows {
        match rows {
            Rows::All => {}
            Rows::None => return Rows::None,
            Rows::Of(question) => questions.push(question),
        }
    }
    joined(&questions, " AND ").map_or(Rows::All, Rows::Of)
}

fn any(rows: impl IntoIterator<Item = Rows>) -> Rows {
    let mut questions = Vec::new();
    for rows in rows {
        match rows {
            Rows::All => return Rows::All,
            Rows::None => {}
            Rows::Of(question) => questions.push(question),
        }
    }
    joined(&questions, " OR ").map_or(Rows::None, Rows::Of)
}

fn joined(questions: &[String], by: &str) -> Option<String> {
    match questions {
        [] => None,
        [only] => Some(only.clone()),
        several => Some(format!("({})", several.join(by))),
    }
}
