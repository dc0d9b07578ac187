# airlock's image; podman and buildah build it as well:
#   docker build --build-arg BASE=docker.io/library/python:3.13.14-slim-bookworm@sha256:... --tag airlock .
#
# BASE is any image with Python 3.11 or later and its venv module. Give it with its digest, as docs/install.md shows: a
# registry may have another image under the tag tomorrow. The publisher writes the digest of the base here.
ARG BASE=docker.io/library/python:3.13.14-slim-bookworm

FROM ${BASE} AS build
# pip's own settings, for builds behind a mirror or a proxy with its own CA; the image keeps none of them.
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_CERT
ARG PIP_IGNORE_REQUIRES_PYTHON
# The commit's time, for a build whose bytes follow from the commit: the wheel's files and the compiled ones go by it.
ARG SOURCE_DATE_EPOCH
ENV PYTHONHASHSEED=0
WORKDIR /src
RUN python3 -m venv /build && python3 -m venv --without-pip /opt/airlock
# The build backend for the wheel, pinned like the rest; it stays in this stage.
RUN echo 'setuptools==84.2.1 --hash=sha256:ca140b45d5325a9478f880e351484f62fef15f336462e449ca0c03c873d589c2 --hash=sha256:3ff8b3b5492a0aa66960f4419365a86b84e013070d4313e4d4a6894f5d64d6bc' > setuptools.lock \
    && /build/bin/pip install --no-cache-dir --require-hashes --only-binary=:all: --requirement setuptools.lock
COPY requirements.lock ./
RUN /build/bin/pip --python /opt/airlock/bin/python install --no-cache-dir --require-hashes --only-binary=:all: \
    --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY certs certs
COPY webhook webhook
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-index --no-build-isolation --wheel-dir /dist . \
    && /build/bin/pip --python /opt/airlock/bin/python install --no-cache-dir --no-deps --no-index /dist/*.whl

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="airlock" \
    org.opencontainers.image.description="Admission webhook for Apache Airflow on Kubernetes" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.licenses="Apache-2.0"
# Remove the base image's pip, where the official image and Debian's packages put it.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/pip* /usr/local/lib/python3*/ensurepip \
    /usr/lib/python3*/ensurepip /usr/share/python-wheels
COPY --from=build /opt/airlock /opt/airlock
ENV PATH=/opt/airlock/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 AIRLOCK_REVISION=${REVISION}
# A number, so that the kubelet can verify that it is not root.
USER 65532:65532
EXPOSE 8443 9090
ENTRYPOINT ["airlock"]
