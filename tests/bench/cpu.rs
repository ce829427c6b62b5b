//! Which threads of the server use the CPU: those that infer, or those around them.
//!
//! Infer threads (`infer-0 …`) count as OpenVINO with all they do: they also form batches and pool.
//! OpenVINO's own threads bear the name of the thread that loaded the model, because Linux hands
//! names down; that is a thread of tokio's, as are those that serve HTTP. The latter are started
//! before the tokenizer threads, OpenVINO's after them, when a model is loaded.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;

/// The threads of a process by their ids.
type Threads = BTreeMap<u32, Thread>;

/// What `/proc` says of a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Thread {
    name: String,
    /// Of user and system time.
    ticks: u64,
    /// Threads after the machine's start when it began.
    born: u64,
}

/// Parts of the CPU time that a server used; together they are 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct CpuShares {
    /// Infer threads and OpenVINO's own.
    pub(crate) openvino: f64,
    pub(crate) tokenizing: f64,
    /// HTTP, JSON and whatever else.
    pub(crate) rest: f64,
}

impl CpuShares {
    /// The part that is used outside of OpenVINO.
    pub(crate) fn outside(&self) -> f64 {
        self.tokenizing + self.rest
    }
}

/// The shares of the time that a process uses while something runs.
pub(crate) fn shares_during(process: u32, work: impl FnOnce() -> Result<()>) -> Result<CpuShares> {
    let before = threads_of(process)?;
    work()?;
    shares(&before, &threads_of(process)?).context("the server has used no CPU time")
}

fn threads_of(process: u32) -> Result<Threads> {
    let folder = format!("/proc/{process}/task");
    let mut threads = Threads::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("failed to read {folder}"))? {
        // A thread may end at any moment.
        let Ok(stat) = fs::read_to_string(entry?.path().join("stat")) else { continue };
        let (id, thread) = parse(&stat).with_context(|| format!("not a stat file: {stat}"))?;
        threads.insert(id, thread);
    }
    Ok(threads)
}

/// The line of `/proc/<process>/task/<thread>/stat`.
fn parse(stat: &str) -> Option<(u32, Thread)> {
    // The name may hold spaces and parentheses.
    let (id, rest) = stat.split_once(" (")?;
    let (name, fields) = rest.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // Counted from the field after the name, which proc(5) calls the third.
    let number = |field: usize| fields.get(field - 3)?.parse::<u64>().ok();
    let ticks = number(14)? + number(15)?;
    Some((id.parse().ok()?, Thread { name: name.to_owned(), ticks, born: number(22)? }))
}

/// `None` if nothing was used.
fn shares(before: &Threads, after: &Threads) -> Option<CpuShares> {
    let is_tokenizer = |thread: &Thread| thread.name.starts_with("tokenizer-");
    let loading_began = after
        .iter()
        .filter(|(_, thread)| is_tokenizer(thread))
        .map(|(id, thread)| (thread.born, *id))
        .max();
    let (mut openvino, mut tokenizing, mut rest) = (0, 0, 0);
    for (id, thread) in after {
        let earlier = before.get(id).map_or(0, |earlier| earlier.ticks);
        let used = thread.ticks.saturating_sub(earlier);
        let is_younger = loading_began.is_some_and(|began| (thread.born, *id) > began);
        let is_openvino =
            thread.name.starts_with("infer-") || (thread.name.starts_with("tokio-") && is_younger);
        match (is_openvino, is_tokenizer(thread)) {
            (true, _) => openvino += used,
            (false, true) => tokenizing += used,
            (false, false) => rest += used,
        }
    }
    let all = openvino + tokenizing + rest;
    let share = |ticks: u64| ticks as f64 / all as f64;
    (all > 0).then(|| CpuShares {
        openvino: share(openvino),
        tokenizing: share(tokenizing),
        rest: share(rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line as Linux writes it.
    fn stat(id: u32, name: &str, ticks: u64, born: u64) -> String {
        let system = ticks / 4;
        let user = ticks - system;
        format!(
            "{id} ({name}) S 1 2 3 0 -1 4194368 5 0 6 0 {user} {system} 0 0 20 0 9 0 {born} 70 8 9 1"
        )
    }

    fn threads(lines: &[String]) -> Threads {
        lines.iter().map(|line| parse(line).expect("a line of stat")).collect()
    }

    #[test]
    fn a_name_may_hold_what_separates_the_fields() {
        let (id, thread) = parse(&stat(14, "infer-0 a) (b", 9, 300)).expect("a line of stat");
        assert_eq!((id, thread.name.as_str()), (14, "infer-0 a) (b"));
        assert_eq!((thread.ticks, thread.born), (9, 300));
        assert_eq!(parse("14 (cut"), None);
        assert_eq!(parse("14 (cut) S 1 2"), None);
    }

    #[test]
    fn threads_that_were_started_by_loading_are_openvino() {
        let lines = |http, tokenizer, worker, infer| {
            threads(&[
                stat(10, "embedserve", 7, 100),
                stat(11, "tokio-rt-worker", http, 100),
                stat(12, "tokenizer-0", tokenizer, 100),
                stat(13, "tokio-rt-worker", worker, 100),
                stat(14, "infer-0 minilm", infer, 140),
            ])
        };
        let seen = shares(&lines(50, 50, 500, 0), &lines(54, 56, 580, 10));
        assert_eq!(seen, Some(CpuShares { openvino: 0.9, tokenizing: 0.06, rest: 0.04 }));
        assert_eq!(shares(&lines(1, 1, 1, 1), &lines(1, 1, 1, 1)), None);
    }
}
