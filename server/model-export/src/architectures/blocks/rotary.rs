//! Rotary position embeddings: pairs of numbers of a head, turned by an angle that grows with the
//! token's position.
//!
//! Paper: <https://arxiv.org/abs/2104.09864>. The pairs are those of GPT-NeoX and of transformers:
//! number i with number i + size / 2.

use std::f32::consts::PI;

use crate::ExportError;
use crate::config::Config;
use crate::graph::{Arithmetic, ElementType, GraphError, Port, Unary};

use super::Blocks;

/// Where a configuration says the base of the frequencies.
#[derive(Debug, Clone, Copy)]
pub(in crate::architectures) struct Theta<'a> {
    /// Member of `rope_parameters` for one kind of layers; nothing where all layers are alike.
    pub(in crate::architectures) layers: Option<&'a str>,
    /// Member of configurations that know no `rope_parameters`.
    pub(in crate::architectures) setting: &'a str,
    /// When neither is there.
    pub(in crate::architectures) default: f64,
    /// Whether `rope_scaling`, the older place of what is beside the base, holds for these layers.
    pub(in crate::architectures) takes_scaling: bool,
}

/// Angles per position, one for each pair of numbers of a head.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::architectures) struct Frequencies(Vec<f32>);

impl Frequencies {
    /// Reads the frequencies for heads of `size` numbers, in both spellings of configurations.
    pub(in crate::architectures) fn read(
        config: &Config,
        size: u64,
        theta: Theta<'_>,
    ) -> Result<Self, ExportError> {
        config.require_number("partial_rotary_factor", 1.0)?;
        if !size.is_multiple_of(2) {
            return Err(config.unsupported_value("the size of a head", size.to_string()));
        }
        let parameters = match (config.section("rope_parameters")?, theta.layers) {
            (Some(parameters), Some(layers)) => {
                parameters.require_off("rope_type")?;
                parameters.section(layers)?
            }
            (parameters, _) => parameters,
        };
        let base = match &parameters {
            Some(parameters) if parameters.has("rope_theta") => {
                parameters.positive_number("rope_theta", theta.default)?
            }
            _ => config.positive_number(theta.setting, theta.default)?,
        };
        let older = match theta.takes_scaling {
            true => config.section("rope_scaling")?,
            false => None,
        };
        match parameters.or(older) {
            None => Ok(Self::of_base(base, size)),
            Some(scaling) => Self::scaled(base, size, &scaling),
        }
    }

    /// base^(-2i/size). In single precision step by step, because far positions multiply the last
    /// digit's rounding.
    fn of_base(base: f64, size: u64) -> Self {
        let of_pair = |pair: u64| {
            let exponent = (2 * pair) as f32 / size as f32;
            1.0 / base.powf(f64::from(exponent)) as f32
        };
        Frequencies((0..size / 2).map(of_pair).collect())
    }

    /// With positions stretched by one of the ways that configurations name.
    fn scaled(base: f64, size: u64, scaling: &Config) -> Result<Self, ExportError> {
        scaling.require_number("partial_rotary_factor", 1.0)?;
        let setting = if scaling.has("rope_type") { "rope_type" } else { "type" };
        let mut frequencies = Self::of_base(base, size);
        match scaling.name(setting, "default")? {
            "default" => {}
            "linear" => frequencies.divide(scaling.positive("factor", 1.0)?),
            "llama3" => frequencies.scale_like_llama(scaling)?,
            // The fixed form of gte's own code: a larger base, divided.
            "ntk" => {
                scaling.require_off("mixed_b")?;
                let factor = scaling.positive_number("factor", 1.0)?;
                frequencies = Self::of_base(base * factor, size);
                frequencies.divide(factor.powf(2.0 / size as f64) as f32);
            }
            _ => return Err(scaling.unsupported(setting)),
        }
        Ok(frequencies)
    }

    fn divide(&mut self, factor: f32) {
        self.0.iter_mut().for_each(|frequency| *frequency /= factor);
    }

    /// Slow frequencies divided by a factor, fast ones kept, smoothly in between.
    fn scale_like_llama(&mut self, scaling: &Config) -> Result<(), ExportError> {
        let factor = scaling.positive("factor", 8.0)?;
        let low = scaling.positive("low_freq_factor", 1.0)?;
        let high = scaling.positive("high_freq_factor", 4.0)?;
        let context = scaling.positive("original_max_position_embeddings", 8192.0)?;
        for frequency in &mut self.0 {
            let wavelength = 2.0 * PI / *frequency;
            if wavelength > context / low {
                *frequency /= factor;
            } else if wavelength >= context / high {
                let smooth = (context / wavelength - low) / (high - low);
                *frequency = (1.0 - smooth) * *frequency / factor + smooth * *frequency;
            }
        }
        Ok(())
    }
}

/// Cosines and sines of every position's angles, each `[1, 1, tokens, size]`.
#[derive(Debug, Clone, Copy)]
pub(in crate::architectures) struct Rotation {
    cosines: Port,
    sines: Port,
    size: u64,
}

impl Blocks {
    /// The rotation of as many positions as `tokens` (`[batch, tokens]`) has.
    pub(in crate::architectures) fn rotation(
        &mut self,
        tokens: Port,
        frequencies: &Frequencies,
    ) -> Result<Rotation, GraphError> {
        let length = self.length(tokens)?;
        let graph = &mut self.graph;
        let Frequencies(values) = frequencies;
        let pairs = values.len() as u64;
        let positions = graph.range(length)?;
        let positions = graph.convert(positions, ElementType::F32);
        let positions = graph.unsqueeze(positions, &[0, 1, 3])?;
        let frequencies = graph.constant_f32(&[1, 1, 1, pairs], values)?;
        let angles = graph.arithmetic(Arithmetic::Multiply, positions, frequencies)?;
        let angles = graph.concat(&[angles, angles], -1)?;
        let cosines = graph.unary(Unary::Cos, angles)?;
        let sines = graph.unary(Unary::Sin, angles)?;
        Ok(Rotation { cosines, sines, size: 2 * pairs })
    }

    /// Turns `[batch, heads, tokens, size]`.
    pub(in crate::architectures) fn rotate(
        &mut self,
        input: Port,
        Rotation { cosines, sines, size }: Rotation,
    ) -> Result<Port, GraphError> {
        let graph = &mut self.graph;
        let half = graph.constant_i64(&[(size / 2).cast_signed()]);
        let (start, end) = (graph.constant_i64(&[0]), graph.constant_i64(&[i64::from(i32::MAX)]));
        let first = graph.slice(input, start, half, 3)?;
        let second = graph.slice(input, half, end, 3)?;
        let minus = graph.scalar_f32(-1.0);
        let negative = graph.arithmetic(Arithmetic::Multiply, second, minus)?;
        let turned = graph.concat(&[negative, first], -1)?;
        let straight = graph.arithmetic(Arithmetic::Multiply, input, cosines)?;
        let turned = graph.arithmetic(Arithmetic::Multiply, turned, sines)?;
        graph.arithmetic(Arithmetic::Add, straight, turned)
    }
}
