//! Restoring, on a model of three matrices written by hand.

use std::io::Write;

use half::f16;

use super::*;

fn layer(id: u64, kind: &str, data: &str, sizes: &str, port: u64) -> String {
    let dims: String = sizes.split_whitespace().map(|size| format!("<dim>{size}</dim>")).collect();
    format!(
        "<layer id=\"{id}\" name=\"{kind}_{id}\" type=\"{kind}\" version=\"opset1\">{data}\
         <output><port id=\"{port}\" precision=\"X\">{dims}</port></output></layer>\n"
    )
}

fn constant_layer(id: u64, kind: &str, shape: &str, offset: u64, size: u64) -> String {
    let data = format!(
        "<data element_type=\"{kind}\" shape=\"{shape}\" offset=\"{offset}\" size=\"{size}\"/>"
    );
    layer(id, "Const", &data, &shape.replace(',', " "), 0)
}

fn edge(from: u64, to: u64, to_port: u64) -> String {
    format!(
        "<edge from-layer=\"{from}\" from-port=\"0\" to-layer=\"{to}\" to-port=\"{to_port}\"/>\n"
    )
}

/// A 4-bit matrix in groups with zero points and scales, and an f16 matrix; both are multiplied,
/// and the f16 one is looked up too.
fn model() -> (String, Vec<u8>) {
    let mut bin = vec![0x21, 0x43, 0x65, 0x87];
    bin.extend([0x31]);
    for scale in [0.5f32, 2.0] {
        bin.extend(f16::from_f32(scale).to_le_bytes());
    }
    bin.extend(2i64.to_le_bytes());
    bin.extend(4i64.to_le_bytes());
    for value in [1.0f32, -3.0] {
        bin.extend(f16::from_f32(value).to_le_bytes());
    }
    let layers = [
        constant_layer(0, "u4", "2,1,4", 0, 4),
        layer(1, "Convert", "", "2 1 4", 1),
        constant_layer(2, "u4", "2,1,1", 4, 1),
        layer(3, "Convert", "", "2 1 1", 1),
        layer(4, "Subtract", "", "2 1 4", 2),
        constant_layer(5, "f16", "2,1,1", 5, 4),
        layer(6, "Multiply", "", "2 1 4", 2),
        constant_layer(7, "i64", "2", 9, 16),
        layer(8, "Reshape", "<data special_zero=\"false\"/>", "2 4", 2),
        layer(9, "Convert", "", "2 4", 1),
        layer(10, "Parameter", "<data shape=\"?,4\" element_type=\"f32\"/>", "-1 4", 0),
        layer(11, "MatMul", "", "-1 2", 2),
        constant_layer(12, "f16", "1,2", 25, 4),
        layer(13, "Convert", "", "1 2", 1),
        layer(14, "MatMul", "", "-1 1", 2),
        layer(15, "Gather", "", "-1 2", 3),
    ];
    let edges = [
        edge(0, 1, 0),
        edge(2, 3, 0),
        edge(1, 4, 0),
        edge(3, 4, 1),
        edge(4, 6, 0),
        edge(5, 6, 1),
        edge(6, 8, 0),
        edge(7, 8, 1),
        edge(8, 9, 0),
        edge(10, 11, 0),
        edge(9, 11, 1),
        edge(12, 13, 0),
        edge(11, 14, 0),
        edge(13, 14, 1),
        edge(13, 15, 0),
    ];
    let text = format!(
        "<?xml version=\"1.0\"?>\n<net name=\"m\" version=\"11\">\n<layers>\n{}</layers>\n<edges>\n{}\
         </edges>\n</net>\n",
        layers.concat(),
        edges.concat()
    );
    (text, bin)
}

fn restored(text: &str, bin: &[u8]) -> (Plan, Model, Vec<u8>) {
    let model = Model::parse(text.to_owned()).expect("a model");
    let plan = Plan::of(&model).expect("a plan");
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bin).expect("written");
    let mut target = vec![0xff; usize::try_from(plan.bytes()).expect("small")];
    plan.fill(&model, &file, &mut target).expect("filled");
    (plan, model, target)
}

fn values(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

#[test]
fn groups_zero_points_and_scales_are_applied() {
    let (text, bin) = model();
    let (plan, _, target) = restored(&text, &bin);
    let roots: Vec<_> = plan.roots.iter().map(|(place, stored)| (*place, *stored)).collect();
    let [(9, quantised), (13, half)] = roots[..] else { panic!("{roots:?}") };
    let at = |stored: Stored| values(&target[range(stored.offset, stored.size)]);
    assert_eq!(at(quantised), [0.0, 0.5, 1.0, 1.5, 4.0, 6.0, 8.0, 10.0]);
    assert_eq!(at(half), [1.0, -3.0]);
}

#[test]
fn the_new_text_has_constants_in_the_places_of_what_restored_them() {
    let (text, bin) = model();
    let (plan, old, _) = restored(&text, &bin);
    let new = Model::parse(plan.rewritten(&old)).expect("a model");
    let kinds: Vec<_> = new.layers.iter().map(|layer| (layer.id, layer.kind.as_str())).collect();
    let expected = [
        (9, "Const"),
        (10, "Parameter"),
        (11, "MatMul"),
        (13, "Const"),
        (14, "MatMul"),
        (15, "Gather"),
    ];
    assert_eq!(kinds, expected);
    let edges: Vec<_> = new.edges.iter().map(|edge| (edge.from, edge.to)).collect();
    assert_eq!(edges, [(10, 11), (9, 11), (11, 14), (13, 14), (13, 15)]);
    assert_eq!(new.layers[0].shape(), Some(vec![2, 4]));
    assert!(Plan::of(&new).expect("a plan").is_empty());
}

#[test]
fn a_model_that_contradicts_itself_is_refused_in_words() {
    let (text, bin) = model();
    let fill = |text: String| {
        let model = Model::parse(text).expect("a model");
        let plan = Plan::of(&model).expect("a plan");
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&bin).expect("written");
        let mut target = vec![0; usize::try_from(plan.bytes()).expect("small")];
        plan.fill(&model, &file, &mut target)
    };
    let shorter = text.replace("shape=\"2,1,4\"", "shape=\"2,1,8\"");
    assert!(matches!(fill(shorter), Err(FillError::Structure(_))));
    let other = text.replace("shape=\"2,1,1\" offset=\"5\"", "shape=\"4\" offset=\"5\"");
    assert!(matches!(fill(other), Err(FillError::Structure(_))));
    let beyond = text.replace("offset=\"25\"", "offset=\"27\"");
    assert!(matches!(fill(beyond), Err(FillError::Read(_))));
    let body = text.replace("<data special_zero=\"false\"/>", "<body></body>");
    assert!(Model::parse(body).is_err());
}
