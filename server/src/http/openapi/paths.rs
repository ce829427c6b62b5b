//! The paths of the API document.

use serde_json::{Map, Value, json};

/// All of them, with their operations.
pub(crate) fn paths() -> Value {
    let mut paths = Map::new();
    for (path, id) in [
        ("/v3/embeddings", "createEmbeddings"),
        ("/v1/embeddings", "createEmbeddingsV1"),
        ("/v3/embeddings/embeddings", "createEmbeddingsBelowEmbeddings"),
    ] {
        add(&mut paths, path, "post", embeddings(id));
    }
    for (path, id) in [("/v3/tokenize", "tokenize"), ("/v1/tokenize", "tokenizeV1")] {
        add(&mut paths, path, "post", tokenize(id));
    }
    for (path, suffix) in [("/v3/models", ""), ("/v1/models", "V1"), ("/v3/v1/models", "V3V1")] {
        add(&mut paths, path, "get", list_models(suffix));
        add(&mut paths, &format!("{path}/{{model}}"), "get", retrieve_model(suffix));
    }
    add(&mut paths, "/v1/config", "get", config_status());
    add(&mut paths, "/v1/config/reload", "post", config_reload());
    health(&mut paths);
    add(&mut paths, "/info", "get", info());
    add(&mut paths, "/metrics", "get", metrics());
    add(&mut paths, "/openapi.json", "get", openapi());
    Value::Object(paths)
}

fn add(paths: &mut Map<String, Value>, path: &str, method: &str, operation: Value) {
    paths.entry(path).or_insert_with(|| json!({}))[method] = operation;
}

fn json_of(schema: &str, description: &str) -> Value {
    let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
    json!({"description": description, "content": {"application/json": {"schema": schema}}})
}

fn error(name: &str) -> Value {
    json!({"$ref": format!("#/components/responses/{name}")})
}

fn key() -> Value {
    json!([{"apiKey": []}])
}

fn model_parameter() -> Value {
    json!({
        "name": "model", "in": "path", "required": true, "schema": {"type": "string"},
        "description": "The served name; slashes raw or as %2F."
    })
}

fn body_of(schema: &str) -> Value {
    let schema = json!({"$ref": format!("#/components/schemas/{schema}")});
    json!({"required": true, "content": {"application/json": {"schema": schema}}})
}

/// The refusals of a request that needs a model.
fn refusals(mut responses: Value) -> Value {
    for (status, name) in [
        ("400", "BadRequest"),
        ("401", "Unauthorized"),
        ("404", "NotFound"),
        ("408", "BodyTooSlow"),
        ("413", "BodyTooLarge"),
        ("415", "NotJson"),
        ("429", "QueueFull"),
        ("500", "ServerError"),
        ("503", "Unavailable"),
    ] {
        responses[status] = error(name);
    }
    responses
}

fn embeddings(id: &str) -> Value {
    let mut vectors = json_of("EmbeddingsResponse", "The vectors.");
    vectors["headers"] = json!({"x-embedserve-fingerprint": {
        "description": "Equal where vectors may be compared with each other, as in /info.",
        "schema": {"type": "string"}
    }});
    json!({
        "operationId": id, "tags": ["embeddings"], "summary": "Vectors of texts or token ids",
        "security": key(), "requestBody": body_of("EmbeddingsRequest"),
        "responses": refusals(json!({"200": vectors}))
    })
}

fn tokenize(id: &str) -> Value {
    json!({
        "operationId": id, "tags": ["embeddings"], "summary": "Token ids of texts",
        "security": key(), "requestBody": body_of("TokenizeRequest"),
        "responses": refusals(json!({"200": json_of("TokenizeResponse", "The token ids.")}))
    })
}

fn list_models(suffix: &str) -> Value {
    json!({
        "operationId": format!("listModels{suffix}"), "tags": ["models"],
        "summary": "The models that serve at this moment", "security": key(),
        "responses": {
            "200": json_of("ModelList", "The models by name."), "401": error("Unauthorized")
        }
    })
}

