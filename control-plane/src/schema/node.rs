//! A node of a schema while it is compiled, and as filters get it.

use chancery_proto::policy::v1 as policy;

use policy::{SchemaBoundKind as Bound, SchemaPartKind as Part};

/// What is said of values; the numbers are positions of other nodes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Node {
    pub(super) types: Vec<i32>,
    pub(super) never: bool,
    /// A JSON array, or nothing.
    pub(super) choices: String,
    pub(super) pattern: String,
    pub(super) unique_items: bool,
    /// JSON numbers, each kind once.
    pub(super) bounds: Vec<(Bound, String)>,
    pub(super) all_of: Vec<u32>,
    pub(super) any_of: Vec<u32>,
    pub(super) one_of: Vec<u32>,
    pub(super) none_of: Option<u32>,
    pub(super) condition: Option<u32>,
    pub(super) then: Option<u32>,
    pub(super) otherwise: Option<u32>,
    pub(super) prefix_items: Vec<u32>,
    pub(super) items: Option<u32>,
    pub(super) contains: Option<u32>,
    pub(super) other_members: Option<u32>,
    pub(super) member_names: Option<u32>,
    pub(super) members: Vec<policy::SchemaMember>,
    pub(super) member_patterns: Vec<policy::SchemaPattern>,
}

impl Node {
    pub(super) fn into_message(self) -> policy::SchemaNode {
        let mut parts = Vec::new();
        for (kind, nodes) in [
            (Part::AllOf, self.all_of),
            (Part::AnyOf, self.any_of),
            (Part::OneOf, self.one_of),
            (Part::PrefixItem, self.prefix_items),
        ] {
            parts.extend(nodes.into_iter().map(|node| (kind, node)));
        }
        for (kind, node) in [
            (Part::Not, self.none_of),
            (Part::If, self.condition),
            (Part::Then, self.then),
            (Part::Else, self.otherwise),
            (Part::Items, self.items),
            (Part::Contains, self.contains),
            (Part::OtherMembers, self.other_members),
            (Part::MemberNames, self.member_names),
        ] {
            parts.extend(node.map(|node| (kind, node)));
        }
        let part = |(kind, node): (Part, u32)| policy::SchemaPart {
            kind: kind.into(),
            node,
        };
        let bound = |(kind, value): (Bound, String)| policy::SchemaBound {
            kind: kind.into(),
            value,
        };
        policy::SchemaNode {
            types: self.types,
            never: self.never,
            choices: self.choices,
            pattern: self.pattern,
            unique_items: self.unique_items,
            bounds: self.bounds.into_iter().map(bound).collect(),
            parts: parts.into_iter().map(part).collect(),
            members: self.members,
            member_patterns: self.member_patterns,
        }
    }
}
