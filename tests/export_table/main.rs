//! The table of exports in the README: every architecture with its difference to PyTorch, and
//! models of published shapes with the sizes of their exports and the time these took.
//!
//! The difference is measured on the small models of the fixtures, whose vectors transformers
//! computed; sizes and times on random weights in the published shapes. `--write` puts the table
//! into README.md.

#![expect(clippy::print_stdout, reason = "the table is this program's output")]

#[path = "../architectures/model.rs"]
mod model;
#[path = "../architectures/states.rs"]
mod states;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use integration_tests::random_weights;
use integration_tests::shapes::{self, Shape};
use model_export::{ExportOptions, WeightFormat, export};

const FORMATS: [WeightFormat; 4] =
    [WeightFormat::Fp32, WeightFormat::Fp16, WeightFormat::Int8, WeightFormat::Int4];
/// Around the table in README.md.
const MARKS: [&str; 2] = ["<!-- exports -->\n", "<!-- /exports -->\n"];

fn main() -> Result<()> {
    let mut table = String::from(
        "| model, by its shape | architecture | pooling | to PyTorch | fp32 | fp16 | int8 | int4 |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for shape in shapes::all() {
        eprint_line(&format!("{} ...", shape.name));
        let difference = difference(&shape)?;
        let _ = write!(
            table,
            "| {} | {} | {} | {difference:.0e} ",
            shape.name, shape.architecture, shape.pooling
        );
        for figure in exports(&shape)? {
            let _ = write!(table, "| {figure} ");
        }
        table.push_str("|\n");
    }
    println!("{table}");
    if std::env::args().any(|argument| argument == "--write") {
        write_readme(&table)?;
    }
    Ok(())
}

/// The largest difference of an element to PyTorch's, relative to the largest element, over the
/// architecture's small models.
fn difference(shape: &Shape) -> Result<f32> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut worst = None;
    for folder in [fixtures.clone(), fixtures.join("architectures")] {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if shape.fixtures.iter().any(|start| name.starts_with(start)) {
                let (found, expected) = states::computed(&path);
                let difference = states::relative_difference(&found, &expected);
                worst = Some(worst.map_or(difference, |worst: f32| worst.max(difference)));
            }
        }
    }
    worst.with_context(|| format!("no fixture of {}", shape.architecture))
}

/// Size and time of an export in each format.
fn exports(shape: &Shape) -> Result<Vec<String>> {
    let folder = tempfile::tempdir_in(cache())?;
    random_weights::write(shape, folder.path())?;
    let exported = |format| {
        let target = folder.path().join("export");
        let started = Instant::now();
        let exported =
            export(folder.path(), &target, &ExportOptions::from(format), &mut |_, _| {})?;
        let seconds = started.elapsed().as_secs_f64();
        fs::remove_dir_all(&target)?;
        Ok(format!("{:.0} MB, {seconds:.1} s", exported.bytes as f64 / 1e6))
    };
    FORMATS.into_iter().map(exported).collect()
}

fn write_readme(table: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path)?;
    let [start, end] = MARKS;
    let (before, rest) = readme.split_once(start).context("README.md has no mark")?;
    let (_, after) = rest.split_once(end).context("README.md has no second mark")?;
    fs::write(&path, format!("{before}{start}{table}{end}{after}"))?;
    Ok(())
}

/// Where large files may be.
fn cache() -> PathBuf {
    integration_tests::program::cache()
}

fn eprint_line(line: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{line}");
}
