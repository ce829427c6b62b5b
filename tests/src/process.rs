//! What Linux tells of a process.

use std::path::Path;
use std::{fs, io};

use rustix::process::Pid;

/// Clock ticks per second in `/proc`; Linux has told programs 100 since 2.4.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time of all threads of a process so far, in seconds.
///
/// # Errors
/// If there is no such process.
pub fn cpu_seconds(process: u32) -> io::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th after it.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let fields = after_name.split_whitespace().skip(11).take(2);
    let ticks: f64 = fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    Ok(ticks / TICKS_PER_SECOND)
}

/// The processes whose control group has a folder of this name, as those of a container have one of its id.
pub fn in_cgroup(name: &str) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_inside = |path: &Path| {
        // A process that ends meanwhile has none.
        let groups = fs::read_to_string(path.join("cgroup")).unwrap_or_default();
        groups.split(['/', '\n']).any(|folder| folder == name)
    };
    processes
        .filter(|entry| is_inside(&entry.path()))
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}
