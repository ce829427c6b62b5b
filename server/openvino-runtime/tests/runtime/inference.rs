//! What goes in and what comes out.

use std::sync::Arc;

use engine::{BatchOutput, Runtime, TokenBatch};

use crate::ir::Ir;
use crate::{batch, load, open, tokens};

/// `10 * id + h` for three numbers, plus what the other inputs add.
fn vector(id: u32, added: f32) -> [f32; 3] {
    [0.0, 1.0, 2.0].map(|h| 10.0 * id as f32 + h + added)
}

#[test]
fn ids_and_mask_are_padded_on_the_right() {
    let model = load(&Ir::default().write()).unwrap();
    let mut stream = open(&model);
    let (values, hidden) = tokens(stream.infer(&batch(&[&[5, 6], &[7]], 3)));
    assert_eq!(hidden, 3);
    let expected = [
        vector(5, 1000.0),
        vector(6, 1000.0),
        vector(1, 0.0),
        vector(7, 1000.0),
        vector(1, 0.0),
        vector(1, 0.0),
    ];
    assert_eq!(values, expected.concat());
}

#[test]
fn every_input_is_filled_whatever_its_place_and_its_integer_type() {
    for element_type in ["i64", "i32"] {
        let ir = Ir {
            inputs: vec![
                ("token_type_ids", element_type, "?,?"),
                ("position_ids", element_type, "?,?"),
                ("attention_mask", element_type, "?,?"),
                ("input_ids", element_type, "?,?"),
            ],
            ..Ir::default()
        };
        let model = load(&ir.write()).unwrap();
        assert_eq!(
            model.facts().inputs,
            ["token_type_ids", "position_ids", "attention_mask", "input_ids"]
        );
        let (values, _) = tokens(open(&model).infer(&batch(&[&[5, 6, 7], &[8]], 3)));
        let expected = [
            vector(5, 1000.0),
            vector(6, 1100.0),
            vector(7, 1200.0),
            vector(8, 1000.0),
            vector(1, 0.0),
            vector(1, 0.0),
        ];
        assert_eq!(values, expected.concat(), "{element_type}");
    }
}

#[test]
fn an_input_is_found_by_any_of_its_names() {
    let ir = Ir { inputs: vec![("0,input_ids,z", "i64", "?,?")], ..Ir::default() };
    let model = load(&ir.write()).unwrap();
    assert_eq!(model.facts().inputs, ["input_ids"]);
    let (values, _) = tokens(open(&model).infer(&batch(&[&[4]], 1)));
    assert_eq!(values, vector(4, 0.0));
}

/// Two texts in the first row, one in the second.
fn packed() -> TokenBatch {
    let texts = [&[5, 6][..], &[7], &[8]].map(Arc::from).to_vec();
    TokenBatch { texts, starts: vec![0, 2, 3], rows: 2, width: 3, pad_token_id: 1 }
}

#[test]
fn texts_share_a_row_where_the_mask_may_say_where_they_begin() {
    let inputs = vec![("input_ids", "i64", "?,?"), ("attention_mask,text_starts", "i64", "?,?")];
    let model = load(&Ir { inputs: inputs.clone(), ..Ir::default() }.write()).unwrap();
    assert!(model.packs_texts());
    let (values, _) = tokens(open(&model).infer(&packed()));
    let expected = [
        vector(5, 1000.0),
        vector(6, 1000.0),
        vector(7, 3000.0),
        vector(8, 1000.0),
        vector(1, 0.0),
        vector(1, 0.0),
    ];
    assert_eq!(values, expected.concat());

    let pooled = Ir { inputs, averaged: true, output_names: "sentence_embedding", ..Ir::default() };
    assert!(!load(&pooled.write()).unwrap().packs_texts(), "a vector a row");
}

#[test]
fn texts_that_share_a_row_are_refused_by_other_models() {
    let model = load(&Ir::default().write()).unwrap();
    assert!(!model.packs_texts());
    let error = open(&model).infer(&packed()).expect_err("refused");
    assert_eq!(error.message, "the model takes one text a row");
}

#[test]
fn half_precision_outputs_are_converted() {
    for output_type in ["f16", "bf16"] {
        let ir = Ir { output_type, inputs: vec![("input_ids", "i64", "?,?")], ..Ir::default() };
        let model = load(&ir.write()).unwrap();
        let mut stream = open(&model);
        let (values, hidden) = tokens(stream.infer(&batch(&[&[4, 9], &[7, 2]], 2)));
        let expected = [vector(4, 0.0), vector(9, 0.0), vector(7, 0.0), vector(2, 0.0)];
        assert_eq!((values, hidden), (expected.concat(), 3), "{output_type}");
    }
}

