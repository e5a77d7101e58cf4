# gfxpack 0.1.0, image vllm, by `build.py render`; edit images/vllm/ instead.
# inputs sha256:<hash>
FROM scratch AS wheels
COPY wheels/ /

FROM gfxpack/base:noble-717be02754a4 AS build
RUN --mount=type=secret,id=apt,target=/etc/apt/sources.list \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-apt-noble,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=gfxpack-apt-lists-noble,target=/var/lib/apt/lists,sharing=locked \
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

FROM tools AS sdk
RUN --mount=type=secret,id=pip-alone,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=sdk,target=/wheels \
    --mount=type=bind,source=requirements/sdk.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --cache-dir=/var/cache/pip \
      --index-url=https://stable.repo.amd.com/rocm/whl-next/ --no-deps --no-compile --ignore-installed --no-build-isolation --only-binary=rocm-bootstrap,rocm-sdk-core,rocm-sdk-libraries --find-links=/wheels \
      --root=/assembled --requirement=/build/requirements.txt \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} +

FROM sdk AS torch
RUN --mount=type=secret,id=pip-alone,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=torch,target=/wheels \
    --mount=type=bind,source=requirements/torch.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --cache-dir=/var/cache/pip \
      --index-url=https://stable.repo.amd.com/rocm/whl-next/ --no-deps --no-compile --ignore-installed --only-binary=:all: --find-links=/wheels \
      --root=/assembled --requirement=/build/requirements.txt \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} +

FROM torch AS triton
RUN --mount=type=secret,id=pip-alone,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=triton,target=/wheels \
    --mount=type=bind,source=requirements/triton.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --cache-dir=/var/cache/pip \
      --index-url=https://wheels.vllm.ai/rocm/0.33.0/rocm100/ --no-deps --no-compile --ignore-installed --only-binary=:all: --find-links=/wheels \
      --root=/assembled --requirement=/build/requirements.txt \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} +

FROM triton AS packages
RUN --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=packages,target=/wheels \
    --mount=type=bind,source=requirements/packages.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --cache-dir=/var/cache/pip \
      --require-hashes --no-deps --no-compile --ignore-installed --only-binary=:all: --find-links=/wheels \
      --root=/assembled --requirement=/build/requirements.txt \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} +

FROM packages AS engine
RUN --mount=type=secret,id=pip-alone,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=engine,target=/wheels \
    --mount=type=bind,source=requirements/engine.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --cache-dir=/var/cache/pip \
      --index-url=https://wheels.vllm.ai/rocm/0.33.0/rocm100/ --no-deps --no-compile --ignore-installed --only-binary=:all: --find-links=/wheels \
      --root=/assembled --requirement=/build/requirements.txt \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} +

FROM engine AS lean
RUN --mount=type=bind,source=pruner,target=/build/pruner \
    --mount=type=bind,source=slim,target=/build/slim \
    export PYTHONPATH=/build \
    && /opt/venv/bin/python -m pruner.deadweight --family=rocm /assembled /build/slim/torch.txt /build/slim/packages.txt /build/slim/engine.txt \
    && /opt/venv/bin/python -m pruner.parting list /assembled /device-code --vendor=amd

FROM lean AS sdk-shared
RUN --mount=type=bind,source=pruner,target=/build/pruner \
    --mount=type=bind,source=requirements/sdk.txt,target=/build/requirements.txt \
    PYTHONPATH=/build /opt/venv/bin/python -m pruner.parting share /assembled /device-code /build/requirements.txt \
    && python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /assembled -p / /assembled/opt/venv/lib \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} + \
    && mkdir /layers && ln -s /assembled /layers/sdk

FROM lean AS torch-shared
RUN --mount=type=bind,source=pruner,target=/build/pruner \
    --mount=type=bind,source=requirements/torch.txt,target=/build/requirements.txt \
    PYTHONPATH=/build /opt/venv/bin/python -m pruner.parting share /assembled /device-code /build/requirements.txt \
    && python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /assembled -p / /assembled/opt/venv/lib \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} + \
    && mkdir /layers && ln -s /assembled /layers/torch

