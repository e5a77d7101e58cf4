# gfxpack 0.1.0, image vllm, by `build.py render`; edit images/vllm/ instead.
# inputs sha256:<hash>
FROM scratch AS wheels
COPY wheels/ /

FROM gfxpack/base:bookworm-1ec279e7383b AS build
RUN --mount=type=secret,id=apt,target=/etc/apt/sources.list \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-apt-bookworm,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=gfxpack-apt-lists-bookworm,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=tmpfs,target=/tmp \
    touch /tmp/begun \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
         python3-venv
RUN python3 -m venv /opt/venv

FROM build AS tools
RUN --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=tools,target=/wheels \
    --mount=type=bind,source=requirements/tools.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --cache-dir=/var/cache/pip \
      --require-hashes --no-deps --only-binary=:all: --find-links=/wheels --requirement=/build/requirements.txt

FROM build AS torch
RUN --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=torch,target=/wheels \
    --mount=type=bind,source=requirements/torch.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --cache-dir=/var/cache/pip \
      --require-hashes --no-deps --no-compile --ignore-installed --only-binary=:all: --find-links=/wheels \
      --root=/layers/torch --requirement=/build/requirements.txt
RUN --mount=type=bind,source=pruner,target=/build/pruner \
    --mount=type=bind,source=slim/torch.txt,target=/build/torch.txt \
    PYTHONPATH=/build python3 -m pruner.deadweight --family=cpu /layers/torch /build/torch.txt
RUN python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /layers/torch -p / /layers/torch/opt/venv/lib \
    && find /layers/torch -exec touch -h -d @946684800 {} +

FROM build AS packages
RUN --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=packages,target=/wheels \
    --mount=type=bind,source=requirements/packages.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --cache-dir=/var/cache/pip \
      --require-hashes --no-deps --no-compile --ignore-installed --only-binary=:all: --find-links=/wheels \
      --root=/layers/packages --requirement=/build/requirements.txt
RUN --mount=type=bind,source=pruner,target=/build/pruner \
    --mount=type=bind,source=slim/packages.txt,target=/build/packages.txt \
    PYTHONPATH=/build python3 -m pruner.deadweight --family=cpu /layers/packages /build/packages.txt
RUN python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /layers/packages -p / /layers/packages/opt/venv/lib \
    && find /layers/packages -exec touch -h -d @946684800 {} +

FROM build AS engine
RUN --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=engine,target=/wheels \
    --mount=type=bind,source=requirements/engine.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --cache-dir=/var/cache/pip \
      --require-hashes --no-deps --no-compile --ignore-installed --only-binary=:all: --find-links=/wheels \
      --root=/layers/engine --requirement=/build/requirements.txt
COPY alias.py /build/
RUN python3 /build/alias.py /layers/engine
RUN --mount=type=bind,source=pruner,target=/build/pruner \
    --mount=type=bind,source=slim/engine.txt,target=/build/engine.txt \
    PYTHONPATH=/build python3 -m pruner.deadweight --family=cpu /layers/engine /build/engine.txt
RUN python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /layers/engine -p / /layers/engine/opt/venv/lib \
    && find /layers/engine -exec touch -h -d @946684800 {} +

FROM build AS files
COPY health.py /layers/files/opt/gfxpack/
COPY runner/ /layers/files/opt/venv/lib/python3.11/site-packages/runner/
RUN mkdir -p /layers/files/etc /layers/files/opt/venv/bin \
    && cp /etc/passwd /layers/files/etc/ \
    && echo "gfxpack:x:10001:0:gfxpack:/tmp:/usr/sbin/nologin" >> /layers/files/etc/passwd \
    && cp -P /opt/venv/bin/python* /layers/files/opt/venv/bin/ \
    && cp /opt/venv/pyvenv.cfg /layers/files/opt/venv/ \
    && chmod -R u=rwX,go=rX /layers/files \
    && python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /layers/files -p / /layers/files/opt/venv/lib \
    && find /layers/files -exec touch -h -d @946684800 {} +
