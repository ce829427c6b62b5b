//! What the figures were measured on, and what processes used of it.

use std::fs;

use serde_json::{Value, json};

use crate::preparation::Preparation;

/// The report's member `machine`.
pub(crate) fn facts(preparation: &Preparation) -> Value {
    let flags = cpu_field("flags");
    let instructions: Vec<&str> = ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile"]
        .into_iter()
        .filter(|name| flags.split(' ').any(|flag| flag == *name))
        .collect();
    json!({
        "cpu": cpu_field("model name"),
        "cores": preparation.cores,
        "instructions": instructions,
        "openvino": preparation.openvino.version(),
        "precision": "f32",
    })
}

/// The same in a line.
pub(crate) fn describe(preparation: &Preparation) -> String {
    let facts = facts(preparation);
    let text = |name: &str| facts[name].as_str().unwrap_or_default().to_owned();
    format!(
        "MiniLM-L6 in fp32 on {} cores of {}, OpenVINO {}",
        preparation.cores,
        text("cpu"),
        text("openvino")
    )
}

/// The most memory a process has held, in bytes.
pub(crate) fn peak_memory_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

fn cpu_field(name: &str) -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(key, _)| key.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
        .unwrap_or_default()
}
