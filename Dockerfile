# syntax=docker/dockerfile:1
# docker build --build-arg SOURCE_DATE_EPOCH=$(git log -1 --format=%ct) -t heirloom .

FROM rust:1.95-bookworm AS build
# aws-lc compiles C; the image has a compiler and cmake is not needed.
WORKDIR /heirloom
ENV SQLX_OFFLINE=true CARGO_INCREMENTAL=0
ARG SOURCE_DATE_EPOCH
COPY Cargo.toml Cargo.lock rust-toolchain.toml .env.example ./
COPY .cargo .cargo
COPY .sqlx .sqlx
# Not all of it is built, but Cargo.toml needs it.
COPY benches benches
COPY clients clients
COPY crates crates
COPY examples examples
COPY locales locales
COPY migrations migrations
COPY static static
COPY templates templates
COPY crates crates
COPY src src
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/heirloom/target \
    RUSTFLAGS="--remap-path-prefix=/usr/local/cargo=/cargo" cargo build --locked --release --bin heirloom \
    && install -m 755 target/release/heirloom /usr/local/bin/heirloom

# The C library, root certificates, an unprivileged user; no shell and no package manager.
FROM gcr.io/distroless/cc-debian12:nonroot
LABEL org.opencontainers.image.title="Heirloom" org.opencontainers.image.licenses="MIT"
COPY --from=build /usr/local/bin/heirloom /usr/local/bin/heirloom
COPY LICENSE /usr/share/doc/heirloom/LICENSE
USER nonroot:nonroot
WORKDIR /
# Inside a container "this machine" is the container: the ports are published outside.
ENV HEIRLOOM_BIND=0.0.0.0:8080 HEIRLOOM_METRICS_BIND=0.0.0.0:9090 HEIRLOOM_LOG_FORMAT=json
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
# Alive, not ready: a database outage is not a reason to restart the server.
HEALTHCHECK --interval=10s --timeout=9s --start-period=30s --retries=3 CMD ["/usr/local/bin/heirloom", "health"]
ENTRYPOINT ["/usr/local/bin/heirloom"]
CMD ["serve"]
