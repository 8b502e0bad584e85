//! Rules at their strictest and at their most generous, for calls of which not all is known.

use chancery_proto::policy::v1::Effect;
use serde_json::json;

use super::Simulator;
use crate::{resource::Resource, snapshot::BuildError};

/// The same rules three times. Whatever the arguments of a call are, what `exact` says of it lies
/// between what `strict` and `generous` say of it without them.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// As they are.
    pub exact: Simulator,
    /// As if no condition on arguments held for an allow, and every one for a deny.
    pub strict: Simulator,
    /// As if every condition on arguments held for an allow, and none for a deny.
    pub generous: Simulator,
}

impl Bounds {
    /// Compiles all three.
    ///
    /// # Errors
    /// Where the resources come to nothing.
    pub fn of(resources: &[Resource]) -> Result<Self, BuildError> {
        Ok(Self {
            exact: Simulator::of_resources(resources)?,
            strict: Simulator::of_resources(&assuming(resources, Effect::Deny))?,
            generous: Simulator::of_resources(&assuming(resources, Effect::Allow))?,
        })
    }
}

/// The resources as if the conditions of rules with this effect always held, and those of others
/// never; and as if all arguments fitted their schemas where that allows, and none where it denies.
fn assuming(resources: &[Resource], effect: Effect) -> Vec<Resource> {
    let assumed = |resource: &Resource| {
        let mut resource = resource.clone();
        if let Resource::Server(server) = &mut resource {
            server.argument_schemas.clear();
            // They are fields of definitions that are replaced.
            server.variable_fields.clear();
            for tool in &mut server.tools {
                let fits = effect == Effect::Allow;
                let definition = json!({"name": tool.name, "inputSchema": fits});
                tool.definition = definition.to_string();
            }
        }
        if let Resource::Rule(rule) = &mut resource
            && !rule.when.is_empty()
        {
            rule.when.clear();
            return (rule.effect() == effect).then_some(resource);
        }
        Some(resource)
    };
    resources.iter().filter_map(assumed).collect()
}
