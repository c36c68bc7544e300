/*
 * contract.c
 *		The words for what contract.h names.
 *
 * Runs in every process.
 */
#include "postgres.h"

#include "contract.h"
#include "core/standing.h"

const char *
errand_state_name(ErrandState s)
{
	switch (s)
	{
		case ERRAND_NONE:
			return "none";
		case ERRAND_WAITING:
			return "waiting";
		case ERRAND_SCHEDULED:
			return "scheduled";
		case ERRAND_READY:
			return "ready";
		case ERRAND_RUNNING:
			return "running";
		case ERRAND_RETRYING:
			return "retrying";
		case ERRAND_SUCCEEDED:
			return "succeeded";
		case ERRAND_FAILED:
			return "failed";
		case ERRAND_CANCELLED:
			return "cancelled";
		case ERRAND_UNKNOWN:
			return "unknown";
	}
	return "none";
}

int
errand_state_rank(ErrandState s)
{
	switch (s)
	{
		case ERRAND_NONE:
			return 0;
		case ERRAND_WAITING:
			return 1;
		case ERRAND_SCHEDULED:
			return 2;
		case ERRAND_RUNNING:
			return 3; /* gives its number to what follows */
		case ERRAND_RETRYING:
			return 4;
		case ERRAND_READY:
			return 5;
		case ERRAND_SUCCEEDED:
		case ERRAND_FAILED:
		case ERRAND_CANCELLED:
		case ERRAND_UNKNOWN:
			return ERRAND_RANK_FINAL;
	}
	return 0;
}
