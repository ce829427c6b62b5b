//! Writes the .bin file: every constant's bytes, one after the other, aligned.

use std::collections::HashMap;
use std::io::{self, Write};

use thiserror::Error;

use super::constant::{Constant, byte_size};
use super::{ConstantError, Graph, Node};

/// Constants start at multiples of this, so that plugins may use a mapped file in place.
const ALIGNMENT: u64 = 64;

/// Why the .bin file could not be written.
#[derive(Debug, Error)]
pub enum WriteConstantsError {
    /// A constant could not be produced or stored.
    #[error("failed to store the constant `{name}`")]
    Store {
        /// The constant's name in the graph.
        name: String,
        /// What failed.
        #[source]
        source: ConstantError,
    },
    /// A constant's source gave more or fewer bytes than its shape has.
    #[error("the constant `{name}` gave {found} bytes instead of {expected}")]
    Length {
        /// The constant's name in the graph.
        name: String,
        /// Bytes written.
        found: u64,
        /// Bytes that its type and shape need.
        expected: u64,
    },
    /// The file itself failed.
    #[error("failed to write the constants")]
    Write(#[source] io::Error),
}

/// Where a constant is in the .bin file, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// From the file's start.
    pub offset: u64,
    /// Length.
    pub size: u64,
}

/// Bytes of all streamed constants: the scale of progress reports.
pub fn constant_bytes(graph: &Graph) -> u64 {
    let size = |node: &Node| match &node.constant {
        Some(Constant::Streamed(_) | Constant::Leading(_) | Constant::Following { .. }) => {
            byte_size(node.element_type, &node.shape)
        }
        Some(Constant::Inline(_) | Constant::Undecided(_)) | None => None,
    };
    let add = |sum: u64, size| sum.saturating_add(size);
    graph.nodes.iter().filter_map(size).fold(0, add)
}

/// Writes all constants; equal small ones share their bytes.
///
/// Answers each node's placement, in the order of nodes, nothing for those that are no
/// constants. `progress` is told the bytes of streamed constants written so far.
///
/// # Errors
/// When a constant's source or the sink fails; what was written so far is useless then.
pub fn write_constants(
    graph: &Graph,
    sink: &mut dyn Write,
    progress: &mut dyn FnMut(u64),
) -> Result<Vec<Option<Placement>>, WriteConstantsError> {
    let mut bin = Bin { sink, position: 0 };
    let mut done = 0;
    let mut shared: HashMap<&[u8], Placement> = HashMap::new();
    // What has come out of a leading constant's pass and is not written yet.
    let mut following: HashMap<(usize, usize), Vec<u8>> = HashMap::new();
    let mut placements = Vec::with_capacity(graph.nodes.len());
    for (place, node) in graph.nodes.iter().enumerate() {
        let placement = match &node.constant {
            None | Some(Constant::Undecided(_)) => None,
            Some(Constant::Inline(bytes)) => {
                let known = shared.get(bytes.as_slice()).copied();
                let placement = match known {
                    Some(placement) => placement,
                    None => {
                        bin.store(node, |sink| sink.write_all(bytes).map_err(ConstantError::Write))?
                    }
                };
                shared.insert(bytes, placement);
                Some(placement)
            }
            Some(Constant::Streamed(data)) => Some(bin.store(node, |sink| {
                let mut counted = Counted { sink, done: &mut done, progress };
                data.write_to(&mut counted)
            })?),
            Some(Constant::Leading(data)) => Some(bin.store(node, |sink| {
                let mut counted = Counted { sink, done: &mut done, progress };
                let followers = data.write_to(&mut counted)?;
                let keyed = followers.into_iter().enumerate();
                following.extend(keyed.map(|(index, bytes)| ((place, index), bytes)));
                Ok(())
            })?),
            Some(Constant::Following { leader, index }) => Some(bin.store(node, |sink| {
                let bytes = following.remove(&(*leader, *index)).unwrap_or_default();
                let mut counted = Counted { sink, done: &mut done, progress };
                counted.write_all(&bytes).map_err(ConstantError::Write)
            })?),
        };
        placements.push(placement);
    }
    Ok(placements)
}

/// The file so far.
struct Bin<'a> {
    sink: &'a mut dyn Write,
    position: u64,
}

impl Bin<'_> {
    fn store(
        &mut self,
        node: &Node,
        write: impl FnOnce(&mut dyn Write) -> Result<(), ConstantError>,
    ) -> Result<Placement, WriteConstantsError> {
        let gap = self.position.next_multiple_of(ALIGNMENT) - self.position;
        let zeros = [0u8; ALIGNMENT as usize];
        self.write_all(&zeros[..gap as usize]).map_err(WriteConstantsError::Write)?;
        let offset = self.position;
        let name = || node.name.clone().unwrap_or_default();
        let store_error = |source| WriteConstantsError::Store { name: name(), source };
        write(self).map_err(store_error)?;
        let size = self.position - offset;
        let expected = byte_size(node.element_type, &node.shape).unwrap_or_default();
        if size != expected {
            return Err(WriteConstantsError::Length { name: name(), found: size, expected });
        }
        Ok(Placement { offset, size })
    }
}

impl Write for Bin<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Reports what passes through.
struct Counted<'a> {
    sink: &'a mut dyn Write,
    done: &'a mut u64,
    progress: &'a mut dyn FnMut(u64),
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.sink.write(bytes)?;
        *self.done += written as u64;
        (self.progress)(*self.done);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
