//! Resources as they are kept: shared from version to version, so that a change copies little.

use std::{
    borrow::Borrow,
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    ops::{Bound, Deref},
    sync::{Arc, OnceLock},
};

use chancery_engine::wire::Invalid;

use super::{Kind, PolicyPart, Resource};

/// A resource, with what filters get of it.
#[derive(Debug)]
pub struct Stored {
    resource: Resource,
    /// Made once, for every version that has the resource.
    part: OnceLock<Result<Option<PolicyPart>, Invalid>>,
}

impl Stored {
    /// As [`Resource::to_policy`].
    ///
    /// # Errors
    /// The first value that is wrong.
    pub fn part(&self) -> Result<Option<&PolicyPart>, &Invalid> {
        let part = self.part.get_or_init(|| self.resource.to_policy());
        part.as_ref().map(Option::as_ref)
    }
}

impl From<Resource> for Stored {
    fn from(resource: Resource) -> Self {
        Self {
            resource,
            part: OnceLock::new(),
        }
    }
}

impl Deref for Stored {
    type Target = Resource;

    fn deref(&self) -> &Resource {
        &self.resource
    }
}

/// A resource in the place of its name.
#[derive(Clone, Debug)]
struct Entry(Arc<Stored>);

impl Borrow<str> for Entry {
    fn borrow(&self) -> &str {
        self.0.name()
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.name().cmp(other.0.name())
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

/// Those of one kind, in the order of their names.
type Named = BTreeSet<Entry>;

/// Resources by kind and name. A copy shares them, and a changed copy all that did not change.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    kinds: BTreeMap<Kind, Arc<Named>>,
}

impl Resources {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// One of them.
    pub fn stored(&self, kind: Kind, name: &str) -> Option<&Arc<Stored>> {
        let named = self.kinds.get(&kind)?;
        named.get(name).map(|Entry(stored)| stored)
    }

    /// One of them, by kind and name.
    pub fn get(&self, (kind, name): &(Kind, String)) -> Option<&Resource> {
        self.stored(*kind, name).map(|stored| &***stored)
    }

    /// Whether there is one of a kind and name.
    pub fn contains_key(&self, (kind, name): &(Kind, String)) -> bool {
        self.stored(*kind, name).is_some()
    }

    /// Puts a resource in the place of the one of its kind and name.
    pub fn put(&mut self, resource: Resource) {
        let named = self.kinds.entry(resource.kind()).or_default();
        Arc::make_mut(named).replace(Entry(Arc::new(resource.into())));
    }

    /// Takes one out.
    pub fn remove(&mut self, (kind, name): &(Kind, String)) -> Option<Arc<Stored>> {
        let named = self.kinds.get_mut(kind)?;
        let Entry(stored) = Arc::make_mut(named).take(&**name)?;
        Some(stored)
    }

    /// All of them, in the order of kind and name.
    pub fn values(&self) -> impl Iterator<Item = &Resource> {
        Kind::ALL
            .iter()
            .flat_map(|kind| self.of_kind(*kind))
            .map(|stored| &***stored)
    }

    /// Those of a kind, in the order of their names.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = &Arc<Stored>> {
        self.after(kind, "")
    }

