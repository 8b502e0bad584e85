//! The tokens of a filter expression.

use std::{iter::Peekable, str::Chars};

use super::{Misread, Pattern};

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Has,
}

impl Comparison {
    fn word(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
            Self::Has => ":",
        }
    }

    /// It does not go with this field.
    pub(super) fn misread(self, value: &Literal, expected: &str) -> Misread {
        Misread {
            column: value.column,
            found: format!("a value after `{}`", self.word()),
            expected: format!("{expected} before it"),
        }
    }
}

/// A text as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) pattern: Pattern,
    pub(super) is_quoted: bool,
    pub(super) column: usize,
}

impl Literal {
    pub(super) fn misread(&self, expected: &str) -> Misread {
        Misread {
            column: self.column,
            found: format!("`{}`", self.pattern.text),
            expected: expected.to_owned(),
        }
    }

    /// From characters, each with whether it stands for itself alone.
    fn new(chars: &[(char, bool)], column: usize, is_quoted: bool) -> Result<Self, Misread> {
        const ANY: (char, bool) = ('*', false);
        let (starts_open, chars) = match chars {
            [first, rest @ ..] if *first == ANY => (true, rest),
            _ => (false, chars),
        };
        let (ends_open, chars) = match chars {
            [rest @ .., last] if *last == ANY => (true, rest),
            _ => (starts_open && chars.is_empty(), chars),
        };
        let literal = Self {
            pattern: Pattern {
                text: chars.iter().map(|(c, _)| *c).collect(),
                starts_open,
                ends_open,
            },
            is_quoted,
            column,
        };
        if chars.contains(&ANY) {
            return Err(literal
                .misread("`*` at the beginning or the end; `\\*` in quotes is the sign itself"));
        }
        Ok(literal)
    }
}

/// What an expression is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Comparison(Comparison),
    Literal(Literal),
    End,
}

/// Takes a text apart.
#[derive(Debug)]
pub(super) struct Tokens<'t> {
    rest: Peekable<Chars<'t>>,
    /// Of the next character, from 1.
    column: usize,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            rest: text.chars().peekable(),
            column: 1,
        }
    }

    /// The next token and its column.
    pub(super) fn next(&mut self) -> Result<(Token, usize), Misread> {
        self.skip_spaces();
        let column = self.column;
        let token = match self.rest.peek().copied() {
            None => Token::End,
            Some('(') => self.take(Token::Open),
            Some(')') => self.take(Token::Close),
            Some('-') => self.take(Token::Not),
            Some('=') => self.take(Token::Comparison(Comparison::Equal)),
            Some(':') => self.take(Token::Comparison(Comparison::Has)),
            Some('<') => self.or_equal(Comparison::Less, Comparison::AtMost),
            Some('>') => self.or_equal(Comparison::Greater, Comparison::AtLeast),
            Some('!') => {
                self.bump();
                if self.rest.peek() != Some(&'=') {
                    return Err(misread(column, "`!`", "`!=`"));
                }
                self.take(Token::Comparison(Comparison::NotEqual))
            }
            Some('"' | '\'') => Token::Literal(self.quoted()?),
            Some(_) => self.word()?,
        };
        Ok((token, column))
    }

    /// A value, which is read up to a space or a closing parenthesis.
    pub(super) fn value(&mut self) -> Result<Literal, Misread> {
        self.skip_spaces();
        match self.rest.peek() {
            Some('"' | '\'') => self.quoted(),
            None => Err(misread(self.column, "the end", "a value")),
            Some('(' | ')') => Err(misread(self.column, "a parenthesis", "a value")),
            Some(_) => self.unquoted(|c| c.is_whitespace() || c == ')'),
        }
    }

    fn word(&mut self) -> Result<Token, Misread> {
        let ends = |c: char| c.is_whitespace() || "()=:<>!\"'".contains(c);
        let literal = self.unquoted(ends)?;
        Ok(match &*literal.pattern.text {
            "AND" => Token::And,
            "OR" => Token::Or,
            "NOT" => Token::Not,
            _ => Token::Literal(literal),
        })
    }

    fn unquoted(&mut self, ends: impl Fn(char) -> bool) -> Result<Literal, Misread> {
        let column = self.column;
        let mut chars = Vec::new();
        while let Some(c) = self.rest.next_if(|c| !ends(*c)) {
            self.column += 1;
            chars.push((c, false));
        }
        Literal::new(&chars, column, false)
    }

    fn quoted(&mut self) -> Result<Literal, Misread> {
        let column = self.column;
        let quote = self.bump();
        let mut chars = Vec::new();
        loop {
            match self.bump() {
                None => return Err(misread(self.column, "the end", "the closing quote")),
                c if c == quote => return Literal::new(&chars, column, true),
                Some('\\') => match self.bump() {
                    None => return Err(misread(self.column, "the end", "what `\\` is before")),
                    Some(c) => chars.push((c, true)),
                },
                Some(c) => chars.push((c, false)),
            }
        }
    }

    fn or_equal(&mut self, alone: Comparison, with_equal: Comparison) -> Token {
        self.bump();
        if self.rest.next_if_eq(&'=').is_some() {
            self.column += 1;
            Token::Comparison(with_equal)
        } else {
            Token::Comparison(alone)
        }
    }

    fn take(&mut self, token: Token) -> Token {
        self.bump();
        token
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.rest.next()?;
        self.column += 1;
        Some(c)
    }

    fn skip_spaces(&mut self) {
        while self.rest.next_if(|c| c.is_whitespace()).is_some() {
            self.column += 1;
        }
    }
}

fn misread(column: usize, found: &str, expected: &str) -> Misread {
    Misread {
        column,
        found: found.to_owned(),
        expected: expected.to_owned(),
    }
}
