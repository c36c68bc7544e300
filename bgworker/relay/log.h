/*
 * log.h
 *		What callbacks have to say, kept until the main loop can log it.
 */
#ifndef ERRAND_RELAY_LOG_H
#define ERRAND_RELAY_LOG_H

#include "postgres.h"

/* Keeps a line; never throws.  More than a few a second are counted, not kept. */
extern void relay_log(const char *format, ...) pg_attribute_printf(1, 2);

/* For lws_set_log_level. */
extern void relay_log_lws(int level, const char *line);

/* Logs what was kept; in the main loop only. */
extern void relay_log_flush(void);

#endif
