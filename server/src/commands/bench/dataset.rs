//! The texts that are sent: made of words, or the lines of a file.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use super::random::Random;
use crate::cli::DatasetSource;

/// Why there are no texts.
#[derive(Debug, Error)]
pub(super) enum DatasetError {
    #[error(
        "cannot read the texts of {}: --dataset takes a file with one text a line, or a .jsonl file",
        path.display()
    )]
    Read { path: PathBuf, source: io::Error },
    #[error("{}, line {line}: {reason}", path.display())]
    Line { path: PathBuf, line: usize, reason: &'static str },
    #[error("{} is empty: it must have one text a line", path.display())]
    Empty { path: PathBuf },
}

/// At most `limit` texts, at least one.
pub(super) fn documents(
    source: &DatasetSource,
    limit: usize,
    seed: u64,
) -> Result<Vec<String>, DatasetError> {
    match source {
        DatasetSource::Synthetic { words } => Ok(synthetic(*words, limit, seed)),
        DatasetSource::File(path) => {
            let file = File::open(path)
                .map_err(|source| DatasetError::Read { path: path.clone(), source })?;
            lines(BufReader::new(file), path, limit)
        }
    }
}

/// Common words, which most vocabularies have as one token.
const WORDS: [&str; 64] = [
    "time",
    "year",
    "people",
    "way",
    "day",
    "man",
    "thing",
    "woman",
    "life",
    "child",
    "world",
    "school",
    "state",
    "family",
    "student",
    "group",
    "country",
    "problem",
    "hand",
    "part",
    "place",
    "case",
    "week",
    "company",
    "system",
    "program",
    "question",
    "work",
    "government",
    "number",
    "night",
    "point",
    "home",
    "water",
    "room",
    "mother",
    "area",
    "money",
    "story",
    "fact",
    "month",
    "lot",
    "right",
    "study",
    "book",
    "eye",
    "job",
    "word",
    "business",
    "issue",
    "side",
    "kind",
    "head",
    "house",
    "service",
    "friend",
    "father",
    "power",
    "hour",
    "game",
    "line",
    "end",
    "member",
    "law",
];
/// So many words number the text, which makes all texts of one run differ.
const NUMBERING: usize = 4;

/// Texts of so many words. No two are the same, as far as so few words allow, so that no cache can
/// answer for the model.
fn synthetic(words: usize, count: usize, seed: u64) -> Vec<String> {
    let mut random = Random::new(seed);
    let first = random.next() >> 32;
    let base = WORDS.len() as u64;
    let text = |index: u64| {
        let mut number = first + index;
        let mut text = String::with_capacity(words * 7);
        for position in 0..words {
            if position > 0 {
                text.push(' ');
            }
            if position < NUMBERING {
                text.push_str(WORDS[(number % base) as usize]);
                number /= base;
            } else {
                text.push_str(random.pick(&WORDS));
            }
        }
        text
    };
    (0..count as u64).map(text).collect()
}

/// How a line holds its text.
#[derive(Clone, Copy)]
enum Form {
    Plain,
    Json,
}

/// A line of a .jsonl file.
#[derive(Deserialize)]
#[serde(untagged)]
enum JsonLine {
    Text(String),
    Object { text: String },
}

fn lines(file: impl BufRead, path: &Path, limit: usize) -> Result<Vec<String>, DatasetError> {
    let is_json = path.extension().is_some_and(|extension| extension == "jsonl");
    let form = if is_json { Form::Json } else { Form::Plain };
    let mut documents = Vec::new();
    for (index, bytes) in file.split(b'\n').take(limit).enumerate() {
        let bytes = bytes.map_err(|source| DatasetError::Read { path: path.to_owned(), source })?;
        let bytes = match index {
            0 => bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes),
            _ => &bytes,
        };
        let wrong = |reason| DatasetError::Line { path: path.to_owned(), line: index + 1, reason };
        documents.push(document(bytes, form).map_err(wrong)?);
    }
    match documents.is_empty() {
        true => Err(DatasetError::Empty { path: path.to_owned() }),
        false => Ok(documents),
    }
}

fn document(line: &[u8], form: Form) -> Result<String, &'static str> {
    let line = std::str::from_utf8(line).map_err(|_| "it is not UTF-8")?;
    let line = line.strip_suffix('\r').unwrap_or(line);
    let text = match form {
        Form::Plain => line.to_owned(),
        Form::Json => match serde_json::from_str(line) {
            Ok(JsonLine::Text(text) | JsonLine::Object { text }) => text,
            Err(_) => return Err("it is neither a JSON string nor an object with a member text"),
        },
    };
    if text.trim().is_empty() { Err("it has no text") } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, content: &[u8], limit: usize) -> Result<Vec<String>, String> {
        lines(content, Path::new(name), limit).map_err(|error| error.to_string())
    }

    #[test]
    fn synthetic_texts_have_their_length_and_differ() {
        for (words, count) in [(1, 64), (2, 1000), (5, 1000), (510, 100)] {
            let texts = synthetic(words, count, 1);
            assert!(texts.iter().all(|text| text.split(' ').count() == words));
            let distinct: std::collections::BTreeSet<_> = texts.iter().collect();
            assert_eq!(distinct.len(), count, "{words} words");
        }
        assert_eq!(synthetic(5, 10, 1), synthetic(5, 10, 1));
        assert_ne!(synthetic(5, 10, 1), synthetic(5, 10, 2));
    }

    #[test]
    fn a_file_has_one_text_a_line_and_is_read_as_far_as_the_limit() {
        let texts = |content| read("texts.txt", content, 10);
        assert_eq!(
            texts(b"one\r\ntwo \nthree"),
            Ok(vec!["one".into(), "two ".into(), "three".into()])
        );
        assert_eq!(texts("\u{feff}one\n".as_bytes()), Ok(vec!["one".into()]));
        assert_eq!(read("texts.txt", b"one\ntwo\n\xff\n", 2), Ok(vec!["one".into(), "two".into()]));
    }

    #[test]
    fn a_json_line_is_a_string_or_an_object_with_a_text() {
        let content = br#""one"
{"id": 1, "text": "two\nlines"}
"#;
        assert_eq!(read("t.jsonl", content, 10), Ok(vec!["one".into(), "two\nlines".into()]));
    }

    #[test]
    fn a_bad_line_is_named_with_its_file() {
        for (name, content, expected) in [
            ("t.txt", &b"one\n\nthree"[..], "t.txt, line 2: it has no text"),
            ("t.txt", b"one\n\xff", "t.txt, line 2: it is not UTF-8"),
            ("t.txt", b"", "t.txt is empty: it must have one text a line"),
            (
                "t.jsonl",
                b"\"one\"\n{\"txt\": \"two\"}",
                "t.jsonl, line 2: it is neither a JSON string nor an object with a member text",
            ),
            ("t.jsonl", b"{\"text\": \"\"}", "t.jsonl, line 1: it has no text"),
        ] {
            assert_eq!(read(name, content, 10), Err(expected.to_owned()));
        }
    }
}
