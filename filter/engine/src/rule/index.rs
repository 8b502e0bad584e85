//! The rules of one organization, found by whom and what they are about.

use super::{Effect, Mode, Rule, Target};
use crate::{
    glob::Glob,
    index::{Bits, GlobIndex, NameIndex, Positions, Posting},
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
            by_workspace: by_workspace(&rules),
            by_agent: by_agent(&rules),
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

fn globs(rules: &[Rule], of: impl Fn(&Rule) -> &Vec<Glob>) -> GlobIndex {
    let pairs = rules.iter().enumerate().flat_map(|(position, rule)| {
        let globs = of(rule).iter();
        globs.map(move |glob| (position, glob))
    });
    GlobIndex::new(rules.len(), pairs)
}

fn by_workspace(rules: &[Rule]) -> Option<(Bits, NameIndex)> {
    let narrow = |(position, rule)| Some((position, Rule::workspace(rule)?));
    let mut narrow = rules.iter().enumerate().filter_map(narrow).peekable();
    narrow.peek()?;
    let wide = Bits::of(rules, |rule| rule.workspace().is_none());
    Some((wide, NameIndex::new(rules.len(), narrow)))
}

fn by_agent(rules: &[Rule]) -> Option<(Bits, GlobIndex)> {
    let is_narrow = |rule: &Rule| !rule.agents.is_empty();
    rules.iter().any(is_narrow).then(|| {
        let any = Bits::of(rules, |rule| !is_narrow(rule));
        (any, globs(rules, |rule| &rule.agents))
    })
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
