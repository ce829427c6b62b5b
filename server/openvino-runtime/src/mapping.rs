//! Weights in a mapped file that nobody can change below the model.
//!
//! Most weights are needed once, when OpenVINO makes copies of them in its kernels' order. In memory of the process they
//! would stay there for ever, while pages of a file can be dropped and come back when they are needed after all.

#![expect(unsafe_code, reason = "maps a file, and drops its pages")]

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::{Mmap, UncheckedAdvice};

/// A file's bytes.
#[derive(Debug)]
pub(crate) struct Mapping(Mmap);

impl Mapping {
    /// A copy of a file in a file of its own that has no name and is gone with the mapping. The file itself could be
    /// overwritten in place, which kills whoever reads a mapping of it (SIGBUS).
    ///
    /// # Errors
    /// When the folder takes no copy.
    pub(crate) fn of_copy(path: &Path, folder: &Path) -> io::Result<Self> {
        let mut copy = tempfile::tempfile_in(folder)?;
        io::copy(&mut File::open(path)?, &mut copy)?;
        // SAFETY: nobody else has the file, which has no name, so it stays what it is.
        Ok(Self(unsafe { Mmap::map(&copy) }?))
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Drops what is in memory of it now. What is read again comes back from the file.
    pub(crate) fn drop_pages(&self) {
        // SAFETY: pages of a mapped file are dropped, not those of anonymous memory: they come back unchanged.
        if let Err(error) = unsafe { self.0.unchecked_advise(UncheckedAdvice::DontNeed) } {
            tracing::debug!(%error, "the pages of weights stay in memory");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_stays_what_it_was_when_the_file_is_cut_and_its_pages_are_dropped() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("weights.bin");
        let content: Vec<u8> = (0..100_000u32).map(|number| number as u8).collect();
        std::fs::write(&file, &content).expect("written");
        let mapping = Mapping::of_copy(&file, folder.path()).expect("mapped");
        std::fs::write(&file, "").expect("cut");
        assert!(mapping.bytes() == content);
        mapping.drop_pages();
        assert!(mapping.bytes() == content);
        assert_eq!(
            std::fs::read_dir(folder.path()).expect("a folder").count(),
            1,
            "it has no name"
        );
    }
}
