-- The transitions of a task, driven by random steps from seeds: after each step a
-- task is in one place, its attempts are 1 to n, and what is final stays so but by
-- retry(). Nothing of it commits.
\ir common.psql
BEGIN;
SELECT plan(11);
DELETE FROM errand.ready;
DELETE FROM errand.later;
DELETE FROM errand.suspect;
DELETE FROM errand.deadline;
DELETE FROM errand.outcome;
DELETE FROM errand.attempt;
DELETE FROM errand.task_key;
DELETE FROM errand.task;
CREATE SEQUENCE pg_temp.token;
CREATE TEMP TABLE trace (n serial, step text, id bigint);

CREATE FUNCTION pg_temp.put() RETURNS bigint LANGUAGE sql AS $$
    SELECT errand.http_get('http://errand.test/', queue => (ARRAY['a', 'b', 'c'])[1 + (random() * 2)::int], priority => (random() * 2)::int,
        run_at => CASE WHEN random() < 0.2 THEN now() + '1 h'::interval END, delivery => CASE WHEN random() < 0.3 THEN 'at_most_once' END)
$$;
CREATE FUNCTION pg_temp.claim() RETURNS bigint LANGUAGE sql AS $$
    SELECT min(c.id)
    FROM (SELECT array_agg(queue ORDER BY n) AS q, array_agg(priority ORDER BY n) AS p FROM errand._pairs() WITH ORDINALITY AS x (queue, priority, role, n)) AS pairs,
        errand._claim(nextval('pg_temp.token'), 5, 6, '2020-01-01', 7, pairs.q, pairs.p, array_fill(0::bigint, ARRAY[cardinality(pairs.q)]),
            array_fill(3, ARRAY[cardinality(pairs.q)]), 1 + (random() * 4)::int, now()) AS c
    WHERE pairs.q IS NOT NULL
$$;

-- One that runs, of a random lease, or none.
CREATE TYPE pg_temp.running AS (id bigint, attempt integer, run smallint, failures smallint, token bigint);
CREATE FUNCTION pg_temp.any_run() RETURNS pg_temp.running LANGUAGE sql AS $$
    -- an older lease may name the task, too, with an attempt that is over
    SELECT ROW(r.id, r.attempt, r.run, u.f, l.token)::pg_temp.running
    FROM errand.lease AS l CROSS JOIN LATERAL unnest(l.ids, l.attempts, l.failures) AS u (i, a, f)
    JOIN errand.runs AS r ON r.id = u.i AND r.attempt = u.a ORDER BY random() LIMIT 1
$$;
CREATE FUNCTION pg_temp.drop_leases() RETURNS void LANGUAGE sql AS $$
    SELECT errand._lease_drop(array_agg(l.token)) FROM errand.lease AS l
    WHERE NOT EXISTS (SELECT FROM errand.runs AS r WHERE r.id = ANY (l.ids)) HAVING count(*) > 0
$$;

CREATE FUNCTION pg_temp.settle() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r pg_temp.running := pg_temp.any_run();
BEGIN
    IF r.id IS NULL THEN RETURN NULL; END IF;
    PERFORM errand._lease_lock(ARRAY[r.token]);
    PERFORM errand._settle(ARRAY[r.id], ARRAY[r.attempt], ARRAY[r.run], ARRAY[(ARRAY['S', 'F', 'U', 'C'])[1 + (random() * 3)::int]::"char"], ARRAY[now()], ARRAY[now()],
        7, '{200}', '{f}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}');
    PERFORM errand._release_side(ARRAY[r.id], ARRAY[r.id], ARRAY[r.id]), pg_temp.drop_leases();
    RETURN r.id;
END $$;

-- Retried, parked, released or interrupted.
CREATE FUNCTION pg_temp.requeue() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    r pg_temp.running := pg_temp.any_run();
    s "char" := (ARRAY['r', 's', 'q', 'I'])[1 + (random() * 3)::int];
BEGIN
    IF r.id IS NULL THEN RETURN NULL; END IF;
    PERFORM errand._requeue(ARRAY[r.id], ARRAY[r.attempt], ARRAY[r.run], ARRAY[(r.failures + (s = 'r')::int)::smallint], '{0}', '{a}', ARRAY[s], ARRAY[now() + '1 h'::interval],
        ARRAY[now()], ARRAY[now()], 7, '{500}', '{f}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}', '{NULL}');
    IF s IN ('s', 'q') THEN
        PERFORM errand._lease_trim(ARRAY[r.token], ARRAY[r.id]);
    END IF;
    PERFORM pg_temp.drop_leases();
    RETURN r.id;
END $$;

