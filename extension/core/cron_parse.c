/*
 * cron_parse.c
 *		Reads schedules: cron expressions, @names and 'every'.
 *
 * Process: any (backends, when a schedule is defined; the leader).  Pure
 * functions: must never allocate, ereport or consult the locale.
 */
#include "cron.h"

#include "ascii.h"

typedef struct Field
{
	int low;
	int high;
	const char *const *names; /* of low, low + 1, ...; NULL: none */
	int n_names;
	const char *bad; /* the reason when it cannot be read */
} Field;

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
										  "jul", "aug", "sep", "oct", "nov", "dec"};

static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

enum
{
	MINUTE,
	HOUR,
	DAY,
	MONTH,
	WEEKDAY,
	N_FIELDS
};

static const Field fields[N_FIELDS] = {{0, 59, NULL, 0, "its minute field cannot be read"},
									   {0, 23, NULL, 0, "its hour field cannot be read"},
									   {1, 31, NULL, 0, "its day-of-month field cannot be read"},
									   {1, 12, month_names, 12, "its month field cannot be read"},
									   {0, 7, weekday_names, 7,
										"its day-of-week field cannot be read"}};

typedef struct Macro
{
	const char *name;
	const char *meaning;
} Macro;

static const Macro macros[] = {{"@yearly", "0 0 1 1 *"},  {"@annually", "0 0 1 1 *"},
							   {"@monthly", "0 0 1 * *"}, {"@weekly", "0 0 * * 0"},
							   {"@daily", "0 0 * * *"},	  {"@midnight", "0 0 * * *"},
							   {"@hourly", "0 * * * *"}};

typedef struct Unit
{
	const char *name;
	int seconds;
} Unit;

static const Unit units[] = {{"s", 1},		  {"sec", 1},	   {"secs", 1},	   {"second", 1},
							 {"seconds", 1},  {"m", 60},	   {"min", 60},	   {"mins", 60},
							 {"minute", 60},  {"minutes", 60}, {"h", 3600},	   {"hour", 3600},
							 {"hours", 3600}, {"d", 86400},	   {"day", 86400}, {"days", 86400}};

/* Cut the next word off; false if there is none. */
static bool
next_word(const char **text, size_t *len, const char **word, size_t *word_len)
{
	errand_ascii_trim(text, len);
	*word = *text;
	*word_len = 0;
	while (*len > 0 && !errand_ascii_is_space(**text))
	{
		(*text)++;
		(*len)--;
		(*word_len)++;
	}
	return *word_len > 0;
}

/* Where c stands in the len bytes at s; len if it does not. */
static size_t
find(const char *s, size_t len, char c)
{
	size_t i = 0;

	while (i < len && s[i] != c)
		i++;
	return i;
}

/* A number or a name. */
static bool
read_value(const Field *field, const char *s, size_t len, int *value)
{
	int64_t number;

	if (errand_ascii_uint(s, len, 2, &number))
	{
		*value = (int) number;
		return *value >= field->low && *value <= field->high;
	}
	for (int i = 0; i < field->n_names; i++)
	{
		if (errand_ascii_equals(s, len, field->names[i]))
		{
			*value = field->low + i;
			return true;
		}
	}
	return false;
}

/* "*", "5", "1-5", "mon-fri" */
static bool
read_range(const Field *field, const char *s, size_t len, int *low, int *high)
{
	size_t dash = find(s, len, '-');

	if (len == 1 && s[0] == '*')
	{
		*low = field->low;
		*high = field->high;
		return true;
	}
	if (!read_value(field, s, dash, low))
		return false;
	*high = *low;
	if (dash == len)
		return true;
	if (!read_value(field, s + dash + 1, len - dash - 1, high))
		return false;

	/* "sat-sun": a week may end with Sunday. */
	if (field->high == 7 && *high == 0 && *low > 0)
		*high = 7;
	return *low <= *high;
}

