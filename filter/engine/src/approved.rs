//! What of a server people have approved, and what is done about the rest.

use crate::{
    canonical::{DefinitionKind, Pin, Pinned, Pins, Sighting},
    glob::percent_encoded,
    json::Value,
    rule::Target,
};

/// What of a server people have approved.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Approved {
    /// What is done about drift.
    pub pinning: Pinning,
    /// The definitions.
    pub pins: Pins,
    /// The approved resources, as rules are asked about them.
    resources: Box<[Box<str>]>,
    /// What the resources of approved templates begin with, as rules are asked about them.
    templates: Box<[Box<str>]>,
}

/// What is done about drift.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pinning {
    /// It is recorded.
    Observe,
    /// It is recorded, hidden, and cannot be used.
    Enforce,
}

/// In which way a definition differs from what is approved.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Drift {
    /// Nobody has approved one of this name.
    New,
    /// Another one of this name is approved.
    Changed,
    /// It has no pin.
    Unpinnable,
}

impl Approved {
    /// Puts together what is approved.
    pub fn new(pinning: Pinning, pins: Pins) -> Self {
        let (mut resources, mut templates) = (Vec::new(), Vec::new());
        for (what, _) in pins.iter() {
            let Pinned::Capability { kind, name } = what else {
                continue;
            };
            match kind {
                DefinitionKind::Tool | DefinitionKind::Prompt => {}
                DefinitionKind::Resource => resources.push(percent_encoded(name).into()),
                DefinitionKind::Template => {
                    let fixed = fixed_part(name);
                    // Without a scheme it would be everything.
                    if fixed.contains(':') {
                        templates.push(percent_encoded(fixed).into());
                    }
                }
            }
        }
        Self {
            pinning,
            pins,
            resources: resources.into(),
            templates: templates.into(),
        }
    }

    /// Whether drift is hidden and cannot be used.
    pub fn is_enforced(&self) -> bool {
        self.pinning == Pinning::Enforce
    }

    /// Whether something may be used, as far as its name tells. A resource is one that is listed, or
    /// one that begins as those of a template do.
    pub fn covers(&self, target: Target<'_>) -> bool {
        if !self.is_enforced() {
            return true;
        }
        match target {
            Target::Server => true,
            Target::Tool(name) => self.has(DefinitionKind::Tool, name),
            Target::Prompt(name) => self.has(DefinitionKind::Prompt, name),
            Target::Resource(uri) => {
                let mut resources = self.resources.iter();
                let mut templates = self.templates.iter();
                resources.any(|known| **known == *uri)
                    || templates.any(|part| uri.starts_with(&**part))
            }
        }
    }

    fn has(&self, kind: DefinitionKind, name: &str) -> bool {
        self.pins.has(Pinned::Capability { kind, name })
    }

    /// How a definition differs from what is approved, and its pin. `None`: it does not.
    pub fn drift_of(
        &self,
        what: Pinned<'_>,
        definition: Value<'_>,
    ) -> Option<(Drift, Option<Pin>)> {
        match self.pins.sight(what, definition) {
            Sighting::Approved => None,
            Sighting::New(pin) => Some((Drift::New, Some(pin))),
            Sighting::Changed(pin) => Some((Drift::Changed, Some(pin))),
            Sighting::Unpinnable(_) => Some((Drift::Unpinnable, None)),
        }
    }
}

/// What of a template (RFC 6570) every URI of it begins with.
fn fixed_part(template: &str) -> &str {
    template.split('{').next().unwrap_or_default()
}
