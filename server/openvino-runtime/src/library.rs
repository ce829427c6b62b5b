//! OpenVINO itself: opened once a process, asked for its version and devices.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::ffi::OpenVinoError;
use crate::ffi::core::Core;
use crate::ffi::loading::{self, OpenError};
use crate::ffi::model::Model;
use crate::find::library_file;
use crate::mapping::Mapping;

/// The oldest OpenVINO whose C API can compile a model with settings of its own.
const OLDEST: (u32, u32) = (2026, 4);

/// The largest weights, in bytes, that are copied or read. Larger ones are mapped where they are, but a mapped file
/// that somebody overwrites in place kills the process (SIGBUS), with every other model in it.
const LARGEST_READ: u64 = 512 << 20;

/// OpenVINO's libraries were found but cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The folder does not hold the library.
    #[error("no libopenvino_c.so in {}; name the folder that holds it", dir.display())]
    NoLibrary {
        /// The folder.
        dir: PathBuf,
    },
    /// The dynamic loader cannot open it.
    #[error(
        "failed to open {}: {reason}; install what is missing, or run `make deps` for a set of \
         libraries that fit together",
        path.display()
    )]
    Open {
        /// The library's file.
        path: PathBuf,
        /// The loader's words.
        reason: String,
    },
    /// The library is OpenVINO, but too old, or not OpenVINO at all.
    #[error(
        "the OpenVINO in {} is {version}; 2026.4 or newer is needed: run `make deps`, or name \
         another folder with --openvino_dir or EMBEDSERVE_OPENVINO_DIR",
        dir.display()
    )]
    Version {
        /// The folder.
        dir: PathBuf,
        /// Its version, or what it lacks.
        version: String,
    },
    /// A process can hold one OpenVINO only.
    #[error(
        "OpenVINO is already loaded from {}, so it cannot be loaded from {}; restart the program",
        loaded.display(),
        asked.display()
    )]
    LoadedElsewhere {
        /// The folder in use.
        loaded: PathBuf,
        /// The folder asked for.
        asked: PathBuf,
    },
    /// It is there and of the right version, but does not start.
    #[error("failed to start the OpenVINO in {}", dir.display())]
    Start {
        /// The folder.
        dir: PathBuf,
        /// OpenVINO's explanation.
        #[source]
        source: OpenVinoError,
    },
}

/// A device that OpenVINO sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// As it is asked for: `CPU`, `GPU`, `GPU.1`.
    pub name: String,
    /// As its maker calls it.
    pub full_name: String,
}

/// OpenVINO, loaded. Models hold on to it.
pub struct OpenVino {
    core: Core,
    /// Whether weights are mapped is a setting of the core: held from setting it until it is used.
    reading: Mutex<()>,
    version: String,
    devices: OnceLock<Vec<DeviceInfo>>,
}

/// Where this process loaded OpenVINO from.
static LOADED: Mutex<Option<Loaded>> = Mutex::new(None);

#[derive(Clone)]
struct Loaded {
    file: PathBuf,
    version: String,
}

impl OpenVino {
    /// Opens the libraries in `dir` (see [`find_libraries`](crate::find_libraries)). A second call
    /// for the same folder shares what the first one opened.
    ///
    /// # Errors
    /// [`LoadError`]: libraries that are absent, damaged, too old, or others than those in use.
    pub fn load(dir: &Path) -> Result<Arc<Self>, LoadError> {
        let Loaded { version, .. } = load_once(dir)?;
        let core =
            Core::new().map_err(|source| LoadError::Start { dir: dir.to_path_buf(), source })?;
        Ok(Arc::new(Self { core, reading: Mutex::new(()), version, devices: OnceLock::new() }))
    }

    /// OpenVINO's own version text, such as `2026.4.1-22982-e213a147257-releases/2026/4`.
    #[must_use]
    pub fn version(&self) -> String {
        self.version.clone()
    }

    /// The devices of this machine, looked for once.
    #[must_use]
    pub fn devices(&self) -> Vec<DeviceInfo> {
        self.devices.get_or_init(|| self.look_for_devices()).clone()
    }

