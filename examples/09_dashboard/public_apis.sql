-- The dashboard with public APIs, none of which wants a key. From the root of
-- the sources, in a database with the extension, on a machine with internet:
--
--     psql -d mydb -f examples/09_dashboard/public_apis.sql
--
-- Then look at dashboard.freshness. Such services change, and have rules of
-- their own: ask no more often than they like, and where errand.test_source()
-- names a problem, adapt the definition.
\set QUIET on
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\ir tables.sql

-- Nasdaq's screener, "lastsale" being "$189.30"; "at" is the minute of storing.
-- It is known to turn away programs by their User-Agent. Then take an API that
-- gives you a key: errand.set_secret() and auth => '{"bearer": "secret://..."}'.
CREATE FUNCTION dashboard.screener_of(item jsonb) RETURNS SETOF jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('symbol', item->'symbol', 'price', translate(item->>'lastsale', '$,', '')::numeric,
        'volume', nullif(translate(item->>'volume', ',', ''), ''));
$$;
SELECT errand.define_source('stocks', 'rest', 'https://api.nasdaq.com/api/screener/stocks?tableonly=true&limit=100', every => '15 min',
    items => '$.data.table.rows[*]', paginate => '{"mode": "offset", "param": "offset", "size": 100, "max_pages": 5, "delay": "2 s"}',
    headers => '{"Accept": "application/json"}', transform => 'dashboard.screener_of(jsonb)',
    target => 'dashboard.quote', on_conflict => 'ignore', description => 'Quotes of 500 stocks');

SELECT errand.define_source('weather', 'rest', 'https://api.open-meteo.com/v1/forecast', every => '15 min',
    params => jsonb_build_object('latitude', string_agg(latitude::text, ',' ORDER BY city), 'longitude', string_agg(longitude::text, ',' ORDER BY city),
        'current', 'temperature_2m,wind_speed_10m', 'timeformat', 'unixtime'),
    transform => 'dashboard.weather_of(jsonb)', target => 'dashboard.weather', on_conflict => 'ignore',
    description => 'Temperature and wind of six cities')
FROM dashboard.city;

SELECT errand.define_source('news rss', 'feed', 'https://www.postgresql.org/news.rss', every => '30 min',
    columns => '{"feed": {"value": "postgresql.org"}, "guid": "$.guid", "title": "$.title", "link": "$.link", "published": "$.published"}',
    target => 'dashboard.news', on_conflict => 'update', description => 'News, by RSS');

SELECT errand.define_source('news atom', 'feed', 'https://github.com/postgres/postgres/commits/master.atom', every => '10 min',
    columns => '{"feed": {"value": "commits"}, "guid": "$.guid", "title": "$.title", "link": "$.link", "published": "$.updated"}',
    target => 'dashboard.news', on_conflict => 'update', description => 'News, by Atom');

-- Its sequence counts each coin for itself, so it tells nothing of gaps.
SELECT errand.define_source('crypto', 'websocket', 'wss://ws-feed.exchange.coinbase.com', batch_interval => '1 s',
    subscribe => ARRAY['{"type": "subscribe", "product_ids": ["BTC-USD", "ETH-USD", "SOL-USD", "ADA-USD", "DOT-USD"], "channels": ["ticker"]}']::jsonb[],
    transform => 'dashboard.tick_of(jsonb)', target => 'dashboard.tick', on_conflict => 'ignore', description => 'Ticks of five coins');

-- Any Mastodon server will do that shows its timelines without a token.
SELECT errand.define_source('social', 'rest', 'https://fosstodon.org/api/v1/timelines/tag/postgresql', every => '5 min', params => '{"limit": 40}',
    cursor => '{"path": "$[*].id", "param": "min_id"}', transform => 'dashboard.post_of(jsonb)',
    target => 'dashboard.post', on_conflict => 'ignore', description => 'Posts, each once');

SELECT errand.start_source(name) FROM unnest(ARRAY['stocks', 'weather', 'news rss', 'news atom', 'crypto', 'social']) AS name;
