//! A chart of bars in groups, as SVG.

use std::fmt::Write as _;

/// Bars that belong together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Group<'a> {
    pub(crate) name: &'a str,
    /// One for each series; at least 0.
    pub(crate) values: Vec<f64>,
}

/// From quiet to loud, and readable in grey.
const COLOURS: [&str; 3] = ["#b8c4d0", "#3b6ea5", "#d9a04e"];
const BAR: usize = 34;
const GAP: usize = 30;
const LEFT: usize = 16;
const TOP: usize = 56;
const HEIGHT: usize = 200;

/// Horizontal axis: groups. Every bar bears its figure, so there is no vertical axis.
pub(crate) fn bars(title: &str, series: &[&str], groups: &[Group<'_>]) -> String {
    let most = groups.iter().flat_map(|group| &group.values).copied().fold(1.0, f64::max);
    let group_width = series.len() * BAR + GAP;
    let width = LEFT * 2 + (groups.len() * group_width).max(360);
    let bottom = TOP + HEIGHT;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"18\" font-size=\"14\">{title}</text>\n",
        bottom + 24
    );
    for (index, name) in series.iter().enumerate() {
        let (x, colour) = (LEFT + index * 90, COLOURS[index % COLOURS.len()]);
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"26\" width=\"10\" height=\"10\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"35\">{name}</text>",
            x + 14
        );
    }
    for (index, group) in groups.iter().enumerate() {
        let left = LEFT + index * group_width;
        for (place, value) in group.values.iter().enumerate() {
            let height = value / most * HEIGHT as f64;
            let (x, y) = (left + place * BAR, bottom as f64 - height);
            let colour = COLOURS[place % COLOURS.len()];
            let _ = writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y:.1}\" width=\"{}\" height=\"{height:.1}\" fill=\"{colour}\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"middle\">{value:.0}</text>",
                BAR - 2,
                x + BAR / 2 - 1,
                y - 3.0
            );
        }
        let middle = left + group.values.len() * BAR / 2;
        let _ = writeln!(
            svg,
            "<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            bottom + 16,
            group.name
        );
    }
    svg + "</svg>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_value_fills_the_height() {
        let groups = [
            Group { name: "W1", values: vec![50.0, 25.0] },
            Group { name: "W2", values: vec![100.0, 0.0] },
        ];
        let svg = bars("Tokens", &["limit", "http"], &groups);
        for height in ["100.0", "50.0", "200.0", "0.0"] {
            assert!(svg.contains(&format!(" height=\"{height}\"")), "{height} in {svg}");
        }
        assert!(svg.contains(">W2</text>") && svg.ends_with("</svg>\n"));
    }
}
