# syntax=docker/dockerfile:1

FROM node:20-bookworm-slim AS dashboard
WORKDIR /src
COPY frontend/package.json frontend/package-lock.json frontend/
RUN --mount=type=cache,target=/cache npm --prefix frontend --cache /cache ci
COPY openapi.yaml .
COPY frontend frontend
RUN npm --prefix frontend run build

FROM rust:1.95-slim-bookworm AS program
WORKDIR /src
COPY . .
COPY --from=dashboard /src/frontend/dist frontend/dist
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --release --package watchkeeper \
    && cp target/release/watchkeeper /watchkeeper

FROM debian:bookworm-slim
# The certificates are what targets over https are judged by.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin watchkeeper \
    && install --directory --owner watchkeeper --group watchkeeper --mode 0700 /data
COPY --from=program /watchkeeper /usr/local/bin/watchkeeper

USER watchkeeper
ENV WATCHKEEPER_LISTEN=0.0.0.0:8080 WATCHKEEPER_DATA_DIR=/data
VOLUME /data
EXPOSE 8080

ENTRYPOINT ["watchkeeper"]
CMD ["serve"]
