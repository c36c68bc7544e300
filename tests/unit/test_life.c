/*
 * test_life.c
 *		The life of tasks, hosts and suspects, driven by random steps: whatever
 *		happens in whatever order, what must hold does, and the same seed leaves
 *		the same trace.
 *
 * ERRAND_LIFE_STEPS=1000000 takes that many steps for each of the hundred seeds.
 */
#include "unit.h"

#include "breaker.h"
#include "bucket.h"
#include "poison.h"
#include "retry.h"

#define SEEDS 100
#define SECOND INT64_C(1000000)

static uint64_t
mix(uint64_t trace, uint64_t value)
{
	return (trace ^ value) * UINT64_C(1099511628211) + 1;
}

static long
steps_to_take(void)
{
	const char *text = getenv("ERRAND_LIFE_STEPS");

	return text != NULL ? atol(text) : 3000;
}

/* ---- one task after another, attempt by attempt ---- */

typedef struct Life
{
	ErrandRetryInput in; /* what does not change with attempts */
	int attempts;
	int failures;
	int64_t left_ms; /* until the deadline; negative: none */
	bool sent;		 /* at_most_once: a byte has left */
} Life;

static void
begin(Life *life, Random *r)
{
	*life = (Life){
		.in = {.success_lo = 200,
			   .success_hi = random_below(r, 4) == 0 ? 500 : 300,
			   .max_attempts = (int) random_below(r, 12),
			   .at_most_once = random_below(r, 3) == 0,
			   .backoff = (ErrandBackoff) random_below(r, 3),
			   .base_ms = (int64_t) random_below(r, 100000),
			   .factor = 1 + random_unit(r) * 3,
			   .max_ms = (int64_t) random_below(r, 10000000)},
		.left_ms = random_below(r, 2) == 0 ? -1 : (int64_t) random_below(r, 100000000),
	};
}

/* What comes of the next attempt. */
static void
happen(Life *life, Random *r)
{
	static const int statuses[] = {200, 204, 301, 400, 404, 408, 425,
								   429, 500, 501, 503, 505, 599, 0};

	life->in.failure = random_below(r, 3) == 0 ?
						   ERRAND_FAIL_NONE :
						   (ErrandFailure) random_below(r, ERRAND_FAIL_INTERNAL + 1);
	life->in.status = statuses[random_below(
		r, life->in.failure == ERRAND_FAIL_NONE ? LENGTH_OF(statuses) - 1 : LENGTH_OF(statuses))];
	life->in.bytes_sent = life->in.failure == ERRAND_FAIL_NONE || random_below(r, 2) == 0;
	life->in.cancelled = random_below(r, 20) == 0;
	life->in.retry_after_ms = random_below(r, 5) == 0 ? (int64_t) random_below(r, 200000000) : -1;
	life->in.failures_before = life->failures;
	life->in.deadline_left_ms = life->left_ms;
	life->in.random01 = random_unit(r);
}

static void
holds(const Life *life, ErrandDecision d)
{
	const ErrandRetryInput *in = &life->in;
	bool success = in->failure == ERRAND_FAIL_NONE && in->status >= in->success_lo &&
				   in->status < in->success_hi;

	assert_true(success == (d.verdict == ERRAND_VERDICT_SUCCEEDED));
	if (!success && in->cancelled)
		assert_int_equal(d.verdict, ERRAND_VERDICT_CANCELLED);
	if (d.verdict == ERRAND_VERDICT_UNKNOWN)
		assert_true(in->at_most_once && in->bytes_sent);
	if (d.verdict != ERRAND_VERDICT_RETRY)
	{
		assert_int_equal(d.delay_ms, 0);
		return;
	}
	assert_false(in->at_most_once && in->bytes_sent);
	assert_true(life->failures + 1 < (in->max_attempts < 1 ? 1 : in->max_attempts));
	assert_true(d.delay_ms >= 1);
	assert_true(in->deadline_left_ms < 0 || d.delay_ms < in->deadline_left_ms);
	assert_true(d.delay_ms <= ERRAND_BACKOFF_LIMIT_MS);
	if (in->retry_after_ms < 0)
		assert_true(d.delay_ms <= (in->max_ms < 1 ? 1 : in->max_ms));
	else
		assert_true(d.delay_ms >= (in->retry_after_ms < ERRAND_RETRY_AFTER_MAX_MS ?
									   in->retry_after_ms :
									   ERRAND_RETRY_AFTER_MAX_MS));
}

