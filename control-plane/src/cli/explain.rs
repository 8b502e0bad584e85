//! `chancery explain`.

use chancery_proto::{
    admin::v1::{ExplainDecisionRequest, ExplainDecisionResponse},
    audit::v1::{Attribute, AuditLevel, Decision, Principal, Provenance},
};

use super::{
    Context,
    candidate::{CandidateArgs, Rules},
    connect::Connection,
    console::{Console, Tone},
    exit::{Exit, Failure},
    explanation,
    output::Format,
    render, simulate,
    table::{Cell, Columns},
    time,
    visible::visible,
};

/// Say why something was decided
///
/// Shows a recorded decision: who acted and how that is known, what was asked, what decided, and
/// what the rules of its snapshot say of it, with the first thing that kept every other rule from
/// applying.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  chancery explain 3f2a9c1b5d6e7f8091a2b3c4d5e6f708
  chancery explain 3f2a9c1b5d6e7f8091a2b3c4d5e6f708 -o json | jq .explanation.near_misses")]
pub(crate) struct ExplainArgs {
    /// The id that the refusal, the record and the access log name, 32 hexadecimal digits
    #[arg(value_name = "DECISION_ID", value_parser = decision_id)]
    decision: String,
}

/// Reads a decision's id.
pub(crate) fn decision_id(text: &str) -> Result<String, &'static str> {
    let is_id = text.len() == 32 && text.chars().all(|c| c.is_ascii_hexdigit());
    if is_id {
        Ok(text.to_lowercase())
    } else {
        Err("expected 32 hexadecimal digits")
    }
}

pub(crate) async fn run(
    args: &ExplainArgs,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let format = context.format_of(&[Format::Table, Format::Json, Format::Yaml])?;
    let request = ExplainDecisionRequest {
        decision_id: args.decision.clone(),
        candidate: None,
    };
    let rules = CandidateArgs::default().read(context)?;
    let response = ask(request, &rules, context).await?;
    write(&response, format, console)?;
    Ok(Exit::Success)
}

/// Judges a recorded call by other rules.
pub(crate) async fn judge_again(
    request: ExplainDecisionRequest,
    rules: &Rules,
    format: Format,
    context: &Context,
    console: &mut Console<'_>,
) -> Result<Exit, Failure> {
    let response = ask(request, rules, context).await?;
    write(&response, format, console)?;
    let explanation = response.explanation.unwrap_or_default();
    Ok(explanation::exit(explanation.verdict()))
}

async fn ask(
    request: ExplainDecisionRequest,
    rules: &Rules,
    context: &Context,
) -> Result<ExplainDecisionResponse, Failure> {
    let connection = Connection::open(&context.address).await?;
    let mut client = simulate::client(&connection);
    let answer = connection
        .answer("explain the decision", client.explain_decision(request))
        .await;
    answer.map_err(|failure| rules.explain(failure))
}

fn write(
    response: &ExplainDecisionResponse,
    format: Format,
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let rendered = || render::message("chancery.admin.v1.ExplainDecisionResponse", response);
    match format {
        Format::Json => console.json(&rendered()?),
        Format::Yaml => console.yaml(&rendered()?, true),
        Format::Table | Format::Name => print(response, console),
    }
}

fn print(response: &ExplainDecisionResponse, console: &mut Console<'_>) -> Result<(), Failure> {
    let decision = response.decision.clone().unwrap_or_default();
    let (_, tone) = explanation::word(decision.verdict());
    let said = explanation::said(decision.verdict(), &decision.reason, &decision.rules);
    let mut rows = vec![("decided", Cell::new(&said).tone(tone))];
    let time = response.time.as_ref().map(time::milliseconds);
    rows.push(("at", Cell::new(&time.unwrap_or_default())));
    rows.push(("call", Cell::new(&called(&decision))));
    let principal = decision.principal.clone().unwrap_or_default();
    rows.extend(acted(&principal));
    rows.push(("snapshot", Cell::new(&snapshot(&decision))));
    if decision.audit() == AuditLevel::WriteAhead {
        rows.push(("audit", Cell::new("write_ahead: on the record first")));
    }
    if let Some(outcome) = &response.outcome {
        let status = outcome.status().as_str_name();
        let status = status.trim_start_matches("OUTCOME_STATUS_").to_lowercase();
        let status = status.replace('_', " ");
        let unsent = if outcome.unsent {
            format!(", not sent on: {}", outcome.reason)
        } else {
            String::new()
        };
        rows.push(("outcome", Cell::new(&format!("{status}{unsent}"))));
    }
    let mut columns = Columns::new(&[]);
    let rows: Vec<_> = rows
        .into_iter()
        .map(|(name, cell)| vec![Cell::new(name).tone(Tone::Heading), cell])
        .collect();
    for row in &rows {
        columns.fit(row);
    }
    for row in &rows {
        columns.write(row, console)?;
    }
    console.line("")?;
    match &response.explanation {
        Some(explanation) => {
            console.line(console.paint("by the rules", Tone::Heading))?;
            explanation::write(explanation, console)
        }
        None => console.line(format_args!(
            "it cannot be judged again: {}",
            visible(&response.unexplained)
        )),
    }
}

fn called(decision: &Decision) -> String {
    let server = explanation::short(&decision.server);
    format!("{} {} at {server}", decision.method, decision.capability).replace("  ", " ")
}

fn snapshot(decision: &Decision) -> String {
    if decision.snapshot_version == 0 {
        return "none".to_owned();
    }
    format!("{}.{}", decision.snapshot_epoch, decision.snapshot_version)
}

/// Who acted, each with how that is known.
fn acted(principal: &Principal) -> Vec<(&'static str, Cell)> {
    let attribute = |name, attribute: &Option<Attribute>| {
        let attribute = attribute.as_ref().filter(|known| !known.value.is_empty())?;
        let known = how(attribute.provenance());
        Some((name, Cell::new(&format!("{} ({known})", attribute.value))))
    };
    let several = |name, values: &[String], provenance: i32| {
        let provenance = Provenance::try_from(provenance).unwrap_or_default();
        let text = format!("{} ({})", values.join(", "), how(provenance));
        (!values.is_empty()).then(|| (name, Cell::new(&text)))
    };
    let user = attribute("user", &principal.user);
    let user = user.unwrap_or_else(|| ("user", Cell::new("nobody logged in")));
    [
        Some(user),
        several("groups", &principal.groups, principal.groups_provenance),
        several("roles", &principal.roles, principal.roles_provenance),
        attribute("team", &principal.team),
        attribute("agent", &principal.agent),
        attribute("client", &principal.client),
        attribute("issuer", &principal.issuer),
        attribute("workspace", &principal.workspace),
        attribute("source", &principal.source),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn how(provenance: Provenance) -> &'static str {
    match provenance {
        Provenance::Verified => "verified",
        Provenance::Claimed => "claimed",
        Provenance::Derived => "derived",
        Provenance::Absent => "absent",
        Provenance::Unspecified => "not said how it is known",
    }
}
