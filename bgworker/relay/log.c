/*
 * log.c
 *		A small box for log lines of callbacks.
 *
 * Runs in the relay.  relay_log() is called within foreign frames and must not
 * throw; relay_log_flush() is called by the main loop alone.
 */
#include "postgres.h"

#include <stdarg.h>

#include "base/clock.h"
#include "relay/log.h"

#define LINES 16
#define LINE_BYTES 256
#define WINDOW_US INT64CONST(10000000) /* so many lines in this time at most */

static char lines[LINES][LINE_BYTES];
static int n_lines = 0;	  /* kept, not yet logged */
static int n_window = 0;  /* logged or kept in this window */
static int n_skipped = 0; /* in this window */
static int64 window_at = 0;

static char *
line_take(void)
{
	int64 now = errand_clock_monotonic();

	if (now - window_at > WINDOW_US)
	{
		window_at = now;
		n_window = 0;
	}
	if (n_lines == LINES || n_window == LINES)
	{
		n_skipped++;
		return NULL;
	}
	n_window++;
	return lines[n_lines++];
}

void
relay_log(const char *format, ...)
{
	char *line = line_take();
	va_list args;

	if (line == NULL)
		return;
	va_start(args, format);
	vsnprintf(line, LINE_BYTES, format, args);
	va_end(args);
}

void
relay_log_lws(int level, const char *text)
{
	char *line;
	size_t len;

	/* 4.1 says this for each socket that it is handed. */
	if (strstr(text, "adopt_socket_readbuf") != NULL)
		return;
	line = line_take();
	if (line == NULL)
		return;
	snprintf(line, LINE_BYTES, "libwebsockets: %s", text);
	len = strlen(line);
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		line[--len] = '\0';
}

void
relay_log_flush(void)
{
	for (int i = 0; i < n_lines; i++)
		ereport(LOG, (errmsg_internal("relay: %s", lines[i])));
	n_lines = 0;
	if (n_skipped > 0 && errand_clock_monotonic() - window_at > WINDOW_US)
	{
		ereport(LOG, (errmsg("relay: %d more messages were not logged", n_skipped)));
		n_skipped = 0;
	}
}
