//! Every command of the embeddings demo page of OpenVINO Model Server (OVMS), done with this
//! program.
//!
//! `fixtures/demo-page.json` has one row for each command: the command, who runs it, and what must
//! come of it; the substitutions that turn OVMS's image, its script and its ports into ours; and
//! what a stand-in for the hub holds under the page's model names. Needs OpenVINO's libraries,
//! MiniLM's weights and the OpenAI client in the cache folder, and the programs sh, curl, find and
//! python3.

#[path = "demo_page/expectations.rs"]
mod expectations;
#[path = "demo_page/reader.rs"]
mod reader;
#[path = "demo_page/replays.rs"]
mod replays;
#[path = "demo_page/serving.rs"]
mod serving;
#[path = "demo_page/stand_in.rs"]
mod stand_in;
#[path = "demo_page/table.rs"]
mod table;
#[path = "demo_page/vectors.rs"]
mod vectors;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use expectations::check;
use reader::Reader;
use table::{Kind, Row, Table};

/// If this fails, somebody who follows OVMS's page with this program is stuck at the named row.
#[test]
fn every_command_of_the_demo_page_works() {
    let table = Table::read();
    let hub = stand_in::hub(&table.hub);
    let mut readers: BTreeMap<&str, Reader> =
        table.readers.keys().map(|name| (name.as_str(), Reader::new(&hub))).collect();
    let (mut run, mut skipped) = (0, 0);
    for (number, row) in table.rows.iter().enumerate() {
        let shown = row.command.replace('\n', " ");
        if let Some(reason) = &row.skipped {
            tell(&format!("row {number}: skipped, {reason}: {shown}"));
            skipped += 1;
        }
        for name in &row.readers {
            let reader = readers.get_mut(name.as_str()).expect("the table lists its readers");
            let _told_on_panic = AtRow(format!("row {number}, reader {name}: {shown}"));
            match &row.replay {
                Some(replay) => replays::replay(replay, reader),
                None => execute(&table, row, reader),
            }
        }
        run += usize::from(row.skipped.is_none());
    }
    serving::assert_unnormalized(&readers["bare-metal-CPU"], &readers["docker-CPU"]);
    tell(&format!("{}: {run} commands run, {skipped} skipped as said above", table.page));
    assert_eq!((run, skipped), (50, 17));
}

/// Runs a row's command and checks what came of it.
fn execute(table: &Table, row: &Row, reader: &mut Reader) {
    let (command, _) = table.substituted(&row.command);
    let line = reader.values().fill(&command);
    if row.kind == Kind::Serve {
        reader.serve(&line);
        serving::check(table, reader);
        return;
    }
    check(row, reader, &reader.run(&line, !row.without_hub));
}

/// The page has so many commands of each kind; none is lost from the table unnoticed.
#[test]
fn the_table_has_every_command_of_the_page() {
    let table = Table::read();
    let mut counts = BTreeMap::new();
    for row in &table.rows {
        *counts.entry(row.kind).or_insert(0) += 1;
    }
    let expected = [
        (Kind::Folder, 3),
        (Kind::Pull, 8),
        (Kind::AddToConfig, 8),
        (Kind::Download, 2),
        (Kind::Install, 4),
        (Kind::Export, 18),
        (Kind::Note, 3),
        (Kind::Tree, 1),
        (Kind::Serve, 3),
        (Kind::Request, 4),
        (Kind::Client, 2),
        (Kind::Clone, 1),
        (Kind::Move, 4),
        (Kind::Benchmark, 3),
        (Kind::Accuracy, 3),
    ];
    assert_eq!(counts, BTreeMap::from(expected));
    assert_eq!(table.rows.len(), 67);
}

/// A row is run by somebody, or it says why it is not; what it runs is this program and reaches
/// nothing but this machine.
#[test]
fn every_row_is_run_or_says_why_not() {
    let table = Table::read();
    let mut made = BTreeSet::new();
    for row in &table.rows {
        let command = &row.command;
        let (substituted, here) = table.substituted(command);
        match &row.skipped {
            Some(reason) => {
                assert!(reason.len() > 10, "{command}");
                assert_eq!(row.replay.is_some(), !row.readers.is_empty(), "{command}");
            }
            None => {
                assert!(!row.readers.is_empty() && row.replay.is_none(), "{command}");
                made.extend(here);
                for left in ["docker", "ovms", "localhost", "python ", "hf-mirror", "numpy"] {
                    assert!(!substituted.contains(left), "{left} is left in {substituted}");
                }
            }
        }
        for reader in &row.readers {
            assert!(table.readers.contains_key(reader), "{command}: who is {reader}?");
        }
    }
    assert_eq!(made, (0..table.substitutions.len()).collect(), "a substitution is never made");
    assert!(table.substitutions.iter().all(|substitution| !substitution.why.is_empty()));
    let names: BTreeSet<&str> = table.hub.iter().map(|held| held.repo.as_str()).collect();
    for row in table.rows.iter().filter(|row| row.skipped.is_none()) {
        let source = row.command.split("--source_model ").nth(1);
        if let Some(source) = source.and_then(|rest| rest.split(' ').next()) {
            assert!(names.contains(source), "the stand-in holds no {source}");
        }
    }
}

/// Says which row it was if the test panics.
struct AtRow(String);

impl Drop for AtRow {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tell(&self.0);
        }
    }
}

/// Past the test harness, which keeps what a passing test prints: skipped rows are always seen.
fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
