//! Small OpenVINO models as other exporters make them: tables that are looked up.

use std::io::Write;
use std::path::Path;

use model_export::graph::{
    Arithmetic, ConstantData, ConstantError, ElementType, Graph, Port, Shape, write_constants,
    write_xml,
};

use super::HIDDEN;

#[derive(Debug)]
struct Numbers(Vec<f32>);

impl ConstantData for Numbers {
    fn write_to(&self, sink: &mut dyn Write) -> Result<(), ConstantError> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|value| value.to_le_bytes()).collect();
        sink.write_all(&bytes).map_err(ConstantError::Write)
    }
}

fn input(graph: &mut Graph, name: &str) -> Port {
    graph.parameter(name, ElementType::I64, Shape::dynamic(2))
}

/// The rows of a table that `indices` name.
fn look_up(graph: &mut Graph, name: &str, table: Vec<f32>, indices: Port) -> Port {
    let sizes = [(table.len() / HIDDEN) as u64, HIDDEN as u64];
    let data = Box::new(Numbers(table));
    let table = graph.constant(name, ElementType::F32, &sizes, data).expect("a constant");
    graph.gather(table, indices, 0).expect("a gather")
}

/// `input_ids` and `attention_mask`, no `token_type_ids`, as optimum exports DistilBERT.
pub(super) fn plain(table: Vec<f32>) -> Graph {
    let mut graph = Graph::new("plain");
    let ids = input(&mut graph, "input_ids");
    input(&mut graph, "attention_mask");
    let rows = look_up(&mut graph, "table", table, ids);
    graph.result(rows, "last_hidden_state").expect("a result");
    graph
}

/// With `position_ids` and `token_type_ids`; the latter must be zeros.
pub(super) fn with_positions(table: Vec<f32>, positions: Vec<f32>) -> Graph {
    let mut graph = Graph::new("positions");
    let ids = input(&mut graph, "input_ids");
    input(&mut graph, "attention_mask");
    let places = input(&mut graph, "position_ids");
    let types = input(&mut graph, "token_type_ids");
    let rows = look_up(&mut graph, "table", table, ids);
    let added = look_up(&mut graph, "positions", positions, places);
    let far_away = [[0.0; HIDDEN], [1e6; HIDDEN]].concat();
    let kinds = look_up(&mut graph, "kinds", far_away, types);
    let rows = graph.arithmetic(Arithmetic::Add, rows, added).expect("a sum");
    let rows = graph.arithmetic(Arithmetic::Add, rows, kinds).expect("a sum");
    graph.result(rows, "last_hidden_state").expect("a result");
    graph
}

/// Pools by itself, padding left out, and answers `sentence_embedding` of rank 2.
pub(super) fn sentence_embedding(table: Vec<f32>) -> Graph {
    let mut graph = Graph::new("sentence");
    let ids = input(&mut graph, "input_ids");
    let mask = input(&mut graph, "attention_mask");
    let rows = look_up(&mut graph, "table", table, ids);
    let mask = graph.convert(mask, ElementType::F32);
    let mask = graph.unsqueeze(mask, &[2]).expect("a third dimension");
    let kept = graph.arithmetic(Arithmetic::Multiply, rows, mask).expect("a product");
    let mean = graph.reduce(model_export::graph::Reduction::Mean, kept, 1).expect("a mean");
    let pooled = graph.reshape(mean, &[-1, HIDDEN as i64]).expect("two dimensions");
    graph.result(pooled, "sentence_embedding").expect("a result");
    graph
}

/// Writes `openvino_model.xml` and `.bin`.
pub(super) fn write(folder: &Path, graph: &Graph) {
    let (mut constants, mut structure) = (Vec::new(), Vec::new());
    let placements = write_constants(graph, &mut constants, &mut |_| {}).expect("constants");
    write_xml(graph, &placements, &mut structure).expect("a structure");
    std::fs::write(folder.join("openvino_model.bin"), constants).expect("written");
    std::fs::write(folder.join("openvino_model.xml"), structure).expect("written");
}
