//! What the figures should be, and whether they are.

use crate::others::Others;
use crate::report::Report;

/// A figure beside its goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) key: String,
    pub(crate) goal: String,
    pub(crate) seen: String,
    pub(crate) outcome: Outcome,
}

/// Whether a goal is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Met,
    Missed,
    NotMeasured,
}

impl Outcome {
    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::NotMeasured => "not measured",
        }
    }
}

/// On which side of a figure the good ones are.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Bound::{AtLeast, AtMost};

/// Goals of ratios.
const RATIOS: [(&str, Bound); 13] = [
    ("limit.W1.c64", AtLeast(0.92)),
    ("limit.W2.c64", AtLeast(0.97)),
    ("limit.W3.c64", AtLeast(0.97)),
    ("limit.W4.c64", AtLeast(0.97)),
    ("ovms_way.W1.c64", AtLeast(2.6)),
    ("ovms_way.W2.c64", AtLeast(1.05)),
    ("ovms_way.W3.c64", AtLeast(3.0)),
    ("tail.p99_over_p50", AtMost(3.0)),
    ("format.int8", AtLeast(1.0)),
    ("two_models", AtLeast(0.95)),
    ("quota1", AtLeast(0.95)),
    ("own_ir.W4", AtLeast(1.08)),
    ("bge_large.single_by_bulk", AtLeast(0.9)),
];

/// Goals of parts of the CPU time, by workload.
const CPU_OUTSIDE: [(&str, Bound); 2] = [("W1", AtMost(0.15)), ("W2", AtMost(0.04))];

/// The latency of one client: at most so many times OpenVINO's, and so many milliseconds more.
const LATENCY: (f64, f64) = (1.05, 0.2);
/// Memory: so many times the weights, and so many MB more.
const MEMORY: (f64, f64) = (1.2, 80.0);
/// Seconds until the first embedding, with an empty and with a filled cache.
const STARTS: [f64; 2] = [1.5, 0.6];

/// Every goal, in the order of the table.
pub(crate) fn judge(report: &Report) -> Vec<Judged> {
    let ratios = report.ratios();
    let others = report.others();
    let mut judged: Vec<Judged> = RATIOS
        .into_iter()
        .map(|(key, bound)| bound.judge(key, ratios.get(key).map(|ratio| ratio.median), 3, ""))
        .collect();
    judged.extend(["W1", "W2"].map(|workload| judge_latency(workload, others)));
    judged.extend(CPU_OUTSIDE.map(|(workload, bound)| {
        let seen = others.cpu.get(workload).map(|shares| shares.outside());
        bound.judge(&format!("cpu_outside_openvino.{workload}"), seen, 3, "")
    }));
    let starts = others.start.map(|start| [start.first, start.second]);
    for (index, name) in ["first", "second"].into_iter().enumerate() {
        let seen = starts.map(|starts| starts[index]);
        judged.push(AtMost(STARTS[index]).judge(&format!("start_seconds.{name}"), seen, 2, " s"));
    }
    let most = others.memory.map_or(f64::NAN, |memory| MEMORY.0 * memory.weights + MEMORY.1);
    let peak = others.memory.map(|memory| memory.peak);
    judged.push(AtMost(most.round()).judge("rss_mb.peak", peak, 0, " MB"));
    judged
}

fn judge_latency(workload: &str, others: &Others) -> Judged {
    let cell = format!("{workload}.c1");
    let (times, more) = LATENCY;
    let seen = others.latencies.iter().find(|latency| latency.cell() == cell).and_then(|latency| {
        let difference = latency.summary().difference?.median;
        let text = format!("{:.3} ({difference:+.2} ms)", latency.ratio()?.median);
        Some((text, latency.milliseconds_beyond(times)? <= more))
    });
    Judged {
        key: format!("latency.{cell}"),
        goal: format!("<= {times} + {more} ms"),
        outcome: outcome(seen.as_ref().map(|(_, is_met)| *is_met)),
        seen: seen.map_or("-".to_owned(), |(text, _)| text),
    }
}

impl Bound {
    fn judge(self, key: &str, seen: Option<f64>, digits: usize, unit: &str) -> Judged {
        let (sign, bound) = match self {
            AtLeast(bound) => (">=", bound),
            AtMost(bound) => ("<=", bound),
        };
        let holds = |figure: f64| match self {
            AtLeast(bound) => figure >= bound,
            AtMost(bound) => figure <= bound,
        };
        Judged {
            key: key.to_owned(),
            goal: format!("{sign} {bound}{unit}"),
            seen: seen.map_or("-".to_owned(), |figure| format!("{figure:.digits$}{unit}")),
            outcome: outcome(seen.map(holds)),
        }
    }
}

fn outcome(is_met: Option<bool>) -> Outcome {
    match is_met {
        Some(true) => Outcome::Met,
        Some(false) => Outcome::Missed,
        None => Outcome::NotMeasured,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::others::Memory;
    use crate::throughput::Throughput;

    #[test]
    fn a_figure_at_its_goal_meets_it() {
        let judged = |bound: Bound, seen| {
            let judged = bound.judge("start", seen, 2, " s");
            (judged.goal, judged.seen, judged.outcome)
        };
        let expected =
            |goal: &str, seen: &str, outcome| (goal.to_owned(), seen.to_owned(), outcome);
        assert_eq!(judged(AtMost(0.6), Some(0.6)), expected("<= 0.6 s", "0.60 s", Outcome::Met));
        assert_eq!(judged(AtMost(0.6), Some(0.7)), expected("<= 0.6 s", "0.70 s", Outcome::Missed));
        assert_eq!(judged(AtLeast(2.0), Some(2.5)), expected(">= 2 s", "2.50 s", Outcome::Met));
        assert_eq!(judged(AtLeast(2.0), None), expected(">= 2 s", "-", Outcome::NotMeasured));
    }

    #[test]
    fn the_memory_that_is_allowed_follows_the_weights() {
        let memory = Some(Memory { peak: 200.0, weights: 90.0 });
        let others = Others { memory, ..Others::default() };
        let report = Report::new(Value::Null, Throughput::default(), others);
        let judged = judge(&report);
        let of_memory = judged.iter().find(|judged| judged.key == "rss_mb.peak");
        let expected = Judged {
            key: "rss_mb.peak".to_owned(),
            goal: "<= 188 MB".to_owned(),
            seen: "200 MB".to_owned(),
            outcome: Outcome::Missed,
        };
        assert_eq!(of_memory, Some(&expected));
        let measured = |judged: &&Judged| judged.outcome != Outcome::NotMeasured;
        assert_eq!(judged.iter().filter(measured).count(), 1);
    }
}
