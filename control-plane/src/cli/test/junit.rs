//! `JUnit` reports, as CI systems read them.

use std::{fs, io, path::Path};

use quick_xml::{
    Writer,
    events::{BytesDecl, BytesText, Event},
};

use super::run::{Outcome, Ran};
use crate::cli::exit::Failure;

/// Writes a report.
pub(super) fn write(path: &Path, ran: &[Ran]) -> Result<(), Failure> {
    let unwritable = |error: io::Error| {
        Failure::Usage(format!(
            "cannot write the report `{}`: {error}",
            path.display()
        ))
    };
    let report = report(ran).map_err(unwritable)?;
    fs::write(path, report).map_err(unwritable)
}

fn report(ran: &[Ran]) -> io::Result<Vec<u8>> {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let tests: usize = ran.iter().map(|ran| ran.outcomes.len()).sum();
    let failures: usize = ran.iter().map(Ran::failures).sum();
    writer
        .create_element("testsuites")
        .with_attribute(("name", "chancery test"))
        .with_attribute(("tests", &*tests.to_string()))
        .with_attribute(("failures", &*failures.to_string()))
        .write_inner_content(|writer| ran.iter().try_for_each(|ran| suite(writer, ran)))?;
    let mut report = writer.into_inner();
    report.push(b'\n');
    Ok(report)
}

fn suite(writer: &mut Writer<Vec<u8>>, ran: &Ran) -> io::Result<()> {
    let tests = ran.outcomes.len().to_string();
    writer
        .create_element("testsuite")
        .with_attribute(("name", &*ran.file))
        .with_attribute(("tests", &*tests))
        .with_attribute(("failures", &*ran.failures().to_string()))
        .write_inner_content(|writer| {
            let mut outcomes = ran.outcomes.iter();
            outcomes.try_for_each(|outcome| case(writer, &ran.file, outcome))
        })?;
    Ok(())
}

fn case(writer: &mut Writer<Vec<u8>>, file: &str, outcome: &Outcome) -> io::Result<()> {
    let Outcome { name, problems } = outcome;
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", file))
        .with_attribute(("name", &**name));
    let Some(first) = problems.first() else {
        element.write_empty()?;
        return Ok(());
    };
    element.write_inner_content(|writer| {
        writer
            .create_element("failure")
            .with_attribute(("message", &**first))
            .write_text_content(BytesText::new(&problems.join("\n")))?;
        Ok(())
    })?;
    Ok(())
}