    /// Reads an IR or an ONNX model. Small weights of an IR are mapped from a copy of their own in `folder`, or are read
    /// into memory where that takes none; large ones are mapped where they are.
    pub(crate) fn read(&self, path: &Path, folder: &Path) -> Result<Model, OpenVinoError> {
        let weights = path.with_extension("bin");
        let is_large = [path, &weights]
            .iter()
            .filter_map(|file| file.metadata().ok())
            .any(|facts| facts.len() > LARGEST_READ);
        if !is_large && path.extension().is_some_and(|end| end == "xml") {
            let copied = Mapping::of_copy(&weights, folder);
            match copied.and_then(|mapping| Ok((fs::read_to_string(path)?, mapping))) {
                Ok((xml, mapping)) => return self.core.read_mapped(&xml, Arc::new(mapping)),
                Err(error) => tracing::debug!(%error, "weights are read into memory"),
            }
        }
        let mapped = if is_large { "YES" } else { "NO" };
        let _until_read = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        // Without a device it is a setting of the core, for what it reads from now on.
        let setting = BTreeMap::from([("ENABLE_MMAP".to_owned(), mapped.to_owned())]);
        self.core.set("", &setting)?;
        self.core.read(path)
    }

    pub(crate) fn core(&self) -> &Core {
        &self.core
    }

    fn look_for_devices(&self) -> Vec<DeviceInfo> {
        let names = self.core.devices().unwrap_or_else(|error| {
            tracing::warn!(%error, "devices could not be listed");
            Vec::new()
        });
        names
            .into_iter()
            .map(|name| DeviceInfo { full_name: self.full_name(&name), name })
            .collect()
    }

    pub(crate) fn full_name(&self, device: &str) -> String {
        match self.core.property(device, "FULL_DEVICE_NAME") {
            Ok(name) if !name.trim().is_empty() => name.trim().to_owned(),
            _ => "its name is unknown".to_owned(),
        }
    }

    /// The version of the device's driver; processors have none.
    pub(crate) fn driver(&self, device: &str) -> Option<String> {
        let property = match device.split('.').next()? {
            "GPU" => "GPU_DRIVER_VERSION",
            "NPU" => "NPU_DRIVER_VERSION",
            _ => return None,
        };
        let version = self.core.property(device, property).ok()?.trim().to_owned();
        (!version.is_empty()).then_some(version)
    }
}

fn load_once(dir: &Path) -> Result<Loaded, LoadError> {
    let path = library_file(dir).ok_or_else(|| LoadError::NoLibrary { dir: dir.to_path_buf() })?;
    let file = path
        .canonicalize()
        .map_err(|error| LoadError::Open { path: path.clone(), reason: error.to_string() })?;
    // Held until OpenVINO is loaded, so that two threads cannot load two of them.
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = loaded.as_ref() {
        return if loaded.file == file {
            Ok(loaded.clone())
        } else {
            Err(LoadError::LoadedElsewhere {
                loaded: loaded.file.parent().unwrap_or(&loaded.file).to_path_buf(),
                asked: dir.to_path_buf(),
            })
        };
    }
    let version = loading::open(&file).map_err(|error| match error {
        OpenError::Loader(reason) => LoadError::Open { path: path.clone(), reason },
        OpenError::MissingFunction(version) => LoadError::Version {
            dir: dir.to_path_buf(),
            version: version.unwrap_or_else(|| "without functions that OpenVINO has".to_owned()),
        },
    })?;
    if !is_new_enough(&version) {
        return Err(LoadError::Version { dir: dir.to_path_buf(), version });
    }
    openvino_sys::library::load_from(&file).map_err(|reason| LoadError::Open { path, reason })?;
    Ok(loaded.insert(Loaded { file, version }).clone())
}

/// Reads `2026.4.1-...`; a version that does not start like that is not a release.
fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split(['.', '-']).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(year)), Some(Ok(release))) => (year, release) >= OLDEST,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_from_2026_4_on_are_new_enough() {
        for (version, expected) in [
            ("2026.4.1-22982-e213a147257-releases/2026/4", true),
            ("2026.4.0", true),
            ("2026.10.0-1-x", true),
            ("2027.0", true),
            ("2026.3.0-1-x", false),
            ("2025.4.1", false),
            ("custom_master-1", false),
            ("2026", false),
            ("", false),
        ] {
            assert_eq!(is_new_enough(version), expected, "{version}");
        }
    }
}
