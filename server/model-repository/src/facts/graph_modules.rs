//! What an exported OpenVINO model does after its last layer, as its `rt_info` says.
//!
//! The export of a model with `Dense` modules after pooling puts both into the graph; the facts
//! that say so travel with the graph, whatever becomes of the files beside it.

use super::FactsError;
use super::files::{SourceFiles, TOP_MODEL};
use crate::Pooling;

/// The model's own `rt_info` is the last thing in an IR, a few lines.
pub const END_OF_GRAPH: u64 = 16 << 10;

/// Pooling and modules inside of a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GraphModules {
    /// How token vectors become one.
    pub pooling: Pooling,
    /// Folders of the `Dense` modules, e.g. `2_Dense`.
    pub dense: Vec<String>,
    /// Numbers of the resulting vector.
    pub dimensions: Option<usize>,
}

/// Names of the facts in `rt_info`, which an export writes and this module reads.
pub const POOLING_FACT: &str = "pooling";
/// Folders, separated by blanks.
pub const DENSE_FACT: &str = "dense_modules";
/// A number.
pub const DIMENSIONS_FACT: &str = "dimensions";

pub(super) fn read(files: &dyn SourceFiles) -> Result<Option<GraphModules>, FactsError> {
    let end = files
        .end(TOP_MODEL, END_OF_GRAPH)
        .map_err(|source| FactsError::Read { file: TOP_MODEL.to_owned(), source })?;
    Ok(end.as_deref().and_then(parse))
}

fn parse(end: &str) -> Option<GraphModules> {
    let (_, information) = end.rsplit_once("<rt_info>")?;
    let fact = |name: &str| {
        let (_, value) = information.split_once(&format!("<info name=\"{name}\" value=\""))?;
        value.split_once('"').map(|(value, _)| value)
    };
    let dense = fact(DENSE_FACT)?.split_whitespace().map(str::to_owned).collect();
    let pooling = fact(POOLING_FACT)?.parse().ok()?;
    let dimensions = fact(DIMENSIONS_FACT).and_then(|number| number.parse().ok());
    Some(GraphModules { pooling, dense, dimensions })
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &str = r#"<edge/></edges>
	<rt_info>
		<info name="exporter" value="embedserve 0.1.0"/>
		<info name="pooling" value="MEAN"/>
		<info name="dense_modules" value="2_Dense 3_Dense"/>
		<info name="dimensions" value="768"/>
	</rt_info>
</net>
"#;

    #[test]
    fn the_facts_of_an_export_are_read_from_the_end_of_the_model() {
        let expected = GraphModules {
            pooling: Pooling::Mean,
            dense: vec!["2_Dense".to_owned(), "3_Dense".to_owned()],
            dimensions: Some(768),
        };
        assert_eq!(parse(END), Some(expected));
        // Of a layer, or of a model that was exported by others.
        assert_eq!(parse(r#"<rt_info><info name="pooling" value="MEAN"/></rt_info>"#), None);
        assert_eq!(parse(&END.replace("MEAN", "MAX")), None);
        assert_eq!(parse("<net"), None);
    }
}
