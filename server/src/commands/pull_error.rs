//! Why a pull or a resolve is refused here, rather than in the crates that do the parts.

use std::path::PathBuf;

use model_export::WeightFormat;

/// One variant for each remedy; texts name it.
#[derive(Debug, thiserror::Error)]
pub(super) enum PullError {
    /// A format was asked for, and there is nothing to convert.
    #[error(
        "--weight-format {format} cannot be had: {repo} holds no safetensors to convert; pull it \
         without --weight-format"
    )]
    NothingToConvert {
        /// The repository.
        repo: String,
        /// What was asked for.
        format: WeightFormat,
    },
    /// Only safetensors are there, and they may not be converted.
    #[error(
        "{repo} holds no OpenVINO IR and no ONNX, and conversion is switched off: set \
         conversion.mode to IfNeeded (--conversion if_needed), or choose a repository that has them"
    )]
    ConversionOff {
        /// The repository.
        repo: String,
    },
    /// A folder is in the way that no pull has made.
    #[error(
        "{} was not made by `embedserve pull`: {why}. To replace it, add --overwrite_models; to \
         serve it as it is, leave out the pull",
        folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// Why it is not ours.
        why: String,
    },
    /// A file has not the hash that the user demands.
    #[error(
        "{path} has SHA-256 {found} instead of the demanded {demanded}: the repository has changed, \
         or the demand is wrong"
    )]
    OtherHash {
        /// The file.
        path: String,
        /// Its hash.
        found: String,
        /// The demanded one.
        demanded: String,
    },
    /// A hash is demanded of a file that is not taken.
    #[error(
        "{path} has a demanded SHA-256 and is not among the files that are pulled: correct its \
         path, or include it"
    )]
    DemandedAbsent {
        /// The file.
        path: String,
    },
    /// A folder was given that only OpenVINO's tokenizer makes look like a model.
    #[error(
        "{folder} holds openvino_tokenizer.xml and no tokenizer.json, which Embedserve tokenizes \
         with: download it from the original repository into the folder"
    )]
    OnlyOpenVinoTokenizer {
        /// The folder.
        folder: String,
    },
    /// A folder is to be removed that no pull has made.
    #[error(
        "{} was not made by `embedserve pull` (it has no embedserve-manifest.json) and is left as \
         it is: check the path, or delete it by hand",
        folder.display()
    )]
    NotOurs {
        /// The folder.
        folder: PathBuf,
    },
    /// A signal came.
    #[error("interrupted: the same command goes on where it stopped")]
    Interrupted,
}
