//! Whom rules let use a tool.

use std::collections::BTreeSet;

use chancery_engine::{
    explain,
    id::Time,
    policy::ServerIndex,
    rule::{Act, Effect, Rule, Target},
};
use chancery_proto::admin::v1::Caller;

use super::Simulator;
use crate::access::Place;

/// Whom the rules about a server let use a tool, with what else each rule asks of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Callers {
    /// Whom a rule allows it.
    pub allowed: Vec<Caller>,
    /// Whom a rule denies it, which comes before.
    pub denied: Vec<Caller>,
    /// No offer lets any workspace use it whose calls reach the server, whatever rules say.
    pub not_offered: bool,
}

impl Simulator {
    /// Who may use a tool of a server, by the rules that `is_shown` picks by their names; `None`
    /// where there is no such server.
    pub fn callers(
        &self,
        server: &str,
        tool: &str,
        now: Time,
        is_shown: impl Fn(&str) -> bool,
    ) -> Option<Callers> {
        let index = self.policy.find(server)?;
        let target = Target::Tool(tool);
        let offered: BTreeSet<_> = self
            .workspaces(index)
            .into_iter()
            .filter(|workspace| self.policy.offered(index, workspace).covers(target))
            .collect();
        let mut callers = Callers {
            not_offered: offered.is_empty(),
            ..Callers::default()
        };
        let is_about = |rule: &&Rule| {
            let is_reached = match rule.workspace() {
                Some(workspace) => offered.contains(workspace),
                None => !offered.is_empty(),
            };
            is_reached && !rule.is_expired(now) && rule.covers(Act::using(target))
        };
        let rules = self.policy.rules_of(index).filter(is_about);
        for rule in rules.filter(|rule| is_shown(&rule.name)) {
            let among = match rule.effect {
                Effect::Allow => &mut callers.allowed,
                Effect::Deny => &mut callers.denied,
            };
            among.extend(callers_of(rule));
        }
        Some(callers)
    }

    /// Whether a rule, by its name, can be about calls to a server.
    pub fn concerns(&self, rule: &str, server: &str) -> bool {
        let workspaces = self.policy.find(server).map(|index| self.workspaces(index));
        let workspace = Place::of(rule).and_then(|place| place.workspace);
        workspace.is_none_or(|workspace| {
            workspaces.is_some_and(|workspaces| workspaces.contains(workspace))
        })
    }

    /// The workspaces that calls to a server can belong to.
    fn workspaces(&self, server: ServerIndex) -> BTreeSet<&str> {
        let server = self.policy.server(server);
        let endpoints = server.into_iter().flat_map(|server| &server.endpoints);
        endpoints
            .flat_map(|endpoint| {
                let audiences = endpoint.audiences.iter();
                audiences
                    .filter_map(|audience| audience.workspace.as_deref())
                    .chain([&*endpoint.workspace])
            })
            .collect()
    }
}

fn callers_of(rule: &Rule) -> impl Iterator<Item = Caller> {
    explain::members(&rule.subjects)
        .into_iter()
        .map(|subject| Caller {
            subject,
            rule: rule.name.to_string(),
            conditions: explain::conditions(rule),
        })
}

#[cfg(test)]
mod tests {
    use chancery_proto::{
        admin::v1::{self as admin, Offer, Server},
        policy::v1::{self as policy, Authentication, Endpoint, Subjects},
    };

    use super::*;
    use crate::resource::Resource;

    const SERVER: &str = "organizations/o/workspaces/w/servers/github";

    /// A server in the workspace `w` that only calls of `v` reach too.
    fn server() -> Resource {
        let endpoint = |workspace: &str| Endpoint {
            cluster: "github".to_owned(),
            path: format!("/{workspace}"),
            workspace: workspace.to_owned(),
            ..Endpoint::default()
        };
        Resource::Server(Server {
            name: SERVER.to_owned(),
            endpoints: vec![endpoint("v"), endpoint("w")],
            authentication: Authentication::Optional.into(),
            ..Server::default()
        })
    }

    fn rule(name: &str, group: &str) -> Resource {
        Resource::Rule(admin::Rule {
            name: name.to_owned(),
            effect: policy::Effect::Allow.into(),
            subjects: Some(Subjects {
                groups: vec![group.to_owned()],
                ..Subjects::default()
            }),
            servers: vec!["*".to_owned()],
            tools: vec!["*".to_owned()],
            ..admin::Rule::default()
        })
    }

    fn offer(workspace: &str, tool: &str) -> Resource {
        Resource::Offer(Offer {
            name: "organizations/o/offers/f".to_owned(),
            servers: vec!["github".to_owned()],
            workspaces: vec![workspace.to_owned()],
            tools: vec![tool.to_owned()],
            ..Offer::default()
        })
    }

    fn simulator(more: Vec<Resource>) -> Simulator {
        let rules = [
            rule("organizations/o/rules/all", "all"),
            rule("organizations/o/workspaces/v/rules/r", "v"),
            rule("organizations/o/workspaces/w/rules/r", "w"),
            rule("organizations/o/workspaces/x/rules/r", "x"),
        ];
        let resources: Vec<_> = rules.into_iter().chain([server()]).chain(more).collect();
        Simulator::of_resources(&resources).unwrap()
    }

    fn subjects(simulator: &Simulator, is_shown: impl Fn(&str) -> bool) -> (Vec<String>, bool) {
        let now = Time::from_unix_ms(0);
        let callers = simulator.callers(SERVER, "get", now, is_shown).unwrap();
        let subjects = callers.allowed.into_iter().map(|caller| caller.subject);
        (subjects.collect(), callers.not_offered)
    }

    #[test]
    fn nobody_is_let_beyond_the_offers() {
        for (offers, expected, not_offered) in [
            // No offer names it: its own workspace has it whole.
            (vec![], vec!["group all", "group w"], false),
            (vec![offer("v", "get")], vec!["group all", "group v"], false),
            (
                vec![offer("*", "g*")],
                vec!["group all", "group v", "group w"],
                false,
            ),
            (vec![offer("*", "put")], vec![], true),
            (vec![offer("x", "get")], vec![], true),
        ] {
            let found = subjects(&simulator(offers.clone()), |_| true);
            let expected: Vec<_> = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(found, (expected, not_offered), "{offers:?}");
        }
    }

    #[test]
    fn rules_that_are_not_about_a_server_or_not_shown_are_left_out() {
        let simulator = simulator(vec![offer("*", "*")]);
        let (shown, _) = subjects(&simulator, |rule| !rule.contains("/workspaces/v/"));
        assert_eq!(shown, ["group all", "group w"]);
        for (rule, expected) in [
            ("organizations/o/rules/all", true),
            ("organizations/o/workspaces/v/rules/r", true),
            ("organizations/o/workspaces/w/rules/r", true),
            ("organizations/o/workspaces/x/rules/r", false),
        ] {
            assert_eq!(simulator.concerns(rule, SERVER), expected, "{rule}");
        }
    }

    #[test]
    fn a_call_that_names_no_workspace_belongs_to_the_servers_own() {
        let place = simulator(Vec::new()).place(SERVER, "").unwrap();
        assert_eq!(place.path, "/w");
    }
}
