//! How many streams, threads, tokens and bytes a model wants; pure, for server and operator alike.
//!
//! The defaults aim at throughput. They rest on measurements with MiniLM-L6 (fp32, two AVX2 cores,
//! OpenVINO 2026.4.1, documents grouped by length): two streams of one thread with batches of 512 or
//! 1,024 tokens did 5 to 23 % more tokens per second than one stream of two threads with batches of
//! 2,048, depending on the lengths. One stream answers a single request sooner, so whoever wants
//! latency asks for it. Figures for larger machines and models are extrapolated and say so.

mod memory;

pub use memory::{MemoryEstimate, ModelSize, memory};

/// The weights of a model of MiniLM's size, at most, in bytes.
const SMALL_MODEL: u64 = 256 << 20;
/// The most streams without asking: beyond, a process is better divided among memory nodes.
const MAX_DEFAULT_STREAMS: usize = 32;
/// The most streams that may be asked for.
const MAX_STREAMS: usize = 256;
/// Batches per stream that may wait in the queue.
const QUEUED_BATCHES: usize = 256;
/// Room in the queue for one large request (500 texts of 512 tokens) and others beside it.
const MIN_QUEUED_TOKENS: usize = 524_288;

/// Infer requests that run side by side: what was asked for, else one per core up to four cores and
/// from eight cores on one per two cores (extrapolated: a batch of a large model takes seconds on one
/// thread, and streams of two threads do little less in all).
pub fn streams(cores: usize, requested: Option<usize>) -> usize {
    match requested {
        Some(requested) => requested.clamp(1, MAX_STREAMS),
        None if cores <= 4 => cores.max(1),
        None => (cores / 2).clamp(4, MAX_DEFAULT_STREAMS),
    }
}

/// Threads for OpenVINO in all (`INFERENCE_NUM_THREADS`), divided among the streams.
///
/// `cores` is what the CPU quota allows; OpenVINO itself counts the host's cores. No core is kept for
/// tokenizing: it takes much less time than inference, and a core kept for it would mostly idle.
pub fn infer_threads(cores: usize, streams: usize) -> usize {
    cores.max(streams).max(1)
}

/// Threads of one more stream for moments in which the others would idle; `None` where it does not pay.
///
/// Its weights take memory once more where the plugin repacks them, so only models of MiniLM's size get one. More than
/// eight threads have little to do for one text (extrapolated).
pub fn wide_threads(cores: usize, weights_bytes: u64) -> Option<usize> {
    (cores > 1 && weights_bytes <= SMALL_MODEL).then(|| cores.min(8))
}

/// Threads that tokenize: one per four cores, at most eight.
pub fn tokenizer_threads(cores: usize) -> usize {
    cores.div_ceil(4).clamp(1, 8)
}

/// The tokens, padding included, of one batch.
///
/// On a CPU 1,024 for models of MiniLM's size (up to 256 MiB of weights), less for larger ones, whose
/// matrix products are efficient with fewer rows and whose batches take longer. GPUs and NPUs want
/// more at a time to be busy (extrapolated).
pub fn token_budget(device: &str, weights_bytes: u64) -> usize {
    const MIB: u64 = 1 << 20;
    let is_cpu = device == "CPU" || device.starts_with("CPU.");
    match (is_cpu, weights_bytes / MIB) {
        (true, _) if weights_bytes <= SMALL_MODEL => 1_024,
        (true, 0..1_024) => 768,
        (true, _) => 512,
        (false, 0..1_024) => 8_192,
        (false, _) => 4_096,
    }
}

/// Tokens that may wait before a request is answered with "too many requests".
pub fn queue_limit(token_budget: usize, streams: usize) -> usize {
    token_budget.saturating_mul(streams).saturating_mul(QUEUED_BATCHES).max(MIN_QUEUED_TOKENS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_follow_the_request_else_the_cores() {
        for (cores, requested, expected) in [
            (0, None, 1),
            (1, None, 1),
            (2, None, 2),
            (4, None, 4),
            (5, None, 4),
            (8, None, 4),
            (12, None, 6),
            (64, None, 32),
            (256, None, 32),
            (8, Some(1), 1),
            (2, Some(6), 6),
            (2, Some(0), 1),
            (2, Some(usize::MAX), 256),
        ] {
            assert_eq!(streams(cores, requested), expected, "{cores} {requested:?}");
        }
    }

    #[test]
    fn more_cores_never_mean_fewer_streams_or_threads() {
        for cores in 1..300 {
            assert!(streams(cores, None) <= streams(cores + 1, None), "{cores}");
            assert!(tokenizer_threads(cores) <= tokenizer_threads(cores + 1), "{cores}");
            assert!(streams(cores, None) <= cores, "{cores}");
        }
    }

    #[test]
    fn threads_cover_cores_and_streams() {
        assert_eq!([infer_threads(0, 0), infer_threads(2, 2), infer_threads(8, 4)], [1, 2, 8]);
        assert_eq!(infer_threads(2, 6), 6);
        assert_eq!([0, 1, 4, 5, 32, 99].map(tokenizer_threads), [1, 1, 1, 2, 8, 8]);
    }

    #[test]
    fn small_models_on_several_cores_get_a_wide_stream() {
        let minilm = 90_000_000;
        let threads = [1, 2, 8, 64].map(|cores| wide_threads(cores, minilm));
        assert_eq!(threads, [None, Some(2), Some(8), Some(8)]);
        assert_eq!(wide_threads(8, 1_300_000_000), None);
    }

    #[test]
    fn budgets_shrink_with_the_model_and_grow_on_accelerators() {
        const MIB: u64 = 1 << 20;
        for (device, mib, expected) in [
            ("CPU", 0, 1_024),
            ("CPU", 90, 1_024),
            ("CPU", 430, 768),
            ("CPU", 1_300, 512),
            ("GPU", 90, 8_192),
            ("GPU.1", 2_000, 4_096),
            ("NPU", 90, 8_192),
        ] {
            assert_eq!(token_budget(device, mib * MIB), expected, "{device} {mib}");
        }
    }

    #[test]
    fn the_queue_holds_a_large_request_and_never_overflows() {
        assert_eq!(queue_limit(1_024, 2), 524_288);
        assert_eq!(queue_limit(512, 1), 524_288);
        assert_eq!(queue_limit(1_024, 8), 2_097_152);
        assert_eq!(queue_limit(usize::MAX, 2), usize::MAX);
    }
}