#[test]
fn a_sentence_embedding_is_handed_on_as_such() {
    let ir = Ir { averaged: true, output_names: "sentence_embedding", ..Ir::default() };
    let model = load(&ir.write()).unwrap();
    assert_eq!(model.facts().output, "sentence_embedding");
    let mut stream = open(&model);
    match stream.infer(&batch(&[&[4, 6], &[8, 8]], 2)).unwrap() {
        BatchOutput::Sentences { values, hidden } => {
            assert_eq!(hidden, 3);
            assert_eq!(values, [vector(5, 1000.0), vector(8, 1000.0)].concat());
        }
        BatchOutput::Tokens { .. } => panic!("the output has two dimensions"),
    }
}

#[test]
fn without_a_mask_padding_does_not_reach_a_vector() {
    let ir = Ir {
        inputs: vec![("input_ids", "i64", "?,?")],
        averaged: true,
        output_names: "x,sentence_embedding",
        ..Ir::default()
    };
    let model = load(&ir.write()).unwrap();
    let mut stream = open(&model);
    match stream.infer(&batch(&[&[4], &[6, 8], &[5]], 4)).unwrap() {
        BatchOutput::Sentences { values, .. } => {
            assert_eq!(values, [vector(4, 0.0), vector(7, 0.0), vector(5, 0.0)].concat());
        }
        BatchOutput::Tokens { .. } => panic!("the output has two dimensions"),
    }

    let token_wise = Ir { inputs: vec![("input_ids", "i64", "?,?")], ..Ir::default() };
    let model = load(&token_wise.write()).unwrap();
    let (values, hidden) = tokens(open(&model).infer(&batch(&[&[4], &[6, 8]], 3)));
    let nothing = [0.0; 3];
    let expected = [vector(4, 0.0), nothing, nothing, vector(6, 0.0), vector(8, 0.0), nothing];
    assert_eq!((values, hidden), (expected.concat(), 3));
}

#[test]
fn numbers_that_are_not_finite_are_an_error_and_the_stream_goes_on() {
    let ir =
        Ir { special: vec![(7, f32::NAN), (8, f32::INFINITY), (1, f32::NAN)], ..Ir::default() };
    let model = load(&ir.write()).unwrap();
    let mut stream = open(&model);
    for bad in [7, 8] {
        let error = stream.infer(&batch(&[&[5, 6], &[5, bad]], 2)).unwrap_err();
        assert!(error.message.contains("text 1 of 2"), "{error}");
    }
    // Token 1 pads: what the model makes of padding does not matter.
    let (values, _) = tokens(stream.infer(&batch(&[&[5]], 2)));
    assert_eq!(values[..3], vector(5, 1000.0));
}

#[test]
fn impossible_batches_are_errors_and_the_stream_goes_on() {
    let model = load(&Ir::default().write()).unwrap();
    let mut stream = open(&model);
    assert!(stream.infer(&batch(&[], 2)).is_err());
    assert!(stream.infer(&batch(&[&[]], 2)).is_err());
    assert!(stream.infer(&batch(&[&[1, 2, 3]], 2)).is_err());
    assert!(stream.infer(&batch(&[], 0)).is_err());
    let (values, _) = tokens(stream.infer(&batch(&[&[5]], 1)));
    assert_eq!(values, vector(5, 1000.0));
}

#[test]
fn a_token_that_does_not_fit_the_models_integers_is_an_error() {
    let ir = Ir { inputs: vec![("input_ids", "i32", "?,?")], ..Ir::default() };
    let model = load(&ir.write()).unwrap();
    let error = open(&model).infer(&batch(&[&[u32::MAX]], 1)).unwrap_err();
    assert!(error.message.starts_with("4294967295 does not fit"), "{error}");
}

#[test]
fn the_facts_tell_what_was_loaded() {
    let model = load(&Ir::default().write()).unwrap();
    let facts = model.facts();
    assert_eq!(facts.execution_devices, ["CPU"]);
    assert!(!facts.device_name.is_empty());
    assert_eq!(facts.precision, "f32");
    assert_eq!(facts.inputs, ["input_ids", "attention_mask"]);
    assert_eq!(facts.output, "last_hidden_state");
    assert_eq!(facts.hidden, Some(3));
    assert_eq!((facts.streams, facts.threads), (1, 1));
    assert_eq!((model.streams(), model.lanes_per_stream()), (1, 1));
}