FROM lean AS triton-shared
RUN --mount=type=bind,source=pruner,target=/build/pruner \
    --mount=type=bind,source=requirements/triton.txt,target=/build/requirements.txt \
    PYTHONPATH=/build /opt/venv/bin/python -m pruner.parting share /assembled /device-code /build/requirements.txt \
    && python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /assembled -p / /assembled/opt/venv/lib \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} + \
    && mkdir /layers && ln -s /assembled /layers/triton

FROM lean AS packages-shared
RUN --mount=type=bind,source=pruner,target=/build/pruner \
    --mount=type=bind,source=requirements/packages.txt,target=/build/requirements.txt \
    PYTHONPATH=/build /opt/venv/bin/python -m pruner.parting share /assembled /device-code /build/requirements.txt \
    && python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /assembled -p / /assembled/opt/venv/lib \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} + \
    && mkdir /layers && ln -s /assembled /layers/packages

FROM lean AS engine-shared
RUN --mount=type=bind,source=pruner,target=/build/pruner \
    --mount=type=bind,source=requirements/engine.txt,target=/build/requirements.txt \
    PYTHONPATH=/build /opt/venv/bin/python -m pruner.parting share /assembled /device-code /build/requirements.txt \
    && python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /assembled -p / /assembled/opt/venv/lib \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} + \
    && mkdir /layers && ln -s /assembled /layers/engine

FROM tools AS device
RUN --mount=type=secret,id=pip-alone,target=/run/secrets/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-pip,target=/var/cache/pip \
    --mount=type=bind,from=wheels,source=device,target=/wheels \
    --mount=type=bind,source=requirements/device.txt,target=/build/requirements.txt \
    PIP_CONFIG_FILE=/run/secrets/pip PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    /opt/venv/bin/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --cache-dir=/var/cache/pip \
      --index-url=https://stable.repo.amd.com/rocm/whl-next/ --no-deps --no-compile --ignore-installed --only-binary=:all: --find-links=/wheels \
      --root=/assembled --requirement=/build/requirements.txt \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} +

FROM lean AS chip
COPY --from=device /assembled/ /assembled/
RUN --mount=type=bind,source=pruner,target=/build/pruner \
    --mount=type=bind,source=requirements/device.txt,target=/build/requirements.txt \
    export PYTHONPATH=/build \
    && mkdir -p /assembled/etc/gfxpack \
    && /opt/venv/bin/python -m pruner /assembled --arch gfx942 --embedded --marker=/assembled/etc/gfxpack/pruned.json \
    && /opt/venv/bin/python -m pruner.parting chip /assembled /device-code /build/requirements.txt \
    && find /assembled -newermt @946684800 -exec touch -h -d @946684800 {} + \
    && mkdir /layers && ln -s /assembled /layers/chip

FROM build AS files
COPY health.py /layers/files/opt/gfxpack/
COPY runner/ /layers/files/opt/venv/lib/python3.12/site-packages/runner/
RUN mkdir -p /layers/files/etc /layers/files/opt/venv/bin \
    && cp /etc/passwd /layers/files/etc/ \
    && echo "gfxpack:x:10001:0:gfxpack:/tmp:/usr/sbin/nologin" >> /layers/files/etc/passwd \
    && cp -P /opt/venv/bin/python* /layers/files/opt/venv/bin/ \
    && cp /opt/venv/pyvenv.cfg /layers/files/opt/venv/ \
    && chmod -R u=rwX,go=rX /layers/files \
    && python3 -m compileall -q -j0 --invalidation-mode=unchecked-hash -x '/(transformers/models/(?!auto/)[^/]+/(modeling|image_processing|video_processing|processing|feature_extraction)_|torch/testing/_internal/(?!__init__|logging_tensor|common_dtype|distributed/(__init__|fake_pg)))' -s /layers/files -p / /layers/files/opt/venv/lib \
    && find /layers/files -exec touch -h -d @946684800 {} +
RUN mkdir -m 0755 /layers/files/models \
    && mkdir -m 0775 /layers/files/hub /layers/files/cache \
    && chown 10001:0 /layers/files/hub /layers/files/cache \
    && touch -d @946684800 /layers/files /layers/files/models /layers/files/hub /layers/files/cache

