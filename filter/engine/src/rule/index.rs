//! The rules of one organization, found by whom and what they are about.

use std::collections::BTreeMap;

use super::{Effect, Mode, Rule, Target};
use crate::{
    glob::Glob,
    index::{Bits, GlobIndex, Positions, Posting},
    principal::Principal,
    server::Server,
    subject::{Memberships, Role, SubjectIndex},
};

/// The rules of one organization, in the order of their names.
#[derive(Debug)]
pub(crate) struct RuleIndex {
    rules: Vec<Rule>,
    /// By what a rule itself says of its subjects.
    subjects: SubjectIndex,
    in_roles: SubjectIndex,
    /// For each role the rules that name it.
    of_roles: Vec<Posting>,
    servers: GlobIndex,
    environments: GlobIndex,
    in_any_environment: Bits,
    workspaces: BTreeMap<Box<str>, Posting>,
    in_any_workspace: Bits,
    agents: GlobIndex,
    through_any_agent: Bits,
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

impl RuleIndex {
    /// Indexes rules and the roles of their organization, each in the order of their names.
    pub(crate) fn new(rules: Vec<Rule>, sets: &[&Role]) -> Self {
        let subjects: Vec<_> = rules.iter().map(|rule| &rule.subjects).collect();
        let members: Vec<_> = sets.iter().map(|role| &role.subjects).collect();
        let is_special = |rule: &Rule| {
            rule.mode == Mode::Shadow || rule.redaction.is_some() || rule.effect == Effect::Deny
        };
        let is_about_servers = |rule: &Rule| match rule.effect {
            Effect::Allow => is_special(rule),
            Effect::Deny => !rule.has_capabilities(),
        };
        Self {
            subjects: SubjectIndex::new(&subjects),
            in_roles: SubjectIndex::new(&members),
            of_roles: rules_of_roles(&rules, sets),
            servers: globs(&rules, |rule| &rule.servers),
            environments: globs(&rules, |rule| &rule.environments),
            in_any_environment: Bits::of(&rules, |rule| rule.environments.is_empty()),
            workspaces: by_workspace(&rules),
            in_any_workspace: Bits::of(&rules, |rule| rule.workspace().is_none()),
            agents: globs(&rules, |rule| &rule.agents),
            through_any_agent: Bits::of(&rules, |rule| rule.agents.is_empty()),
            tools: globs(&rules, |rule| &rule.tools),
            prompts: globs(&rules, |rule| &rule.prompts),
            resources: globs(&rules, |rule| &rule.resources),
            on_anything: Bits::of(&rules, |rule| !rule.has_capabilities()),
            on_server: Bits::of(&rules, is_about_servers),
            plain: Bits::of(&rules, |rule| !is_special(rule)),
            rules,
        }
    }

    /// All rules, in the order of their names.
    pub(crate) fn rules(&self) -> &[Rule] {
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
            let roles = self.in_roles.find(principal, workspace);
            self.add_roles(&roles.certain, &mut about.certain);
            self.add_roles(&roles.possible, &mut about.possible);
        }
        let mut reached = named.clone();
        if let Some(posting) = self.workspaces.get(workspace) {
            let mut here = self.in_any_workspace.clone();
            posting.add_to(&mut here);
            reached.keep(&here);
        } else {
            reached.keep(&self.in_any_workspace);
        }
        let mut through = self.through_any_agent.clone();
        if let Some(agent) = &principal.agent {
            self.agents.find(agent, &mut through);
        }
        reached.keep(&through);
        about.certain.keep(&reached);
        about.possible.keep(&reached);
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

fn globs(rules: &[Rule], of: impl Fn(&Rule) -> &Vec<Glob>) -> GlobIndex {
    let pairs = rules.iter().enumerate().flat_map(|(position, rule)| {
        let globs = of(rule).iter();
        globs.map(move |glob| (position, glob))
    });
    GlobIndex::new(rules.len(), pairs)
}

fn by_workspace(rules: &[Rule]) -> BTreeMap<Box<str>, Posting> {
    let mut positions: BTreeMap<&str, Positions> = BTreeMap::new();
    for (position, rule) in rules.iter().enumerate() {
        if let Some(workspace) = rule.workspace() {
            positions.entry(workspace).or_default().push(position);
        }
    }
    let finish = |(workspace, positions): (&str, Positions)| {
        (workspace.into(), positions.finish(rules.len()))
    };
    positions.into_iter().map(finish).collect()
}

fn rules_of_roles(rules: &[Rule], sets: &[&Role]) -> Vec<Posting> {
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