RUN mkdir -m 0755 /layers/files/models \
    && mkdir -m 0775 /layers/files/hub \
    && chown 10001:0 /layers/files/hub \
    && touch -d @946684800 /layers/files /layers/files/models /layers/files/hub

FROM gfxpack/base:bookworm-1ec279e7383b AS libraries
RUN --mount=type=secret,id=apt,target=/etc/apt/sources.list \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-apt-bookworm,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=gfxpack-apt-lists-bookworm,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=tmpfs,target=/tmp \
    touch /tmp/begun \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
         libnuma1 libtcmalloc-minimal4 \
    && mkdir -p /layers/libraries \
    && find / -xdev ! -type d -cnewer /tmp/begun ! -path "/var/log/*" ! -path "/var/cache/*" \
         ! -name "*-old" ! -name "*.lock" ! -iname lock ! -name lock-frontend -print0 > /tmp/changed \
    && xargs -0 -a /tmp/changed cp --archive --parents --target-directory=/layers/libraries \
    && find /layers/libraries -exec touch -h -d @946684800 {} +

# torch comes before everything that the images differ in, so that they share it down to the layer.
FROM gfxpack/base:bookworm-1ec279e7383b AS runtime
COPY --link --from=torch /layers/torch/ /
COPY --link --from=libraries /layers/libraries/ /
COPY --link --from=packages /layers/packages/ /
COPY --link --from=engine /layers/engine/ /
COPY --link --from=files /layers/files/ /
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    USER=gfxpack \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LD_PRELOAD="/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4:/opt/venv/lib/libiomp5.so" \
    HF_HUB_OFFLINE="1" \
    HF_HOME="/tmp/huggingface" \
    VLLM_CPU_KVCACHE_SPACE="1" \
    VLLM_MAX_STOP_STRINGS="64" \
    VLLM_NO_USAGE_STATS="1" \
    DO_NOT_TRACK="1" \
    TORCHDYNAMO_DISABLE="1"

# Whether the image is what its target says is seen here, without a GPU; what was found stays in it.
FROM runtime AS checked
USER 0:0
RUN --network=none \
    --mount=type=bind,source=checks,target=/run/checks/checks \
    --mount=type=bind,source=pruner,target=/run/checks/pruner \
    --mount=type=bind,source=checks.json,target=/run/checks.json \
    --mount=type=bind,from=tools,source=/opt/venv/lib/python3.11/site-packages/zstandard,target=/run/checks/zstandard \
    --mount=type=tmpfs,target=/tmp \
    mkdir -p /layers/checked/etc/gfxpack \
    && PYTHONPATH=/run/checks${PYTHONPATH:+:$PYTHONPATH} /opt/venv/bin/python -P -m checks /run/checks.json --root / --verdict /layers/checked/etc/gfxpack/checks.json \
    && find /layers/checked -exec touch -h -d @946684800 {} +

FROM runtime
COPY --link --from=checked /layers/checked/ /
USER 10001:0
WORKDIR /
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m --start-interval=1s --retries=3 \
    CMD ["/usr/bin/python3", "-I", "-S", "/opt/gfxpack/health.py", "http://127.0.0.1:8000/health"]
ENTRYPOINT ["/opt/venv/bin/python", "-P", "-m", "runner", "vllm", "--host=0.0.0.0", "--port=8000", "--disable-access-log-for-endpoints=/health,/metrics", "--enforce-eager", "--"]
CMD []
LABEL org.opencontainers.image.title="gfxpack vllm" \
      org.opencontainers.image.description="vLLM for CPU" \
      org.opencontainers.image.version="0.32.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      gfxpack.image="vllm" \
      gfxpack.target="cpu" \
      org.opencontainers.image.base.name="gfxpack/base:bookworm-1ec279e7383b" \
      gfxpack.inputs="<hash>"
