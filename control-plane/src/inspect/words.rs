//! What a text says: sentence by sentence, which signs are a warning together.

use super::{
    Findings, Rule, Severity,
    fold::fold,
    links::{self, Target},
    sentences::sentences,
    signs::{Sign, Signs},
    size,
    strings::{Role, Text},
    tools::{Mention, Mentions},
};

/// A rule, how urgent it is, and why.
type Warning = (Rule, Severity, &'static str);

/// Every warning of a text's words.
pub(super) fn inspect(text: &Text<'_>, mentions: &Mentions<'_>, found: &mut Findings) {
    for (warning, excerpt) in warnings(text.content, text.role, mentions) {
        let (rule, severity, why) = warning;
        found.add(rule, severity, (&text.place, &excerpt), why);
    }
}

/// Every warning of a text's words, with the sentence.
pub(super) fn warnings(text: &str, role: Role, mentions: &Mentions<'_>) -> Vec<(Warning, String)> {
    let mut all = Vec::new();
    if role == Role::Prose && calls_itself_system(text) {
        let why = "A mark such as `SYSTEM:` passes the text off as the system's.";
        let warning = (Rule::HiddenInstruction, Severity::High, why);
        all.push((warning, text.to_owned()));
    }
    let folded = if role == Role::Name {
        // A name says as much as a sentence: `content_from_reading_id_rsa`.
        fold(&size::read(text).replace(['_', '-'], " "))
    } else {
        fold(size::read(text))
    };
    for sentence in sentences(&folded) {
        let signs = Signs::of(&sentence);
        let mut of_sentence = Vec::new();
        orders(signs, &mut of_sentence);
        data(signs, links::target(&sentence), &mut of_sentence);
        asked(signs, &mut of_sentence);
        tools(signs, mentions.in_sentence(&sentence), &mut of_sentence);
        in_schema(role, &mut of_sentence);
        all.extend(
            of_sentence
                .into_iter()
                .map(|warning| (warning, sentence.clone())),
        );
    }
    all
}

/// What is ordered, and from whom it is kept.
fn orders(signs: Signs, all: &mut Vec<Warning>) {
    let mut order = |severity, why| all.push((Rule::HiddenInstruction, severity, why));
    if signs.has(Sign::Override) {
        order(
            Severity::High,
            "It tells the model to drop its instructions.",
        );
    }
    if signs.has(Sign::NewOrders) {
        order(Severity::High, "It gives the model new instructions.");
    }
    if signs.has(Sign::Tag) {
        order(
            Severity::High,
            "It has a tag or mark that makes the model take the text for the system's.",
        );
    }
    if signs.has(Sign::Persona) {
        order(Severity::Medium, "It speaks to the model, not of the tool.");
    }
    if signs.has(Sign::AgainstUser) {
        order(
            Severity::High,
            "It wants something done against what the user asked for.",
        );
    }
    if signs.any(&[Sign::You, Sign::Addressed, Sign::Prerequisite]) {
        let severity = if signs.any(&[Sign::Send, Sign::Fill])
            && signs.has(Sign::Prerequisite)
            && signs.any(&[Sign::Private, Sign::Credential, Sign::SensitivePath])
        {
            Severity::High
        } else {
            Severity::Low
        };
        order(severity, "It tells the model what to do.");
    }
    if signs.has(Sign::Secrecy) {
        all.push((
            Rule::Secrecy,
            Severity::High,
            "It wants something kept from the user.",
        ));
    }
    if signs.has(Sign::Stealth) {
        let does = [Sign::Send, Sign::Fill, Sign::Call, Sign::SensitivePath];
        let severity = if signs.any(&does) {
            Severity::High
        } else {
            Severity::Medium
        };
        all.push((
            Rule::Secrecy,
            severity,
            "It wants something done unnoticed.",
        ));
    }
    if signs.has(Sign::Shell) {
        all.push((
            Rule::ShellCommand,
            Severity::Medium,
            "It has a shell command that fetches code, hides it or opens a way in.",
        ));
    }
}

/// What data is to go where.
fn data(signs: Signs, target: Option<Target>, all: &mut Vec<Warning>) {
    let mut leak = |severity, why| all.push((Rule::Exfiltration, severity, why));
    let precious = signs.any(&[Sign::Private, Sign::Credential, Sign::SensitivePath]);
    if signs.has(Sign::Send) && matches!(target, Some(Target::Person)) {
        let urged = signs.any(&[Sign::Mandate, Sign::Whole, Sign::Stealth, Sign::Secrecy])
            && signs.has(Sign::Data);
        let severity = if urged || precious {
            Severity::High
        } else if signs.has(Sign::Help) {
            Severity::Low
        } else {
            Severity::Medium
        };
        leak(
            severity,
            "It wants something sent to an address that it names itself.",
        );
    }
    if signs.has(Sign::Send) && matches!(target, Some(Target::Url)) {
        if precious && signs.any(&[Sign::Whole, Sign::Mandate]) {
            leak(
                Severity::High,
                "It wants what is secret sent to an address that it names.",
            );
        } else if signs.all(&[Sign::Whole, Sign::Data]) {
            leak(
                Severity::Medium,
                "It wants data sent to an address that it names.",
            );
        }
    }
    if signs.all(&[Sign::Send, Sign::Credential, Sign::Whole]) && signs.has(Sign::Mandate) {
        leak(Severity::Medium, "It wants credentials sent.");
    }
    if signs.has(Sign::ReadThenFill) {
        let severity = if precious {
            Severity::High
        } else {
            Severity::Medium
        };
        leak(severity, "It wants something read and handed on.");
    }
    if signs.has(Sign::SideNote) {
        leak(
            Severity::Medium,
            "It has a parameter that carries something besides what the tool needs.",
        );
    }
}

/// What is asked for that no tool needs.
fn asked(signs: Signs, all: &mut Vec<Warning>) {
    let moves = signs.any(&[Sign::Send, Sign::Fill]);
    if signs.has(Sign::Private) && moves {
        let asked = signs.any(&[Sign::Mandate, Sign::Whole, Sign::You, Sign::Addressed]);
        let severity = if asked && signs.any(&[Sign::Parameter, Sign::Send]) {
            Severity::High
        } else if asked {
            Severity::Medium
        } else {
            Severity::Low
        };
        all.push((
            Rule::AsksForContext,
            severity,
            "It asks for what only the model has: the conversation, its prompts or its reasoning.",
        ));
    }
    if signs.has(Sign::SensitivePath) {
        let severity = match (signs.has(Sign::Refuses), moves) {
            (true, _) => Severity::Low,
            (false, true) => Severity::High,
            (false, false) => Severity::Medium,
        };
        all.push((
            Rule::SensitivePath,
            severity,
            "It names a file or address that holds secrets.",
        ));
    }
}

/// What is said of other tools.
fn tools(signs: Signs, mention: Option<Mention>, all: &mut Vec<Warning>) {
    let mut cross = |severity, why| all.push((Rule::CrossTool, severity, why));
    if signs.has(Sign::Precedence) {
        cross(Severity::Medium, "It puts itself before all other tools.");
    }
    if signs.all(&[Sign::Everything, Sign::Call]) && signs.any(&[Sign::Mandate, Sign::You]) {
        cross(
            Severity::Medium,
            "It wants to be called whatever the user asks.",
        );
    }
    if signs.has(Sign::Shadow) && signs.any(&[Sign::Mandate, Sign::Send]) {
        cross(
            Severity::Medium,
            "It says how others are to behave while it is there.",
        );
    }
    let Some(mention) = mention else { return };
    let urged = signs.any(&[Sign::Mandate, Sign::You, Sign::Addressed]);
    match mention {
        Mention::Foreign if signs.has(Sign::Avoid) => {
            cross(
                Severity::Medium,
                "It says not to use a tool that is not of this list.",
            );
        }
        Mention::Foreign if signs.has(Sign::Call) && urged => {
            cross(
                Severity::Medium,
                "It wants a tool called that is not of this list.",
            );
        }
        Mention::Acting if signs.all(&[Sign::Call, Sign::Mandate]) => {
            cross(
                Severity::Medium,
                "It wants another tool called that sends, deletes or reads secrets.",
            );
        }
        Mention::Foreign | Mention::Acting | Mention::Known => {
            cross(Severity::Low, "It names another tool.");
        }
    }
}

/// Whoever reads schemas looks at descriptions; orders do not belong anywhere else.
fn in_schema(role: Role, all: &mut Vec<Warning>) {
    let strong = |(_, severity, _): &Warning| *severity >= Severity::Medium;
    if role == Role::Value && all.iter().any(strong) {
        all.push((
            Rule::InstructionInSchema,
            Severity::High,
            "It gives orders in a place that is for values.",
        ));
    }
}

/// Whether a sentence begins with SYSTEM and a colon, in capitals: `system:` is what many parameters
/// are called.
fn calls_itself_system(text: &str) -> bool {
    const NEAR: usize = 40;
    let shouts = |c: char| c.is_ascii_uppercase() || " _-*#>".contains(c);
    text.match_indices("SYSTEM").any(|(at, word)| {
        let (before, after) = text.split_at(at);
        let after = after.get(word.len()..).unwrap_or_default();
        let begins = before.chars().rev().take(NEAR).find(|c| !shouts(*c));
        let ends = after.chars().take(NEAR).find(|c| !shouts(*c));
        begins.is_none_or(|c| "\n.!?([<:".contains(c)) && matches!(ends, Some(':' | ']'))
    })
}