-- All leases are of dead workers: each lost run goes to where chance says.
CREATE FUNCTION pg_temp.reap() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    n bigint;
BEGIN
    CREATE TEMP TABLE dead ON COMMIT DROP AS SELECT * FROM errand._reap_take('{}', 0, now(), 2);
    CREATE TEMP TABLE lost ON COMMIT DROP AS SELECT l.*, (ARRAY['q', 'q', 'p', 'p', 'F'])[1 + (random() * 4)::int]::"char" AS state
        FROM dead AS d CROSS JOIN LATERAL errand._reap_lost(d.ids, d.attempts, d.failures, d.runs) AS l;
    UPDATE lost SET state = 'U' WHERE at_most_once;
    PERFORM errand._reap_return(array_agg(id), array_agg(attempt), array_agg(failures), array_agg(run), array_agg(state), array_agg((id % 3)::bigint),
        array_agg(0::smallint), '57P02', 'reaped', 7, now(), now()) FROM lost HAVING count(*) > 0;
    SELECT count(*) INTO n FROM lost;
    DROP TABLE dead, lost;
    RETURN n;
END $$;

CREATE FUNCTION pg_temp.one_step() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    what text := (ARRAY['put', 'put', 'claim', 'claim', 'settle', 'settle', 'requeue', 'requeue', 'reap', 'suspects', 'due', 'cancel', 'retry', 'mark'])[1 + (random() * 13)::int];
    n bigint;
BEGIN
    CASE what
        WHEN 'put' THEN n := pg_temp.put();
        WHEN 'claim' THEN n := pg_temp.claim();
        WHEN 'settle' THEN n := pg_temp.settle();
        WHEN 'requeue' THEN n := pg_temp.requeue();
        WHEN 'reap' THEN n := pg_temp.reap();
        WHEN 'suspects' THEN SELECT count(*) INTO n FROM errand._claim_suspects(nextval('pg_temp.token'), 5, 6, '2020-01-01', 7, 2, now());
        WHEN 'due' THEN SELECT count(*) INTO n FROM errand._due(now() + '2 h'::interval, 3);
        WHEN 'cancel' THEN SELECT t.id INTO n FROM errand.task AS t ORDER BY random() LIMIT 1; PERFORM errand.cancel(n) WHERE n IS NOT NULL;
        WHEN 'retry' THEN SELECT o.id INTO n FROM errand.outcome AS o WHERE o.state <> 'S' ORDER BY random() LIMIT 1; PERFORM errand.retry(n) WHERE n IS NOT NULL;
        ELSE
            SELECT r.id INTO n FROM errand.runs AS r JOIN errand.task AS t USING (id) WHERE t.at_most_once AND NOT EXISTS (SELECT FROM errand.mark AS m WHERE m.id = r.id) LIMIT 1;
            PERFORM errand._mark_sent(ARRAY[r.id], ARRAY[r.attempt]) FROM errand.runs AS r WHERE r.id = n;
    END CASE;
    INSERT INTO trace (step, id) VALUES (what, n);
    RETURN what;
END $$;

-- What is wrong, or nothing.
CREATE FUNCTION pg_temp.wrong() RETURNS text LANGUAGE sql AS $$
    WITH place AS MATERIALIZED (
        SELECT x.id, count(*) AS n FROM (
            SELECT r.id FROM errand.ready AS r UNION ALL SELECT l.id FROM errand.later AS l UNION ALL SELECT s.id FROM errand.suspect AS s
            UNION ALL SELECT r.id FROM errand.runs AS r UNION ALL SELECT o.id FROM errand.outcome AS o) AS x GROUP BY x.id
    ), used AS MATERIALIZED (
        SELECT a.task_id AS id, array_agg(a.attempt::int ORDER BY a.attempt) AS numbers FROM errand.attempts AS a GROUP BY a.task_id
    ), seen AS MATERIALIZED (SELECT s.id, s.state, s.attempt FROM errand.tasks AS s)
    SELECT string_agg(format('task %s: %s places, attempts %s, last used %s, %s', t.id, p.n, u.numbers, s.attempt, s.state), '; ')
    FROM errand.task AS t LEFT JOIN place AS p USING (id) LEFT JOIN used AS u USING (id) LEFT JOIN seen AS s USING (id)
    WHERE p.n IS DISTINCT FROM 1 OR s.id IS NULL OR coalesce(u.numbers, '{}') <> ARRAY(SELECT generate_series(1, s.attempt))
$$;

CREATE FUNCTION pg_temp.drive(seed float8, steps integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    w text;
BEGIN
    PERFORM setseed(seed);
    FOR i IN 1 .. steps LOOP
        PERFORM pg_temp.one_step();
        w := pg_temp.wrong();
        IF w IS NOT NULL THEN
            RETURN format('seed %s, step %s (%s): %s', seed, i, (SELECT step FROM trace ORDER BY n DESC LIMIT 1), w);
        END IF;
    END LOOP;
    RETURN 'all is well';
END $$;

SELECT is(pg_temp.drive(n / 10.0, 60), 'all is well', '60 random steps from seed ' || n) FROM generate_series(0, 9) AS n;
SELECT is((SELECT count(DISTINCT step)::int FROM trace WHERE id > 0), 10, 'every kind of step did something');
SELECT * FROM finish();
ROLLBACK;
