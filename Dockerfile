# syntax=docker/dockerfile:1
# freellm serve in a container: docs/install.md, "Docker".

FROM python:3.13-slim AS build
WORKDIR /src
COPY packaging/requirements.txt packaging/requirements.txt
RUN python -m venv /opt/freellm \
    && /opt/freellm/bin/pip install --no-cache-dir --require-hashes --requirement packaging/requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY man man
COPY completions completions
COPY freellm_cli freellm_cli
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && /opt/freellm/bin/pip install --no-cache-dir --no-deps --no-index /wheels/*.whl

FROM python:3.13-slim
LABEL org.opencontainers.image.title="freellm" \
      org.opencontainers.image.description="One dependable model endpoint out of the free LLM tiers you have" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin freellm \
    && install -d -o freellm -g freellm -m 0700 /config /state
COPY --from=build /opt/freellm /opt/freellm
ENV PATH=/opt/freellm/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    FREELLM_CONFIG_DIR=/config \
    FREELLM_STATE_DIR=/state
USER 10001:10001
VOLUME ["/config", "/state"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["freellm"]
# Every address of the container: docker's port mapping comes from outside it. That needs a key for clients,
# given as FREELLM_SERVE_TOKEN or serve.token, or it does not start.
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
