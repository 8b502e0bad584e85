//! Reads a filter expression by the grammar of AIP-160, in which `OR` binds closer than `AND`.

use super::{
    Condition, Expression, Misread,
    token::{Literal, Token, Tokens},
};

/// Longest expression.
const MAX_BYTES: usize = 4_096;

/// Most conditions.
const MAX_CONDITIONS: usize = 100;

/// Deepest parentheses.
const MAX_DEPTH: usize = 32;

/// Reads all of a text.
pub(super) fn expression(text: &str) -> Result<Expression, Misread> {
    if text.len() > MAX_BYTES {
        return Err(Misread {
            column: 1,
            found: format!("{} bytes", text.len()),
            expected: format!("{MAX_BYTES} at most"),
        });
    }
    let mut tokens = Tokens::new(text);
    let (token, column) = tokens.next()?;
    let mut parser = Parser {
        tokens,
        token,
        column,
        conditions: 0,
    };
    if parser.token == Token::End {
        return Ok(Expression::default());
    }
    let read = parser.all(0)?;
    if parser.token == Token::End {
        Ok(read)
    } else {
        Err(parser.misread("`AND`, `OR`, a condition or the end"))
    }
}

struct Parser<'t> {
    tokens: Tokens<'t>,
    /// What is next, and where.
    token: Token,
    column: usize,
    conditions: usize,
}

impl Parser<'_> {
    fn advance(&mut self) -> Result<Token, Misread> {
        let (token, column) = self.tokens.next()?;
        self.column = column;
        Ok(std::mem::replace(&mut self.token, token))
    }

    /// Sequences joined by `AND`, which is what stands between the conditions of a sequence, too.
    fn all(&mut self, depth: usize) -> Result<Expression, Misread> {
        let mut parts = vec![self.any(depth)?];
        loop {
            match self.token {
                Token::And => {
                    self.advance()?;
                    parts.push(self.any(depth)?);
                }
                Token::Open | Token::Not | Token::Literal(_) => parts.push(self.any(depth)?),
                Token::Close | Token::Or | Token::Comparison(_) | Token::End => break,
            }
        }
        Ok(joined(parts, Expression::All))
    }

    /// Terms joined by `OR`.
    fn any(&mut self, depth: usize) -> Result<Expression, Misread> {
        let mut parts = vec![self.term(depth)?];
        while self.token == Token::Or {
            self.advance()?;
            parts.push(self.term(depth)?);
        }
        Ok(joined(parts, Expression::Any))
    }

    fn term(&mut self, depth: usize) -> Result<Expression, Misread> {
        if self.token != Token::Not {
            return self.simple(depth);
        }
        self.advance()?;
        Ok(Expression::Not(Box::new(self.simple(depth)?)))
    }

    fn simple(&mut self, depth: usize) -> Result<Expression, Misread> {
        match self.advance_over()? {
            Token::Open if depth >= MAX_DEPTH => {
                Err(self.misread(&format!("{MAX_DEPTH} parentheses in each other at most")))
            }
            Token::Open => {
                let inner = self.all(depth.saturating_add(1))?;
                if self.token != Token::Close {
                    return Err(self.misread("`)`"));
                }
                self.advance()?;
                Ok(inner)
            }
            Token::Literal(literal) => Ok(Expression::Is(self.condition(&literal)?)),
            Token::Close
            | Token::And
            | Token::Or
            | Token::Not
            | Token::Comparison(_)
            | Token::End => Err(self.misread("a condition such as `user = \"ann\"`")),
        }
    }

    /// What is next, gone over where it begins a condition.
    fn advance_over(&mut self) -> Result<Token, Misread> {
        match self.token {
            Token::Open | Token::Literal(_) => self.advance(),
            Token::Close
            | Token::And
            | Token::Or
            | Token::Not
            | Token::Comparison(_)
            | Token::End => Ok(self.token.clone()),
        }
    }

    fn condition(&mut self, literal: &Literal) -> Result<Condition, Misread> {
        self.conditions = self.conditions.saturating_add(1);
        if self.conditions > MAX_CONDITIONS {
            return Err(literal.misread(&format!("{MAX_CONDITIONS} conditions at most")));
        }
        let Token::Comparison(comparison) = self.token else {
            let word = &*literal.pattern.text;
            if !literal.is_quoted && ["and", "or", "not"].contains(&word) {
                let expected = format!("`{}`, or the word in quotes", word.to_uppercase());
                return Err(literal.misread(&expected));
            }
            return Condition::somewhere(literal);
        };
        let value = self.tokens.value()?;
        self.advance()?;
        Condition::read(literal, comparison, &value)
    }

    fn misread(&self, expected: &str) -> Misread {
        let found = match &self.token {
            Token::Open => "`(`".to_owned(),
            Token::Close => "`)`".to_owned(),
            Token::And => "`AND`".to_owned(),
            Token::Or => "`OR`".to_owned(),
            Token::Not => "`NOT`".to_owned(),
            Token::Comparison(_) => "an operator".to_owned(),
            Token::Literal(literal) => format!("`{}`", literal.pattern.text),
            Token::End => "the end".to_owned(),
        };
        Misread {
            column: self.column,
            found,
            expected: expected.to_owned(),
        }
    }
}

/// One part as it is, several joined.
fn joined(
    mut parts: Vec<Expression>,
    join: impl FnOnce(Vec<Expression>) -> Expression,
) -> Expression {
    match (parts.pop(), parts.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            parts.push(last);
            join(parts)
        }
        (None, _) => join(parts),
    }
}