static uint64_t
live(Random *r, long steps)
{
	uint64_t trace = 0;
	Life life;

	begin(&life, r);
	while (steps-- > 0)
	{
		ErrandDecision d;

		happen(&life, r);
		life.attempts++;
		/* what left once never leaves again */
		assert_false(life.in.at_most_once && life.sent);
		life.sent = life.sent || life.in.bytes_sent;
		d = errand_decide(&life.in);
		holds(&life, d);
		trace = mix(mix(trace, d.verdict), (uint64_t) d.delay_ms);
		if (d.verdict != ERRAND_VERDICT_RETRY)
		{
			assert_true(life.attempts <= (life.in.max_attempts < 1 ? 1 : life.in.max_attempts));
			begin(&life, r);
			continue;
		}
		life.failures++;
		life.left_ms = life.left_ms < 0 ? -1 : life.left_ms - d.delay_ms;
	}
	return trace;
}

/* ---- a host: its circuit and its rate ---- */

static uint64_t
visit(Random *r, long steps)
{
	double rate = 1 + (double) random_below(r, 200);
	int most = (int) (rate * 1.1 > rate + 1 ? rate * 1.1 : rate + 1);
	int64_t now = SECOND, held_until = 0, taken[512] = {0};
	ErrandBreaker b;
	ErrandBucket bucket;
	uint64_t trace = 0;
	int probes = 0, n = 0;

	errand_breaker_init(&b, 1 + (int) random_below(r, 5), SECOND, 60 * SECOND);
	errand_bucket_init(&bucket, rate, now);
	while (steps-- > 0)
	{
		ErrandBreakerState before = b.state;

		now += (int64_t) random_below(r, random_below(r, 50) == 0 ? 5 * SECOND : SECOND / 100);
		if (random_below(r, 200) == 0)
		{
			held_until = now + (int64_t) random_below(r, 3 * SECOND);
			errand_breaker_hold(&b, held_until);
		}
		if (errand_breaker_wait(&b, now) == 0)
		{
			assert_true(now >= held_until);
			assert_true(errand_breaker_allow(&b, now));
			probes = before == ERRAND_BREAKER_CLOSED ? 0 : probes + 1;
			assert_true(before == ERRAND_BREAKER_CLOSED || b.state == ERRAND_BREAKER_HALF_OPEN);
			if (errand_bucket_take(&bucket, now) == 0)
			{
				/* of the last "most" tokens and this one the first is more than a second old */
				if (n >= most && most < (int) LENGTH_OF(taken))
					assert_true(now - taken[(n - most) % LENGTH_OF(taken)] >= SECOND - 1);
				taken[n++ % LENGTH_OF(taken)] = now;
			}
			switch (random_below(r, 4))
			{
				case 0:
				case 1:
					errand_breaker_success(&b);
					break;
				case 2:
					errand_breaker_failure(&b, now);
					break;
				default:
					errand_breaker_release(&b);
			}
		}
		else
			assert_false(errand_breaker_allow(&b, now));
		if (b.state == ERRAND_BREAKER_CLOSED)
			assert_true(b.failures < b.threshold);
		if (b.state == ERRAND_BREAKER_OPEN)
			assert_true(b.until_us - now <= b.max_open_us);
		trace = mix(mix(trace, b.state), (uint64_t) errand_breaker_wait(&b, now));
	}
	return mix(trace, (uint64_t) (n + probes));
}

/* ---- a crash: one of some tasks crashes the server whenever it runs ---- */

