/*
 * fuzz_cron.c
 *		Schedules: the next time lies ahead, on a due minute, and is the first one
 *		whatever second one asks from.
 */
#include "fuzz.h"

#include "civil.h"
#include "cron.h"

/* A local time that changes its offset twice a year, as told by the input. */
static int
offset_of(int64_t unix_s, void *arg)
{
	const uint8_t *how = arg;
	int base = (how[0] % 53 - 24) * 1800;

	return errand_floor_mod(unix_s, 31556952) < 15778476 ? base : base + how[1] % 3 * 1800;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ErrandCron cron;
	const char *why = NULL;
	uint8_t how[2];
	int64_t after, next, again;

	if (size < 6)
		return 0;
	memcpy(how, data, 2);
	after = (int64_t) ((uint32_t) data[2] << 24 | data[3] << 16 | data[4] << 8 | data[5]);
	if (!errand_cron_parse((const char *) data + 6, size - 6, &cron, &why))
	{
		MUST(why != NULL && *why != '\0');
		return 0;
	}
	MUST(cron.every_s == 0 ||
		 (cron.every_s >= ERRAND_EVERY_MIN_S && cron.every_s <= ERRAND_EVERY_MAX_S));
	if (!errand_cron_next(&cron, after, offset_of, how, &next))
		return 0;
	MUST(next > after);
	if (cron.every_s > 0)
		MUST(next % cron.every_s == 0 && next - after <= cron.every_s);
	/* asked a second before it, it is the same */
	MUST(errand_cron_next(&cron, next - 1, offset_of, how, &again) && again == next);
	return 0;
}
