# registry-query, the libraries that it is linked with, and nothing else: no shell, no package manager.
#
#   docker buildx build --platform linux/arm64,linux/amd64 --tag REGISTRY/registry-query:TAG --push .
#   buildah build --format docker --tag registry-query .
#   deploy/image/build      where no public registry is reached; also checks and measures the image
#
# Every platform is built on itself, because Swift cannot cross-compile against Debian's libcurl without an SDK made for that. A
# builder of another architecture emulates it, which works but takes many times as long: with `docker buildx create --append` each
# platform gets a builder of its own.

# Debian or something made from it, with Swift 6.2 or newer.
ARG SWIFT_IMAGE=docker.io/library/swift:6.3.1-bookworm

FROM ${SWIFT_IMAGE} AS builder
ARG TARGETARCH
# Empty where SWIFT_IMAGE has them already.
ARG BUILD_PACKAGES="binutils ca-certificates git libcurl4-openssl-dev libssl-dev pkg-config"
RUN if [ -n "$BUILD_PACKAGES" ]; then \
        export DEBIAN_FRONTEND=noninteractive && apt-get -q update && \
        apt-get -q -y install --no-install-recommends $BUILD_PACKAGES && rm -rf /var/lib/apt/lists/*; \
    fi

WORKDIR /src
# Package.resolved is optional.
COPY Package.swift Package.resolve[d] ./
COPY Sources Sources
# The tests are not part of the image, but SwiftPM wants a folder for every target: an empty file will do.
# The caches are locked and kept by architecture: SwiftPM's own locks do not reach from one container into another.
RUN --mount=type=cache,id=registry-query-swiftpm-$TARGETARCH,target=/cache,sharing=locked \
    --mount=type=cache,id=registry-query-build-$TARGETARCH,target=/build,sharing=locked \
    for name in $(grep -o 'name: "[^"]*"' Package.swift | cut -d '"' -f 2); do \
        [ -d "Sources/$name" ] || { mkdir -p "Tests/$name" && : >"Tests/$name/Empty.swift"; }; \
    done && \
    swift build --configuration release --product registry-query --static-swift-stdlib --cache-path /cache --scratch-path /build && \
    strip -o /registry-query /build/release/registry-query
COPY deploy/image/collect deploy/image/
RUN sh deploy/image/collect /registry-query /image

# No base image: glibc, its loader and the libraries are the very ones that the program was linked with, so they cannot disagree.
FROM scratch
ARG VERSION=""
ARG REVISION=""
ARG CREATED=""
ARG SOURCE=""
LABEL org.opencontainers.image.title="registry-query" \
    org.opencontainers.image.description="Answers which version of a web application comes next, reserves it and has it built" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION" \
    org.opencontainers.image.created="$CREATED" \
    org.opencontainers.image.source="$SOURCE"
# By number, so that Kubernetes can tell that it is not root.
USER 65532:65532
# LISTEN keeps its default, loopback: another address needs API_TOKENS_FILE or ALLOW_ANONYMOUS beside it, which no image can decide.
EXPOSE 8080
STOPSIGNAL SIGTERM
# Docker's own; Kubernetes has its probes, and the OCI format has no field for it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["/usr/bin/registry-query", "healthcheck"]
ENTRYPOINT ["/usr/bin/registry-query"]
CMD ["serve"]
# Last, so that buildah, which makes a layer of every line, copies it once.
COPY --from=builder /image /
