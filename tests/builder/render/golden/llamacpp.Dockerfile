# gfxpack 0.1.0, image llamacpp, by `build.py render`; edit images/llamacpp/ instead.
# inputs sha256:<hash>
FROM gfxpack/base:forky-6cc00b0d2474 AS build
RUN python3 -m venv --without-pip /opt/venv

FROM build AS files
COPY health.py /layers/files/opt/gfxpack/
COPY runner/ /layers/files/opt/venv/lib/python3.14/site-packages/runner/
RUN mkdir -p /layers/files/etc /layers/files/opt/venv/bin \
    && cp /etc/passwd /layers/files/etc/ \
    && echo "gfxpack:x:10001:0:gfxpack:/tmp:/usr/sbin/nologin" >> /layers/files/etc/passwd \
    && cp -P /opt/venv/bin/python* /layers/files/opt/venv/bin/ \
    && cp /opt/venv/pyvenv.cfg /layers/files/opt/venv/ \
    && chmod -R u=rwX,go=rX /layers/files \
    && python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /layers/files -p / /layers/files/opt/venv/lib \
    && find /layers/files -exec touch -h -d @946684800 {} +
RUN mkdir -m 0755 /layers/files/models \
    && touch -d @946684800 /layers/files /layers/files/models

# Stands in for packages that others ask for and the server does not need.
FROM gfxpack/base:forky-6cc00b0d2474 AS absent
RUN --mount=type=bind,source=absent,target=/build/absent \
    dpkg-deb --build /build/absent /absent.deb

FROM gfxpack/base:forky-6cc00b0d2474 AS server
RUN --mount=type=secret,id=apt,target=/etc/apt/sources.list \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-apt-forky,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=gfxpack-apt-lists-forky,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=tmpfs,target=/tmp \
    --mount=type=bind,source=gather.sh,target=/build/gather.sh \
    --mount=type=bind,source=dpkg.cfg,target=/etc/dpkg/dpkg.cfg.d/llamacpp \
    --mount=type=bind,from=absent,source=/absent.deb,target=/build/absent.deb \
    touch /tmp/begun \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
         /build/absent.deb llama.cpp-tools=1:0.7.0+dfsg-2 \
    && sh /build/gather.sh /layers/server \
    && find /layers/server -exec touch -h -d @946684800 {} +

# What one chip has alone comes last, so that the images of its family share the rest.
FROM gfxpack/base:forky-6cc00b0d2474
COPY --link --from=server /layers/server/ /
COPY --link --from=files /layers/files/ /
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    USER=gfxpack \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:0
WORKDIR /
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10m --start-interval=1s --retries=3 \
    CMD ["/usr/bin/python3", "-I", "-S", "/opt/gfxpack/health.py", "http://127.0.0.1:8080/health"]
ENTRYPOINT ["/opt/venv/bin/python", "-P", "-m", "runner", "llamacpp", "--host", "0.0.0.0", "--port", "8080", "--cont-batching", "--parallel", "4", "--metrics", "--offline", "--"]
CMD []
LABEL org.opencontainers.image.title="gfxpack llamacpp" \
      org.opencontainers.image.description="llama.cpp's server for CPU" \
      org.opencontainers.image.version="0.7.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      gfxpack.image="llamacpp" \
      gfxpack.target="cpu" \
      org.opencontainers.image.base.name="gfxpack/base:forky-6cc00b0d2474" \
      gfxpack.packages="llama.cpp-tools=1:0.7.0+dfsg-2" \
      gfxpack.inputs="<hash>"
