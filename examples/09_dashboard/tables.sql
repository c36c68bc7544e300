-- What the dashboard's sources fill, how their items become rows, and what one
-- reads. Both 09_dashboard.sql and public_apis.sql begin with this.

SELECT errand.drop_source(name) FROM errand.sources WHERE target LIKE 'dashboard.%';
DROP SCHEMA IF EXISTS dashboard CASCADE;
CREATE SCHEMA dashboard;

-- ---- tables: the key is what a source's on_conflict goes by ----

CREATE TABLE dashboard.quote (
    symbol text NOT NULL,
    at     timestamptz NOT NULL DEFAULT date_trunc('minute', now()),
    price  numeric NOT NULL CHECK (price > 0),
    volume bigint,
    PRIMARY KEY (symbol, at)
);
CREATE INDEX ON dashboard.quote (at);

CREATE TABLE dashboard.city (
    city      text PRIMARY KEY,
    latitude  float8 NOT NULL,
    longitude float8 NOT NULL
);
INSERT INTO dashboard.city VALUES ('Paris', 48.86, 2.35), ('Wien', 48.21, 16.37), ('Krakow', 50.06, 19.94),
    ('Lagos', 6.52, 3.38), ('Osaka', 34.69, 135.50), ('Santiago', -33.46, -70.65);

CREATE TABLE dashboard.weather (
    city    text NOT NULL REFERENCES dashboard.city,
    at      timestamptz NOT NULL,
    celsius numeric NOT NULL,
    wind    numeric,
    PRIMARY KEY (city, at)
);

CREATE TABLE dashboard.news (
    feed      text NOT NULL,
    guid      text NOT NULL,
    title     text NOT NULL,
    link      text,
    published timestamptz,
    PRIMARY KEY (feed, guid)
);

CREATE TABLE dashboard.tick (
    product  text NOT NULL,
    sequence bigint NOT NULL,
    at       timestamptz NOT NULL,
    price    numeric NOT NULL,
    PRIMARY KEY (product, sequence)
);
CREATE INDEX ON dashboard.tick (at);

CREATE TABLE dashboard.post (
    id     numeric PRIMARY KEY,
    at     timestamptz NOT NULL,
    author text,
    words  text,
    likes  integer
);

-- ---- transforms: one item in, rows out; an error rejects the item ----

CREATE FUNCTION dashboard.quote_of(item jsonb) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('symbol', item->'symbol', 'at', to_timestamp((item->>'at')::bigint),
        'price', (item->>'price')::numeric, 'volume', item->'volume');
$$;

