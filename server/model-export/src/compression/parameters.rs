//! Compression settings in optimum-cli's words, as in `--group-size 64 --ratio 0.8 --sym`.

use thiserror::Error;

use super::plan::SMALLEST_GROUP;
use super::{Backup, CompressionOptions, Grouping, Symmetry};
use crate::WeightFormat;

/// Settings of optimum-cli that are not there, and why.
const REFUSED: [(&str, &str); 14] = [
    ("--dataset", NEEDS_DATA),
    ("--num-samples", NEEDS_DATA),
    ("--awq", NEEDS_DATA),
    ("--gptq", NEEDS_DATA),
    ("--scale-estimation", NEEDS_DATA),
    ("--lora-correction", NEEDS_DATA),
    ("--quantization-statistics-path", NEEDS_DATA),
    ("--sensitivity-metric", "which layers stay in 8 bits follows from how the model uses them"),
    ("--quant-mode", ONLY_WEIGHTS),
    ("--activation-format", ONLY_WEIGHTS),
    ("--smooth-quant-alpha", ONLY_WEIGHTS),
    ("--group-size-fallback", "groups are halved until they divide a layer's columns"),
    ("--weight-format", "it is an option of its own"),
    ("--disable-stateful", "an embedding model has no state"),
];
const NEEDS_DATA: &str =
    "it needs a data set and a run of the model; compression here looks at weights only";
const ONLY_WEIGHTS: &str = "activations are not quantised; compression here looks at weights only";

/// Why compression settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParametersError {
    /// The setting is one of optimum-cli's that is not there.
    #[error("{name} is not supported: {reason}; leave it out")]
    Unsupported {
        /// The setting.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Nobody has such a setting.
    #[error(
        "unknown setting {name:?}; there are --group-size, --ratio, --sym, --all-layers and --backup-precision"
    )]
    Unknown {
        /// The word.
        name: String,
    },
    /// A setting's value is missing or makes no sense.
    #[error("{name} {value:?}: {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// The value; empty when missing.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The setting says nothing about this weight format.
    #[error("{name} has no meaning for {format} weights; leave it out, or choose {instead}")]
    Format {
        /// The setting.
        name: &'static str,
        /// The weight format.
        format: WeightFormat,
        /// The formats that it is for.
        instead: &'static str,
    },
}

impl CompressionOptions {
    /// Reads settings for a weight format; absent ones have their defaults.
    ///
    /// # Errors
    /// When a setting is unknown, has a wrong value, or is not for this format.
    pub fn parse(text: &str, format: WeightFormat) -> Result<Self, ParametersError> {
        let mut options = CompressionOptions::default();
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            let (name, attached) = match word.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (word, None),
            };
            let mut value = || attached.or_else(|| words.next()).unwrap_or_default();
            match name {
                "--group-size" => {
                    require(format, "--group-size", &[WeightFormat::Int8, WeightFormat::Int4])?;
                    options.grouping = Some(group_size(value())?);
                }
                "--ratio" => {
                    require(format, "--ratio", &[WeightFormat::Int4])?;
                    options.ratio = ratio(value())?;
                }
                "--sym" if attached.is_none() => {
                    require(format, "--sym", &[WeightFormat::Int8, WeightFormat::Int4])?;
                    options.symmetry = Symmetry::Symmetric;
                }
                "--all-layers" if attached.is_none() => {
                    require(format, "--all-layers", &[WeightFormat::Int4])?;
                    options.all_layers = true;
                }
                "--backup-precision" => {
                    require(format, "--backup-precision", &[WeightFormat::Int4])?;
                    options.backup = backup(value())?;
                }
                _ => return Err(refusal(name, word)),
            }
        }
        Ok(options)
    }
}

fn refusal(name: &str, word: &str) -> ParametersError {
    match REFUSED.iter().find(|(refused, _)| *refused == name) {
        Some((_, reason)) => ParametersError::Unsupported { name: name.to_owned(), reason },
        None => ParametersError::Unknown { name: word.to_owned() },
    }
}