fn retrieve_model(suffix: &str) -> Value {
    json!({
        "operationId": format!("retrieveModel{suffix}"), "tags": ["models"],
        "summary": "One model", "security": key(), "parameters": [model_parameter()],
        "responses": {
            "200": json_of("Model", "The model."), "401": error("Unauthorized"),
            "404": error("NotFound"), "503": error("Unavailable")
        }
    })
}

fn config_status() -> Value {
    json!({
        "operationId": "configStatus", "tags": ["operation"],
        "summary": "The state of every configured model", "security": key(),
        "responses": {
            "200": json_of("ConfigStatus", "States by model name."), "401": error("Unauthorized")
        }
    })
}

fn config_reload() -> Value {
    json!({
        "operationId": "configReload", "tags": ["operation"],
        "summary": "Brings what is served in line with the configuration files",
        "security": key(),
        "responses": {
            "200": json_of("ConfigStatus", "Everything was current."),
            "201": json_of("ConfigStatus", "Something was loaded or taken out."),
            "401": error("Unauthorized"), "500": error("ServerError")
        }
    })
}

fn health(paths: &mut Map<String, Value>) {
    let empty = |description: &str| json!({"description": description});
    let mut get = |path: &str, id: &str, summary: &str, mut responses: Value, parameters: Value| {
        let models = path.contains("{model}");
        if models {
            responses["404"] = error("NotFound");
            responses["503"] = error("Unavailable");
        }
        let mut operation = json!({
            "operationId": id, "tags": ["operation"], "summary": summary, "responses": responses
        });
        if models {
            operation["parameters"] = parameters;
        }
        add(paths, path, "get", operation);
    };
    let model = json!([model_parameter()]);
    let version = json!({
        "name": "version", "in": "path", "required": true, "schema": {"const": "1"}
    });
    let both = json!([model_parameter(), version]);
    let server = json_of("ServerMetadata", "Name and version.");
    get("/v2", "serverMetadata", "The server", json!({"200": server}), Value::Null);
    let live = json!({"200": empty("It answers.")});
    get("/v2/health/live", "live", "Whether the process answers", live, Value::Null);
    let ready = json!({"200": empty("It is ready."), "503": error("Unavailable")});
    get("/v2/health/ready", "ready", "Whether traffic should come here", ready, Value::Null);
    let metadata = json!({"200": json_of("ModelMetadata", "Inputs and outputs.")});
    let ready = json!({"200": empty("It serves.")});
    for (path, id, parameters) in [
        ("/v2/models/{model}", "modelMetadata", &model),
        ("/v2/models/{model}/versions/{version}", "modelVersionMetadata", &both),
    ] {
        get(path, id, "A model's inputs and outputs", metadata.clone(), parameters.clone());
    }
    for (path, id, parameters) in [
        ("/v2/models/{model}/ready", "modelReady", &model),
        ("/v2/models/{model}/versions/{version}/ready", "modelVersionReady", &both),
    ] {
        get(path, id, "Whether a model serves", ready.clone(), parameters.clone());
    }
}

fn info() -> Value {
    json!({
        "operationId": "info", "tags": ["operation"],
        "summary": "What really runs: models, devices, limits, times of loading",
        "security": key(),
        "responses": {"200": json_of("Info", "The facts."), "401": error("Unauthorized")}
    })
}

fn metrics() -> Value {
    let text = json!({"schema": {"type": "string"}});
    json!({
        "operationId": "metrics", "tags": ["operation"],
        "summary": "Metrics in Prometheus' text format, or OpenMetrics if accepted",
        "responses": {"200": {
            "description": "The metrics.",
            "content": {"text/plain": text, "application/openmetrics-text": text}
        }}
    })
}

fn openapi() -> Value {
    json!({
        "operationId": "openapi", "tags": ["operation"], "summary": "This document",
        "responses": {"200": {
            "description": "The document.",
            "content": {"application/json": {"schema": {"type": "object"}}}
        }}
    })
}
