/*
 * kind_key.c
 *		Keys of runs, made from the installation's secret.
 *
 * Runs in worker processes.  The secret must never leave this file.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "kinds/kind_key.h"
#include "utils/resowner.h"

static char secret[64];

void
errand_run_key_secret(const char *found)
{
	strlcpy(secret, found, sizeof(secret));
}

/* SHA-256 of a text; needs a resource owner, which there is none of between transactions. */
static void
sha256(const char *text, uint8 digest[PG_SHA256_DIGEST_LENGTH])
{
	static ResourceOwner owner = NULL;
	ResourceOwner before = CurrentResourceOwner;
	pg_cryptohash_ctx *ctx;

	if (owner == NULL)
		owner = ResourceOwnerCreate(NULL, "errand keys");
	CurrentResourceOwner = owner;
	ctx = pg_cryptohash_create(PG_SHA256);
	if (ctx == NULL || pg_cryptohash_init(ctx) < 0 ||
		pg_cryptohash_update(ctx, (const uint8 *) text, strlen(text)) < 0 ||
		pg_cryptohash_final(ctx, digest, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute a hash");
	pg_cryptohash_free(ctx);
	CurrentResourceOwner = before;
}

void
errand_run_key(const ErrandRun *run, const char *purpose, uint8 digest[ERRAND_RUN_KEY_BYTES])
{
	char seed[160];

	StaticAssertStmt(ERRAND_RUN_KEY_BYTES == PG_SHA256_DIGEST_LENGTH, "a digest has 32 bytes");
	snprintf(seed, sizeof(seed), "%s/%lld/%d%s", secret, (long long) run->id, run->number, purpose);
	sha256(seed, digest);
}
