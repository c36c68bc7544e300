-- Schedules: what is refused, when they are due, whose they are, and what firing writes.
\ir common.psql
BEGIN;
SELECT plan(84);
-- no schedule of this file may fire by itself
SELECT errand.pause_all() \g /dev/null
CREATE FUNCTION pg_temp.next(cron text, zone text, now text, n integer DEFAULT 1) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    at timestamptz := now::timestamptz;
    list text[] := '{}';
BEGIN
    FOR i IN 1..n LOOP
        at := errand._next_run(cron, zone, at);
        list := list || to_char(at AT TIME ZONE 'UTC', 'MM-DD HH24:MI:SS');
    END LOOP;
    RETURN array_to_string(list, ', ');
END $$;

-- when: fields, names, steps, macros, intervals
SELECT is(pg_temp.next('*/15 * * * *', 'UTC', '2026-01-31 23:50Z', 2), '02-01 00:00:00, 02-01 00:15:00', 'steps, over the end of a month');
SELECT is(pg_temp.next('0 9 * * mon-fri', 'UTC', '2026-11-20 09:00Z', 2), '11-23 09:00:00, 11-24 09:00:00', 'working days: not the instant itself');
SELECT is(pg_temp.next('0 0 29 2 *', 'UTC', '2026-01-01Z'), '02-29 00:00:00', 'leap days: years ahead');
SELECT is(errand._next_run('0 0 29 2 *', 'UTC', '2026-01-01Z'), '2028-02-29Z'::timestamptz, 'leap days: in 2028');
SELECT is(pg_temp.next('0 0 13 * fri', 'UTC', '2026-11-08Z', 3), '11-13 00:00:00, 11-20 00:00:00, 11-27 00:00:00', 'day and weekday: either');
SELECT is(pg_temp.next('5,35 8-10/2 1 jan,jul *', 'UTC', '2026-06-30Z', 5), '07-01 08:05:00, 07-01 08:35:00, 07-01 10:05:00, 07-01 10:35:00, 01-01 08:05:00', 'lists, ranges with steps, names');
SELECT is(pg_temp.next('0 0 * * 7', 'UTC', '2026-11-22 00:00Z'), '11-29 00:00:00', 'Sunday is 7, too');
SELECT is(pg_temp.next('@hourly', 'UTC', '2026-11-22 10:30Z'), '11-22 11:00:00', '@hourly');
SELECT is(pg_temp.next('@daily', 'Europe/Berlin', '2026-11-22 10:30Z'), '11-22 23:00:00', '@daily, in a zone');
SELECT is(pg_temp.next('@weekly', 'UTC', '2026-11-22 10:30Z'), '11-29 00:00:00', '@weekly');
SELECT is(pg_temp.next('@monthly', 'UTC', '2026-11-22 10:30Z'), '12-01 00:00:00', '@monthly');
SELECT is(pg_temp.next('@yearly', 'Asia/Kathmandu', '2026-11-22 10:30Z'), '12-31 18:15:00', '@yearly, at no whole hour');
SELECT is(pg_temp.next('every 10 s', 'UTC', '2026-11-22 10:30:07.9Z', 3), '11-22 10:30:10, 11-22 10:30:20, 11-22 10:30:30', 'every 10 s');
SELECT is(pg_temp.next('every 90 min', 'UTC', '2026-11-22 00:00Z', 2), '11-22 01:30:00, 11-22 03:00:00', 'every 90 min');
-- clocks go forward: what is skipped is due right after; every hour goes on evenly
SELECT is(pg_temp.next('30 2 * * *', 'Europe/Berlin', '2026-03-28 02:00Z', 3), '03-29 01:00:00, 03-30 00:30:00, 03-31 00:30:00', 'Berlin, March: 02:30 does not exist');
SELECT is(pg_temp.next('30 * * * *', 'Europe/Berlin', '2026-03-29 00:00Z', 3), '03-29 00:30:00, 03-29 01:30:00, 03-29 02:30:00', 'Berlin, March: every hour');
SELECT is(pg_temp.next('0 3 * * *', 'Europe/Berlin', '2026-03-28 12:00Z', 2), '03-29 01:00:00, 03-30 01:00:00', 'Berlin, March: right after the gap, once');
SELECT is(pg_temp.next('15 2 8 3 *', 'America/New_York', '2026-01-01Z'), '03-08 07:00:00', 'New York, March');
SELECT is(pg_temp.next('0 0 * * *', 'America/Havana', '2026-03-07 12:00Z', 2), '03-08 05:00:00, 03-09 04:00:00', 'Havana: midnight itself is skipped');
-- clocks go back: what comes twice is due once; every hour goes on evenly
SELECT is(pg_temp.next('30 2 * * *', 'Europe/Berlin', '2026-10-24 12:00Z', 2), '10-25 00:30:00, 10-26 01:30:00', 'Berlin, October: 02:30 comes twice');
SELECT is(pg_temp.next('30 * * * *', 'Europe/Berlin', '2026-10-25 00:00Z', 3), '10-25 00:30:00, 10-25 01:30:00, 10-25 02:30:00', 'Berlin, October: every hour');
SELECT is(pg_temp.next('*/30 2 * * *', 'Europe/Berlin', '2026-10-24 23:00Z', 4), '10-25 00:00:00, 10-25 00:30:00, 10-25 01:00:00, 10-25 01:30:00', 'Berlin, October: a minute field with a star goes on');
SELECT is(pg_temp.next('30 1 1 11 *', 'America/New_York', '2026-06-01Z', 1), '11-01 05:30:00', 'New York, November: the first of the two');
SELECT is(pg_temp.next('0 2 * * *', 'Australia/Lord_Howe', '2026-10-03 00:00Z', 2), '10-03 15:30:00, 10-04 15:00:00', 'Lord Howe: half an hour');
SELECT is(pg_temp.next('30 4 * * *', 'Asia/Kolkata', '2026-11-22 00:00Z'), '11-22 23:00:00', 'Kolkata: no change');
SELECT is(errand._next_run('0 0 30 2 *', 'UTC', now()), NULL, '30 February: never');
SELECT is(errand._next_run('@hourly', 'UTC', 'infinity'), NULL, 'after the end of time: never');

