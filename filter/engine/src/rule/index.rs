//! The rules of one organization, found by whom and what they are about.

use std::sync::Arc;

use super::{Effect, Rule, Target};
use crate::{
    glob::Glob,
    index::{Bits, GlobIndex, NameIndex, Positions, Posting, hash},
    principal::Principal,
    server::Server,
    subject::{Memberships, Role, SubjectIndex},
};

/// The rules of one organization, in the order of their names.
#[derive(Debug, Default)]
pub(crate) struct RuleIndex {
    rules: Vec<Arc<Rule>>,
    /// By what a rule itself says of its subjects.
    subjects: SubjectIndex,
    in_roles: SubjectIndex,
    /// For each role the rules that name it.
    of_roles: Vec<Posting>,
    servers: GlobIndex,
    environments: GlobIndex,
    in_any_environment: Bits,
    /// Those of the whole organization, and the others. `None`: there are no others.
    by_workspace: Option<(Bits, NameIndex)>,
    /// Those through any agent, and the others. `None`: there are no others.
    by_agent: Option<(Bits, GlobIndex)>,
    tools: GlobIndex,
    prompts: GlobIndex,
    resources: GlobIndex,
    /// Those that name no capability, and are about their methods alone.
    on_anything: Bits,
    /// Those to ask of a server as such before it is enough that any other allows something.
    on_server: Bits,
    /// Those that only ever allow.
    plain: Bits,
}

/// A [`RuleIndex`] in the making: all of it at once would hold up a worker.
#[derive(Debug)]
pub(crate) struct RuleIndexDraft {
    index: RuleIndex,
    /// The hashes of the literals of the field at hand, in their order.
    hashes: Vec<u64>,
    /// What comes next; `None`: nothing.
    part: Option<Part>,
}

/// A part of an index, made at once.
#[derive(Clone, Copy, Debug)]
enum Part {
    Subjects,
    Roles,
    /// The globs of rules that hold wildcards.
    Wildcards(Field),
    /// The hashes of the others.
    Hashes(Field),
    /// A shard of them, of so many.
    Literals(Field, usize),
    Circumstances,
    Effects,
}

/// What a rule has globs for, of which there may be very many.
#[derive(Clone, Copy, Debug)]
enum Field {
    Servers,
    Tools,
    Prompts,
    Resources,
}

impl Field {
    fn of(self, rule: &Rule) -> &Vec<Glob> {
        match self {
            Self::Servers => &rule.servers,
            Self::Tools => &rule.tools,
            Self::Prompts => &rule.prompts,
            Self::Resources => &rule.resources,
        }
    }

    fn within(self, index: &mut RuleIndex) -> &mut GlobIndex {
        match self {
            Self::Servers => &mut index.servers,
            Self::Tools => &mut index.tools,
            Self::Prompts => &mut index.prompts,
            Self::Resources => &mut index.resources,
        }
    }

    /// What comes after it.
    fn next(self) -> Part {
        match self {
            Self::Servers => Part::Circumstances,
            Self::Tools => Part::Wildcards(Self::Prompts),
            Self::Prompts => Part::Wildcards(Self::Resources),
            Self::Resources => Part::Effects,
        }
    }
}

/// Literals that are indexed at once, as a guide.
const LITERALS_AT_ONCE: usize = 2_048;

impl RuleIndexDraft {
    /// Begins with rules in the order of their names.
    pub(crate) fn new(rules: Vec<Arc<Rule>>) -> Self {
        let index = RuleIndex {
            rules,
            ..RuleIndex::default()
        };
        Self {
            index,
            hashes: Vec::new(),
            part: Some(Part::Subjects),
        }
    }

    /// Makes another part, with the roles of the organization in the order of their names; whether
    /// there is more to do.
    pub(crate) fn proceed(&mut self, sets: &[&Role]) -> bool {
        self.part = self.part.and_then(|part| self.make(part, sets));
        self.part.is_some()
    }

    /// Makes a part and says what comes next.
    fn make(&mut self, part: Part, sets: &[&Role]) -> Option<Part> {
        // Out of the index, so that its other parts can be written.
        let rules = std::mem::take(&mut self.index.rules);
        let index = &mut self.index;
        let next = match part {
            Part::Subjects => {
                let subjects: Vec<_> = rules.iter().map(|rule| &rule.subjects).collect();
                index.subjects = SubjectIndex::new(&subjects);
                Some(Part::Roles)
            }
            Part::Roles => {
                let members: Vec<_> = sets.iter().map(|role| &role.subjects).collect();
                index.in_roles = SubjectIndex::new(&members);
                index.of_roles = rules_of_roles(&rules, sets);
                Some(Part::Wildcards(Field::Servers))
            }
            Part::Wildcards(field) => {
                let globs = pairs(&rules, |rule| field.of(rule));
                *field.within(index) = GlobIndex::of_wildcards(rules.len(), globs);
                Some(Part::Hashes(field))
            }
            Part::Hashes(field) => {
                let hashes = literals(&rules, field).map(|(_, name)| hash(name));
                self.hashes = hashes.collect();
                let shards = self.hashes.len().div_ceil(LITERALS_AT_ONCE);
                Some(Part::Literals(field, shards.next_power_of_two()))
            }
            Part::Literals(field, shards) => {
                let hashed = self.hashes.iter().zip(literals(&rules, field));
                let hashed = hashed.map(|(hash, (position, name))| (*hash, name, position));
                let names = field.within(index).literals_mut();
                let is_last = names.add_shard(shards, rules.len(), hashed);
                Some(if is_last { field.next() } else { part })
            }
            Part::Circumstances => {
                index.environments = globs(&rules, |rule| &rule.environments);
                index.in_any_environment = Bits::of(&rules, |rule| rule.environments.is_empty());
                index.by_workspace = by_workspace(&rules);
                index.by_agent = by_agent(&rules);
                Some(Part::Wildcards(Field::Tools))
            }
            Part::Effects => {
                index.on_anything = Bits::of(&rules, |rule| !rule.has_capabilities());
                index.on_server = Bits::of(&rules, |rule| is_about_servers(rule));
                index.plain = Bits::of(&rules, |rule| rule.is_plain());
                None
            }
        };
        self.index.rules = rules;
        next
    }

