-- What goes on after the demo's first thousands, so that its dashboard has
-- something to show: about ten tasks a second, in waves.  Three schedules, which
-- `make demo-stop` ends with the cluster.  The variables are the base URLs.

-- a few of everything
CREATE FUNCTION demo_trickle(a jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_wave integer := 8 + round(5 * sin(extract(epoch FROM now()) / 60));
BEGIN
    PERFORM errand.http_get(a ->> 'web' || '/static/1k.json', queue => 'files') FROM generate_series(1, v_wave);
    PERFORM errand.http_get(a ->> 'web' || '/api/items', params => jsonb_build_object('page', n), queue => 'api')
    FROM generate_series(1, v_wave / 2) AS n;
    PERFORM errand.http_get(a ->> 'delay' || '/delay/' || (200 + random() * 1800)::integer, queue => 'slow')
    FROM generate_series(1, 2);
    IF random() < 0.5 THEN
        PERFORM errand.http_get(a ->> 'flaky' || '/flaky/1', backoff_base => '800 ms', queue => 'flaky', tags => ARRAY['flaky']);
    END IF;
    IF random() < 0.3 THEN
        PERFORM errand.http_get(a ->> 'fail' || '/404', queue => 'failing', tags => ARRAY['lost']);
    END IF;
END $$;

-- three pages at once, then what is made of them
CREATE FUNCTION demo_workflow(a jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_group bigint := errand.open_group('users ' || to_char(now(), 'HH24:MI:SS'), fail_fast => false);
    v_pages bigint[];
    v_names bigint;
BEGIN
    v_pages := ARRAY(SELECT errand.http_get(a ->> 'web' || '/api/users/' || n, queue => 'api', task_group => v_group)
                     FROM generate_series(1, 3) AS n);
    v_names := errand.call('demo_names(jsonb)', after => v_pages, queue => 'reports', task_group => v_group);
    PERFORM errand.http_post(a ->> 'web' || '/api/echo', '{"done": true}', after => ARRAY[v_names], queue => 'api', task_group => v_group);
    PERFORM errand.close_group(v_group);
END $$;

-- a handler that takes a while, and says how far it is
CREATE FUNCTION demo_report(a jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..40 LOOP
        PERFORM pg_sleep(0.15);
        PERFORM errand.set_progress(i / 40.0, format('page %s of 40', i));
    END LOOP;
    RETURN '{"pages": 40}';
END $$;

SELECT errand.schedule('trickle', 'every 1 s', 'sql', jsonb_build_object('function', 'demo_trickle(jsonb)', 'args', v.args), queue => 'demo'),
    errand.schedule('workflow', 'every 20 s', 'sql', jsonb_build_object('function', 'demo_workflow(jsonb)', 'args', v.args), queue => 'demo'),
    errand.schedule('report', 'every 15 s', 'sql', jsonb_build_object('function', 'demo_report(jsonb)'), queue => 'reports')
FROM (SELECT jsonb_build_object('web', :'web', 'delay', :'delay', 'flaky', :'flaky', 'fail', :'fail')) AS v (args);