FROM gfxpack/base:noble-717be02754a4 AS libraries
RUN --mount=type=secret,id=apt,target=/etc/apt/sources.list \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=cache,id=gfxpack-apt-noble,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,id=gfxpack-apt-lists-noble,target=/var/lib/apt/lists,sharing=locked \
    --mount=type=tmpfs,target=/tmp \
    touch /tmp/begun \
    && apt-get update -qq \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
         gcc libc6-dev python3-dev \
    && mkdir -p /layers/libraries \
    && find / -xdev ! -type d -cnewer /tmp/begun ! -path "/var/log/*" ! -path "/var/cache/*" \
         ! -name "*-old" ! -name "*.lock" ! -iname lock ! -name lock-frontend ! -path "*/lto1" ! -path "/usr/bin/*lto-dump*" ! -path "*/libpython*.a" ! -path "*/libc.a" ! -path "*/libm-*.a" ! -path "*/libmvec.a" ! -path "*san.*" ! -path "*san_preinit.o" ! -path "*/libgprofng.*" ! -path "*/gprofng/*" ! -path "/etc/gprofng.rc" ! -path "/usr/bin/*gp-*" ! -path "/usr/bin/*gprofng*" ! -path "/usr/bin/*gcov*" ! -path "*/libgcov.a" ! -path "/usr/bin/*gold" ! -path "/usr/lib/gold-ld/*" ! -path "/usr/bin/*dwp" -print0 > /tmp/changed \
    && xargs -0 -a /tmp/changed cp --archive --parents --target-directory=/layers/libraries \
    && find /layers/libraries -exec touch -h -d @946684800 {} +

# torch comes before everything that the images differ in, so that they share it down to the layer.
FROM gfxpack/base:noble-717be02754a4 AS runtime
COPY --link --from=sdk-shared /layers/sdk/ /
COPY --link --from=libraries /layers/libraries/ /
COPY --link --from=torch-shared /layers/torch/ /
COPY --link --from=triton-shared /layers/triton/ /
COPY --link --from=packages-shared /layers/packages/ /
COPY --link --from=engine-shared /layers/engine/ /
COPY --link --from=chip /layers/chip/ /
COPY --link --from=files /layers/files/ /
ENV PATH=/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    HOME=/tmp \
    USER=gfxpack \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH="/opt/venv/lib/python3.12/site-packages/_rocm_sdk_core/share/amd_smi" \
    HF_HUB_OFFLINE="1" \
    HF_HOME="/tmp/huggingface" \
    VLLM_MAX_STOP_STRINGS="64" \
    VLLM_NO_USAGE_STATS="1" \
    DO_NOT_TRACK="1" \
    VLLM_ROCM_USE_AITER="0" \
    HIP_FORCE_DEV_KERNARG="1" \
    HSA_NO_SCRATCH_RECLAIM="1" \
    HSA_ENABLE_IPC_MODE_LEGACY="1" \
    ROCPROFILER_QUEUE_INTERPOSITION="0" \
    PYTORCH_NVML_BASED_CUDA_CHECK="1" \
    SAFETENSORS_FAST_GPU="1" \
    MIOPEN_FIND_MODE="FAST" \
    TVM_FFI_DISABLE_TORCH_C_DLPACK="1"

# Whether the image is what its target says is seen here, without a GPU; what was found stays in it.
FROM runtime AS checked
USER 0:0
RUN --network=none \
    --mount=type=bind,source=checks,target=/run/checks/checks \
    --mount=type=bind,source=pruner,target=/run/checks/pruner \
    --mount=type=bind,source=checks.json,target=/run/checks.json \
    --mount=type=bind,from=tools,source=/opt/venv/lib/python3.12/site-packages/zstandard,target=/run/checks/zstandard \
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
ENTRYPOINT ["/opt/venv/bin/python", "-P", "-m", "runner", "vllm", "--host=0.0.0.0", "--port=8000", "--disable-access-log-for-endpoints=/health,/metrics", "--"]
CMD []
LABEL org.opencontainers.image.title="gfxpack vllm" \
      org.opencontainers.image.description="vLLM for AMD Instinct MI300" \
      org.opencontainers.image.version="0.33.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      gfxpack.image="vllm" \
      gfxpack.target="gfx942" \
      org.opencontainers.image.base.name="gfxpack/base:noble-717be02754a4" \
      gfxpack.inputs="<hash>"
