# gfxpack 0.1.0, image proxy, by `build.py render`; edit images/proxy/ instead.
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

FROM build AS files
COPY health.py /layers/files/opt/gfxpack/
COPY proxy/ /layers/files/opt/venv/lib/python3.11/site-packages/proxy/
RUN mkdir -p /layers/files/etc /layers/files/opt/venv/bin \
    && cp /etc/passwd /layers/files/etc/ \
    && echo "gfxpack:x:10001:0:gfxpack:/tmp:/usr/sbin/nologin" >> /layers/files/etc/passwd \
    && cp -P /opt/venv/bin/python* /layers/files/opt/venv/bin/ \
    && cp /opt/venv/pyvenv.cfg /layers/files/opt/venv/ \
    && chmod -R u=rwX,go=rX /layers/files \
    && python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /layers/files -p / /layers/files/opt/venv/lib \
    && find /layers/files -exec touch -h -d @946684800 {} +
RUN mkdir -m 0755 /layers/files/models \
    && mkdir -m 0775 /layers/files/library \
    && chown 10001:0 /layers/files/library \
    && touch -d @946684800 /layers/files /layers/files/models /layers/files/library

FROM gfxpack/base:bookworm-1ec279e7383b
COPY --link --from=packages /layers/packages/ /
COPY --link --from=files /layers/files/ /
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    USER=gfxpack \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:0
WORKDIR /
EXPOSE 11434
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m --start-interval=1s --retries=3 \
    CMD ["/usr/bin/python3", "-I", "-S", "/opt/gfxpack/health.py", "http://127.0.0.1:11434/health"]
ENTRYPOINT ["/opt/venv/bin/python", "-P", "-m", "proxy"]
CMD ["--listen=0.0.0.0:11434"]
LABEL org.opencontainers.image.title="gfxpack proxy" \
      org.opencontainers.image.description="Ollama and OpenAI API in front of the engines" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      gfxpack.image="proxy" \
      org.opencontainers.image.base.name="gfxpack/base:bookworm-1ec279e7383b" \
      gfxpack.inputs="<hash>"
