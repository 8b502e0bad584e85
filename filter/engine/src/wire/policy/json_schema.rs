//! What the arguments and results of tools must fit.

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    each,
};
use crate::{
    condition::{Scalar, decimal::Decimal},
    json::{Kept, Kind},
    limits::Limits,
    schema::{
        LazyPattern, MAX_NODES, Member, Node, NodeIndex, Schema, Schemas, ToolSchemas, Types,
    },
};

use pb::{SchemaBoundKind as Bound, SchemaPartKind as Part};

/// The schemas of a server's tools. `None`: it has none.
pub(super) fn schemas(
    inputs: Vec<pb::ToolForm>,
    outputs: Vec<pb::ToolForm>,
) -> Result<Option<Schemas>, Invalid> {
    let schemas = Schemas {
        inputs: each("input_schemas", inputs, form)?.into(),
        outputs: each("output_schemas", outputs, form)?.into(),
    };
    in_order("input_schemas", &schemas.inputs)?;
    in_order("output_schemas", &schemas.outputs)?;
    let is_empty = schemas.inputs.is_empty() && schemas.outputs.is_empty();
    Ok((!is_empty).then_some(schemas))
}

fn form(message: pb::ToolForm) -> Result<ToolSchemas, Invalid> {
    let pb::ToolForm {
        tool,
        alternatives,
        limit,
    } = message;
    let alternatives = each("alternatives", alternatives, schema)?.into();
    // Of the same kind, so that one conversion does for both.
    let limit = each("limit", limit.into_iter().collect(), schema)?.pop();
    Ok(ToolSchemas {
        tool: tool.into(),
        alternatives,
        limit,
    })
}

/// They are looked up by their names.
fn in_order(field: &str, tools: &[ToolSchemas]) -> Result<(), Invalid> {
    let mut pairs = tools.iter().zip(tools.iter().skip(1));
    match pairs.find(|(one, next)| one.tool >= next.tool) {
        None => Ok(()),
        Some((_, tool)) => {
            let expected = "every tool once, in the order of their names";
            Err(Invalid::new(field, shown(&tool.tool), expected))
        }
    }
}

fn schema(message: pb::Schema) -> Result<Schema, Invalid> {
    let pb::Schema { nodes } = message;
    let count = nodes.len();
    let nodes = each("nodes", nodes, |message| node(message, count))?;
    Schema::new(nodes).map_err(|_wrong_size| {
        let expected = format!("1 to {MAX_NODES} nodes");
        Invalid::new("nodes", count, expected)
    })
}

/// A node of a table of so many.
fn node(message: pb::SchemaNode, table: usize) -> Result<Node, Invalid> {
    let pb::SchemaNode {
        types,
        never,
        choices,
        pattern,
        unique_items,
        bounds,
        parts,
        members,
        member_patterns,
    } = message;
    check_members(&members, &member_patterns, table)?;
    let mut node = Node {
        types: if never {
            Types::NONE
        } else {
            types_of(&types)?
        },
        choices: choices_of(&choices)?,
        ..Node::default()
    };
    for bound in &bounds {
        add_bound(&mut node, bound)?;
    }
    for part in parts {
        add_part(&mut node, part, table)?;
    }
    if !pattern.is_empty() {
        node.text.get_or_insert_default().pattern = Some(LazyPattern::new(pattern));
    }
    if unique_items {
        node.array.get_or_insert_default().are_unique = true;
    }
    if !(members.is_empty() && member_patterns.is_empty()) {
        let object = node.object.get_or_insert_default();
        object.required = members.iter().filter(|member| member.required).count();
        object.members = members.into_iter().map(member).collect();
        object.patterns = member_patterns.into_iter().map(member_pattern).collect();
    }
    Ok(node)
}

fn add_bound(node: &mut Node, bound: &pb::SchemaBound) -> Result<(), Invalid> {
    let pb::SchemaBound { kind, value } = bound;
    if !matches!(Scalar::parse(value), Ok(Scalar::Number(_))) {
        return Err(Invalid::new("bounds", shown(value), "a JSON number"));
    }
    let whole = value.parse().ok();
    let invalid = |expected| Invalid::new("bounds", shown(value), expected);
    let count = || whole.ok_or_else(|| invalid("a whole number of 32 bits"));
    let number = || Some(Box::from(&**value));
    match Bound::try_from(*kind) {
        Ok(Bound::Minimum) => node.number.get_or_insert_default().minimum = number(),
        Ok(Bound::Maximum) => node.number.get_or_insert_default().maximum = number(),
        Ok(Bound::ExclusiveMinimum) => {
            node.number.get_or_insert_default().exclusive_minimum = number();
        }
        Ok(Bound::ExclusiveMaximum) => {
            node.number.get_or_insert_default().exclusive_maximum = number();
        }
        Ok(Bound::MultipleOf) => {
            if Decimal::read(value).and_then(Decimal::parts).is_none() {
                return Err(invalid("a number above 0 of at most 18 digits"));
            }
            node.number.get_or_insert_default().multiple_of = number();
        }
        Ok(Bound::MinChars) => node.text.get_or_insert_default().chars.min = count()?,
        Ok(Bound::MaxChars) => node.text.get_or_insert_default().chars.max = Some(count()?),
        Ok(Bound::MinItems) => node.array.get_or_insert_default().items.min = count()?,
        Ok(Bound::MaxItems) => node.array.get_or_insert_default().items.max = Some(count()?),
        Ok(Bound::MinContains) => node.array.get_or_insert_default().contained.min = count()?,
        Ok(Bound::MaxContains) => {
            node.array.get_or_insert_default().contained.max = Some(count()?);
        }
        Ok(Bound::MinMembers) => node.object.get_or_insert_default().count.min = count()?,
        Ok(Bound::MaxMembers) => node.object.get_or_insert_default().count.max = Some(count()?),
        Ok(Bound::Unspecified) | Err(_) => {
            return Err(Invalid::new("bounds", kind, "kinds of bounds"));
        }
    }
    Ok(())
}

