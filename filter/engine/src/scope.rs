//! OAuth scopes that calls need (RFC 6749 section 3.3).

use crate::{
    glob::Glob,
    principal::Principal,
    rule::{Act, Target},
};

/// Scopes that a token needs for some of what a server does.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ScopeRequirement {
    /// All of these.
    pub scopes: Vec<Box<str>>,
    /// For tools that one of these matches. Without tools and methods: for everything.
    pub tools: Vec<Glob>,
    /// For methods that one of these matches.
    pub methods: Vec<Glob>,
}

/// Whether a text is one scope.
pub fn is_scope(text: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E);
    !text.is_empty() && text.bytes().all(is_allowed)
}

impl ScopeRequirement {
    /// Whether it is about everything that the server does.
    pub fn is_general(&self) -> bool {
        self.tools.is_empty() && self.methods.is_empty()
    }

    fn covers(&self, act: Act<'_>) -> bool {
        let any = |globs: &[Glob], name: &str| globs.iter().any(|glob| glob.matches(name));
        let covers_target = self.tools.is_empty()
            || match act.target {
                Target::Tool(name) => any(&self.tools, name),
                Target::Server | Target::Prompt(_) | Target::Resource(_) => false,
            };
        let covers_method = self.methods.is_empty()
            || act
                .method
                .is_some_and(|method| any(&self.methods, method.as_str()));
        covers_target && covers_method
    }
}

/// The scopes that some acts need and a principal lacks, each once, in the order they are written.
pub fn missing<'r>(
    requirements: &'r [ScopeRequirement],
    principal: &Principal,
    acts: &[Act<'_>],
) -> Vec<&'r str> {
    let mut missing = Vec::new();
    let needed = requirements
        .iter()
        .filter(|requirement| acts.iter().any(|act| requirement.covers(*act)));
    for scope in needed.flat_map(|requirement| &requirement.scopes) {
        if !principal.scopes.contains(scope) && !missing.contains(&&**scope) {
            missing.push(&**scope);
        }
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Method;

    fn requirement(scopes: &[&str], tools: &[&str], methods: &[&str]) -> ScopeRequirement {
        let globs = |texts: &[&str]| {
            let glob = |text: &&str| Glob::parse(text).unwrap();
            texts.iter().map(glob).collect()
        };
        ScopeRequirement {
            scopes: scopes.iter().map(|scope| Box::from(*scope)).collect(),
            tools: globs(tools),
            methods: globs(methods),
        }
    }

    #[test]
    fn exactly_the_missing_ones_of_what_is_done() {
        let requirements = [
            requirement(&["mcp"], &[], &[]),
            requirement(&["notes:read", "mcp"], &["get_*", "delete_*"], &[]),
            requirement(&["notes:write"], &["delete_*"], &["tools/call"]),
            requirement(&["prompts"], &[], &["prompts/*"]),
        ];
        let reader = Principal {
            scopes: vec!["notes:read".into()],
            ..Principal::default()
        };
        let tool = |name| Act::using(Target::Tool(name));
        let prompts = Act::on_server(Some(Method::PromptsList));
        for (acts, expected) in [
            (&[tool("get_note")][..], &["mcp"][..]),
            (&[tool("delete_note")], &["mcp", "notes:write"]),
            (&[prompts], &["mcp", "prompts"]),
            (
                &[prompts, tool("delete_note")],
                &["mcp", "notes:write", "prompts"],
            ),
            (&[Act::on_server(None)], &["mcp"]),
        ] {
            assert_eq!(missing(&requirements, &reader, acts), expected, "{acts:?}");
        }
    }
}
