//! Writes the .xml file: layers, edges and `rt_info` of IR version 11.

use std::io::{self, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};

use super::{Graph, Node, Placement, Shape};

/// Writes the graph's structure; `placements` is what `write_constants` answered for it.
///
/// The same graph gives the same bytes.
///
/// # Errors
/// When the sink fails.
pub fn write_xml(
    graph: &Graph,
    placements: &[Option<Placement>],
    sink: &mut dyn Write,
) -> io::Result<()> {
    let mut writer = Writer::new_with_indent(sink, b'\t', 1);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", None, None)))?;
    writer
        .create_element("net")
        .with_attributes([("name", graph.name.as_str()), ("version", "11")])
        .write_inner_content(|writer| {
            writer.create_element("layers").write_inner_content(|writer| {
                for (id, node) in graph.nodes.iter().enumerate() {
                    let placement = placements.get(id).copied().flatten();
                    write_layer(writer, graph, id, node, placement)?;
                }
                Ok(())
            })?;
            writer
                .create_element("edges")
                .write_inner_content(|writer| write_edges(writer, graph))?;
            writer.create_element("rt_info").write_inner_content(|writer| {
                for (name, value) in &graph.facts {
                    writer
                        .create_element("info")
                        .with_attributes([("name", name.as_str()), ("value", value.as_str())])
                        .write_empty()?;
                }
                Ok(())
            })?;
            Ok(())
        })?;
    writer.into_inner().write_all(b"\n")
}

type Xml<'a> = Writer<&'a mut dyn Write>;

fn write_layer(
    writer: &mut Xml<'_>,
    graph: &Graph,
    id: usize,
    node: &Node,
    placement: Option<Placement>,
) -> io::Result<()> {
    let is_result = node.operation.kind == "Result";
    let name = node.shown_name(id);
    let mut layer = writer.create_element("layer").with_attributes([
        ("id", id.to_string().as_str()),
        ("name", &name),
        ("type", node.operation.kind),
        ("version", node.operation.version),
    ]);
    if is_result {
        for port in &node.inputs {
            let names = graph.nodes[port.node].tensor_names.join(",");
            layer = layer.with_attribute(("output_names", names.as_str()));
        }
    }
    layer.write_inner_content(|writer| {
        write_data(writer, node, placement)?;
        if node.decompression {
            writer.create_element("rt_info").write_inner_content(|writer| {
                writer
                    .create_element("attribute")
                    .with_attributes([("name", "decompression"), ("version", "0")])
                    .write_empty()?;
                Ok(())
            })?;
        }
        if !node.inputs.is_empty() {
            writer.create_element("input").write_inner_content(|writer| {
                for (index, port) in node.inputs.iter().enumerate() {
                    let from = &graph.nodes[port.node];
                    write_port(writer, index, from, &[])?;
                }
                Ok(())
            })?;
        }
        if !is_result {
            writer.create_element("output").write_inner_content(|writer| {
                write_port(writer, node.inputs.len(), node, &node.tensor_names)
            })?;
        }
        Ok(())
    })?;
    Ok(())
}

fn write_data(writer: &mut Xml<'_>, node: &Node, placement: Option<Placement>) -> io::Result<()> {
    let mut attributes = node.attributes.clone();
    if let Some(Placement { offset, size }) = placement {
        attributes.extend([
            ("element_type", node.element_type.as_str().to_owned()),
            ("shape", comma_separated(&node.shape)),
            ("offset", offset.to_string()),
            ("size", size.to_string()),
        ]);
    }
    if attributes.is_empty() {
        return Ok(());
    }
    let pairs = attributes.iter().map(|(name, value)| (*name, value.as_str()));
    writer.create_element("data").with_attributes(pairs).write_empty()?;
    Ok(())
}

fn write_port(
    writer: &mut Xml<'_>,
    index: usize,
    node: &Node,
    tensor_names: &[String],
) -> io::Result<()> {
    let (index, names) = (index.to_string(), tensor_names.join(","));
    let mut attributes = vec![("id", index.as_str()), ("precision", node.element_type.precision())];
    if !names.is_empty() {
        attributes.push(("names", &names));
    }
    let port = writer.create_element("port").with_attributes(attributes);
    if node.shape.rank() == 0 {
        port.write_empty()?;
        return Ok(());
    }
    port.write_inner_content(|writer| {
        for dimension in node.shape.dimensions() {
            let size = dimension.to_string();
            let text = quick_xml::events::BytesText::new(&size);
            writer.create_element("dim").write_text_content(text)?;
        }
        Ok(())
    })?;
    Ok(())
}

fn write_edges(writer: &mut Xml<'_>, graph: &Graph) -> io::Result<()> {
    for (to, node) in graph.nodes.iter().enumerate() {
        for (index, port) in node.inputs.iter().enumerate() {
            // A node's only output comes after its inputs.
            let from_port = graph.nodes[port.node].inputs.len();
            let numbers = [port.node, from_port, to, index].map(|number| number.to_string());
            writer
                .create_element("edge")
                .with_attributes([
                    ("from-layer", numbers[0].as_str()),
                    ("from-port", &numbers[1]),
                    ("to-layer", &numbers[2]),
                    ("to-port", &numbers[3]),
                ])
                .write_empty()?;
        }
    }
    Ok(())
}

fn comma_separated(shape: &Shape) -> String {
    let sizes: Vec<String> = shape.dimensions().iter().map(ToString::to_string).collect();
    sizes.join(", ")
}
