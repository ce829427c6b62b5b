//! The text of an IR as layers and edges, with the places that they have in it.

use std::collections::HashMap;
use std::ops::Range;

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

/// One operation.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) id: u64,
    pub(super) name: String,
    pub(super) kind: String,
    /// The whole element in the text.
    pub(super) place: Range<usize>,
    /// Attributes of `data`.
    pub(super) data: HashMap<String, String>,
    /// The element `data` in the text.
    pub(super) data_place: Range<usize>,
    /// Number and dimensions of the first output; -1 where one is open.
    pub(super) output: Option<(u64, Vec<i64>)>,
}

/// A constant's place in the `.bin` file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stored {
    pub(super) offset: u64,
    pub(super) size: u64,
}

impl Layer {
    /// Where a constant is stored.
    pub(super) fn stored(&self) -> Option<Stored> {
        let number = |name: &str| self.data.get(name)?.parse().ok();
        Some(Stored { offset: number("offset")?, size: number("size")? })
    }

    /// The dimensions of a constant.
    pub(super) fn shape(&self) -> Option<Vec<usize>> {
        let text = self.data.get("shape")?;
        let sizes = text.split(',').map(str::trim).filter(|size| !size.is_empty());
        sizes.map(|size| size.parse().ok()).collect()
    }
}

/// From an output of one layer to an input of another.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) to_port: u64,
    pub(super) place: Range<usize>,
}

/// A model's text and what it says.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) text: String,
    pub(super) layers: Vec<Layer>,
    pub(super) edges: Vec<Edge>,
}

impl Model {
    /// Reads the text of an `.xml` file.
    pub(super) fn parse(text: String) -> Result<Self, String> {
        let (mut layers, mut edges) = (Vec::new(), Vec::new());
        let mut reader = Reader::from_str(&text);
        let mut open: Option<Layer> = None;
        // Elements around the current one, outermost first.
        let mut path: Vec<String> = Vec::new();
        // Outputs of the current layer so far.
        let mut outputs = 0;
        loop {
            let start = position(&reader);
            let event = reader.read_event().map_err(|error| error.to_string())?;
            let end = position(&reader);
            if let Event::Start(element) | Event::Empty(element) = &event {
                match element.name().as_ref() {
                    "layer" => outputs = 0,
                    "port" if path.last().is_some_and(|name| name == "output") => outputs += 1,
                    _ => {}
                }
            }
            match event {
                Event::Start(element) => {
                    note(&element, &path, start..end, &mut open, &mut edges)?;
                    path.push(element.name().as_ref().to_owned());
                }
                Event::Empty(element) => note(&element, &path, start..end, &mut open, &mut edges)?,
                Event::Text(text) if path.last().is_some_and(|name| name == "dim") => {
                    let size = text.trim().parse().unwrap_or(-1);
                    let is_output = path.iter().any(|name| name == "output");
                    if let (true, 1, Some(Layer { output: Some((_, sizes)), .. })) =
                        (is_output, outputs, &mut open)
                    {
                        sizes.push(size);
                    }
                }
                Event::End(element) => {
                    path.pop();
                    if element.name().as_ref() == "layer"
                        && let Some(mut layer) = open.take()
                    {
                        layer.place.end = end;
                        layers.push(layer);
                    }
                }
                Event::Eof => break,
                _ => {}
            }
        }
        Ok(Model { text, layers, edges })
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

fn note(
    element: &BytesStart<'_>,
    path: &[String],
    place: Range<usize>,
    open: &mut Option<Layer>,
    edges: &mut Vec<Edge>,
) -> Result<(), String> {
    let attributes = || -> Result<HashMap<String, String>, String> {
        element
            .attributes()
            .map(|attribute| {
                let attribute = attribute.map_err(|error| error.to_string())?;
                let value = attribute.normalized_value(XmlVersion::Explicit1_0);
                let value = value.map_err(|error| error.to_string())?;
                let name = attribute.key.as_ref().to_owned();
                Ok((name, value.into_owned()))
            })
            .collect()
    };
    let number = |attributes: &HashMap<String, String>, name: &str| {
        let value = attributes.get(name).and_then(|value| value.parse::<u64>().ok());
        value.ok_or_else(|| format!("an element has no number {name}"))
    };
    match element.name().as_ref() {
        // Layers of a body have their own numbers, and constants in the same file.
        "body" => return Err("it has operations inside of operations".to_owned()),
        "layer" => {
            let mut attributes = attributes()?;
            *open = Some(Layer {
                id: number(&attributes, "id")?,
                name: attributes.remove("name").unwrap_or_default(),
                kind: attributes.remove("type").unwrap_or_default(),
                place,
                data: HashMap::new(),
                data_place: 0..0,
                output: None,
            });
        }
        "data" if path.last().is_some_and(|name| name == "layer") => {
            if let Some(layer) = open {
                layer.data = attributes()?;
                layer.data_place = place;
            }
        }
        "port" if path.last().is_some_and(|name| name == "output") => {
            if let Some(layer) = open
                && layer.output.is_none()
            {
                layer.output = Some((number(&attributes()?, "id")?, Vec::new()));
            }
        }
        "edge" => {
            let attributes = attributes()?;
            edges.push(Edge {
                from: number(&attributes, "from-layer")?,
                to: number(&attributes, "to-layer")?,
                to_port: number(&attributes, "to-port")?,
                place,
            });
        }
        _ => {}
    }
    Ok(())
}
