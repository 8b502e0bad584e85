//! Aligned columns.

use std::{borrow::Cow, fmt};

use super::{
    console::{Console, Tone},
    exit::Failure,
    visible::{cut, visible, width},
};

const GAP: &str = "  ";

/// One cell of a row. Its text is safe to show.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: visible(text).into_owned(),
            tone: Tone::Plain,
        }
    }

    /// A text of which no more is shown than `columns` hold.
    pub(crate) fn cut(text: &str, columns: usize) -> Self {
        Self {
            text: cut(visible(text), columns).into_owned(),
            tone: Tone::Plain,
        }
    }

    /// Several texts, or `-`.
    pub(crate) fn list<T: AsRef<str>>(texts: &[T]) -> Self {
        const SHOWN: usize = 48;
        let texts: Vec<Cow<'_, str>> = texts.iter().map(|text| visible(text.as_ref())).collect();
        let text = if texts.is_empty() {
            "-".to_owned()
        } else {
            texts.join(", ")
        };
        Self {
            text: cut(text.into(), SHOWN).into_owned(),
            tone: Tone::Plain,
        }
    }

    pub(crate) fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Columns that rows are written in. They never get narrower.
#[derive(Debug)]
pub(crate) struct Columns {
    widths: Vec<usize>,
}

impl Columns {
    /// Columns that hold these headings, and are no narrower than the widths with them.
    pub(crate) fn new(least: &[usize]) -> Self {
        Self {
            widths: least.to_vec(),
        }
    }

    /// Widens the columns for a row.
    pub(crate) fn fit(&mut self, row: &[Cell]) {
        self.widths.resize(self.widths.len().max(row.len()), 0);
        for (least, cell) in self.widths.iter_mut().zip(row) {
            *least = (*least).max(width(&cell.text));
        }
    }

    /// Writes a row; nothing is padded after its last text.
    pub(crate) fn write(&mut self, row: &[Cell], console: &mut Console<'_>) -> Result<(), Failure> {
        self.fit(row);
        let used = row
            .iter()
            .rposition(|cell| !cell.text.is_empty())
            .map_or(0, |last| last + 1);
        let mut line = String::new();
        for (number, (cell, least)) in row.iter().zip(&self.widths).enumerate().take(used) {
            line.push_str(&console.paint(&cell.text, cell.tone));
            if number + 1 < used {
                let padding = least.saturating_sub(width(&cell.text));
                line.extend(std::iter::repeat_n(' ', padding));
                line.push_str(GAP);
            }
        }
        console.line(line)
    }
}

/// The row above all others.
pub(crate) fn heading(names: &[&str]) -> Vec<Cell> {
    names
        .iter()
        .map(|name| Cell::new(name).tone(Tone::Heading))
        .collect()
}

/// Writes a whole table.
pub(crate) fn write(
    names: &[&str],
    rows: &[Vec<Cell>],
    console: &mut Console<'_>,
) -> Result<(), Failure> {
    let heading = heading(names);
    let mut columns = Columns::new(&[]);
    for row in std::iter::once(&heading).chain(rows) {
        columns.fit(row);
    }
    for row in std::iter::once(&heading).chain(rows) {
        columns.write(row, console)?;
    }
    Ok(())
}
