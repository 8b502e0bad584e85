//! An organization that has grown: many servers, tools and rules.

use chancery::{
    resource::Resource,
    snapshot::{self, BuildError, KeySets},
};
use chancery_proto::{
    admin::v1 as admin,
    policy::v1::{Condition, Effect, Endpoint, Subjects, condition},
};

use crate::layer::Snapshot;

/// What every rule asks of an argument.
const PATTERN: &str = "^(acme|example)/[a-z0-9][a-z0-9._-]{0,99}$";

const ORGANIZATION: &str = "organizations/default";

/// How much of what there is.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Registered servers.
    pub servers: usize,
    /// Rules.
    pub rules: usize,
    /// Names of tools in each rule.
    pub tools_per_rule: usize,
}

impl Scale {
    /// What a decision must be fast with: 10,000 tools and 1,000 rules.
    pub const LARGE: Self = Self {
        servers: 100,
        rules: 1_000,
        tools_per_rule: 10,
    };

    /// The resources; `edition` makes one rule differ.
    pub fn resources(self, edition: u64) -> Vec<Resource> {
        let servers = (0..self.servers).map(server);
        let rules = (0..self.rules).map(|number| self.rule(number, edition));
        servers.chain(rules).collect()
    }

    /// The snapshot of these resources.
    ///
    /// # Errors
    /// Where they make none.
    pub fn snapshot(self, version: u64) -> Result<Snapshot, BuildError> {
        let resources = self.resources(version);
        let time = prost_types::Timestamp::default();
        let built = snapshot::build(&resources, &KeySets::new(), (1, version), time, None)?;
        Ok(Snapshot {
            manifest: built.manifest,
            sections: built.sections.values().map(|it| it.to_vec()).collect(),
        })
    }

    fn rule(self, number: usize, edition: u64) -> Resource {
        let tool = |tool| format!("tool_{}", number * self.tools_per_rule + tool);
        let mut tools: Vec<_> = (0..self.tools_per_rule).map(tool).collect();
        if number == self.rules / 2 {
            tools.push(format!("tool_of_edition_{edition}"));
        }
        Resource::Rule(admin::Rule {
            name: format!("{ORGANIZATION}/rules/rule-{number:05}"),
            effect: Effect::Allow.into(),
            subjects: Some(Subjects {
                groups: vec![format!("group-{}", number % 50)],
                ..Subjects::default()
            }),
            servers: vec![format!("server-{}", number % self.servers)],
            tools,
            when: vec![Condition {
                argument: "$.repo".to_owned(),
                test: Some(condition::Test::Regex(PATTERN.to_owned())),
                ..Condition::default()
            }],
            ..admin::Rule::default()
        })
    }
}

fn server(number: usize) -> Resource {
    Resource::Server(admin::Server {
        owner: "o".to_owned(),
        name: format!("{ORGANIZATION}/workspaces/default/servers/server-{number}"),
        endpoints: vec![Endpoint {
            path: format!("/server-{number}"),
            cluster: format!("cluster-{number}"),
            ..Endpoint::default()
        }],
        ..admin::Server::default()
    })
}
