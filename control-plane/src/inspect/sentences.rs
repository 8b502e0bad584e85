//! A text's sentences: words count together only where they stand together.

/// A longer one is cut at its next space.
const MAX_BYTES: usize = 480;

/// The sentences of a folded text, each with single spaces.
pub(super) fn sentences(folded: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut sentence = String::new();
    let mut chars = folded.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_whitespace() {
            sentence.push(c);
            let ends = matches!(c, '.' | '!' | '?')
                && chars.peek().is_none_or(|next| next.is_whitespace())
                && !is_abbreviation(&sentence);
            if ends {
                close(&mut sentence, &mut all);
            }
            continue;
        }
        let mut lines = usize::from(c == '\n');
        while let Some(space) = chars.next_if(|next| next.is_whitespace()) {
            lines = lines.saturating_add(usize::from(space == '\n'));
        }
        // A paragraph or an item of a list ends a sentence, a line that is full does not.
        let begins_item = matches!(chars.peek(), Some('-' | '\u{2022}' | '#' | '<' | '['));
        if lines > 1 || lines == 1 && begins_item || sentence.len() > MAX_BYTES {
            close(&mut sentence, &mut all);
        } else if !sentence.is_empty() {
            sentence.push(' ');
        }
    }
    close(&mut sentence, &mut all);
    all
}

fn close(sentence: &mut String, all: &mut Vec<String>) {
    let closed = std::mem::take(sentence);
    if !closed.trim().is_empty() {
        all.push(closed.trim_end().to_owned());
    }
}

fn is_abbreviation(sentence: &str) -> bool {
    ["e.g.", "i.e.", "etc.", "vs.", "approx.", "no."]
        .iter()
        .any(|short| {
            sentence
                .strip_suffix(short)
                .is_some_and(|before| before.is_empty() || before.ends_with([' ', '(']))
        })
}
