# pg_errand on the official image of PostgreSQL:
#
#	docker build -t pg_errand .
#	docker run -e POSTGRES_PASSWORD=... pg_errand
#
# compose.yaml has it with a mail server, Prometheus and Grafana.
ARG PG_MAJOR=17

FROM postgres:${PG_MAJOR}-bookworm AS build
ARG PG_MAJOR
# the dashboard is made with node and npm
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates gcc libc6-dev make pkg-config \
        libcurl4-openssl-dev libc-ares-dev libuv1-dev libwebsockets-dev libwebsockets-evlib-uv libjwt-dev libpq-dev \
        "postgresql-server-dev-${PG_MAJOR}" nodejs npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN make -j"$(nproc)" with_llvm=no && make install with_llvm=no DESTDIR=/out

FROM postgres:${PG_MAJOR}-bookworm
# what the library is linked with, and the certificates that HTTPS is checked against
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        ca-certificates libcurl4 libc-ares2 libuv1 libwebsockets17 libwebsockets-evlib-uv libjwt0 libpq5 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /out/ /
COPY docker/10-errand.sh /docker-entrypoint-initdb.d/
EXPOSE 8722
# settings that want a restart; all others can be set in SQL
CMD ["postgres", "-c", "shared_preload_libraries=pg_errand", "-c", "max_worker_processes=16"]
