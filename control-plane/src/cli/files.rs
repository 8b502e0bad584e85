//! Finds and reads the files that `-f` names.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use super::{locate::Position, problem::Problem};

/// A larger file is refused; no set of documents needs half of it.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// What is expected where documents are.
const DOCUMENTS: &str = "a file or folder with resource documents";

/// A file's text.
#[derive(Debug)]
pub(crate) struct Text {
    /// As messages name it.
    pub(crate) file: String,
    pub(crate) content: String,
}

/// Reads every file that `sources` name: files, folders with all below them, `-` for the standard
/// input.
pub(crate) fn read(sources: &[PathBuf]) -> (Vec<Text>, Vec<Problem>) {
    let mut texts = Vec::new();
    let mut problems = Vec::new();
    for source in sources {
        for file in expand(source, &mut problems) {
            match read_one(&file, DOCUMENTS) {
                Ok(text) => texts.push(text),
                Err(problem) => problems.push(problem),
            }
        }
    }
    (texts, problems)
}

fn expand(source: &Path, problems: &mut Vec<Problem>) -> Vec<PathBuf> {
    if !source.is_dir() {
        return vec![source.to_owned()];
    }
    let mut files = Vec::new();
    if let Err(error) = walk(source, &mut files) {
        problems.push(unreadable(source, &error, DOCUMENTS));
    } else if files.is_empty() {
        let message = "found no such file in it, expected *.yaml, *.yml or *.json".to_owned();
        problems.push(Problem::with_file(&source.display().to_string(), message));
    }
    files.sort();
    files
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    const ENDINGS: [&str; 3] = ["yaml", "yml", "json"];
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        // A link to a folder is not followed: it could lead back up.
        if entry.file_type()?.is_dir() {
            walk(&path, files)?;
        } else if path.is_file()
            && path
                .extension()
                .is_some_and(|is| ENDINGS.iter().any(|ending| is == *ending))
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Reads one file, or the standard input for `-`, that is `expected` to hold something.
pub(crate) fn read_one(path: &Path, expected: &str) -> Result<Text, Problem> {
    let (file, bytes) = if path == Path::new("-") {
        ("<stdin>".to_owned(), limited(io::stdin().lock()))
    } else {
        (
            path.display().to_string(),
            fs::File::open(path).and_then(limited),
        )
    };
    let bytes = bytes.map_err(|error| unreadable(Path::new(&file), &error, expected))?;
    let content = String::from_utf8(bytes).map_err(|error| {
        let good = error
            .as_bytes()
            .get(..error.utf8_error().valid_up_to())
            .unwrap_or_default();
        Problem {
            file: file.clone(),
            at: Some(Position::after(&String::from_utf8_lossy(good))),
            field: "text".to_owned(),
            message: "found bytes that are no text, expected UTF-8".to_owned(),
            hint: None,
        }
    })?;
    Ok(Text { file, content })
}

fn limited(source: impl io::Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    source.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &io::Error, expected: &str) -> Problem {
    let kind = error.kind();
    let found = if kind == io::ErrorKind::NotFound {
        "no such file".to_owned()
    } else if kind == io::ErrorKind::FileTooLarge {
        format!("more than {} MiB", MAX_FILE_BYTES >> 20)
    } else {
        format!("what cannot be read ({error})")
    };
    let message = format!("found {found}, expected {expected}");
    Problem::with_file(&path.display().to_string(), message)
}
