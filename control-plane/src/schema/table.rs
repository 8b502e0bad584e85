//! From drafts to the table that filters get.

use chancery_proto::policy::v1::SchemaBoundKind;

use super::{Draft, Unenforced, node::Node};

/// The nodes of a schema, the first of which is the whole. `None`: it refers to itself without end.
///
/// What takes more than its schema is left out where that would refuse more.
pub(super) fn settle(
    mut drafts: Vec<Draft>,
    unenforced: &mut Vec<Unenforced>,
) -> Option<Vec<Node>> {
    if has_endless_reference(&drafts) {
        return None;
    }
    spread_inexactness(&mut drafts);
    weaken(&mut drafts, unenforced);
    Some(compact(&drafts))
}

/// Calls `visit` with each node that a node refers to; true where that is about the same value.
fn each_reference(node: &mut Node, mut visit: impl FnMut(&mut u32, bool)) {
    for list in [&mut node.all_of, &mut node.any_of, &mut node.one_of] {
        for index in list {
            visit(index, true);
        }
    }
    let here = [
        &mut node.none_of,
        &mut node.condition,
        &mut node.then,
        &mut node.otherwise,
    ];
    here.into_iter()
        .flatten()
        .for_each(|index| visit(index, true));
    for member in &mut node.members {
        member
            .dependent
            .iter_mut()
            .for_each(|index| visit(index, true));
        member.node.iter_mut().for_each(|index| visit(index, false));
    }
    for pattern in &mut node.member_patterns {
        visit(&mut pattern.node, false);
    }
    let below = [
        &mut node.items,
        &mut node.contains,
        &mut node.other_members,
        &mut node.member_names,
    ];
    below
        .into_iter()
        .flatten()
        .for_each(|index| visit(index, false));
    node.prefix_items
        .iter_mut()
        .for_each(|index| visit(index, false));
}

/// The positions of nodes that a node refers to, and whether that is about the same value.
fn references(node: &Node) -> Vec<(usize, bool)> {
    let mut all = Vec::new();
    let mut node = node.clone();
    each_reference(&mut node, |index, is_here| {
        all.push((usize::try_from(*index).unwrap_or(usize::MAX), is_here));
    });
    all
}

/// Whether a node refers to itself by references about the same value alone.
fn has_endless_reference(drafts: &[Draft]) -> bool {
    let here: Vec<Vec<usize>> = drafts
        .iter()
        .map(|draft| {
            let references = references(&draft.node).into_iter();
            references
                .filter_map(|(index, is_here)| is_here.then_some(index))
                .collect()
        })
        .collect();
    // Takes away, again and again, what nothing refers to any more (Kahn).
    let mut referred = vec![0_usize; drafts.len()];
    for index in here.iter().flatten() {
        if let Some(count) = referred.get_mut(*index) {
            *count = count.saturating_add(1);
        }
    }
    let mut free: Vec<usize> = (0..drafts.len())
        .filter(|index| referred.get(*index) == Some(&0))
        .collect();
    let mut left = drafts.len();
    while let Some(index) = free.pop() {
        left = left.saturating_sub(1);
        for target in here.get(index).into_iter().flatten() {
            if let Some(count) = referred.get_mut(*target) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    free.push(*target);
                }
            }
        }
    }
    left > 0
}

/// What refers to a node that takes more than its schema takes more itself.
fn spread_inexactness(drafts: &mut [Draft]) {
    let mut referring: Vec<Vec<usize>> = vec![Vec::new(); drafts.len()];
    for (from, draft) in drafts.iter().enumerate() {
        for (to, _) in references(&draft.node) {
            if let Some(referring) = referring.get_mut(to) {
                referring.push(from);
            }
        }
    }
    let inexact = drafts.iter().enumerate();
    let mut pending: Vec<usize> = inexact
        .filter_map(|(index, draft)| (!draft.is_exact).then_some(index))
        .collect();
    while let Some(index) = pending.pop() {
        for from in referring.get(index).into_iter().flatten() {
            if let Some(draft) = drafts.get_mut(*from)
                && draft.is_exact
            {
                draft.is_exact = false;
                pending.push(*from);
            }
        }
    }
}

