//! JSON schemas (draft 6 to 2020-12) compiled for filters.
//!
//! What cannot be enforced is left out so that whatever fits a schema fits what is compiled of it, and is
//! named, for those who review it. Where leaving something out would refuse what fits, as within `not`,
//! the whole keyword around it is left out.

mod dialect;
mod keywords;
mod members;
mod node;
mod pattern;
mod table;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use chancery_engine::{
    json::{Kind, Value},
    schema::MAX_NODES,
};
use chancery_proto::policy::v1 as policy;

use self::{dialect::Dialect, node::Node};
use crate::visible::visible;

/// A schema for filters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Compiled {
    /// What values must fit. `None`: whatever they are, they do.
    pub schema: Option<policy::Schema>,
    /// What of it is not enforced, in the order of the schema.
    pub unenforced: Vec<Unenforced>,
}

/// Something that is not enforced.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Unenforced {
    /// Where, as a path in the schema: `$.properties.q.format`.
    pub place: String,
    /// What stands there, or why.
    pub what: String,
}

impl fmt::Display for Unenforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", visible(&self.place), visible(&self.what))
    }
}

/// A value that is no schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("neither an object nor a boolean")]
pub struct NoSchema;

/// Compiles a schema, as far as it can be enforced.
///
/// # Errors
/// Where it is none.
pub fn compile(schema: Value<'_>) -> Result<Compiled, NoSchema> {
    match schema.kind() {
        Kind::Object | Kind::Bool => {}
        Kind::Null | Kind::Number | Kind::String | Kind::Array => return Err(NoSchema),
    }
    let dialect = match Dialect::of(schema) {
        Ok(dialect) => dialect,
        Err(unknown) => return Ok(Compiled::none("$.$schema", unknown.raw())),
    };
    let mut compiler = Compiler::new(schema, dialect);
    compiler.place(schema, Place::root());
    while let Some(waiting) = compiler.waiting.pop_front() {
        compiler.compile(&waiting);
        if compiler.drafts.len() > MAX_NODES {
            return Ok(Compiled::too_large());
        }
    }
    let Compiler {
        drafts,
        mut unenforced,
        ..
    } = compiler;
    let Some(nodes) = table::settle(drafts, &mut unenforced) else {
        return Ok(Compiled::none(
            "$",
            "a schema that refers to itself without end",
        ));
    };
    // To leave something out can take a node more.
    if nodes.len() > MAX_NODES {
        return Ok(Compiled::too_large());
    }
    unenforced.sort();
    let is_open = nodes.first() == Some(&Node::default());
    let nodes = nodes.into_iter().map(Node::into_message).collect();
    Ok(Compiled {
        schema: (!is_open).then_some(policy::Schema { nodes }),
        unenforced,
    })
}

impl Compiled {
    fn too_large() -> Self {
        Self::none("$", &format!("more than {MAX_NODES} schemas in it"))
    }

    /// Nothing of a schema is enforced.
    fn none(place: &str, what: &str) -> Self {
        Self {
            schema: None,
            unenforced: vec![Unenforced {
                place: place.to_owned(),
                what: shown(what),
            }],
        }
    }
}

/// Text as reviewers see it, cut.
fn shown(text: &str) -> String {
    const MAX_CHARS: usize = 80;
    match text.char_indices().nth(MAX_CHARS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

/// Where a schema stands.
#[derive(Clone, Debug)]
struct Place {
    path: String,
    /// References in it are not to the whole document (`$id` in a part of it).
    is_embedded: bool,
}

impl Place {
    fn root() -> Self {
        Self {
            path: "$".to_owned(),
            is_embedded: false,
        }
    }

    /// Of what a key leads to.
    fn at(&self, key: &str) -> Self {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$' || c == '-';
        let path = if key.is_empty() || !key.chars().all(is_plain) {
            format!("{}[{}]", self.path, serde_json::Value::from(key))
        } else {
            format!("{}.{key}", self.path)
        };
        Self {
            path,
            is_embedded: self.is_embedded,
        }
    }

    /// Of an item.
    fn item(&self, position: usize) -> Self {
        Self {
            path: format!("{}[{position}]", self.path),
            is_embedded: self.is_embedded,
        }
    }
}

/// A node that is not settled yet.
#[derive(Clone, Debug)]
struct Draft {
    node: Node,
    /// It takes exactly what its schema takes; else it takes more.
    is_exact: bool,
    /// Where its schema stands.
    path: String,
}

/// A schema whose node is to be filled.
struct Waiting<'d> {
    index: usize,
    schema: Value<'d>,
    place: Place,
}

struct Compiler<'d> {
    root: Value<'d>,
    dialect: Dialect,
    drafts: Vec<Draft>,
    /// The nodes of schemas, by where these begin in the text.
    known: BTreeMap<usize, u32>,
    waiting: VecDeque<Waiting<'d>>,
    unenforced: Vec<Unenforced>,
}

impl<'d> Compiler<'d> {
    fn new(root: Value<'d>, dialect: Dialect) -> Self {
        Self {
            root,
            dialect,
            drafts: Vec::new(),
            known: BTreeMap::new(),
            waiting: VecDeque::new(),
            unenforced: Vec::new(),
        }
    }

    /// The node of a schema, which is filled in its turn.
    fn place(&mut self, schema: Value<'d>, place: Place) -> u32 {
        let start = schema.span().start;
        if let Some(index) = self.known.get(&start) {
            return *index;
        }
        let index = self.add(Node::default(), &place.path);
        self.known.insert(start, index);
        self.waiting.push_back(Waiting {
            index: self.drafts.len().saturating_sub(1),
            schema,
            place,
        });
        index
    }

    /// A node that no schema of the document stands for alone.
    fn add(&mut self, node: Node, path: &str) -> u32 {
        let index = u32::try_from(self.drafts.len()).unwrap_or(u32::MAX);
        self.drafts.push(Draft {
            node,
            is_exact: true,
            path: path.to_owned(),
        });
        index
    }

    fn compile(&mut self, waiting: &Waiting<'d>) {
        let Waiting {
            index,
            schema,
            place,
        } = waiting;
        let mut said = Said {
            node: Node::default(),
            members: BTreeMap::new(),
            is_exact: true,
        };
        match schema.kind() {
            Kind::Bool => said.node.never = schema.as_bool() == Some(false),
            Kind::Object => self.keywords(*schema, place, &mut said),
            Kind::Null | Kind::Number | Kind::String | Kind::Array => {
                self.leave_out(&mut said, place, *schema);
            }
        }
        if let Some(draft) = self.drafts.get_mut(*index) {
            draft.node = said.node;
            draft.is_exact = said.is_exact;
        }
    }

    /// Notes that something is not enforced.
    fn leave_out(&mut self, said: &mut Said, place: &Place, found: Value<'_>) {
        said.is_exact = false;
        let what = match found.kind() {
            Kind::Array => "[…]",
            Kind::Object => "{…}",
            Kind::Null | Kind::Bool | Kind::Number | Kind::String => found.raw(),
        };
        self.unenforced.push(Unenforced {
            place: place.path.clone(),
            what: shown(what),
        });
    }
}

/// What is said of a schema so far.
struct Said {
    node: Node,
    /// Of members, by their names.
    members: BTreeMap<String, policy::SchemaMember>,
    is_exact: bool,
}

#[cfg(test)]
mod tests;
