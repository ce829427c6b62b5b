//! `render-group`: which group a process must be in to use this machine's GPUs and NPUs.
//!
//! The group's number differs from machine to machine, and only the device files themselves tell it.
//! Looking at them needs no right to open them.

use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use anyhow::Context;

use super::{say, termination};
use crate::cli::Exit;

/// Where the kernel's drivers show their devices, and how the names of those begin that compute.
const DEVICES: [(&str, &str); 2] = [("/dev/dri", "renderD"), ("/dev/accel", "accel")];

/// Prints the number, and reports it.
pub(super) fn render_group(report: Option<&Path>) -> anyhow::Result<Exit> {
    let found = find(&DEVICES);
    if let Ok(gid) = &found {
        say(&gid.to_string())?;
    }
    termination::reported_group(found, report)
}

/// The group of the first device, by name.
fn find(places: &[(&str, &str)]) -> anyhow::Result<u32> {
    let mut devices = Vec::new();
    for (folder, prefix) in places {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let metadata = entry.metadata();
            let is_device = metadata.as_ref().is_ok_and(|it| it.file_type().is_char_device());
            if is_device && entry.file_name().to_string_lossy().starts_with(prefix) {
                devices.push((entry.path(), metadata?.gid()));
            }
        }
    }
    devices.sort();
    let (_, gid) = devices.first().context(
        "there is no /dev/dri/renderD* and no /dev/accel/accel*: the machine has no GPU or NPU, its driver is not loaded, \
         or the container was not given the device",
    )?;
    Ok(*gid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_group_is_that_of_the_first_device_and_files_do_not_count() {
        // The devices that every machine has stand for those that few have.
        let null = std::fs::metadata("/dev/null").expect("it is everywhere");
        assert_eq!(find(&[("/dev", "null")]).expect("a device"), null.gid());
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("renderD128"), "").expect("a file");
        let path = folder.path().to_str().expect("UTF-8");
        let error =
            find(&[(path, "renderD"), ("/no/such/folder", "accel")]).expect_err("no device");
        assert!(error.to_string().contains("its driver is not loaded"), "{error}");
    }
}