    /// The index, as far as it was made.
    pub(crate) fn finish(self) -> RuleIndex {
        self.index
    }
}

fn is_about_servers(rule: &Rule) -> bool {
    match rule.effect {
        Effect::Allow => !rule.is_plain(),
        Effect::Deny => !rule.has_capabilities(),
    }
}

impl RuleIndex {
    /// All rules, in the order of their names.
    pub(crate) fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// The rules that are about a server, whoever calls it.
    pub(crate) fn naming(&self, server: &Server) -> Bits {
        let mut named = Bits::none(self.rules.len());
        self.servers.find(server.id(), &mut named);
        let mut here = self.in_any_environment.clone();
        if let Some(environment) = &server.environment {
            self.environments.find(environment, &mut here);
        }
        named.keep(&here);
        named
    }

    /// The rules, of those given, that are about a principal whose call belongs to `workspace`.
    pub(crate) fn about(
        &self,
        named: &Bits,
        principal: &Principal,
        workspace: &str,
    ) -> Memberships {
        let mut about = self.subjects.find(principal, workspace);
        if !self.of_roles.is_empty() {
            let in_roles = self.in_roles.find(principal, workspace);
            self.add_roles(&in_roles.certain, &mut about.certain);
            if let (Some(roles), Some(rules)) = (&in_roles.possible, &mut about.possible) {
                self.add_roles(roles, rules);
            }
        }
        about.keep(named);
        if let Some((wide, by_workspace)) = &self.by_workspace {
            let mut here = wide.clone();
            by_workspace.find(workspace, &mut here);
            about.keep(&here);
        }
        if let Some((any, by_agent)) = &self.by_agent {
            let mut through = any.clone();
            if let Some(agent) = &principal.agent {
                by_agent.find(agent, &mut through);
            }
            about.keep(&through);
        }
        about
    }

    fn add_roles(&self, sets: &Bits, rules: &mut Bits) {
        for posting in sets.iter().filter_map(|role| self.of_roles.get(role)) {
            posting.add_to(rules);
        }
    }

    /// The rules that could be about a capability, whatever the method. `None` for a server as such.
    pub(crate) fn about_target(&self, target: Target<'_>) -> Option<Bits> {
        let (globs, name) = match target {
            Target::Server => return None,
            Target::Tool(name) => (&self.tools, name),
            Target::Prompt(name) => (&self.prompts, name),
            Target::Resource(uri) => (&self.resources, uri),
        };
        let mut found = self.on_anything.clone();
        globs.find(name, &mut found);
        Some(found)
    }

    /// The rules that could refuse a server as such, or mask what it says, or are in shadow.
    pub(crate) fn on_server(&self) -> &Bits {
        &self.on_server
    }

    /// The rules that only ever allow.
    pub(crate) fn plain(&self) -> &Bits {
        &self.plain
    }
}

fn pairs(
    rules: &[Arc<Rule>],
    of: impl Fn(&Rule) -> &Vec<Glob> + Copy,
) -> impl Iterator<Item = (usize, &Glob)> + Clone {
    rules.iter().enumerate().flat_map(move |(position, rule)| {
        let globs = of(rule).iter();
        globs.map(move |glob| (position, glob))
    })
}

fn literals(rules: &[Arc<Rule>], field: Field) -> impl Iterator<Item = (usize, &str)> {
    let globs = pairs(rules, move |rule| field.of(rule));
    globs.filter_map(|(position, glob)| Some((position, glob.as_literal()?)))
}

fn globs(rules: &[Arc<Rule>], of: impl Fn(&Rule) -> &Vec<Glob> + Copy) -> GlobIndex {
    GlobIndex::new(rules.len(), pairs(rules, of))
}

fn by_workspace(rules: &[Arc<Rule>]) -> Option<(Bits, NameIndex)> {
    let each = rules.iter().map(AsRef::as_ref).enumerate();
    let narrow = |(position, rule)| Some((position, Rule::workspace(rule)?));
    let mut narrow = each.filter_map(narrow).peekable();
    narrow.peek()?;
    let wide = Bits::of(rules, |rule| rule.workspace().is_none());
    Some((wide, NameIndex::new(rules.len(), narrow)))
}

fn by_agent(rules: &[Arc<Rule>]) -> Option<(Bits, GlobIndex)> {
    let is_narrow = |rule: &Rule| !rule.agents.is_empty();
    rules.iter().any(|rule| is_narrow(rule)).then(|| {
        let any = Bits::of(rules, |rule| !is_narrow(rule));
        (any, globs(rules, |rule| &rule.agents))
    })
}

fn rules_of_roles(rules: &[Arc<Rule>], sets: &[&Role]) -> Vec<Posting> {
    let mut positions: Vec<Positions> = sets.iter().map(|_| Positions::default()).collect();
    for (position, rule) in rules.iter().enumerate() {
        for id in &rule.subjects.roles {
            let role = sets.binary_search_by(|role| role.id().cmp(id)).ok();
            if let Some(of_role) = role.and_then(|role| positions.get_mut(role)) {
                of_role.push(position);
            }
        }
    }
    let finish = |of_role: &Positions| of_role.finish(rules.len());
    positions.iter().map(finish).collect()
}
