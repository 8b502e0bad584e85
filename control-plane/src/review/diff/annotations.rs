//! What a tool says of what it does. All of it is a claim: nothing proves it.

use serde_json::Value;

use super::{
    change::{ChangeKind, Weight},
    definition::EMPTY,
    walk::{Pair, Told, Walk},
};

/// A claim of a tool, and what it counts as where it is left out (MCP's schema).
struct Hint {
    name: &'static str,
    default: bool,
    /// The value that asks for more care.
    careful: bool,
    /// What it means when that value is new, and what when it is gone.
    means: (&'static str, &'static str),
    /// How much that value weighs when it is new.
    weight: Weight,
}

const HINTS: [Hint; 4] = [
    Hint {
        name: "readOnlyHint",
        default: false,
        careful: false,
        means: (
            "It promised to change nothing, and does not any more",
            "It claims now to change nothing, so clients may stop to ask before they call it",
        ),
        weight: Weight::Risk,
    },
    Hint {
        name: "destructiveHint",
        default: true,
        careful: true,
        means: (
            "It may destroy now what is there",
            "It claims now only to add, so clients may stop to ask before they call it",
        ),
        weight: Weight::Risk,
    },
    Hint {
        name: "idempotentHint",
        default: false,
        careful: false,
        means: (
            "A second call with the same arguments may do something again",
            "It claims now that a second call does nothing more, so clients may repeat calls",
        ),
        weight: Weight::Widening,
    },
    Hint {
        name: "openWorldHint",
        default: true,
        careful: true,
        means: (
            "It may reach now beyond its own domain, to the web for one",
            "It claims now to stay in its own domain, so clients may trust its results more",
        ),
        weight: Weight::Risk,
    },
];

impl Hint {
    /// What it counts as.
    fn of(&self, value: Option<&Value>) -> bool {
        value.and_then(Value::as_bool).unwrap_or(self.default)
    }
}

impl<'v> Walk<'v, '_> {
    /// The annotations of a tool.
    pub(super) fn annotations(&mut self, (old, new): Pair<'v>) -> Told {
        let (old, new) = (old.unwrap_or(&*EMPTY), new.unwrap_or(&*EMPTY));
        if self.is_new && old == &*EMPTY && new.is_object() {
            // Its hints are one claim, which is noted already.
            self.fields(old, new, |walk, field, pair| {
                if HINTS.iter().any(|hint| hint.name == field)
                    && pair.1.is_some_and(Value::is_boolean)
                {
                    return Told::Elsewhere;
                }
                walk.annotation(field, pair);
                Told::Here
            });
            return Told::Elsewhere;
        }
        self.fields(old, new, |walk, field, pair| {
            walk.annotation(field, pair);
            Told::Here
        });
        Told::Here
    }

    fn annotation(&mut self, field: &'v str, pair: Pair<'v>) {
        let Some(hint) = HINTS.iter().find(|hint| hint.name == field) else {
            return if field == "title" {
                self.text(field, pair);
            } else {
                self.unclear(pair);
            };
        };
        let (old, new) = pair;
        if [old, new]
            .into_iter()
            .flatten()
            .any(|value| !value.is_boolean())
        {
            let said = format!(
                "It should be `true` or `false`; clients may take anything else for either. MCP's \
                 default is {}.",
                hint.default
            );
            return self.note((ChangeKind::Annotation, Weight::Risk), pair, said);
        }
        let (was, is) = (hint.of(old), hint.of(new));
        if was == is {
            let said = format!("It counts as {is} as before: that is MCP's default.");
            return self.note((ChangeKind::Annotation, Weight::Neutral), pair, said);
        }
        let (more, less) = hint.means;
        let (means, weight) = if is == hint.careful {
            (more, hint.weight)
        } else {
            (less, Weight::Widening)
        };
        let counts = if new.is_none() {
            format!(" Left out, it counts as {is}, MCP's default.")
        } else if old.is_none() {
            format!(" Left out, it counted as {was}, MCP's default.")
        } else {
            String::new()
        };
        let said = format!("{means}.{counts}");
        self.note((ChangeKind::Annotation, weight), pair, said);
    }

    /// What a new tool claims of itself.
    pub(super) fn claims(&mut self, annotations: Option<&'v Value>) {
        let of = |name: &str| {
            let hint = HINTS.iter().find(|hint| hint.name == name);
            hint.is_some_and(|hint| hint.of(annotations.and_then(|all| all.get(name))))
        };
        let does = if of("readOnlyHint") {
            "to change nothing"
        } else if of("destructiveHint") {
            "that it may change and destroy things"
        } else {
            "that it may add things and destroy none"
        };
        let reaches = if of("openWorldHint") {
            "may reach beyond its own domain"
        } else {
            "stays in its own domain"
        };
        let said = match annotations {
            Some(_) => format!("It claims {does}, and that it {reaches}."),
            None => "It says nothing of what it does: by MCP's defaults it may change and destroy \
                     things, and reach beyond its own domain."
                .to_owned(),
        };
        self.within("annotations", |walk| {
            let of = (ChangeKind::Annotation, Weight::Widening);
            walk.note(of, (None, annotations), said);
        });
    }
}