-- what is refused, with a hint that says why
CREATE FUNCTION pg_temp.refused(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    EXECUTE query;
    RETURN 'none';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN SQLSTATE || ' ' || hint;
END $$;
CREATE FUNCTION pg_temp.schedule(cron text, more text DEFAULT '') RETURNS text LANGUAGE sql AS $$
    SELECT pg_temp.refused(format('SELECT errand.schedule(%L, %L, ''http'', ''{"url": "http://errand.test/"}''%s)', 'tap refused', cron, more))
$$;
SELECT alike(pg_temp.schedule('* * * *'), '22023 %fewer than five fields%', 'four fields');
SELECT alike(pg_temp.schedule('* * * * * *'), '22023 %more than five fields%', 'six fields');
SELECT alike(pg_temp.schedule('60 * * * *'), '22023 %minute field%', 'minute 60');
SELECT alike(pg_temp.schedule('0 24 * * *'), '22023 %hour field%', 'hour 24');
SELECT alike(pg_temp.schedule('0 0 0 * *'), '22023 %day-of-month field%', 'day 0');
SELECT alike(pg_temp.schedule('0 0 1 nox *'), '22023 %month field%', 'no such month');
SELECT alike(pg_temp.schedule('0 0 * * 8'), '22023 %day-of-week field%', 'weekday 8');
SELECT alike(pg_temp.schedule('*/0 * * * *'), '22023 %step that is 0%', 'step 0');
SELECT alike(pg_temp.schedule('@reboot'), '22023 %@hourly%', 'no such macro');
SELECT alike(pg_temp.schedule('every 0 s'), '22023 %between 1 second%', 'every 0 s');
SELECT alike(pg_temp.schedule('every fortnight'), '22023 %interval cannot be read%', 'every fortnight');
SELECT alike(pg_temp.schedule(''), '22023 %empty%', 'nothing');
SELECT alike(pg_temp.schedule('0 0 31 2 *'), '22023 %', 'a time that never comes');
SELECT alike(pg_temp.schedule('@daily', ', timezone => ''Europe/Atlantis'''), '22023 %pg_timezone_names%', 'no such time zone');
SELECT alike(pg_temp.schedule('@daily', ', timezone => NULL'), '22023 %', 'no time zone');
SELECT alike(pg_temp.schedule('@daily', ', priority => 40000'), '22023 %', 'an option that cannot be');
SELECT alike(pg_temp.schedule('@daily', ', deadline => ''-1 s'''), '22023 %', 'another');
SELECT alike(pg_temp.schedule('@daily', ', key => '''''), '22023 %', 'an empty key');
SELECT alike(pg_temp.refused($$SELECT errand.schedule('tap refused', '@daily', 'no such type')$$), '42704 %', 'no such task type');
SELECT alike(pg_temp.refused($$SELECT errand.schedule('tap refused', '@daily', 'http')$$), '22023 %', 'a payload without a URL');
SELECT alike(pg_temp.refused($$SELECT errand.schedule('tap refused', '@daily', NULL)$$), '22023 %', 'no task type');
SELECT alike(pg_temp.refused($$SELECT errand.schedule(E'a\nb', '@daily', 'http', '{"url": "http://errand.test/"}')$$), '22023 %', 'a name with a line break');
SELECT alike(pg_temp.refused($$SELECT errand.schedule(NULL, '@daily', 'http', '{"url": "http://errand.test/"}')$$), '22023 %', 'no name');
SELECT is((SELECT count(*)::int FROM errand.schedule WHERE name = 'tap refused'), 0, 'nothing of it stays');

-- whose they are
SELECT is(t.by('tap_alice', $$SELECT errand.schedule('tap a', '@daily', 'http', '{"url": "http://errand.test/a"}', tags => '{x,y}', queue => 'tap q', priority => 7)$$), '', 'submit: may schedule');
SELECT is(t.by('tap_mona', $$SELECT errand.schedule('tap m', '@daily', 'http', '{"url": "http://errand.test/a"}')$$), '42501', 'monitor: may not');
SELECT is(t.by('tap_bob', 'SELECT count(*) FROM errand.schedules'), '0', 'others do not see it');
SELECT is(t.by('tap_mona', 'SELECT count(*) FROM errand.schedules WHERE name = ''tap a'''), '1', 'monitor does');
SELECT is((SELECT row(name, cron, timezone, task, paused, last_run, last_state, overlap, owner, queue)::text FROM errand.schedules WHERE name = 'tap a'),
    '("tap a",@daily,UTC,http,f,,,f,tap_alice,"tap q")', 'errand.schedules');
SELECT is(t.by('tap_bob', $$SELECT errand.schedule('tap a', '@daily', 'http', '{"url": "http://errand.test/b"}')$$), '42501', 'its name is taken');
SELECT is(t.by('tap_adam', $$SELECT errand.schedule('tap a', '@daily', 'http', '{"url": "http://errand.test/b"}')$$), '42501', 'not even an admin says what alice runs');
SELECT is(t.by('tap_bob', $$SELECT errand.unschedule('tap a')$$), 'false', 'others cannot end it');
SELECT is(t.by('tap_bob', $$SELECT errand.pause_schedule('tap a')$$), '42704', 'nor pause it');
SELECT is(t.by('tap_adam', $$SELECT errand.pause_schedule('tap a')$$), '', 'an admin can pause it');
SELECT is((SELECT row(paused, next_run)::text FROM errand.schedules WHERE name = 'tap a'), '(t,)', 'paused: no next run');
SELECT is(t.by('tap_alice', $$SELECT errand.schedule('tap a', '@weekly', 'http', '{"url": "http://errand.test/a"}', queue => 'tap q', priority => 7, tags => '{x,y}')$$), '', 'redefining replaces');
SELECT is((SELECT row(cron, paused)::text FROM errand.schedules WHERE name = 'tap a'), '(@weekly,t)', '... and leaves the pause');
SELECT is(t.by('tap_alice', $$SELECT errand.resume_schedule('tap a')$$), '', 'resume');
SELECT is((SELECT next_run = errand._next_run('@weekly', 'UTC', now()) FROM errand.schedules WHERE name = 'tap a'), true, '... goes on at the next time');
SELECT is(t.by('tap_bob', 'SELECT count(*) FROM errand.schedule'), '42501', 'the table is out of reach');

-- firing: the run and the next time
CREATE FUNCTION pg_temp.due(name text, at timestamptz) RETURNS void LANGUAGE sql AS 'UPDATE errand.schedule AS s SET next_run = at WHERE s.name = $1';
CREATE FUNCTION pg_temp.fire(now timestamptz) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(coalesce(f.problem, f.state::text, 'boxed'), '; ') FROM errand._schedules_fire(now, 10) AS f $$;
SELECT is(pg_temp.fire('2000-01-01'), NULL, 'nothing is due');
SELECT pg_temp.due('tap a', '2026-11-01Z') \g /dev/null
SELECT is(pg_temp.fire('2026-11-22 10:00Z'), 'q', 'three runs missed: one is made up');
SELECT is(pg_temp.fire('2026-11-22 10:00Z'), NULL, '... and no more');
SELECT is((SELECT row(next_run, last_run, last_state, runs, skipped, skip_reason)::text FROM errand.schedules WHERE name = 'tap a'),
    row('2026-11-29Z'::timestamptz, '2026-11-22 10:00Z'::timestamptz, 'ready', 1, 0, NULL)::text, '... then the next regular time');
SELECT is((SELECT row(t.owner, t.queue, t.priority, t.tags, t.run_at)::text FROM errand.tasks AS t JOIN errand.schedules AS s ON s.last_task = t.id WHERE s.name = 'tap a'),
    row('tap_alice', 'tap q', 7, '{x,y}'::text[], '2026-11-01Z'::timestamptz)::text, '... as the creator, with the options');
SELECT is(t.by('tap_alice', 'SELECT count(*) FROM errand.schedule_runs WHERE schedule = ''tap a'' AND due_at = ''2026-11-01Z'''), '1', '... and noted as a run');
SELECT is(pg_temp.fire('2026-11-29 00:00:00.5Z'), (SELECT 'its last run, task ' || last_task || ', was not over' FROM errand.schedules WHERE name = 'tap a'), 'no overlap');
SELECT is((SELECT row(next_run, runs, skipped)::text FROM errand.schedules WHERE name = 'tap a'), row('2026-12-06Z'::timestamptz, 1, 1)::text, '... is counted as skipped');
SELECT errand.cancel(last_task) FROM errand.schedules WHERE name = 'tap a' \g /dev/null
SELECT pg_temp.due('tap a', '2026-11-01Z') \g /dev/null
SELECT is(pg_temp.fire('2026-11-10Z') ~ '^it ran at', true, 'a time that comes again is passed over');
SELECT pg_temp.due('tap a', '2026-11-08Z') \g /dev/null
SELECT is(pg_temp.fire('2026-11-10Z'), 'q', 'others are not');

-- what stands in the way of one does not stop the others
SELECT errand.cancel(last_task) FROM errand.schedules WHERE name = 'tap a' \g /dev/null
SELECT errand.schedule('tap b', '@daily', 'http', '{"url": "http://errand.test/b"}', key => 'tap key') \g /dev/null
UPDATE errand.schedule SET owner = 'somebody' WHERE name = 'tap a';
SELECT pg_temp.due('tap a', '2026-11-15Z'), pg_temp.due('tap b', '2026-11-15 01:00Z') \g /dev/null
SELECT is(pg_temp.fire('2026-11-15 12:00Z'), 'role changed: the role "somebody" was dropped or renamed; boxed', 'an owner who is gone; a key goes to the outbox');
SELECT is((SELECT row(o.box IS NOT NULL, o.blocked, o.state)::text FROM errand._outbox_submit(0, now()) AS o), '(t,f,q)', 'the outbox is submitted');
SELECT is((SELECT t.key FROM errand.tasks AS t JOIN errand.schedule_runs AS r ON r.task_id = t.id WHERE r.schedule = 'tap b'), 'tap key', '... and its run noted');
SELECT is((SELECT box FROM errand._outbox_submit(0, now())), NULL, '... once');
SELECT is(errand.unschedule('tap b'), true, 'unschedule');
SELECT is(errand.unschedule('tap b'), false, '... once');
SELECT is((SELECT count(*)::int FROM errand.schedule_run WHERE schedule = 'tap b'), 0, '... with what it ran');
SELECT * FROM finish();
ROLLBACK;
