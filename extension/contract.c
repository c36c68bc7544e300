/*
 * contract.c
 *		The words for what contract.h names.
 *
 * Runs in every process.
 */
#include "postgres.h"

#include "contract.h"

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
