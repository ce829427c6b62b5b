//! How much memory this process may still take.

use std::fs;
use std::path::Path;

/// Bytes that the host has available and the process' cgroups allow; 0 where nobody says.
pub(crate) fn available() -> u64 {
    let host = fs::read_to_string("/proc/meminfo").ok().and_then(|text| host_available(&text));
    let groups = fs::read_to_string("/proc/self/cgroup").ok();
    let group = groups.as_deref().and_then(own_group).into_iter().flat_map(|group| {
        let folder = Path::new("/sys/fs/cgroup").join(group.trim_start_matches('/'));
        let folders: Vec<_> = folder.ancestors().map(Path::to_owned).collect();
        folders.into_iter().take_while(|folder| folder.starts_with("/sys/fs/cgroup"))
    });
    let rooms = group.filter_map(|folder| {
        let limit = fs::read_to_string(folder.join("memory.max")).ok()?;
        let taken = fs::read_to_string(folder.join("memory.current")).ok()?;
        room(&limit, &taken)
    });
    rooms.chain(host).min().unwrap_or(0)
}

/// `MemAvailable` of `/proc/meminfo`, in bytes.
fn host_available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

/// The group of the unified hierarchy in `/proc/self/cgroup`.
fn own_group(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::"))
}

/// What `memory.max` leaves beside `memory.current`; nothing where there is no limit.
fn room(limit: &str, taken: &str) -> Option<u64> {
    let limit: u64 = limit.trim().parse().ok()?;
    let taken: u64 = taken.trim().parse().ok()?;
    Some(limit.saturating_sub(taken))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_kernel_are_read_in_bytes() {
        let meminfo = "MemTotal:       24689764 kB\nMemAvailable:   22000000 kB\n";
        assert_eq!(host_available(meminfo), Some(22_000_000 << 10));
        assert_eq!(host_available("MemTotal: 1 kB"), None);
        assert_eq!(own_group("12:cpu:/a\n0::/kubepods/pod1/c1\n"), Some("/kubepods/pod1/c1"));
        assert_eq!(own_group("12:cpu:/a\n"), None);
        assert_eq!(room("1000\n", "400\n"), Some(600));
        assert_eq!(room("1000\n", "4000\n"), Some(0));
        assert_eq!(room("max\n", "400\n"), None);
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(available() > 0);
    }
}