fn require(
    format: WeightFormat,
    name: &'static str,
    formats: &[WeightFormat],
) -> Result<(), ParametersError> {
    if formats.contains(&format) {
        return Ok(());
    }
    let instead = match formats {
        [WeightFormat::Int4] => "int4",
        _ => "int8 or int4",
    };
    Err(ParametersError::Format { name, format, instead })
}

fn group_size(value: &str) -> Result<Grouping, ParametersError> {
    if value == "-1" {
        return Ok(Grouping::PerChannel);
    }
    let size = value.parse::<u64>().ok();
    let is_possible = |size: &u64| *size >= SMALLEST_GROUP && size.is_power_of_two();
    size.filter(is_possible).map(Grouping::Of).ok_or_else(|| ParametersError::Value {
        name: "--group-size",
        value: value.to_owned(),
        expected: "it must be -1, for one group a row, or a power of two of 32 or more, which \
                   plugins have kernels for",
    })
}

fn ratio(value: &str) -> Result<f32, ParametersError> {
    let ratio = value.parse::<f32>().ok();
    ratio.filter(|ratio| (0.0..=1.0).contains(ratio)).ok_or_else(|| ParametersError::Value {
        name: "--ratio",
        value: value.to_owned(),
        expected: "it must be a number from 0 to 1",
    })
}

