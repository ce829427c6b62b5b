//! Figures of the process itself, from Linux's `/proc/self` (proc(5)); elsewhere, or where it
//! cannot be read, only the time of the start.

use std::fs;
use std::sync::atomic::AtomicU64;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry as Families, Unit};

/// Clock ticks in `/proc/self/stat`: the kernel's `USER_HZ`, which is 100 on every platform
/// that this program is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// Registers the figures of this moment.
pub(crate) fn register(families: &mut Families, started: SystemTime) {
    let seconds = started.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let start = Gauge::<f64, AtomicU64>::default();
    start.set(seconds);
    let help = "When the process started, in seconds since 1970";
    families.register_with_unit("process_start_time", help, Unit::Seconds, start);

    if let Some(seconds) = cpu_seconds_of_this_process() {
        let cpu = Counter::<f64, AtomicU64>::default();
        cpu.inc_by(seconds);
        families.register_with_unit("process_cpu", "Processor time used", Unit::Seconds, cpu);
    }
    if let Ok(status) = fs::read_to_string("/proc/self/status") {
        for (field, name, help) in [
            ("VmRSS", "process_resident_memory", "Memory that is resident"),
            ("VmHWM", "process_resident_memory_peak", "Most memory that was resident"),
        ] {
            if let Some(bytes) = bytes_of(&status, field) {
                let memory: Gauge = Gauge::default();
                memory.set(bytes);
                families.register_with_unit(name, help, Unit::Bytes, memory);
            }
        }
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        let open: Gauge = Gauge::default();
        open.set(i64::try_from(entries.count()).unwrap_or(i64::MAX));
        families.register("process_open_file_descriptors", "Open file descriptors", open);
    }
}

/// User and system time of this process until now.
pub(crate) fn cpu_seconds_of_this_process() -> Option<f64> {
    cpu_seconds(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// User and system time; the program's name, second field, may hold blanks and brackets.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u32>().ok().map(f64::from);
    Some((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

/// A field of `/proc/self/status` that is given in kB.
fn bytes_of(status: &str, field: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    let kilobytes: i64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_read() {
        let stat = "1 (a) b) S 0 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 8 0";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("garbage"), None);
        assert_eq!(bytes_of("VmPeak:\t 9 kB\nVmRSS:\t   12 kB\n", "VmRSS"), Some(12_288));
        assert_eq!(bytes_of("VmRSSx: 12 kB", "VmRSS"), None);
    }
}