    /// Those of a kind whose names come after one, in their order.
    pub fn after<'r>(
        &'r self,
        kind: Kind,
        name: &str,
    ) -> impl Iterator<Item = &'r Arc<Stored>> + use<'r> {
        let rest = (Bound::Excluded(name), Bound::Unbounded);
        let named = self.kinds.get(&kind);
        let named = named.map(|named| named.range::<str, _>(rest));
        named.into_iter().flatten().map(|Entry(stored)| stored)
    }

    /// Those of a kind in an organization, `organizations/{o}`, in the order of their names.
    pub fn within<'r>(
        &'r self,
        kind: Kind,
        organization: &str,
    ) -> impl Iterator<Item = &'r Arc<Stored>> + use<'r> {
        let prefix = format!("{organization}/");
        let rest = self.after(kind, &prefix);
        rest.take_while(move |stored| stored.name().starts_with(&prefix))
    }

    /// The organizations, `organizations/{o}`, that have one of a kind.
    pub fn organizations_with(&self, kind: Kind) -> Vec<String> {
        let mut organizations: Vec<String> = Vec::new();
        // `0` comes right after the `/` that everything in the last one begins with.
        let after = |last: Option<&String>| last.map_or_else(String::new, |it| format!("{it}0"));
        while let Some(next) = self.after(kind, &after(organizations.last())).next() {
            organizations.push(next.organization().to_owned());
        }
        organizations
    }

    /// The kinds and names of those that are not the same in both, told apart by where they are kept.
    pub fn differences<'r>(&'r self, other: &'r Self) -> Vec<(Kind, &'r str)> {
        let mut differing = Vec::new();
        for kind in Kind::ALL {
            let (ours, theirs) = (self.kinds.get(kind), other.kinds.get(kind));
            let is_shared = match (ours, theirs) {
                (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if !is_shared {
                let names = differing_names(self.of_kind(*kind), other.of_kind(*kind));
                differing.extend(names.into_iter().map(|name| (*kind, name)));
            }
        }
        differing
    }
}

#[expect(
    clippy::mutable_key_type,
    reason = "an entry is ordered by the name, which never changes"
)]
impl FromIterator<Resource> for Resources {
    fn from_iter<I: IntoIterator<Item = Resource>>(resources: I) -> Self {
        let mut kinds: BTreeMap<Kind, Named> = BTreeMap::new();
        for resource in resources {
            let named = kinds.entry(resource.kind()).or_default();
            named.replace(Entry(Arc::new(resource.into())));
        }
        let shared = |(kind, named)| (kind, Arc::new(named));
        Self {
            kinds: kinds.into_iter().map(shared).collect(),
        }
    }
}

/// The names of what is in one of two alone, or differs; both are in the order of names.
fn differing_names<'r>(
    ours: impl Iterator<Item = &'r Arc<Stored>>,
    theirs: impl Iterator<Item = &'r Arc<Stored>>,
) -> Vec<&'r str> {
    let (mut ours, mut theirs) = (ours.peekable(), theirs.peekable());
    let mut names = Vec::new();
    loop {
        let (mine, other) = (ours.peek().copied(), theirs.peek().copied());
        let order = match (mine, other) {
            (None, None) => return names,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(mine), Some(other)) if Arc::ptr_eq(mine, other) => {
                ours.next();
                theirs.next();
                continue;
            }
            (Some(mine), Some(other)) => mine.name().cmp(other.name()),
        };
        names.extend(if order.is_gt() { other } else { mine }.map(|it| it.name()));
        if order.is_le() {
            ours.next();
        }
        if order.is_ge() {
            theirs.next();
        }
    }
}

#[cfg(test)]
mod tests {
    use chancery_proto::admin::v1 as admin;

    use super::*;

    fn rule(name: &str) -> Resource {
        Resource::Rule(admin::Rule {
            name: name.to_owned(),
            ..admin::Rule::default()
        })
    }

    #[test]
    fn copies_differ_by_what_was_put_and_removed() {
        let names = [
            "organizations/a/rules/r",
            "organizations/b/rules/r",
            "organizations/b/rules/s",
        ];
        let all: Resources = names.map(rule).into_iter().collect();
        let mut changed = all.clone();
        assert_eq!(all.differences(&changed), []);
        changed.put(rule(names[1]));
        changed.remove(&(Kind::Rule, names[0].to_owned()));
        changed.put(rule("organizations/c/rules/r"));
        let expected = [names[0], names[1], "organizations/c/rules/r"].map(|it| (Kind::Rule, it));
        assert_eq!(all.differences(&changed), expected);
        assert_eq!(changed.differences(&all), expected);
        assert_eq!(all.values().count(), 3);
    }

    #[test]
    fn an_organization_has_its_own() {
        // `-` sorts before `/`, `0` after it.
        let names = [
            "organizations/a-b/rules/r",
            "organizations/a/rules/r",
            "organizations/a/rules/s",
            "organizations/a0/rules/r",
        ];
        let all: Resources = names.map(rule).into_iter().collect();
        let own: Vec<_> = all
            .within(Kind::Rule, "organizations/a")
            .map(|it| it.name())
            .collect();
        assert_eq!(own, [names[1], names[2]]);
        let expected = ["organizations/a-b", "organizations/a", "organizations/a0"];
        assert_eq!(all.organizations_with(Kind::Rule), expected);
        assert!(all.organizations_with(Kind::Server).is_empty());
    }
}