fn backup(value: &str) -> Result<Backup, ParametersError> {
    [Backup::None, Backup::Int8Symmetric, Backup::Int8Asymmetric]
        .into_iter()
        .find(|backup| backup.to_string() == value)
        .ok_or_else(|| ParametersError::Value {
            name: "--backup-precision",
            value: value.to_owned(),
            expected: "it must be none, int8_sym or int8_asym",
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExportOptions;

    const INT8: WeightFormat = WeightFormat::Int8;
    const INT4: WeightFormat = WeightFormat::Int4;

    #[test]
    fn settings_are_read_in_any_order_and_spelling_of_optimum_cli() {
        let default = CompressionOptions::default();
        let of = |size| Some(Grouping::Of(size));
        let symmetric = Symmetry::Symmetric;
        let cases = [
            ("", INT4, default.clone()),
            ("  \t ", WeightFormat::Fp32, default.clone()),
            ("--group-size 64", INT8, CompressionOptions { grouping: of(64), ..default.clone() }),
            ("--group-size=128", INT4, CompressionOptions { grouping: of(128), ..default.clone() }),
            (
                "--sym --group-size -1",
                INT8,
                CompressionOptions {
                    symmetry: symmetric,
                    grouping: Some(Grouping::PerChannel),
                    ..default.clone()
                },
            ),
            (
                "--group-size 64 --ratio 0.8",
                INT4,
                CompressionOptions { grouping: of(64), ratio: 0.8, ..default.clone() },
            ),
            (
                "--backup-precision int8_sym --ratio=0 --all-layers --sym",
                INT4,
                CompressionOptions {
                    backup: Backup::Int8Symmetric,
                    ratio: 0.0,
                    all_layers: true,
                    symmetry: symmetric,
                    grouping: None,
                },
            ),
            (
                "--backup-precision none",
                INT4,
                CompressionOptions { backup: Backup::None, ..default.clone() },
            ),
            ("--ratio 0.5 --ratio 1", INT4, default),
        ];
        for (text, format, expected) in cases {
            assert_eq!(CompressionOptions::parse(text, format), Ok(expected), "{text}");
        }
    }

    /// The text by which a folder is recognised as what is wanted, or not.
    #[test]
    fn settings_are_shown_in_one_way_without_defaults() {
        for (text, format, shown) in [
            ("", INT8, "int8"),
            ("--group-size=64", INT8, "int8"),
            ("--group-size 128", INT8, "int8 --group-size 128"),
            ("--ratio 1 --backup-precision int8_asym --group-size 32", INT4, "int4"),
            ("--ratio 0.80 --group-size 64", INT4, "int4 --group-size 64 --ratio 0.8"),
            (
                "--backup-precision none --all-layers --sym --group-size -1",
                INT4,
                "int4 --group-size -1 --sym --all-layers --backup-precision none",
            ),
            ("", WeightFormat::Fp16, "fp16"),
        ] {
            let options = ExportOptions::parse(format, text).expect(text);
            assert_eq!(options.to_string(), shown);
            let words = shown.split_once(' ').map_or("", |(_, words)| words);
            let again = ExportOptions::parse(format, words).expect(words);
            assert_eq!(again.to_string(), shown);
        }
    }

    #[test]
    fn settings_that_are_not_there_are_refused_by_name() {
        let cases = [
            (
                "--dataset wikitext2",
                "--dataset is not supported: it needs a data set and a run of the model; compression \
                 here looks at weights only; leave it out",
            ),
            (
                "--group-size 64 --awq",
                "--awq is not supported: it needs a data set and a run of the model; compression here \
                 looks at weights only; leave it out",
            ),
            (
                "--quant-mode=int8",
                "--quant-mode is not supported: activations are not quantised; compression here looks \
                 at weights only; leave it out",
            ),
            (
                "--groupsize 64",
                "unknown setting \"--groupsize\"; there are --group-size, --ratio, --sym, --all-layers \
                 and --backup-precision",
            ),
            (
                "64",
                "unknown setting \"64\"; there are --group-size, --ratio, --sym, --all-layers and \
                 --backup-precision",
            ),
            (
                "--sym=true",
                "unknown setting \"--sym=true\"; there are --group-size, --ratio, --sym, --all-layers \
                 and --backup-precision",
            ),
        ];
        for (text, expected) in cases {
            let error = CompressionOptions::parse(text, INT4).expect_err(text);
            assert_eq!(error.to_string(), expected);
        }
        for (name, _) in REFUSED {
            let error = CompressionOptions::parse(name, INT4).expect_err(name).to_string();
            assert!(error.starts_with(&format!("{name} is not supported: ")), "{error}");
        }
    }

    #[test]
    fn values_that_make_no_sense_are_refused_with_what_would() {
        for size in ["", "0", "-2", "16", "48", "100", "abc", "64.0", "1e3", "18446744073709551616"]
        {
            let text = format!("--group-size {size}");
            let error = CompressionOptions::parse(&text, INT4).expect_err(size).to_string();
            let expected = format!(
                "--group-size {size:?}: it must be -1, for one group a row, or a power of two of 32 \
                 or more, which plugins have kernels for"
            );
            assert_eq!(error, expected);
        }
        for ratio in ["", "-0.1", "1.01", "NaN", "inf", "half"] {
            let text = format!("--ratio {ratio}");
            let error = CompressionOptions::parse(&text, INT4).expect_err(ratio).to_string();
            assert_eq!(error, format!("--ratio {ratio:?}: it must be a number from 0 to 1"));
        }
        let error = CompressionOptions::parse("--backup-precision int8", INT4).expect_err("int8");
        let expected = "--backup-precision \"int8\": it must be none, int8_sym or int8_asym";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn settings_without_meaning_for_a_format_are_refused() {
        let refused =
            |text, format| CompressionOptions::parse(text, format).expect_err(text).to_string();
        let expected = "--ratio has no meaning for int8 weights; leave it out, or choose int4";
        assert_eq!(refused("--ratio 0.8", INT8), expected);
        let expected =
            "--group-size has no meaning for fp16 weights; leave it out, or choose int8 or int4";
        assert_eq!(refused("--group-size 64", WeightFormat::Fp16), expected);
        for name in ["--all-layers", "--backup-precision none"] {
            assert!(refused(name, INT8).contains("no meaning for int8 weights"));
        }
        assert!(refused("--sym", WeightFormat::Fp32).contains("no meaning for fp32 weights"));
    }
}
