# What tests run in pods: the hub's stand-in with MiniLM, clients under load, and Python with the OpenAI client.
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*
COPY tools/in_cluster /usr/local/bin/
COPY tools/python /opt/python
COPY tools/all-MiniLM-L6-v2 /models/all-MiniLM-L6-v2
ENV PYTHONPATH=/opt/python PYTHONDONTWRITEBYTECODE=1
USER 5000:5000
