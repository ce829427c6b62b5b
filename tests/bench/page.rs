//! `report.md`: the tables for people, with a chart of the throughput.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::chart::{Group, bars};
use crate::report::Report;
use crate::system::System;
use crate::tables;

/// Writes `report.md` and `throughput.svg` beside it.
pub(crate) fn write(report: &Report, machine: &str, folder: &Path) -> Result<()> {
    let mut page = format!("# Embedserve beside OpenVINO called directly\n\n{machine}.\n\n");
    page += "![tokens per second](throughput.svg)\n\n";
    for (cell, description) in report.throughput().cells() {
        let _ = writeln!(page, "- {cell}: {description}");
    }
    page += WAYS;
    for table in tables::all(report).iter().rev() {
        let _ = write!(page, "\n{}", table.markdown());
    }
    write_file(&folder.join("report.md"), &page)?;
    write_file(&folder.join("throughput.svg"), &chart(report))
}

const WAYS: &str = "
- limit: OpenVINO called directly by threads that tokenize, grouped by length, best setting
- padded: the same, each request one padded batch, two streams
- engine: the engine without HTTP
- http: the server with its own settings
- ovms_way: the server with one padded batch a request and two streams

The CPU time of infer threads counts as OpenVINO's, and with it the forming of batches and pooling.
";

fn chart(report: &Report) -> String {
    const SHOWN: [System; 3] = [System::Limit, System::Http, System::OvmsWay];
    let throughput = report.throughput();
    let groups: Vec<Group<'_>> = throughput
        .cells()
        .iter()
        .filter(|(cell, _)| throughput.of(cell, System::Limit).is_some())
        .map(|(cell, _)| Group {
            name: cell,
            values: SHOWN
                .map(|system| throughput.of(cell, system).map_or(0.0, |figures| figures.median))
                .to_vec(),
        })
        .collect();
    bars("Tokens per second", &SHOWN.map(System::name), &groups)
}

fn write_file(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("failed to write {}", path.display()))
}
