//! Shows what the control plane warns of, where it was written.

use chancery_proto::admin::v1::Warning;

use super::{batch::Batch, console::Console, name::Name, violation, visible::visible};

/// Says every warning, in the order of files and lines; those about what is not in the batch last.
pub(crate) fn talk(warnings: &[Warning], batch: &Batch, console: &mut Console<'_>) {
    let (mut placed, mut others) = (Vec::new(), Vec::new());
    for warning in warnings {
        let Warning {
            name,
            field,
            message,
        } = warning;
        let message = format!("warning: {message}");
        let item = batch
            .items
            .iter()
            .find(|item| item.name.to_string() == *name);
        if let Some(item) = item {
            placed.push(violation::within(item, field, message));
        } else {
            let short = Name::parse(name).map_or_else(|| name.clone(), |name| name.short());
            let field = violation::written_as(name, field);
            others.push(format!("{short}: {field}: {message}"));
        }
    }
    placed.sort();
    placed.dedup();
    for problem in placed {
        console.talk(problem);
    }
    for line in others {
        console.talk(visible(&line));
    }
}
