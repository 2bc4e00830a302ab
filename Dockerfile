# The hub as an image: `docker build -t hub-server .`; see docker-compose.yml for a whole installation.
# Both stages stand on one base, so that the environment moves from the first to the second as it is.

FROM python:3.11-slim-bookworm AS build
ENV VENV=/opt/hub
WORKDIR /src
# The same script, hence the same pinned packages, as `make setup`. Packages first: they change less often than the code.
COPY requirements/build.txt requirements/serve.txt requirements/
COPY scripts/setup.sh scripts/packages.sh scripts/
RUN scripts/setup.sh packages
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY hub_server hub_server
COPY templates templates
COPY static static
COPY migrations migrations
RUN scripts/setup.sh image

FROM python:3.11-slim-bookworm
# git makes the packs of large fetches; the hub works without it, more slowly.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /data hub \
    && install --directory --owner hub --group hub /data
COPY --from=build /opt/hub /opt/hub
ENV PATH=/opt/hub/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    HUB_DATA_DIR=/data \
    HUB_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
# Ready: the database and the blob store answer. A node that is stopping says so first.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/-/readyz', timeout=4)"]
ENTRYPOINT ["hub-server"]
# `serve` upgrades the schema first, behind a lock that all nodes share; HUB_MIGRATE=check only looks.
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
