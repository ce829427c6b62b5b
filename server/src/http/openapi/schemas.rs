//! The schemas and the shared error responses of the API document.

use serde_json::{Value, json};

/// All schemas by name.
pub(crate) fn schemas() -> Value {
    let mut schemas = requests();
    for more in [responses_of_compute(), descriptions(), operation()] {
        if let (Value::Object(all), Value::Object(more)) = (&mut schemas, more) {
            all.extend(more);
        }
    }
    schemas
}

/// Error responses by name.
pub(crate) fn responses() -> Value {
    let of = |description: &str| {
        let schema = json!({"$ref": "#/components/schemas/Error"});
        json!({"description": description, "content": {"application/json": {"schema": schema}}})
    };
    let waiting = |description: &str| {
        let mut response = of(description);
        response["headers"] = json!({"Retry-After": {
            "description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}
        }});
        response
    };
    json!({
        "BadRequest": of("The body is no JSON, or a member is not acceptable."),
        "Unauthorized": of("The API key is missing or wrong."),
        "NotFound": of("The model does not exist."),
        "BodyTooSlow": of("The body stopped arriving."),
        "BodyTooLarge": of("The body is larger than the limit."),
        "NotJson": of("The content type is not application/json, or the body is compressed."),
        "QueueFull": waiting("As much work is waiting as may."),
        "ServerError": of("The server failed."),
        "Unavailable": waiting("The model or the server is not ready.")
    })
}

fn requests() -> Value {
    let texts = json!({"type": "array", "minItems": 1, "items": {"type": "string"}});
    let tokens = json!({
        "type": "array", "minItems": 1,
        "items": {"type": "integer", "minimum": 0, "maximum": 2_147_483_647}
    });
    json!({
        "EmbeddingsRequest": {
            "type": "object", "required": ["model", "input"],
            "description": "Unknown members are ignored; of equal members the first counts.",
            "properties": {
                "model": {"type": "string", "description": "The served name."},
                "input": {
                    "description": "A text, texts, the token ids of one document, or of several.",
                    "oneOf": [
                        {"type": "string"},
                        texts,
                        tokens,
                        {"type": "array", "minItems": 1, "items": tokens}
                    ]
                },
                "encoding_format": {
                    "type": "string", "enum": ["float", "base64"], "default": "float",
                    "description": "base64: of the little-endian 32-bit floats."
                },
                "dimensions": {
                    "type": "integer",
                    "description": "Models declared Matryoshka cut vectors to this length and \
                        normalise them again; other models ignore it."
                },
                "input_type": {
                    "type": ["string", "null"], "examples": ["query", "document"],
                    "description": "Name of a prompt of the model that is put before each text."
                },
                "user": {"description": "Ignored."}
            }
        },
        "TokenizeRequest": {
            "type": "object", "required": ["model", "text"],
            "properties": {
                "model": {"type": "string"},
                "text": {"oneOf": [{"type": "string"}, texts]},
                "max_length": {
                    "type": "integer", "minimum": 1,
                    "description": "Cut to this many tokens, special tokens included."
                },
                "pad_to_max_length": {"type": "boolean", "default": false},
                "add_special_tokens": {"type": "boolean", "default": true},
                "padding_side": {
                    "type": "string", "enum": ["left", "right"],
                    "description": "Default: the tokenizer's own."
                }
            }
        }
    })
}

fn responses_of_compute() -> Value {
    let ids = json!({"type": "array", "items": {"type": "integer"}});
    json!({
        "EmbeddingsResponse": {
            "type": "object", "required": ["object", "data", "model", "usage"],
            "properties": {
                "object": {"const": "list"},
                "data": {"type": "array", "items": {
                    "type": "object", "required": ["object", "embedding", "index"],
                    "properties": {
                        "object": {"const": "embedding"},
                        "embedding": {"oneOf": [
                            {"type": "array", "items": {"type": "number"}},
                            {"type": "string", "contentEncoding": "base64"}
                        ]},
                        "index": {"type": "integer"}
                    }
                }},
                "model": {"type": "string"},
                "usage": {
                    "type": "object", "required": ["prompt_tokens", "total_tokens"],
                    "properties": {
                        "prompt_tokens": {"type": "integer"}, "total_tokens": {"type": "integer"}
                    }
                }
            }
        },
        "TokenizeResponse": {
            "type": "object", "required": ["tokens"],
            "properties": {"tokens": {
                "description": "One list for one text, else a list of lists.",
                "oneOf": [ids, {"type": "array", "items": ids}]
            }}
        },
        "Error": {
            "type": "object", "required": ["error"],
            "properties": {"error": {
                "type": "object", "required": ["message", "type", "param", "code"],
                "properties": {
                    "message": {"type": "string"},
                    "type": {"type": "string"},
                    "param": {"type": ["string", "null"]},
                    "code": {"type": ["string", "null"]}
                }
            }}
        }
    })
}

fn descriptions() -> Value {
    json!({
        "Model": {
            "type": "object", "required": ["id", "object", "created", "owned_by"],
            "properties": {
                "id": {"type": "string"},
                "object": {"const": "model"},
                "created": {"type": "integer", "description": "When it was loaded."},
                "owned_by": {"const": "OVMS"}
            }
        },
        "ModelList": {
            "type": "object", "required": ["object", "data"],
            "properties": {
                "object": {"const": "list"},
                "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}}
            }
        },
        "ServerMetadata": {
            "type": "object", "required": ["name", "version", "extensions"],
            "properties": {
                "name": {"type": "string"}, "version": {"type": "string"},
                "extensions": {"type": "array", "items": {"type": "string"}}
            }
        },
        "ModelMetadata": {
            "type": "object", "required": ["name", "versions", "platform", "inputs", "outputs"],
            "properties": {
                "name": {"type": "string"},
                "versions": {"type": "array", "items": {"type": "string"}},
                "platform": {"const": "OpenVINO"},
                "inputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}},
                "outputs": {"type": "array", "items": {"$ref": "#/components/schemas/Tensor"}}
            }
        },
        "Tensor": {
            "type": "object", "required": ["name", "datatype", "shape"],
            "properties": {
                "name": {"type": "string"}, "datatype": {"type": "string"},
                "shape": {"type": "array", "items": {"type": "integer"}}
            }
        }
    })
}

fn operation() -> Value {
    json!({
        "ConfigStatus": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"model_version_status": {"type": "array", "items": {
                    "type": "object",
                    "properties": {
                        "version": {"const": "1"},
                        "state": {"enum": ["LOADING", "AVAILABLE", "END"]},
                        "status": {
                            "type": "object",
                            "properties": {
                                "error_code": {"enum": ["OK", "FAILED_PRECONDITION"]},
                                "error_message": {"type": "string"}
                            }
                        }
                    }
                }}}
            }
        },
        "Info": {
            "type": "object", "required": ["name", "version", "ready", "models", "not_serving"],
            "properties": {
                "name": {"const": "embedserve"},
                "version": {"type": "string"},
                "ready": {"type": "boolean"},
                "models": {"type": "array", "items": {
                    "type": "object",
                    "description": "Source, device really used, precision, fingerprint, \
                        dimensions, pooling, limits, streams, properties and times of loading of a \
                        model that serves."
                }},
                "not_serving": {"type": "array", "items": {
                    "type": "object", "required": ["name", "state", "error"],
                    "properties": {
                        "name": {"type": "string"},
                        "state": {"enum": ["loading", "failed", "removed"]},
                        "error": {"type": ["string", "null"]}
                    }
                }}
            }
        }
    })
}
