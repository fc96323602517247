# The SFU's image, for amd64 or arm64: `make image` builds and pushes it. The build needs this repository and the
# crate registry, and runs on the machine's own CPU whichever of the two the image is for.

# As `rust-version` in Cargo.toml.
ARG RUST=1.95

FROM --platform=$BUILDPLATFORM docker.io/library/rust:${RUST}-bookworm AS build
ARG TARGETARCH
RUN case "$TARGETARCH" in \
      amd64) triple=x86_64 package=x86-64 ;; \
      arm64) triple=aarch64 package=aarch64 ;; \
      *) echo "TARGETARCH must be amd64 or arm64, not '$TARGETARCH'" >&2; exit 1 ;; \
    esac \
 && apt-get update \
 && apt-get install -y --no-install-recommends "gcc-$package-linux-gnu" "g++-$package-linux-gnu" \
 && rm -rf /var/lib/apt/lists/* \
 && rustup target add "$triple-unknown-linux-gnu" \
 && echo "$triple" > /triple
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY crates crates
COPY tests tests
# The linker and the C compiler of the image's CPU; Debian gives its own one the long name too.
RUN triple=$(cat /triple) \
 && upper=$(echo "$triple" | tr a-z A-Z) \
 && export "CARGO_TARGET_${upper}_UNKNOWN_LINUX_GNU_LINKER=$triple-linux-gnu-gcc" \
           "CC_${triple}_unknown_linux_gnu=$triple-linux-gnu-gcc" \
           "CXX_${triple}_unknown_linux_gnu=$triple-linux-gnu-g++" \
 && cargo build --release --locked --package arbiter-sfu --target "$triple-unknown-linux-gnu" \
 && install -D "target/$triple-unknown-linux-gnu/release/arbiter-sfu" /image/arbiter-sfu

# glibc and nothing to log in to. Of the same Debian as the build, so that the glibc is no older than what was
# linked against.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /image/arbiter-sfu /arbiter-sfu
# The image's own `nonroot`.
USER 65532:65532
ENV MEDIA_PORT=3478 METRICS_PORT=9464
EXPOSE 3478/udp 3478/tcp
# It leaves its room first, so that clients are told.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["/arbiter-sfu", "--health"]
ENTRYPOINT ["/arbiter-sfu"]
