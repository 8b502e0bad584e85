//! Who may use what.

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    ascii, each, globs, named, not_yet,
    subject::SUBJECTS,
};
use crate::{
    glob::Glob,
    message::Method,
    redact::{Detector, Detectors, Redaction},
    rule::{Effect, Rule},
    subject::Subjects,
};

impl TryFrom<pb::Rule> for Rule {
    type Error = Invalid;

    fn try_from(message: pb::Rule) -> Result<Self, Invalid> {
        let pb::Rule {
            name,
            effect,
            subjects,
            servers,
            tools,
            prompts,
            resources,
            obligations,
            methods,
            environments,
            agents,
            when,
            source_ranges,
            expire_time,
            mode,
        } = message;
        not_yet("environments", environments.is_empty())?;
        not_yet("agents", agents.is_empty())?;
        not_yet("when", when.is_empty())?;
        not_yet("source_ranges", source_ranges.is_empty())?;
        not_yet("expire_time", expire_time.is_none())?;
        not_yet("mode", mode <= pb::RuleMode::Enforce.into())?;
        let name = named(name, ["organizations", "rules"])?;
        let effect = match pb::Effect::try_from(effect) {
            Ok(pb::Effect::Allow) => Effect::Allow,
            Ok(pb::Effect::Deny) => Effect::Deny,
            Ok(pb::Effect::Unspecified) | Err(_) => {
                return Err(Invalid::new("effect", effect, "`allow` or `deny`"));
            }
        };
        let subjects = subjects.ok_or_else(|| Invalid::new("subjects", "nothing", SUBJECTS))?;
        let subjects = Subjects::try_from(subjects).map_err(|error| error.within("subjects"))?;
        if servers.is_empty() {
            return Err(Invalid::new(
                "servers",
                "none",
                "at least one server id or glob",
            ));
        }
        let capabilities = [&tools, &prompts, &resources];
        let names_capability = capabilities.iter().any(|globs| !globs.is_empty());
        if !names_capability && methods.is_empty() {
            let expected = "at least one glob in `tools`, `prompts`, `resources` or `methods`";
            return Err(Invalid::new("tools", "none", expected));
        }
        let redaction = obligations.map(|pb::Obligations { redaction }| redaction);
        let redaction = redaction.flatten().map(Redaction::try_from).transpose();
        let redaction = redaction.map_err(|error| error.within("obligations.redaction"))?;
        if redaction.is_some() && effect == Effect::Deny {
            let expected = "no obligations on a rule that denies";
            return Err(Invalid::new("obligations", "a redaction", expected));
        }
        Ok(Self {
            name,
            effect,
            subjects,
            servers: globs("servers", servers)?,
            tools: globs("tools", tools)?,
            prompts: globs("prompts", prompts)?,
            resources: globs("resources", ascii(resources))?,
            methods: methods_of(methods, names_capability)?,
            redaction,
        })
    }
}

/// Globs over methods, each of which must match one that there is: a misspelt one would allow or
/// deny nothing.
pub(super) fn methods_of(
    patterns: Vec<String>,
    names_capability: bool,
) -> Result<Vec<Glob>, Invalid> {
    let globs = globs("methods", patterns)?;
    let fits = |method: &&Method| !names_capability || method.acts_on_a_capability();
    let is_dead = |glob: &Glob| {
        let mut methods = Method::ALL.iter().filter(fits);
        !methods.any(|method| glob.matches(method.as_str()))
    };
    match globs.iter().enumerate().find(|(_, glob)| is_dead(glob)) {
        None => Ok(globs),
        Some((position, glob)) => {
            let field = format!("methods[{position}]");
            let expected = if names_capability {
                "a method that acts on tools, prompts or resources, such as `tools/call`, or no \
                 `tools`, `prompts` and `resources` beside it"
            } else {
                "a method of MCP, such as `tools/call`, or a glob that matches one"
            };
            Err(Invalid::new(field, shown(&glob.to_string()), expected))
        }
    }
}

impl TryFrom<pb::Redaction> for Redaction {
    type Error = Invalid;

    fn try_from(message: pb::Redaction) -> Result<Self, Invalid> {
        let pb::Redaction {
            detectors: ids,
            arguments,
            results,
        } = message;
        if ids.is_empty() {
            return Err(Invalid::new("detectors", "none", known_detectors()));
        }
        if !arguments && !results {
            let expected = "`true` for `arguments`, `results` or both";
            return Err(Invalid::new("arguments", "neither direction", expected));
        }
        let parse = |id: String| {
            Detector::parse(&id).ok_or_else(|| Invalid::new("", shown(&id), known_detectors()))
        };
        let mut detectors = Detectors::default();
        for detector in each("detectors", ids, parse)? {
            detectors.insert(detector);
        }
        let when = |applies: bool| {
            if applies {
                detectors
            } else {
                Detectors::default()
            }
        };
        Ok(Self {
            arguments: when(arguments),
            results: when(results),
        })
    }
}

fn known_detectors() -> String {
    let ids: Vec<_> = Detector::ALL
        .iter()
        .map(|detector| format!("`{}`", detector.as_str()))
        .collect();
    format!("one or more of {}", ids.join(", "))
}