/* One element of a list: a range, perhaps with a step. */
static bool
read_element(const Field *field, const char *s, size_t len, uint64_t *set, const char **why)
{
	size_t slash = find(s, len, '/');
	bool has_range = find(s, slash, '-') < slash || (slash == 1 && s[0] == '*');
	int low;
	int high;
	int64_t step = 1;

	*why = field->bad;
	if (!read_range(field, s, slash, &low, &high))
		return false;
	if (slash < len)
	{
		/* Some crons take "5/15" for "5", others for "5-59/15". */
		*why = "it contains a step that follows neither a star nor a range";
		if (!has_range)
			return false;

		/* Every 90 minutes is not what minute 0 of each hour is. */
		*why = "it contains a step that is 0 or longer than its field";
		if (!errand_ascii_uint(s + slash + 1, len - slash - 1, 2, &step) || step < 1 ||
			step > field->high + 1)
			return false;
	}
	for (int v = low; v <= high; v += (int) step)
		*set |= UINT64_C(1) << v;
	return true;
}

/* One of the five fields: a list. */
static bool
read_field(const Field *field, const char *s, size_t len, uint64_t *set, const char **why)
{
	*set = 0;
	for (;;)
	{
		size_t comma = find(s, len, ',');

		if (!read_element(field, s, comma, set, why))
			return false;
		if (comma == len)
			return true;
		s += comma + 1;
		len -= comma + 1;
	}
}

/* The five fields. */
static bool
read_fields(const char *text, size_t len, ErrandCron *cron, const char **why)
{
	uint64_t set[N_FIELDS];
	bool star[N_FIELDS];
	const char *word;
	size_t word_len;

	for (int i = 0; i < N_FIELDS; i++)
	{
		if (!next_word(&text, &len, &word, &word_len))
		{
			*why = "it has fewer than five fields";
			return false;
		}
		if (!read_field(&fields[i], word, word_len, &set[i], why))
			return false;
		star[i] = word[0] == '*';
	}
	if (next_word(&text, &len, &word, &word_len))
	{
		*why = "it has more than five fields";
		return false;
	}
	cron->minutes = set[MINUTE];
	cron->hours = (uint32_t) set[HOUR];
	cron->days = (uint32_t) set[DAY];
	cron->months = (uint16_t) set[MONTH];
	cron->weekdays = (uint8_t) ((set[WEEKDAY] & 0x7f) | (set[WEEKDAY] >> 7));
	cron->minute_star = star[MINUTE];
	cron->day_star = star[DAY];
	cron->weekday_star = star[WEEKDAY];
	return true;
}

/* What follows "every": "10 s", "5min", "hour". */
static bool
read_every(const char *text, size_t len, ErrandCron *cron, const char **why)
{
	size_t digits = 0;
	int64_t count = 1;

	errand_ascii_trim(&text, &len);
	while (digits < len && errand_ascii_is_digit(text[digits]))
		digits++;
	*why = "its interval cannot be read";
	if (digits > 0 && !errand_ascii_uint(text, digits, 9, &count))
		return false;
	text += digits;
	len -= digits;
	errand_ascii_trim(&text, &len);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
	{
		if (errand_ascii_equals(text, len, units[i].name))
		{
			cron->every_s = count * units[i].seconds;
			if (cron->every_s >= ERRAND_EVERY_MIN_S && cron->every_s <= ERRAND_EVERY_MAX_S)
				return true;
			*why = "its interval is not between 1 second and 366 days";
			return false;
		}
	}
	return false;
}

static bool
read_macro(const char *name, size_t len, ErrandCron *cron, const char **why)
{
	for (size_t i = 0; i < sizeof(macros) / sizeof(macros[0]); i++)
		if (errand_ascii_equals(name, len, macros[i].name))
			return read_fields(macros[i].meaning, strlen(macros[i].meaning), cron, why);
	*why = "it begins with \"@\" but is none of @yearly, @monthly, @weekly, @daily and @hourly";
	return false;
}

bool
errand_cron_parse(const char *text, size_t len, ErrandCron *cron, const char **why)
{
	const char *ignored;
	const char *rest = text;
	size_t rest_len = len;
	const char *word;
	size_t word_len;

	if (why == NULL)
		why = &ignored;
	memset(cron, 0, sizeof(*cron));
	if (!next_word(&rest, &rest_len, &word, &word_len))
	{
		*why = "it is empty";
		return false;
	}
	if (errand_ascii_equals(word, word_len, "every"))
		return read_every(rest, rest_len, cron, why);
	if (word[0] == '@')
	{
		errand_ascii_trim(&text, &len);
		return read_macro(text, len, cron, why);
	}
	return read_fields(text, len, cron, why);
}