/// Why something is left out that can be enforced itself.
const WHY: &str = "for what is not enforced in it";

/// Leaves out what asks that something does not fit which takes more than its schema.
fn weaken(drafts: &mut Vec<Draft>, unenforced: &mut Vec<Unenforced>) {
    let exact: Vec<bool> = drafts.iter().map(|draft| draft.is_exact).collect();
    let is_inexact = |index: &u32| {
        let index = usize::try_from(*index).unwrap_or(usize::MAX);
        exact.get(index) == Some(&false)
    };
    let mut added = Vec::new();
    let next = drafts.len();
    for draft in drafts.iter_mut() {
        let path = &draft.path;
        let mut left_out = |keyword: &str, what: &str| {
            unenforced.push(Unenforced {
                place: format!("{path}.{keyword}"),
                what: what.to_owned(),
            });
        };
        let node = &mut draft.node;
        if node.none_of.as_ref().is_some_and(is_inexact) {
            node.none_of = None;
            left_out("not", WHY);
        }
        if node.condition.as_ref().is_some_and(is_inexact) {
            (node.condition, node.then, node.otherwise) = (None, None, None);
            left_out("if", WHY);
        }
        let is_counted = |(kind, _): &(_, _)| *kind == SchemaBoundKind::MaxContains;
        if node.contains.as_ref().is_some_and(is_inexact) && node.bounds.iter().any(is_counted) {
            node.bounds.retain(|bound| !is_counted(bound));
            left_out("maxContains", WHY);
        }
        if node.one_of.iter().any(is_inexact) {
            left_out("oneOf", "taken as anyOf, for what is not enforced in it");
            let any_of = std::mem::take(&mut node.one_of);
            if node.any_of.is_empty() {
                node.any_of = any_of;
            } else {
                let index = next.saturating_add(added.len());
                node.all_of.push(u32::try_from(index).unwrap_or(u32::MAX));
                added.push(Draft {
                    node: Node {
                        any_of,
                        ..Node::default()
                    },
                    is_exact: false,
                    path: path.clone(),
                });
            }
        }
    }
    drafts.append(&mut added);
}

/// Leaves out what nothing refers to and nodes that only stand for another, and has of nodes that say
/// the same and refer to none only one.
fn compact(drafts: &[Draft]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut leaves: Vec<u32> = Vec::new();
    let mut renamed = vec![None; drafts.len()];
    let mut pending = Vec::new();
    let position = |index: u32| usize::try_from(index).unwrap_or(usize::MAX);
    let mut rename = |index: u32, nodes: &mut Vec<Node>, pending: &mut Vec<usize>| {
        let index = meant(drafts, position(index));
        if let Some(Some(known)) = renamed.get(index) {
            return *known;
        }
        let node = drafts
            .get(index)
            .map(|draft| draft.node.clone())
            .unwrap_or_default();
        let is_leaf = references(&node).is_empty();
        let same = leaves
            .iter()
            .find(|leaf| is_leaf && nodes.get(position(**leaf)) == Some(&node));
        let new = if let Some(same) = same {
            *same
        } else {
            let new = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
            if is_leaf {
                leaves.push(new);
            } else {
                pending.push(nodes.len());
            }
            nodes.push(node);
            new
        };
        if let Some(renamed) = renamed.get_mut(index) {
            *renamed = Some(new);
        }
        new
    };
    rename(0, &mut nodes, &mut pending);
    while let Some(at) = pending.pop() {
        let mut node = nodes.get_mut(at).map(std::mem::take).unwrap_or_default();
        each_reference(&mut node, |index, _| {
            *index = rename(*index, &mut nodes, &mut pending);
        });
        if let Some(place) = nodes.get_mut(at) {
            *place = node;
        }
    }
    nodes
}

/// The node that one stands for which says nothing itself.
fn meant(drafts: &[Draft], mut index: usize) -> usize {
    while let Some(Draft { node, .. }) = drafts.get(index)
        && let [only] = *node.all_of
    {
        let mere = Node {
            all_of: vec![only],
            ..Node::default()
        };
        if *node != mere {
            break;
        }
        index = usize::try_from(only).unwrap_or(usize::MAX);
    }
    index
}
