//! The tables that a run ends with.

use crate::goals;
use crate::report::Report;
use crate::statistics::Statistics;
use crate::system::System;
use crate::table::Table;
use crate::throughput::Throughput;

/// All tables, the goals last, because that is where a terminal's reader looks.
pub(crate) fn all(report: &Report) -> Vec<Table> {
    let tables = [
        throughput(report),
        formats(report),
        peers(report),
        larger(report),
        ratios(report),
        sides(report),
        goals(report),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn throughput(report: &Report) -> Table {
    let throughput = report.throughput();
    let clients = throughput.client_cores();
    let row = |cell: &str| {
        let mut row = vec![cell.to_owned()];
        row.extend(System::FP32.map(|system| median(throughput.of(cell, system), 0)));
        row.extend([System::Limit, System::OvmsWay].map(|below| {
            let ratio = throughput.ratio(cell, System::Http, below);
            median(ratio, 2)
        }));
        row.push(median(clients.get(cell).copied(), 2));
        row
    };
    let mut head = vec!["texts"];
    head.extend(System::FP32.map(System::name));
    head.extend(["http/limit", "http/ovms_way", "client CPU"]);
    Table {
        title: "Throughput, tokens per second",
        head,
        rows: throughput.cells().iter().map(|(cell, _)| row(cell)).collect(),
    }
}

fn formats(report: &Report) -> Table {
    let throughput = report.throughput();
    let row = |system: System| {
        let tokens = throughput.of("W2.c64", system)?;
        let ratio = throughput.ratio("W2.c64", system, System::Http);
        Some(vec![system.name().to_owned(), median(Some(tokens), 0), median(ratio, 3)])
    };
    Table {
        title: "Weights in other formats, W2.c64 over HTTP",
        head: vec!["weights", "tokens per second", "by fp32"],
        rows: System::FORMATS.into_iter().filter_map(row).collect(),
    }
}

fn peers(report: &Report) -> Table {
    let throughput = report.throughput();
    let row = |cell: &str| {
        let figures = System::PEERS.map(|peer| throughput.of(cell, peer));
        let is_measured = figures.iter().any(Option::is_some);
        is_measured.then(|| {
            let mut row = vec![cell.to_owned(), median(throughput.of(cell, System::Http), 0)];
            row.extend(figures.map(|figures| median(figures, 0)));
            row
        })
    };
    let mut head = vec!["texts", System::Http.name()];
    head.extend(System::PEERS.map(System::name));
    Table {
        title: "Other projects' servers, tokens per second",
        head,
        rows: throughput.cells().iter().filter_map(|(cell, _)| row(cell)).collect(),
    }
}

fn larger(report: &Report) -> Table {
    const SHOWN: [System; 3] = [System::Limit, System::Http, System::OvmsWay];
    let row = |model: &str, throughput: &Throughput, cell: &str| {
        let mut row = vec![format!("{model}, {cell}")];
        row.extend(SHOWN.map(|system| median(throughput.of(cell, system), 0)));
        row
    };
    let models = report.larger().models.iter();
    let rows = models.flat_map(|(model, throughput)| {
        throughput.cells().iter().map(move |(cell, _)| row(model, throughput, cell))
    });
    let mut head = vec!["model and texts"];
    head.extend(SHOWN.map(System::name));
    Table { title: "Larger models, tokens per second", head, rows: rows.collect() }
}

/// Every ratio with its spread.
fn ratios(report: &Report) -> Table {
    let rows = report.ratios().into_iter().map(|(key, ratio)| {
        let figures = [ratio.median, ratio.min, ratio.max].map(|figure| format!("{figure:.3}"));
        let mut row = vec![key];
        row.extend(figures);
        row.push(ratio.n.to_string());
        row
    });
    Table {
        title: "Ratios",
        head: vec!["ratio", "median", "min", "max", "n"],
        rows: rows.collect(),
    }
}

/// Figures in units, with what belongs to them.
fn sides(report: &Report) -> Table {
    let others = report.others();
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut add = |what: String, figure: String| rows.push(vec![what, figure]);
    for latency in &others.latencies {
        let (cell, summary) = (latency.cell(), latency.summary());
        let setting = summary.direct_setting;
        add(format!("{cell}: p50 over HTTP"), median(summary.http, 2) + " ms");
        let streams_threads = format!(" ({} stream, {} threads)", setting.streams, setting.threads);
        add(format!("{cell}: p50 directly"), median(summary.direct, 2) + " ms" + &streams_threads);
    }
    for tail in &others.tails {
        add(
            format!("open loop of W2, {} requests", tail.requests),
            format!(
                "{:.1} a second: p50 {:.1}, p90 {:.1}, p99 {:.1}, most {:.1} ms",
                tail.requests_per_second, tail.p50, tail.p90, tail.p99, tail.max
            ),
        );
    }
    for (workload, shares) in &others.cpu {
        add(
            format!("{workload}: CPU time outside of OpenVINO"),
            format!(
                "{:.1} % (tokenizing {:.1} %)",
                100.0 * shares.outside(),
                100.0 * shares.tokenizing
            ),
        );
    }
    if let Some(memory) = others.memory {
        let figure = format!("{:.0} MB, of which weights {:.0} MB", memory.peak, memory.weights);
        add("peak memory after W1 to W4".to_owned(), figure);
    }
    if let Some(both) = &others.two_models {
        let share = median(both.summary().smaller_share, 3);
        add("two models: the smaller's share".to_owned(), share);
    }
    if let Some(quota) = &others.quota {
        let tokens = median(Statistics::of(&quota.limited), 0);
        add("one core's quota: W2, tokens per second".to_owned(), tokens);
    }
    if let Some(own_ir) = &others.own_ir {
        let [own, optimum] =
            [&own_ir.own, &own_ir.optimum].map(|figures| median(Statistics::of(figures), 0));
        let figure = format!("{own} tokens per second, optimum-intel's {optimum}");
        add("W4: our export called directly".to_owned(), figure);
    }
    if let Some(bulk) = &report.larger().bulk {
        let summary = bulk.summary();
        let [bulk, single] = [summary.bulk, summary.single].map(|figures| median(figures, 0));
        let figure = format!("{bulk} tokens per second, single documents {single}");
        add("bge-large: 32 texts of 510 tokens a request".to_owned(), figure);
    }
    Table { title: "In units", head: vec!["what", "figure"], rows }
}

fn goals(report: &Report) -> Table {
    let rows = goals::judge(report)
        .into_iter()
        .map(|judged| vec![judged.key, judged.goal, judged.seen, judged.outcome.word().to_owned()]);
    Table { title: "Goals", head: vec!["figure", "goal", "seen", ""], rows: rows.collect() }
}

fn median(statistics: Option<Statistics>, digits: usize) -> String {
    statistics.map_or("-".to_owned(), |figures| format!("{:.digits$}", figures.median))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::others::Others;
    use crate::window::Measured;
    use crate::workload::{Load, Workload};

    #[test]
    fn every_row_has_a_cell_for_each_column() {
        let workload = Workload { name: "W2", description: "texts", requests: Vec::new() };
        let load = Load { workload: &workload, clients: 64 };
        let mut throughput = Throughput::default();
        for system in System::FP32.into_iter().chain(System::FORMATS) {
            let measured = Measured { tokens_per_second: 100.0, client_cores: Some(0.1) };
            throughput.note(load, system, measured);
        }
        let report = Report::new(Value::Null, throughput, Others::default());
        let tables = all(&report);
        let titles: Vec<&str> = tables.iter().map(|table| table.title).collect();
        assert_eq!(
            titles,
            [
                "Throughput, tokens per second",
                "Weights in other formats, W2.c64 over HTTP",
                "Ratios",
                "Goals"
            ]
        );
        for table in tables {
            assert!(table.rows.iter().all(|row| row.len() == table.head.len()), "{}", table.title);
        }
    }
}