typedef struct Suspect
{
	int falls, alone, group; /* group 0: none */
	bool done, failed;
} Suspect;

#define CROWD 64

static int
size_of(const Suspect *all, int n, int group)
{
	int size = 0;

	for (int i = 0; i < n; i++)
		size += !all[i].done && !all[i].failed && all[i].group == group;
	return size;
}

/* All of a group were in flight at a fall; a half of it may be moved into a new one. */
static void
fall(Suspect *all, int n, int group, int *groups)
{
	int size = size_of(all, n, group);
	int half = errand_fall_first_half(size), seen = 0, made = ++*groups;

	assert_true(size < 2 || (half >= 1 && half < size));
	for (int i = 0; i < n; i++)
	{
		Suspect *s = &all[i];
		ErrandFall f;

		if (s->done || s->failed || s->group != group)
			continue;
		s->falls++;
		s->alone += group > 0 && size == 1;
		f = (ErrandFall){.falls = s->falls,
						 .restarts = 0,
						 .alone_falls = s->alone,
						 .group_size = size,
						 .in_group = group > 0};
		switch (errand_fall_decide(&f))
		{
			case ERRAND_FALL_READY:
				assert_true(group == 0 && s->falls < ERRAND_FALL_SUSPECT_AFTER);
				break;
			case ERRAND_FALL_SUSPECT:
				assert_true(group == 0 && s->falls >= ERRAND_FALL_SUSPECT_AFTER);
				s->group = made;
				break;
			case ERRAND_FALL_SPLIT:
				assert_true(group > 0 && size > 1);
				if (seen++ < half)
					s->group = made;
				break;
			case ERRAND_FALL_ALONE_AGAIN:
				assert_true(size == 1 && s->alone < ERRAND_FALL_ALONE_MAX);
				break;
			case ERRAND_FALL_FAILED:
				assert_true(size == 1 && s->alone >= ERRAND_FALL_ALONE_MAX);
				s->failed = true;
		}
	}
}

/* Returns how many falls it took. */
static int
find_poison(Random *r)
{
	Suspect all[CROWD] = {0};
	int n = 1 + (int) random_below(r, CROWD), guilty = (int) random_below(r, (uint64_t) n),
		groups = 0, falls = 0;

	while (!all[guilty].failed)
	{
		/* suspects run group by group; else all that are free run at once */
		int group = all[guilty].group;

		for (int i = 0; i < n; i++)
		{
			/* those who are not beside it succeed, sooner or later, and clear their groups */
			if (i != guilty && !all[i].done && all[i].group != group && random_below(r, 2) == 0)
				all[i].done = true;
		}
		fall(all, n, group, &groups);
		assert_true(++falls < 40);
	}
	for (int i = 0; i < n; i++)
		assert_true(i == guilty || !all[i].failed);
	/* two among others, one for each halving, two alone */
	assert_true(falls <= ERRAND_FALL_SUSPECT_AFTER + 6 + ERRAND_FALL_ALONE_MAX);
	return falls;
}

static uint64_t
crash(Random *r, long steps)
{
	uint64_t trace = 0;

	for (long i = 0; i < steps / 100; i++)
		trace = mix(trace, (uint64_t) find_poison(r));
	return trace;
}

/* ---- all of it, from a hundred seeds ---- */

static void
drive(uint64_t (*walk)(Random *r, long steps), const char *what)
{
	Random first = seeded_random(what);

	for (int i = 0; i < SEEDS; i++)
	{
		Random a = {first.state + (uint64_t) i}, b = a;
		long steps = steps_to_take();
		uint64_t trace = walk(&a, steps);

		if (i % 10 == 0)
			assert_true(walk(&b, steps) == trace);
	}
}

static void
test_tasks(void **state)
{
	(void) state;
	drive(live, "tasks");
}

static void
test_hosts(void **state)
{
	(void) state;
	drive(visit, "hosts");
}

static void
test_poison(void **state)
{
	(void) state;
	drive(crash, "crashes");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tasks),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_poison),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
