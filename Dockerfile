# load-gate and nothing else: the static binary in an empty image.
#
#   docker build -t load-gate .
#   docker run --rm load-gate run --env embedded --results-dir /results
#   docker run --rm -v "$PWD:/work" -e TEST_API_KEY_1 load-gate run --env staging
#
# It trusts the roots that are built in; `[engine] ca_file` names one of your own.
FROM rust:1-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin load-gate \
    && mkdir /empty && chmod 1777 /empty

FROM scratch
COPY --from=build /src/target/release/load-gate /load-gate
# Where files are made before they are whole, and where results go by default.
COPY --from=build /empty /tmp
COPY --from=build /empty /results
COPY --from=build /empty /work
WORKDIR /work
USER 65534:65534
ENTRYPOINT ["/load-gate"]
