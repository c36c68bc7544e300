-- A pool of workers, and a queue that lets at most three requests run at once,
-- however many workers there are. The number of workers is a setting:
--     ALTER SYSTEM SET errand.workers = 5;    -- and restart the server
\ir common.psql
SELECT current_setting('errand.workers') AS workers;

SELECT errand.define_queue('example pool', max_running => 3) \g /dev/null
CREATE TEMP TABLE before AS SELECT pid, settled FROM errand.stat_workers WHERE kind = 'worker';

CREATE TEMP TABLE job AS
SELECT errand.http_get(:'web' || CASE WHEN n % 10 = 0 THEN '/missing' ELSE '/slow/' || n END, queue => 'example pool') AS id
FROM generate_series(1, 30) AS n;

-- Drain: no new tasks are let in, and it returns when the queue is empty.
SELECT errand.drain_queue('example pool', '1 min') AS drained;
-- Stop: nothing of this queue is claimed until resume_queue().
SELECT errand.pause_queue('example pool') \g /dev/null
SELECT queue, paused, depth, running FROM errand.stat_queues WHERE queue = 'example pool';

SELECT count(*) AS total, count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE state = 'failed') AS failed
FROM job JOIN errand.tasks USING (id);

-- How many ran at once at most: at each start, those that had not ended.
SELECT max(running) AS most_at_once
FROM (SELECT count(*) AS running
      FROM errand.attempts AS a JOIN errand.attempts AS b ON b.started_at <= a.started_at AND b.finished_at > a.started_at
      WHERE a.task_id IN (SELECT id FROM job) AND b.task_id IN (SELECT id FROM job)
      GROUP BY a.task_id, a.attempt) AS starts;

-- What each worker did; workers that lie idle are there for other queues.
SELECT row_number() OVER (ORDER BY w.pid) AS worker, w.state, w.settled - coalesce(b.settled, 0) AS settled,
    w.succeeded AS succeeded_ever, w.failed AS failed_ever, round(w.cpu_seconds::numeric, 2) AS cpu_seconds
FROM errand.stat_workers AS w LEFT JOIN before AS b USING (pid)
WHERE w.kind = 'worker';

SELECT errand.resume_queue('example pool') \g /dev/null
