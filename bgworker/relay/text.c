/*
 * text.c
 *		Texts and JSON in buffers of malloc's memory.
 *
 * Runs in the relay, also inside callbacks of libwebsockets and libuv: it must
 * never throw.
 */
#include "postgres.h"

#include <stdarg.h>

#include "core/civil.h"
#include "datatype/timestamp.h"
#include "relay/text.h"

const char relay_no_memory[] = "out of memory";

void
relay_text_bytes(RelayText *t, const char *bytes, size_t len)
{
	if (!t->failed && len > 0)
		t->failed = !errand_netbuf_append(&t->b, bytes, len);
}

void
relay_text(RelayText *t, const char *s)
{
	relay_text_bytes(t, s, strlen(s));
}

void
relay_text_format(RelayText *t, const char *format, ...)
{
	char line[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (n < 0 || n >= (int) sizeof(line))
		t->failed = true;
	else
		relay_text_bytes(t, line, (size_t) n);
}

void
relay_text_json(RelayText *t, const char *s, size_t len)
{
	size_t from = 0;

	relay_text_bytes(t, "\"", 1);
	for (size_t i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) s[i];
		char escape[8];

		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		relay_text_bytes(t, s + from, i - from);
		from = i + 1;
		if (c == '"' || c == '\\')
			snprintf(escape, sizeof(escape), "\\%c", c);
		else
			snprintf(escape, sizeof(escape), "\\u%04x", c);
		relay_text(t, escape);
	}
	relay_text_bytes(t, s + from, len - from);
	relay_text_bytes(t, "\"", 1);
}

/* Days since 1970 and microseconds of that day. */
static int64
days_of(int64 timestamptz, int64 *us)
{
	int64 day = timestamptz / USECS_PER_DAY;

	*us = timestamptz % USECS_PER_DAY;
	if (*us < 0)
	{
		day--;
		*us += USECS_PER_DAY;
	}
	return day + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE);
}

void
relay_text_time(RelayText *t, int64 timestamptz)
{
	int64 us;
	int64_t year;
	int month;
	int day;

	errand_civil_from_days(days_of(timestamptz, &us), &year, &month, &day);
	relay_text_format(t, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", (int) year, month, day,
					  (int) (us / USECS_PER_HOUR), (int) (us / USECS_PER_MINUTE % 60),
					  (int) (us / USECS_PER_SEC % 60), (int) (us % USECS_PER_SEC));
}

void
relay_text_http_date(RelayText *t, int64 timestamptz)
{
	static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
	static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
										 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
	int64 us;
	int64 n = days_of(timestamptz, &us);
	int64_t year;
	int month;
	int day;

	errand_civil_from_days(n, &year, &month, &day);
	relay_text_format(t, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[errand_weekday(n)], day,
					  months[month - 1], (int) year, (int) (us / USECS_PER_HOUR),
					  (int) (us / USECS_PER_MINUTE % 60), (int) (us / USECS_PER_SEC % 60));
}

void
relay_text_free(RelayText *t)
{
	errand_netbuf_free(&t->b);
	t->failed = false;
}
