use proptest::prelude::*;

use super::*;
use crate::{
    principal::Principal,
    redact::{Detector, scan::Finder},
    seal::{Keyring, SEALING_KEY_BYTES, SealingKey},
};

fn keyring() -> Keyring {
    let mut keyring = Keyring::default();
    let key = SealingKey::from_slice(&[7; SEALING_KEY_BYTES]).unwrap();
    keyring.insert("organizations/o", vec![key]);
    keyring
}

fn with_binding<R>(what: impl FnOnce(&Binding<'_>) -> R) -> R {
    let (keys, principal) = (keyring(), Principal::anonymous());
    what(&Binding {
        keys: &keys,
        organization: "organizations/o",
        server: "s",
        principal: &principal,
    })
}

proptest! {
    #[test]
    fn a_token_in_any_text_opens_to_the_value(
        value in ".{0,40}",
        before in "([^a-z0-9A-Z]|[a-z]* )?",
        after in "([^a-zA-Z0-9_-].*)?",
    ) {
        let (text, opened) = with_binding(|binding| {
            let sealed = binding.seal_value("email", &value).unwrap();
            let text = format!("{before}{}{after}", token("email", &sealed));
            let found: Vec<_> = tokens(&text, 0).collect();
            let opened = found.first().map(|token| {
                (token.range.clone(), token.open(binding).unwrap())
            });
            (text, opened)
        });
        let (range, opened) = opened.unwrap();
        prop_assert_eq!(opened, value);
        prop_assert_eq!(text.get(..range.start), Some(&*before));
        prop_assert_eq!(text.get(range.end..), Some(&*after));
    }

    #[test]
    fn tokens_of_any_text_stand_where_they_say(text in "(r1\\.|email|\\.|[A-Za-z]{0,30}| ){0,20}") {
        for token in tokens(&text, 0) {
            let expected = format!("r1.{}.{}", token.detector, token.sealed);
            prop_assert_eq!(text.get(token.range.clone()), Some(&*expected));
        }
    }

    #[test]
    fn a_value_is_what_json_says_at_every_level(value in ".{0,20}", level in 1_usize..=3) {
        let document = with_binding(|binding| {
            let sealed = binding.seal_value("email", &value).unwrap();
            let mut json = serde_json::json!([token("email", &sealed)]);
            for _ in 1..level {
                json = serde_json::json!({"in": json.to_string()});
            }
            let text = json.to_string();
            let limits = &Limits::DEFAULT;
            let document = Document::parse(text.as_bytes(), text.len(), limits).unwrap();
            let found = tokens_below(document.root(), limits);
            assert_eq!(found.len(), 1);
            let mut opened = text.clone();
            opened.replace_range(found[0].range.clone(), &found[0].open(binding).unwrap());
            opened
        });
        let mut json: serde_json::Value = serde_json::from_str(&document).unwrap();
        for _ in 1..level {
            json = serde_json::from_str(json["in"].as_str().unwrap()).unwrap();
        }
        prop_assert_eq!(json, serde_json::json!([value]));
    }
}

#[test]
fn what_is_around_a_token_in_a_find_is_found_still() {
    with_binding(|binding| {
        let genuine = token("email", &binding.seal_value("email", "a@b.io").unwrap());
        let forged = token("email", &"A".repeat(30));
        let text = format!("one {genuine} two {forged} {genuine}");
        let find = |range: Range<usize>| Find {
            range,
            finder: Finder::BuiltIn(Detector::GenericSecret),
        };
        let shown = |finds: Vec<Find>| -> Vec<String> {
            finds
                .iter()
                .map(|find| text.get(find.range.clone()).unwrap().to_owned())
                .collect()
        };
        let mut finds = vec![find(0..text.len())];
        spare_tokens(&text, Some(binding), &mut finds);
        assert_eq!(shown(finds), ["one ", &format!(" two {forged} ")]);
        let start = text.find(&genuine).unwrap();
        let mut finds = vec![
            find(0..start + 5),
            find(start + 5..start + 9),
            find(start + 9..text.len()),
        ];
        spare_tokens(&text, Some(binding), &mut finds);
        assert_eq!(shown(finds), ["one ", &format!(" two {forged} ")]);
        let mut finds = vec![find(0..text.len())];
        spare_tokens(&text, None, &mut finds);
        assert_eq!(shown(finds), std::slice::from_ref(&text));
    });
}
