//! What tests run in pods of their cluster: `hub`, the stand-in for the Hugging Face hub, and `load`, clients that
//! ask at a constant rate.

mod hub;
mod load;

use anyhow::bail;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["hub", folder, host] => hub::serve(folder.as_ref(), host),
        ["load", base, model, rate] => load::run(base, model, rate.parse()?),
        _ => bail!("in_cluster hub FOLDER HOST | in_cluster load URL MODEL REQUESTS-PER-SECOND"),
    }
}
