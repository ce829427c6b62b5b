//! What has to be set for the whole process before OpenVINO's libraries are loaded.

#![expect(unsafe_code, reason = "an environment variable and glibc's allocator are set")]

/// Kernels that oneDNN keeps for all models together, one for each operation and shape.
///
/// Its own default is 1,024. Batches come in many shapes, and each kernel holds generated code and
/// scratch memory: a server of MiniLM grew by over 100 MB under mixed load before it was bounded.
const KERNELS: (&str, &str) = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "64");

/// Freed memory is given back from this size on. glibc raises its own threshold up to 32 MiB as
/// buffers of that size come and go, and every arena then keeps some. MiniLM under mixed load held
/// 10 MB less than with 4 MiB, at 1 % of the throughput.
const KEPT_BYTES: libc::c_int = 256 << 10;

/// Arenas of glibc's allocator. Its default is eight a core, each of which keeps what it once had.
const ARENAS: libc::c_int = 2;

/// Bounds what the libraries below OpenVINO and the allocator keep, unless the environment says
/// how: MiniLM under mixed load stays 50 MB smaller.
///
/// To be called first in `main`: where the process has more than one thread already, nothing is
/// done, since changing the environment then would be a race.
pub fn prepare_process() {
    if !is_single_threaded() {
        return;
    }
    let (name, value) = KERNELS;
    if std::env::var_os(name).is_none() {
        // SAFETY: no other thread exists that could read the environment at the same time.
        unsafe { std::env::set_var(name, value) };
    }
    bound_allocator();
}

#[cfg(target_env = "gnu")]
fn bound_allocator() {
    for (variable, parameter, value) in [
        ("MALLOC_ARENA_MAX", libc::M_ARENA_MAX, ARENAS),
        ("MALLOC_MMAP_THRESHOLD_", libc::M_MMAP_THRESHOLD, KEPT_BYTES),
        ("MALLOC_TRIM_THRESHOLD_", libc::M_TRIM_THRESHOLD, KEPT_BYTES),
    ] {
        if std::env::var_os(variable).is_none() {
            // SAFETY: takes two numbers and touches nothing but the allocator's settings, which
            // nobody else uses at this moment. A refused value leaves the default.
            unsafe { libc::mallopt(parameter, value) };
        }
    }
}

#[cfg(not(target_env = "gnu"))]
fn bound_allocator() {}

/// Gives memory back that was freed between what is still used: compiling a model needs more for a moment than the
/// model does afterwards.
#[cfg(target_env = "gnu")]
pub(crate) fn give_back_freed_memory() {
    // SAFETY: takes a number, and may be called at any time from any thread.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back_freed_memory() {}

fn is_single_threaded() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_other_threads_the_environment_is_left_alone() {
        let (name, _) = KERNELS;
        let before = std::env::var_os(name);
        // The test harness itself runs this beside its main thread.
        prepare_process();
        assert_eq!(std::env::var_os(name), before);
    }
}
