//! JSON schemas (draft 7 to 2020-12) as the control plane compiles them: what arguments and results
//! must fit.
//!
//! A schema is a flat table of nodes that refer to each other by position, so that one that refers to
//! itself is one, too. What cannot be enforced is not in it: the control plane says that where people
//! review the definition.

mod equal;
mod expected;
mod fit;
mod pattern;

use self::fit::Steps;
pub use self::{expected::Misfit, pattern::LazyPattern};

use crate::{
    json::{Document, Kept, Kind, Value},
    limits::Limits,
};

/// Most nodes of one schema.
pub const MAX_NODES: usize = 4_096;

/// The schemas of a server's tools, by the names of these.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Schemas {
    /// What arguments must fit, in the order of the tools' names.
    pub inputs: Box<[ToolSchemas]>,
    /// What the structured content of results must fit, likewise.
    pub outputs: Box<[ToolSchemas]>,
}

/// What something of a tool must fit.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ToolSchemas {
    /// The tool's name.
    pub tool: Box<str>,
    /// One of these, if there is any: of each definition that people have approved.
    pub alternatives: Box<[Schema]>,
    /// And this, which a reviewer asks for beyond.
    pub limit: Option<Schema>,
}

impl Schemas {
    /// What the arguments of a tool must fit.
    pub fn input(&self, tool: &str) -> Option<&ToolSchemas> {
        find(&self.inputs, tool)
    }

    /// What the structured content of a tool's results must fit.
    pub fn output(&self, tool: &str) -> Option<&ToolSchemas> {
        find(&self.outputs, tool)
    }
}

fn find<'s>(tools: &'s [ToolSchemas], tool: &str) -> Option<&'s ToolSchemas> {
    let found = tools.binary_search_by(|known| (*known.tool).cmp(tool));
    found.ok().and_then(|position| tools.get(position))
}

impl ToolSchemas {
    /// Holds a value against the schemas; absent arguments are an object without members.
    ///
    /// # Errors
    /// Where it does not fit, and what was expected: by the last alternative, if it fits none.
    pub fn check(&self, value: Option<Value<'_>>, limits: &Limits) -> Result<(), Misfit> {
        let Some(value) = value else {
            let nothing = Document::parse(b"{}", 2, limits);
            return match &nothing {
                Ok(nothing) => self.check(Some(nothing.root()), limits),
                Err(_within_no_limits) => Err(Misfit::unknown()),
            };
        };
        let mut steps = Steps::new(limits.max_schema_steps);
        let mut fitted = Ok(());
        for alternative in &self.alternatives {
            fitted = alternative.check(value, &mut steps);
            if fitted.is_ok() {
                break;
            }
        }
        fitted?;
        match &self.limit {
            Some(limit) => limit.check(value, &mut steps),
            None => Ok(()),
        }
    }
}

/// A schema: the first node is the whole.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Schema {
    nodes: Box<[Node]>,
}

/// Which node of a schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NodeIndex(pub(crate) u32);

/// A table that is no schema.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct NoSchema;

impl Schema {
    /// The schema of a table.
    pub(crate) fn new(nodes: Vec<Node>) -> Result<Self, NoSchema> {
        if nodes.is_empty() || nodes.len() > MAX_NODES {
            return Err(NoSchema);
        }
        Ok(Self {
            nodes: nodes.into(),
        })
    }
}

/// What a value must fit, all of it. What is said of values of one type is about those alone.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Node {
    /// Of which type.
    pub types: Types,
    /// One of the items of this array.
    pub choices: Option<Kept>,
    /// What is said of numbers.
    pub number: Option<Box<Numbers>>,
    /// What is said of strings.
    pub text: Option<Box<Texts>>,
    /// What is said of arrays.
    pub array: Option<Box<Arrays>>,
    /// What is said of objects.
    pub object: Option<Box<Objects>>,
    /// What is said by other schemas.
    pub parts: Option<Box<Parts>>,
}

/// Types of JSON values.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Types(u8);

