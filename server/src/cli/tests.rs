//! Tables of command lines and what they mean.

use std::ffi::OsString;

use super::*;

mod bench;
mod demo;
mod environment;
mod hostile;
mod jobs;
mod messages;
mod own;
mod reference;
mod serving;

/// The words of a line; single quotes keep blanks together.
fn words(line: &str) -> Vec<OsString> {
    let mut words = vec![OsString::from("embedserve")];
    for (index, part) in line.split('\'').enumerate() {
        if index % 2 == 1 {
            words.push(part.into());
        } else {
            words.extend(part.split_whitespace().map(OsString::from));
        }
    }
    words
}

fn parse_with(line: &str, variables: &[(&str, &str)]) -> Result<Parsed, UsageError> {
    parse(words(line), &variables.iter().copied().collect())
}

fn parsed(line: &str) -> Parsed {
    parse_with(line, &[]).unwrap_or_else(|error| panic!("{line}: {error}"))
}

/// What a line means, if it means it without a warning.
fn meaning(line: &str) -> Invocation {
    let parsed = parsed(line);
    assert_eq!(parsed.warnings, Vec::<String>::new(), "{line}");
    parsed.invocation
}

fn message(line: &str) -> String {
    match parse_with(line, &[]) {
        Ok(parsed) => panic!("{line} was accepted: {parsed:?}"),
        Err(error) => error.message().to_owned(),
    }
}

fn serve(line: &str) -> ServeOptions {
    match meaning(line) {
        Invocation::Serve(options) => *options,
        other => panic!("{line}: {other:?}"),
    }
}

fn pull(line: &str) -> PullOptions {
    match meaning(line) {
        Invocation::Pull(options) => options.pull,
        other => panic!("{line}: {other:?}"),
    }
}
