-- What became of the demo's tasks, by queue.
SELECT t.queue,
    count(*) AS tasks,
    count(*) FILTER (WHERE t.state = 'succeeded') AS succeeded,
    count(*) FILTER (WHERE t.state = 'failed') AS failed,
    sum(t.attempt) AS attempts,
    round(s.run_p50_ms::numeric, 1) AS run_p50_ms,
    round(s.run_p95_ms::numeric, 1) AS run_p95_ms
FROM errand.tasks AS t LEFT JOIN errand.stat_queues AS s ON s.queue = t.queue
GROUP BY t.queue, s.run_p50_ms, s.run_p95_ms
ORDER BY count(*) DESC;