impl Types {
    /// `null`
    pub const NULL: Self = Self(1);
    /// `true` and `false`
    pub const BOOLEAN: Self = Self(1 << 1);
    /// Numbers without a fraction.
    pub const INTEGER: Self = Self(1 << 2);
    /// Numbers with one.
    pub const FRACTION: Self = Self(1 << 3);
    /// Numbers.
    pub const NUMBER: Self = Self::INTEGER.and(Self::FRACTION);
    /// Strings.
    pub const STRING: Self = Self(1 << 4);
    /// Arrays.
    pub const ARRAY: Self = Self(1 << 5);
    /// Objects.
    pub const OBJECT: Self = Self(1 << 6);
    /// None: nothing fits.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(0x7F);

    /// These and those.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of those are among these.
    pub fn have(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether a value has one of them.
    fn take(self, value: Value<'_>) -> bool {
        self.have(match value.kind() {
            Kind::Null => Self::NULL,
            Kind::Bool => Self::BOOLEAN,
            Kind::Number => return self.take_number(value.raw()),
            Kind::String => Self::STRING,
            Kind::Array => Self::ARRAY,
            Kind::Object => Self::OBJECT,
        })
    }

    fn take_number(self, lexeme: &str) -> bool {
        if self.have(Self::NUMBER) {
            return true;
        }
        let Some(number) = equal::decimal(lexeme) else {
            return false;
        };
        self.have(if number.is_whole() {
            Self::INTEGER
        } else {
            Self::FRACTION
        })
    }
}

impl Default for Types {
    fn default() -> Self {
        Self::ALL
    }
}

/// What is said of numbers, each bound a lexeme.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Numbers {
    /// At least.
    pub minimum: Option<Box<str>>,
    /// At most.
    pub maximum: Option<Box<str>>,
    /// More than.
    pub exclusive_minimum: Option<Box<str>>,
    /// Less than.
    pub exclusive_maximum: Option<Box<str>>,
    /// A multiple of this.
    pub multiple_of: Option<Box<str>>,
}

/// How many there may be.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Count {
    /// At least.
    pub min: u32,
    /// At most.
    pub max: Option<u32>,
}

/// What is said of strings.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Texts {
    /// Their characters.
    pub chars: Count,
    /// What matches somewhere in them.
    pub pattern: Option<LazyPattern>,
}

/// What is said of arrays.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Arrays {
    /// What the first items fit.
    pub first: Vec<NodeIndex>,
    /// What the items after those fit.
    pub rest: Option<NodeIndex>,
    /// How many items.
    pub items: Count,
    /// No two are the same.
    pub are_unique: bool,
    /// What some items fit.
    pub contains: Option<NodeIndex>,
    /// How many of them.
    pub contained: Count,
}

/// What is said of objects.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Objects {
    /// By the names of members, in their order.
    pub members: Box<[Member]>,
    /// How many of those are required.
    pub required: usize,
    /// By patterns of the names of members.
    pub patterns: Box<[(LazyPattern, NodeIndex)]>,
    /// What the other members fit.
    pub others: Option<NodeIndex>,
    /// What names fit.
    pub names: Option<NodeIndex>,
    /// How many members.
    pub count: Count,
}

/// What is said of the member of one name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// The name.
    pub name: Box<str>,
    /// What it fits. `None`: it is one of the others.
    pub node: Option<NodeIndex>,
    /// Whether it must be there.
    pub is_required: bool,
    /// Which others must be there with it.
    pub needs: Box<[Box<str>]>,
    /// What the object fits that has it.
    pub dependent: Option<NodeIndex>,
}

/// What is said by other schemas.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Parts {
    /// It fits each.
    pub all: Vec<NodeIndex>,
    /// It fits one at least, if there is any.
    pub any: Vec<NodeIndex>,
    /// It fits one alone, if there is any.
    pub one: Vec<NodeIndex>,
    /// It does not fit this.
    pub none: Option<NodeIndex>,
    /// Where it fits this, it fits `then`, else `otherwise`.
    pub condition: Option<NodeIndex>,
    /// See `condition`.
    pub then: Option<NodeIndex>,
    /// See `condition`.
    pub otherwise: Option<NodeIndex>,
}

#[cfg(test)]
#[cfg(feature = "proto")]
mod tests;
