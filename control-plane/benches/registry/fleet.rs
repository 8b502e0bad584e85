//! What a large company registers: servers with pinned tools as real ones have them, and rules.

use chancery::resource::Resource;
use chancery_proto::{
    admin::v1 as admin,
    policy::v1::{Condition, Effect, Endpoint, OnDenied, Pinning, Subjects, condition},
};
use serde_json::json;

/// Workspaces of each organization.
const WORKSPACES: usize = 5;

const TOOLS: usize = 10;

/// How much of what there is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fleet {
    pub(crate) organizations: usize,
    /// In all of them.
    pub(crate) servers: usize,
    /// In all of them.
    pub(crate) rules: usize,
}

impl Fleet {
    pub(crate) fn resources(self) -> Vec<Resource> {
        let servers = (0..self.servers).map(|number| self.server(number, number));
        let rules = (0..self.rules).map(|number| self.rule(number, None));
        servers.chain(rules).collect()
    }

    fn organization(self, number: usize) -> String {
        format!("organizations/o{:02}", number % self.organizations)
    }

    /// A server in the place of one number, with another.
    pub(crate) fn server(self, place: usize, number: usize) -> Resource {
        let workspace = place / self.organizations % WORKSPACES;
        let organization = self.organization(place);
        Resource::Server(admin::Server {
            name: format!("{organization}/workspaces/w{workspace}/servers/server-{number}"),
            display_name: format!("Server {number}"),
            owner: "platform@example.com".to_owned(),
            endpoints: vec![Endpoint {
                cluster: format!("cluster-{}", number % 100),
                host: format!("server-{number}.mcp.example.com"),
                path: "/mcp".to_owned(),
                ..Endpoint::default()
            }],
            tools: (0..TOOLS).map(|tool| definition(tool, "")).collect(),
            environment: if number.is_multiple_of(2) {
                "production"
            } else {
                "staging"
            }
            .to_owned(),
            pinning: Pinning::Enforce.into(),
            ..admin::Server::default()
        })
    }

    /// Of ten rules seven name a server, two name many by a glob, one is about all of them.
    pub(crate) fn rule(self, number: usize, edition: Option<usize>) -> Resource {
        let organization = self.organization(number);
        let servers = match number / self.organizations % 10 {
            0..7 => format!("server-{number}"),
            7 | 8 => format!("server-{}*", number % 97),
            _ => "*".to_owned(),
        };
        let mut groups = vec![format!("group-{}", number % 50)];
        groups.extend(edition.map(|edition| format!("edition-{edition}")));
        let is_wide = servers == "*";
        Resource::Rule(admin::Rule {
            name: format!("{organization}/rules/rule-{number:05}"),
            effect: if is_wide { Effect::Deny } else { Effect::Allow }.into(),
            subjects: Some(Subjects {
                groups,
                ..Subjects::default()
            }),
            servers: vec![servers],
            tools: vec![tool_name(number % TOOLS), "create_*".to_owned()],
            when: vec![Condition {
                argument: "$.repository".to_owned(),
                test: Some(condition::Test::Regex("^acme/".to_owned())),
                ..Condition::default()
            }],
            ..admin::Rule::default()
        })
    }
}

/// The server with one more approved definition of its first tool.
pub(crate) fn with_one_more_definition(server: &Resource) -> Resource {
    edited(server, |server| server.tools.push(definition(0, " (new)")))
}

/// The server with what a caller learns of it changed.
pub(crate) fn hidden(server: &Resource) -> Resource {
    edited(server, |server| server.on_denied = OnDenied::Hide.into())
}

fn edited(server: &Resource, edit: impl FnOnce(&mut admin::Server)) -> Resource {
    let mut server = server.clone();
    if let Resource::Server(server) = &mut server {
        edit(server);
    }
    server
}

fn tool_name(tool: usize) -> String {
    const NAMES: [&str; TOOLS] = [
        "create_issue",
        "create_comment",
        "search_code",
        "list_pull_requests",
        "merge_pull_request",
        "get_file_contents",
        "create_branch",
        "list_commits",
        "update_issue",
        "delete_branch",
    ];
    NAMES
        .get(tool)
        .map_or_else(String::new, |name| (*name).to_owned())
}

fn definition(tool: usize, addition: &str) -> admin::ToolDefinition {
    let name = tool_name(tool);
    let text = |description: &str| json!({"type": "string", "description": description});
    let definition = json!({
        "name": name,
        "title": name.replace('_', " "),
        "description": format!("Does what `{name}` says in a repository that the caller may read, and \
            returns what became of it, with links to each page that was changed.{addition}"),
        "inputSchema": {
            "type": "object",
            "properties": {
                "repository": text("The owner and the name, such as `acme/shop`."),
                "title": text("What it is called in lists, in one line."),
                "body": text("The whole text, in Markdown."),
                "labels": {"type": "array", "items": {"type": "string"}, "maxItems": 20},
                "page": {"type": "integer", "minimum": 1, "default": 1},
                "state": {"type": "string", "enum": ["open", "closed", "all"], "default": "open"},
            },
            "required": ["repository"],
            "additionalProperties": false,
        },
        "annotations": {"readOnlyHint": tool > 4, "destructiveHint": tool == 9},
    });
    admin::ToolDefinition {
        name,
        definition: definition.to_string(),
    }
}
