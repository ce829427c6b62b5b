//! Whether a command did what its row says.

use std::process::Output;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::reader::{Reader, numbers};
use crate::table::Row;
use crate::vectors::{cosine, length};

/// Checks everything that the row expects of a run that must succeed.
pub(crate) fn check(row: &Row, reader: &Reader, output: &Output) {
    let (stdout, stderr) = texts(output);
    assert!(output.status.success(), "{}\n{stdout}{stderr}", output.status);
    for part in &row.stdout {
        let part = reader.values().fill(part);
        assert!(stdout.contains(&part), "{part:?} is not in\n{stdout}{stderr}");
    }
    if let Some(graph) = &row.graph {
        let text = reader.graph_text(&graph.model);
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for line in &graph.lines {
            assert!(lines.contains(&line.as_str()), "{line} is not a line of\n{text}");
        }
        reader.graph(&graph.model);
    }
    if let Some(model) = &row.configured {
        let entries = reader.configured();
        let named = entries.iter().filter(|(name, _)| name == model);
        let paths: Vec<&String> = named.map(|(_, path)| path).collect();
        assert_eq!(paths, [model], "{entries:?}");
    }
    if let Some(expected) = &row.json {
        let found = serde_json::from_str(&stdout);
        let found: Value = found.unwrap_or_else(|error| panic!("{error}: {stdout}{stderr}"));
        assert_json(&found, expected, "");
    }
    let listed: Vec<&str> =
        stdout.lines().filter_map(|line| line.strip_prefix("models/")).collect();
    let is_listed =
        |path: &std::path::Path| listed.iter().any(|line| path == std::path::Path::new(line));
    for path in &row.files {
        assert!(is_listed(path), "{} is not listed:\n{stdout}", path.display());
    }
    for (path, why) in &row.absent {
        assert!(!is_listed(path), "{} is listed now, although {why}", path.display());
    }
    if let Some(similarity) = &row.similarity {
        let printed = stdout.trim().strip_prefix("Similarity score as cos_sim ");
        let printed: f64 = printed.and_then(|score| score.parse().ok()).expect("a score");
        let vectors = reader.vectors(&similarity.model, similarity.texts.as_slice().into());
        let expected = cosine(&vectors[0], &vectors[1]);
        assert!((printed - expected).abs() < 1e-5, "{printed} instead of {expected}");
        assert!(expected > 0.5 && expected < 0.9999, "{expected}: like, and not the same");
    }
}

/// Standard output and standard error.
pub(crate) fn texts(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("output is UTF-8");
    (text(&output.stdout), text(&output.stderr))
}

/// Equality, where a text `<...>` stands for a kind of value.
fn assert_json(found: &Value, expected: &Value, at: &str) {
    match (found, expected) {
        (_, Value::String(kind)) if kind.starts_with('<') => assert_kind(found, kind, at),
        (Value::Object(found), Value::Object(expected)) => {
            let names = |object: &serde_json::Map<String, Value>| -> Vec<String> {
                let mut names: Vec<String> = object.keys().cloned().collect();
                names.sort();
                names
            };
            assert_eq!(names(found), names(expected), "members of {at}");
            for (name, expected) in expected {
                assert_json(&found[name], expected, &format!("{at}.{name}"));
            }
        }
        (Value::Array(found), Value::Array(expected)) if found.len() == expected.len() => {
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_json(found, expected, &format!("{at}[{index}]"));
            }
        }
        _ => assert_eq!(found, expected, "{at}"),
    }
}

fn assert_kind(found: &Value, kind: &str, at: &str) {
    match kind {
        "<seconds since 1970>" => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
            let seconds = found.as_u64().unwrap_or_else(|| panic!("{at}: {found}"));
            assert!(seconds <= now && now - seconds < 3600, "{at}: {seconds}, and it is {now}");
        }
        "<384 numbers of length 1>" => {
            let vector = numbers(found);
            assert_eq!(vector.len(), 384, "{at}");
            assert!((length(&vector) - 1.0).abs() < 1e-5, "{at}: {}", length(&vector));
        }
        other => panic!("the table has an unknown kind of value {other}"),
    }
}
