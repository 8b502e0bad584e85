//! The one pass over the text.

use super::{
    Document, JsonError, Kind, Node,
    keys::Keys,
    scan::{Inner, Scanner},
};
use crate::limits::Limits;

pub(super) fn parse<'a>(
    bytes: &'a [u8],
    max_bytes: usize,
    limits: &Limits,
) -> Result<Document<'a>, JsonError> {
    if bytes.len() > max_bytes || u32::try_from(bytes.len()).is_err() {
        return Err(JsonError::TooLong { max_bytes });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| JsonError::Encoding {
        at: error.valid_up_to(),
    })?;
    let mut parser = Parser {
        text,
        scanner: Scanner::new(bytes),
        nodes: Vec::with_capacity((bytes.len() / 16).clamp(16, 4096)),
        max_nodes: limits.max_json_nodes,
        keys: Keys::new(),
        depth: 0,
        max_depth: limits.max_json_depth,
        open: 0,
        in_object: false,
    };
    parser.values()?;
    match parser.scanner.token() {
        None => Ok(Document {
            text,
            nodes: parser.nodes,
        }),
        Some(_) => Err(parser.scanner.unexpected("the end of the text")),
    }
}

/// What is open is not kept on a stack but in the nodes: until a container is closed, its node's
/// `next` is the container around it and its `end` is how many keys were open before its own.
struct Parser<'a> {
    text: &'a str,
    scanner: Scanner<'a>,
    nodes: Vec<Node>,
    max_nodes: usize,
    keys: Keys,
    /// How many containers are open.
    depth: usize,
    max_depth: usize,
    /// The innermost of them.
    open: u32,
    /// Whether that is an object.
    in_object: bool,
}

impl<'a> Parser<'a> {
    /// Reads the outermost value and all in it.
    fn values(&mut self) -> Result<(), JsonError> {
        loop {
            match self.scanner.token() {
                Some(b'"') => drop(self.string()?),
                Some(b'{') => {
                    self.open(Kind::Object)?;
                    if self.scanner.token() != Some(b'}') {
                        self.key()?;
                        continue;
                    }
                }
                Some(b'[') => {
                    self.open(Kind::Array)?;
                    if self.scanner.token() != Some(b']') {
                        continue;
                    }
                }
                Some(b't') => self.literal(b"true", Kind::Bool)?,
                Some(b'f') => self.literal(b"false", Kind::Bool)?,
                Some(b'n') => self.literal(b"null", Kind::Null)?,
                Some(b'-' | b'0'..=b'9') => self.number()?,
                _ => return Err(self.scanner.unexpected("a value")),
            }
            if !self.advance()? {
                return Ok(());
            }
        }
    }

    /// Closes what ends here and goes to where the next value begins, if there is one.
    fn advance(&mut self) -> Result<bool, JsonError> {
        while self.depth > 0 {
            match (self.scanner.token(), self.in_object) {
                (Some(b','), true) => {
                    self.scanner.skip();
                    self.key()?;
                    return Ok(true);
                }
                (Some(b','), false) => {
                    self.scanner.skip();
                    return Ok(true);
                }
                (Some(b'}'), true) | (Some(b']'), false) => self.close()?,
                (_, true) => return Err(self.scanner.unexpected("`,` or `}`")),
                (_, false) => return Err(self.scanner.unexpected("`,` or `]`")),
            }
        }
        Ok(false)
    }

    /// Reads a member's key and the colon after it.
    fn key(&mut self) -> Result<(), JsonError> {
        if self.scanner.token() != Some(b'"') {
            return Err(self.scanner.unexpected("a key in double quotes"));
        }
        let index = offset(self.nodes.len());
        let inner = self.string()?;
        if inner.escaped {
            self.escaped_key(index);
        } else {
            self.keys.push(inner.bytes, index);
        }
        if self.scanner.token() != Some(b':') {
            return Err(self.scanner.unexpected("`:`"));
        }
        self.scanner.skip();
        Ok(())
    }

    #[cold]
    fn escaped_key(&mut self, index: u32) {
        if let Some(node) = self.nodes.last() {
            self.keys.push(node.decoded(self.text).as_bytes(), index);
        }
    }

    fn string(&mut self) -> Result<Inner<'a>, JsonError> {
        let start = self.scanner.at();
        let inner = self.scanner.string()?;
        self.leaf(start, Kind::String, inner.escaped)?;
        Ok(inner)
    }

    fn number(&mut self) -> Result<(), JsonError> {
        let start = self.scanner.at();
        self.scanner.number()?;
        self.leaf(start, Kind::Number, false)
    }

    fn literal(&mut self, word: &[u8], kind: Kind) -> Result<(), JsonError> {
        let start = self.scanner.at();
        self.scanner.literal(word)?;
        self.leaf(start, kind, false)
    }

    fn leaf(&mut self, start: usize, kind: Kind, escaped: bool) -> Result<(), JsonError> {
        self.push(Node {
            start: offset(start),
            end: offset(self.scanner.at()),
            next: offset(self.nodes.len().saturating_add(1)),
            kind,
            escaped,
        })
    }

    fn push(&mut self, node: Node) -> Result<(), JsonError> {
        if self.nodes.len() >= self.max_nodes {
            return Err(JsonError::TooManyNodes {
                max_nodes: self.max_nodes,
            });
        }
        self.nodes.push(node);
        Ok(())
    }

    /// Enters an array or object.
    fn open(&mut self, kind: Kind) -> Result<(), JsonError> {
        let at = self.scanner.at();
        if self.depth >= self.max_depth {
            return Err(JsonError::TooDeep {
                at,
                max_depth: self.max_depth,
            });
        }
        let index = offset(self.nodes.len());
        self.push(Node {
            start: offset(at),
            end: offset(self.keys.len()),
            next: self.open,
            kind,
            escaped: false,
        })?;
        self.scanner.skip();
        self.depth = self.depth.saturating_add(1);
        self.open = index;
        self.in_object = kind == Kind::Object;
        Ok(())
    }

    /// Leaves the innermost array or object.
    fn close(&mut self) -> Result<(), JsonError> {
        self.scanner.skip();
        let (end, next) = (offset(self.scanner.at()), offset(self.nodes.len()));
        let Some(node) = self.nodes.get_mut(self.open as usize) else {
            return Ok(());
        };
        let (around, keys_before) = (node.next, node.end);
        (node.end, node.next) = (end, next);
        if self.in_object
            && let Some(at) = self
                .keys
                .close(keys_before as usize, self.text, &self.nodes)
        {
            return Err(JsonError::DuplicateKey { at });
        }
        self.depth = self.depth.saturating_sub(1);
        self.open = around;
        self.in_object = self
            .nodes
            .get(around as usize)
            .is_some_and(|node| node.kind == Kind::Object);
        Ok(())
    }
}

/// Offsets fit: the text's length was checked against `u32` first.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
