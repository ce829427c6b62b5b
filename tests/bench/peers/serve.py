"""Serves a model the way another project does, on the routes that the bench asks.

Infinity's own server, or sentence-transformers' OpenVINO backend behind FastAPI as its users write it.
"""

import argparse

import uvicorn

NAME = "minilm"


def infinity(model):
    from infinity_emb.args import EngineArgs
    from infinity_emb.infinity_server import create_server

    arguments = EngineArgs(
        model_name_or_path=model,
        served_model_name=NAME,
        engine="torch",
        device="cpu",
        model_warmup=False,
    )
    return create_server(engine_args_list=[arguments], url_prefix="/v3")


def sentence_transformers(model):
    import base64
    from threading import Lock

    from fastapi import FastAPI
    from pydantic import BaseModel
    from sentence_transformers import SentenceTransformer

    loaded = SentenceTransformer(model, backend="openvino", model_kwargs={"export": True})
    app = FastAPI()
    # The model has one inference request, which refuses to be used twice at the same time.
    lock = Lock()

    class Request(BaseModel):
        model: str
        input: list[str]
        encoding_format: str = "float"

    # Not asynchronous, so that FastAPI runs it on one of its threads.
    @app.post("/v3/embeddings")
    def embeddings(request: Request):
        with lock:
            vectors = loaded.encode(request.input, normalize_embeddings=True)
        data = [
            {"object": "embedding", "index": index, "embedding": base64.b64encode(vector.tobytes()).decode()}
            for index, vector in enumerate(vectors)
        ]
        return {"object": "list", "data": data, "model": request.model}

    return app


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("server", choices=["infinity", "sentence_transformers"])
    parser.add_argument("--model_path", required=True)
    parser.add_argument("--rest_port", type=int, required=True)
    parser.add_argument("--rest_bind_address", required=True)
    options = parser.parse_args()
    make = {"infinity": infinity, "sentence_transformers": sentence_transformers}[options.server]
    app = make(options.model_path)
    # Nothing is answered before the model is loaded.
    app.add_api_route("/v2/health/ready", lambda: {"status": "ready"})
    uvicorn.run(app, host=options.rest_bind_address, port=options.rest_port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
