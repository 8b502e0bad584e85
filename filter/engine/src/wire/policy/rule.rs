//! Who may use what.

use chancery_proto::policy::v1 as pb;

use super::{
    super::{Invalid, shown},
    ascii,
    condition::{conditions, ranges},
    fits, globs, misnamed,
    redaction::built_in,
    subject::SUBJECTS,
};
use crate::{
    audit::AuditLevel,
    glob::Glob,
    id::Time,
    message::Method,
    rule::{CapabilityKind, Effect, Mode, Obligations, Rule},
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
            audit,
            require_prompt,
        } = message;
        let name = rule_name(name)?;
        let effect = effect_of(effect)?;
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
        let methods = methods_of(methods, names_capability)?;
        if !when.is_empty() {
            check_conditional(&capabilities, &methods)?;
        }
        let mut obligations = obligations_of(obligations, effect)?;
        obligations.audit = audit_of(audit, effect)?;
        if require_prompt && effect == Effect::Deny {
            let expected = "nothing on a rule that denies";
            return Err(Invalid::new("require_prompt", "true", expected));
        }
        obligations.require_prompt = require_prompt;
        Ok(Self {
            name,
            effect,
            subjects,
            servers: globs("servers", servers)?,
            tools: globs("tools", tools)?,
            prompts: globs("prompts", prompts)?,
            resources: globs("resources", ascii(resources))?,
            methods,
            environments: globs("environments", environments)?,
            agents: globs("agents", agents)?,
            when: conditions(when)?,
            source_ranges: ranges("source_ranges", source_ranges)?,
            expire_time: expire_time.map(time).transpose()?,
            mode: mode_of(mode)?,
            obligations,
        })
    }
}

fn obligations_of(
    message: Option<pb::Obligations>,
    effect: Effect,
) -> Result<Obligations, Invalid> {
    let Some(message) = message else {
        return Ok(Obligations::default());
    };
    let obligations = Obligations::from(message);
    // What somebody else knew to say in them must not be lost.
    if obligations.is_empty() {
        let expected = "`redact` or `reveal`, or no obligations";
        return Err(Invalid::new("obligations", "none", expected));
    }
    if effect == Effect::Deny {
        let expected = "no obligations on a rule that denies";
        return Err(Invalid::new("obligations", "some", expected));
    }
    Ok(obligations)
}

impl From<pb::Obligations> for Obligations {
    fn from(message: pb::Obligations) -> Self {
        let pb::Obligations { redact, reveal } = message;
        let mut revealed: Vec<Box<str>> = Vec::new();
        for id in reveal {
            match built_in(&id) {
                Some(chosen) => revealed.extend(chosen.iter().map(|one| one.as_str().into())),
                None => revealed.push(id.into()),
            }
        }
        Self {
            redact: redact.into_iter().map(Into::into).collect(),
            reveal: revealed,
            audit: None,
            require_prompt: false,
        }
    }
}

/// A rule is its organization's, or one workspace's.
fn rule_name(name: String) -> Result<Box<str>, Invalid> {
    const WIDE: &[&str] = &["organizations", "rules"];
    const NARROW: &[&str] = &["organizations", "workspaces", "rules"];
    if fits(&name, WIDE) || fits(&name, NARROW) {
        return Ok(name.into());
    }
    Err(misnamed(&name, &[WIDE, NARROW]))
}

fn effect_of(effect: i32) -> Result<Effect, Invalid> {
    match pb::Effect::try_from(effect) {
        Ok(pb::Effect::Allow) => Ok(Effect::Allow),
        Ok(pb::Effect::Deny) => Ok(Effect::Deny),
        Ok(pb::Effect::RequireApproval) => {
            let expected = "`allow` or `deny`: not supported yet";
            Err(Invalid::new("effect", "`require_approval`", expected))
        }
        Ok(pb::Effect::Unspecified) | Err(_) => {
            Err(Invalid::new("effect", effect, "`allow` or `deny`"))
        }
    }
}

/// Unless a rule says otherwise, it is enforced.
fn mode_of(mode: i32) -> Result<Mode, Invalid> {
    match pb::RuleMode::try_from(mode) {
        Ok(pb::RuleMode::Unspecified | pb::RuleMode::Enforce) => Ok(Mode::Enforce),
        Ok(pb::RuleMode::Shadow) => Ok(Mode::Shadow),
        Err(_) => Err(Invalid::new("mode", mode, "`enforce` or `shadow`")),
    }
}

/// What is denied goes nowhere, so there is nothing to wait for.
fn audit_of(audit: i32, effect: Effect) -> Result<Option<AuditLevel>, Invalid> {
    let level = match pb::AuditLevel::try_from(audit) {
        Ok(pb::AuditLevel::Unspecified) => return Ok(None),
        Ok(pb::AuditLevel::Standard) => AuditLevel::Standard,
        Ok(pb::AuditLevel::WriteAhead) => AuditLevel::WriteAhead,
        Err(_) => return Err(Invalid::new("audit", audit, "`standard` or `write_ahead`")),
    };
    match effect {
        Effect::Allow => Ok(Some(level)),
        Effect::Deny => Err(Invalid::new(
            "audit",
            "a level",
            "none on a rule that denies",
        )),
    }
}

pub(super) fn time(time: prost_types::Timestamp) -> Result<Time, Invalid> {
    let prost_types::Timestamp { seconds, nanos } = time;
    let milliseconds = nanos
        .checked_div(1_000_000)
        .filter(|ms| (0..1_000).contains(ms));
    let unix_ms = milliseconds.and_then(|milliseconds| {
        let whole = u64::try_from(seconds).ok()?.checked_mul(1_000)?;
        whole.checked_add(u64::try_from(milliseconds).ok()?)
    });
    unix_ms.map(Time::from_unix_ms).ok_or_else(|| {
        let found = format!("{seconds} s and {nanos} ns since 1970");
        Invalid::new("expire_time", found, "a time since 1970")
    })
}

/// Only calls of tools and prompts have arguments.
fn check_conditional(
    [tools, prompts, resources]: &[&Vec<String>; 3],
    methods: &[Glob],
) -> Result<(), Invalid> {
    if !resources.is_empty() {
        let expected = "no `resources` beside `when`: they have no arguments";
        return Err(Invalid::new("resources", "a glob", expected));
    }
    if tools.is_empty() && prompts.is_empty() {
        let expected = "at least one glob in `tools` or `prompts`, whose arguments `when` reads";
        return Err(Invalid::new("tools", "none", expected));
    }
    let has_arguments = |glob: &Glob| {
        let mut methods = Method::ALL.iter().filter(|method| method.has_arguments());
        methods.any(|method| glob.matches(method.as_str()))
    };
    if methods.is_empty() || methods.iter().any(has_arguments) {
        return Ok(());
    }
    let expected = "`tools/call` or `prompts/get` among them: no other has arguments for `when`";
    Err(Invalid::new("methods", "others alone", expected))
}

/// Globs over methods, each of which must match one that there is: a misspelt one would allow or
/// deny nothing.
pub(super) fn methods_of(
    patterns: Vec<String>,
    names_capability: bool,
) -> Result<Vec<Glob>, Invalid> {
    let globs = globs("methods", patterns)?;
    let acts = |method: Method| {
        let mut kinds = CapabilityKind::ALL.iter();
        kinds.any(|kind| kind.is_acted_on_by(method))
    };
    let fits = |method: &&Method| !names_capability || acts(**method);
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