-- The place that a weather service answers for is the nearest point of its grid.
CREATE FUNCTION dashboard.weather_of(item jsonb) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('city', c.city, 'at', to_timestamp((item#>>'{current,time}')::bigint),
        'celsius', item#>'{current,temperature_2m}', 'wind', item#>'{current,wind_speed_10m}')
    FROM dashboard.city AS c
    ORDER BY abs(c.latitude - (item->>'latitude')::float8) + abs(c.longitude - (item->>'longitude')::float8) LIMIT 1;
$$;

-- A stream says more than prices: such a message becomes no row, and that is fine.
CREATE FUNCTION dashboard.tick_of(message jsonb) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('product', message->'product_id', 'sequence', message->'sequence',
        'at', message->'time', 'price', (message->>'price')::numeric)
    WHERE message->>'type' = 'ticker';
$$;

CREATE FUNCTION dashboard.post_of(item jsonb) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('id', item->'id', 'at', (item->>'created_at')::timestamptz, 'author', item#>'{account,acct}',
        'words', left(replace(replace(replace(regexp_replace(item->>'content', '<[^>]*>', '', 'g'), '&lt;', '<'), '&gt;', '>'), '&amp;', '&'), 500),
        'likes', item->'favourites_count');
$$;

-- Prices of the last hour are enough for a dashboard.
CREATE FUNCTION dashboard.trim(args jsonb) RETURNS void LANGUAGE sql AS $$
    DELETE FROM dashboard.quote WHERE at < now() - interval '1 hour';
    DELETE FROM dashboard.tick WHERE at < now() - interval '1 hour';
$$;

-- ---- what one reads: the dashboard shows these views beside the rows of their sources ----

CREATE VIEW dashboard.moving_average AS
SELECT s.symbol, l.price, l.average, l.at
FROM (SELECT DISTINCT symbol FROM dashboard.quote WHERE at > (SELECT max(at) FROM dashboard.quote) - interval '10 min') AS s
CROSS JOIN LATERAL (
    SELECT (array_agg(t.price ORDER BY t.at DESC))[1] AS price, round(avg(t.price), 2) AS average, max(t.at) AS at
    FROM (SELECT q.at, q.price FROM dashboard.quote AS q WHERE q.symbol = s.symbol ORDER BY q.at DESC LIMIT 10) AS t) AS l
ORDER BY s.symbol;
COMMENT ON VIEW dashboard.moving_average IS 'The last price of each stock, and the mean of its last ten';

CREATE VIEW dashboard.top_movers AS
WITH price AS (
    SELECT 'stock' AS what, symbol AS name, at, price FROM dashboard.quote
    UNION ALL SELECT 'coin', product, at, price FROM dashboard.tick
), recent AS (
    SELECT *, max(at) OVER (PARTITION BY what, name) AS last_at FROM price
    WHERE at > (SELECT max(at) FROM dashboard.quote) - interval '10 min' OR what = 'coin' AND at > (SELECT max(at) FROM dashboard.tick) - interval '10 min'
), ends AS (
    SELECT what, name, (array_agg(price ORDER BY at))[1] AS first, (array_agg(price ORDER BY at DESC))[1] AS last, max(at) AS at
    FROM recent WHERE at >= last_at - interval '1 min' GROUP BY what, name
)
SELECT what, name, first, last, round(100 * (last - first) / first, 2) AS percent, at FROM ends ORDER BY abs((last - first) / first) DESC;
COMMENT ON VIEW dashboard.top_movers IS 'Stocks and coins, by how far they moved in the minute before their last price';

CREATE VIEW dashboard.candle AS
WITH candle AS (
    SELECT product, date_bin('10 s', at, 'epoch') AS at, (array_agg(price ORDER BY sequence))[1] AS open, max(price) AS high, min(price) AS low,
        (array_agg(price ORDER BY sequence DESC))[1] AS close, count(*) AS ticks
    FROM dashboard.tick WHERE at > (SELECT max(at) FROM dashboard.tick) - interval '10 min' GROUP BY product, date_bin('10 s', at, 'epoch')
)
SELECT product, at, open, high, low, close, round(avg(close) OVER (PARTITION BY product ORDER BY at ROWS 9 PRECEDING), 4) AS average, ticks
FROM candle ORDER BY at DESC, product;
COMMENT ON VIEW dashboard.candle IS 'Prices of coins, ten seconds a row, with the mean of ten closes';

CREATE VIEW dashboard.warmest AS
SELECT c.city, l.celsius, l.change, l.wind, l.at
FROM dashboard.city AS c
CROSS JOIN LATERAL (
    SELECT t.*, t.celsius - lead(t.celsius) OVER (ORDER BY t.at DESC) AS change
    FROM (SELECT w.celsius, w.wind, w.at FROM dashboard.weather AS w WHERE w.city = c.city ORDER BY w.at DESC LIMIT 2) AS t
    ORDER BY t.at DESC LIMIT 1) AS l
ORDER BY l.celsius DESC;
COMMENT ON VIEW dashboard.warmest IS 'Cities, the warmest first, and how they changed since the reading before';

-- Each source: how fresh its data is, how it does, what its stages do.
CREATE VIEW dashboard.freshness AS
SELECT s.source, s.state, date_trunc('second', s.age) AS age, s.items_stored AS stored, s.items_rejected AS rejected, s.items_duplicate AS duplicate,
    g.fetched_per_s, g.transformed_per_s, g.stored_per_s, s.error
FROM errand.stat_sources AS s
JOIN (SELECT source, max(per_second) FILTER (WHERE stage = 'fetch') AS fetched_per_s, max(per_second) FILTER (WHERE stage = 'transform') AS transformed_per_s,
        max(per_second) FILTER (WHERE stage = 'store') AS stored_per_s FROM errand.stat_stages GROUP BY source) AS g USING (source);

-- All of it in one answer, computed at most once a second however many ask.
CREATE FUNCTION dashboard.page() RETURNS jsonb LANGUAGE sql AS $$
    SELECT errand.cached('dashboard', '1 s', $query$
        SELECT jsonb_build_object(
            'movers', (SELECT jsonb_agg(m) FROM (SELECT * FROM dashboard.top_movers LIMIT 10) AS m),
            'weather', (SELECT jsonb_agg(w) FROM dashboard.warmest AS w),
            'news', (SELECT jsonb_agg(n) FROM (SELECT feed, title, link, published FROM dashboard.news ORDER BY published DESC NULLS LAST LIMIT 10) AS n),
            'posts', (SELECT jsonb_agg(p) FROM (SELECT at, author, words, likes FROM dashboard.post ORDER BY at DESC LIMIT 10) AS p),
            'coins', (SELECT jsonb_agg(c) FROM (SELECT DISTINCT ON (product) * FROM dashboard.candle ORDER BY product, at DESC) AS c),
            'sources', (SELECT jsonb_agg(f) FROM dashboard.freshness AS f))
        $query$);
$$;