fn add_part(node: &mut Node, part: pb::SchemaPart, table: usize) -> Result<(), Invalid> {
    let pb::SchemaPart { kind, node: other } = part;
    let other = index("parts", other, table)?;
    match Part::try_from(kind) {
        Ok(Part::AllOf) => node.parts.get_or_insert_default().all.push(other),
        Ok(Part::AnyOf) => node.parts.get_or_insert_default().any.push(other),
        Ok(Part::OneOf) => node.parts.get_or_insert_default().one.push(other),
        Ok(Part::Not) => node.parts.get_or_insert_default().none = Some(other),
        Ok(Part::If) => node.parts.get_or_insert_default().condition = Some(other),
        Ok(Part::Then) => node.parts.get_or_insert_default().then = Some(other),
        Ok(Part::Else) => node.parts.get_or_insert_default().otherwise = Some(other),
        Ok(Part::PrefixItem) => node.array.get_or_insert_default().first.push(other),
        Ok(Part::Items) => node.array.get_or_insert_default().rest = Some(other),
        Ok(Part::Contains) => node.array.get_or_insert_default().contains = Some(other),
        Ok(Part::OtherMembers) => node.object.get_or_insert_default().others = Some(other),
        Ok(Part::MemberNames) => node.object.get_or_insert_default().names = Some(other),
        Ok(Part::Unspecified) | Err(_) => {
            return Err(Invalid::new("parts", kind, "kinds of parts"));
        }
    }
    Ok(())
}

fn index(field: &str, position: u32, table: usize) -> Result<NodeIndex, Invalid> {
    if usize::try_from(position).is_ok_and(|at| at < table) {
        return Ok(NodeIndex(position));
    }
    let expected = format!("a position below {table}");
    Err(Invalid::new(field, position, expected))
}

/// Checks members, so that converting them cannot fail.
fn check_members(
    members: &[pb::SchemaMember],
    patterns: &[pb::SchemaPattern],
    table: usize,
) -> Result<(), Invalid> {
    let named = members
        .iter()
        .flat_map(|member| [member.node, member.dependent]);
    let matched = patterns.iter().map(|pattern| pattern.node);
    for position in named.flatten().chain(matched) {
        index("members", position, table)?;
    }
    let mut pairs = members.iter().zip(members.iter().skip(1));
    // They are looked up by their names.
    match pairs.find(|(one, next)| one.name >= next.name) {
        None => Ok(()),
        Some((_, member)) => {
            let expected = "every member once, in the order of their names";
            Err(Invalid::new("members", shown(&member.name), expected))
        }
    }
}

fn types_of(types: &[i32]) -> Result<Types, Invalid> {
    if types.is_empty() {
        return Ok(Types::ALL);
    }
    let mut all = Types::NONE;
    for found in types {
        all = all.and(match pb::SchemaType::try_from(*found) {
            Ok(pb::SchemaType::Null) => Types::NULL,
            Ok(pb::SchemaType::Boolean) => Types::BOOLEAN,
            Ok(pb::SchemaType::Integer) => Types::INTEGER,
            Ok(pb::SchemaType::Number) => Types::NUMBER,
            Ok(pb::SchemaType::String) => Types::STRING,
            Ok(pb::SchemaType::Array) => Types::ARRAY,
            Ok(pb::SchemaType::Object) => Types::OBJECT,
            Ok(pb::SchemaType::Unspecified) | Err(_) => {
                return Err(Invalid::new("types", found, "types of JSON values"));
            }
        });
    }
    Ok(all)
}

fn choices_of(json: &str) -> Result<Option<Kept>, Invalid> {
    if json.is_empty() {
        return Ok(None);
    }
    let kept = Kept::parse(json, &Limits::DEFAULT).ok();
    let kept = kept.filter(|kept| kept.root().kind() == Kind::Array);
    let invalid = || Invalid::new("choices", shown(json), "a JSON array");
    kept.map(Some).ok_or_else(invalid)
}

fn member(message: pb::SchemaMember) -> Member {
    let pb::SchemaMember {
        name,
        node,
        required,
        needs,
        dependent,
    } = message;
    Member {
        name: name.into(),
        node: node.map(NodeIndex),
        is_required: required,
        needs: needs.into_iter().map(Box::from).collect(),
        dependent: dependent.map(NodeIndex),
    }
}

fn member_pattern(message: pb::SchemaPattern) -> (LazyPattern, NodeIndex) {
    let pb::SchemaPattern { pattern, node } = message;
    (LazyPattern::new(pattern), NodeIndex(node))
}
