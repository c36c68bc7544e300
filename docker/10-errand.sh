#!/usr/bin/env bash
# Runs once, when the image's entry point makes a new cluster: the extension in
# the database, a key for tokens, and what the environment says of the relay,
# mail and networks. All of it can be changed with ALTER SYSTEM later.
set -euo pipefail

# alter NAME VALUE: nothing if the value is empty
alter()
{
	[ -n "$2" ] || return 0
	psql -qX -v ON_ERROR_STOP=1 -v value="$2" -U "$POSTGRES_USER" -d "$POSTGRES_DB" <<< "ALTER SYSTEM SET $1 = :'value'"
}

psql -qX -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c 'CREATE EXTENSION pg_errand'
alter errand.token_secret "$(head -c 32 /dev/urandom | base64 -w 0)"
alter errand.port "${ERRAND_PORT:-}"
alter errand.listen_address "${ERRAND_LISTEN_ADDRESS:-}"
alter errand.public_url "${ERRAND_PUBLIC_URL:-}"
alter errand.allowed_origins "${ERRAND_ALLOWED_ORIGINS:-}"
alter errand.metrics_public "${ERRAND_METRICS_PUBLIC:-}"
alter errand.allow_networks "${ERRAND_ALLOW_NETWORKS:-}"
alter errand.smtp_url "${ERRAND_SMTP_URL:-}"
alter errand.smtp_from "${ERRAND_SMTP_FROM:-}"
