use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{json::Document, limits::Limits};

fn pin(number: u8) -> Pin {
    Pin::from_slice(&[number; 32]).unwrap()
}

fn tool(name: &str) -> Pinned<'_> {
    Pinned::Capability {
        kind: DefinitionKind::Tool,
        name,
    }
}

fn sight(pins: &Pins, what: Pinned<'_>, definition: &str) -> Sighting {
    let document = Document::parse(definition.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
    pins.sight(what, document.root())
}

fn pin_of(definition: &str) -> Pin {
    let document = Document::parse(definition.as_bytes(), 1 << 20, &Limits::DEFAULT).unwrap();
    Pin::of(document.root()).unwrap()
}

#[test]
fn compares_a_definition_with_all_that_is_approved_of_it() {
    let (old, new) = (r#"{"name":"a","description":"x"}"#, r#"{"name":"a"}"#);
    let greeting = pin_of("\"Hello\"");
    let pins = Pins::new([
        (tool("a"), pin_of(old)),
        (tool("a"), pin_of(new)),
        (tool("b"), pin(1)),
        (Pinned::Instructions, greeting),
    ])
    .unwrap();
    assert_eq!(sight(&pins, tool("a"), old), Sighting::Approved);
    assert_eq!(sight(&pins, tool("a"), new), Sighting::Approved);
    let respelt = r#" { "description": "\u0078", "name": "a" } "#;
    assert_eq!(sight(&pins, tool("a"), respelt), Sighting::Approved);
    // Approved for another name, as another kind.
    let changed = Sighting::Changed(pin_of(old));
    assert_eq!(sight(&pins, tool("b"), old), changed);
    let fresh = Sighting::New(pin_of(old));
    assert_eq!(sight(&pins, tool("A"), old), fresh);
    let prompt = Pinned::Capability {
        kind: DefinitionKind::Prompt,
        name: "a",
    };
    assert_eq!(sight(&pins, prompt, old), fresh);
    assert_eq!(
        sight(&pins, Pinned::Instructions, "\"Hello\""),
        Sighting::Approved
    );
    let other = Sighting::Changed(pin_of("\"Hello \""));
    assert_eq!(sight(&pins, Pinned::Instructions, "\"Hello \""), other);
    assert_eq!(
        sight(&pins, Pinned::ServerInfo, "\"Hello\""),
        Sighting::New(greeting)
    );
    assert!(matches!(
        sight(&pins, tool("a"), r#"{"name":"a","maximum":1e400}"#),
        Sighting::Unpinnable(_)
    ));
}

#[test]
fn nothing_is_approved_by_default() {
    let pins = Pins::default();
    assert_eq!(pins, Pins::new([]).unwrap());
    assert_eq!(sight(&pins, tool("a"), "{}"), Sighting::New(pin_of("{}")));
    assert!(!pins.has(Pinned::Instructions) && !pins.has(Pinned::ServerInfo));
}

#[test]
fn refuses_what_cannot_be_meant() {
    let twice = Pins::new([
        (tool("a"), pin(1)),
        (tool("b"), pin(1)),
        (tool("a"), pin(1)),
    ]);
    let expected = format!("pin `{}` of tool `a` occurs twice", "01".repeat(32));
    assert_eq!(twice.unwrap_err().to_string(), expected);
    let twice = Pins::new([(Pinned::ServerInfo, pin(1)), (Pinned::ServerInfo, pin(1))]);
    let expected = format!("pin `{}` of serverInfo occurs twice", "01".repeat(32));
    assert_eq!(twice.unwrap_err().to_string(), expected);
    let nameless = Pins::new([(tool(""), pin(1))]).unwrap_err();
    assert_eq!(
        nameless.to_string(),
        "a tool has an empty name, expected what it is listed by"
    );
}

fn any_pinned(kind: usize, name: &str) -> Pinned<'_> {
    match DefinitionKind::ALL.get(kind) {
        Some(kind) => Pinned::Capability { kind: *kind, name },
        None if kind == 4 => Pinned::Instructions,
        None => Pinned::ServerInfo,
    }
}

proptest! {
    #[test]
    fn finds_what_a_search_through_all_finds(
        entries in vec((0_usize..6, "[ab\u{0}\u{ff}]{1,3}", 0_u8..4), 0..60),
        kind in 0_usize..6,
        name in "[ab\u{0}\u{ff}]{0,3}",
        number in 0_u8..4,
    ) {
        let mut approved: Vec<(Pinned<'_>, Pin)> = Vec::new();
        for (kind, name, number) in &entries {
            let entry = (any_pinned(*kind, name), pin(*number));
            if !approved.contains(&entry) {
                approved.push(entry);
            }
        }
        let pins = Pins::new(approved.iter().copied()).unwrap();
        let mut asked: Vec<_> = approved.iter().map(|(what, _)| *what).collect();
        asked.push(any_pinned(kind, &name));
        for what in asked {
            prop_assert_eq!(pins.has(what), approved.iter().any(|(other, _)| *other == what));
            let pin = pin(number);
            prop_assert_eq!(pins.approves(what, pin), approved.contains(&(what, pin)));
        }
        // The order in which they come has no meaning, and all of them are there.
        approved.reverse();
        prop_assert_eq!(&Pins::new(approved.iter().copied()).unwrap(), &pins);
        let listed: Vec<_> = pins.iter().collect();
        prop_assert_eq!(listed.len(), approved.len());
        prop_assert!(approved.iter().all(|entry| listed.contains(entry)));
        if let Some(entry) = approved.first() {
            let again = approved.iter().chain([entry]).copied();
            prop_assert!(
                matches!(Pins::new(again), Err(PinsError::Duplicate { .. })),
                "not seen twice"
            );
        }
    }
}
