-- A dashboard of six sources: stock prices, weather, two news feeds, a stream of
-- crypto prices, social posts. They come from local servers that are no better
-- than real ones (examples/09_dashboard/servers); examples/09_dashboard/start
-- starts those and runs this with their addresses. public_apis.sql has the same
-- for the internet.
\set QUIET on
\set ON_ERROR_STOP on
SET client_min_messages = warning;
\ir tables.sql

-- REST, several pages a run.
SELECT errand.define_source('stocks', 'rest', :'stocks', every => '2 s', items => '$.data[*]',
    paginate => '{"mode": "page", "param": "page", "max_pages": 5}', transform => 'dashboard.quote_of(jsonb)',
    target => 'dashboard.quote', on_conflict => 'ignore', timeout => '10 s', description => 'Quotes of 120 stocks');

-- REST, several cities in one request.
SELECT errand.define_source('weather', 'rest', :'weather', every => '2 s',
    params => jsonb_build_object('latitude', string_agg(latitude::text, ',' ORDER BY city), 'longitude', string_agg(longitude::text, ',' ORDER BY city),
        'current', 'temperature_2m,wind_speed_10m', 'timeformat', 'unixtime'),
    transform => 'dashboard.weather_of(jsonb)', target => 'dashboard.weather', on_conflict => 'ignore',
    timeout => '10 s', description => 'Temperature and wind of six cities')
FROM dashboard.city;

-- RSS and Atom, into one table; a title that changes is changed there.
SELECT errand.define_source('news rss', 'feed', :'rss', every => '2 s',
    columns => '{"feed": {"value": "wire"}, "guid": "$.guid", "title": "$.title", "link": "$.link", "published": "$.published"}',
    target => 'dashboard.news', on_conflict => 'update', timeout => '10 s', description => 'News, by RSS');

SELECT errand.define_source('news atom', 'feed', :'atom', every => '2 s',
    columns => '{"feed": {"value": "gazette"}, "guid": "$.guid", "title": "$.title", "link": "$.link", "published": "$.published"}',
    target => 'dashboard.news', on_conflict => 'update', timeout => '10 s', description => 'News, by Atom');

-- A stream, stored every half second.
SELECT errand.define_source('crypto', 'websocket', :'crypto', sequence => '$.sequence', batch_interval => '500 ms',
    subscribe => ARRAY['{"type": "subscribe", "product_ids": ["BTC-USD", "ETH-USD", "SOL-USD", "ADA-USD", "DOT-USD"], "channels": ["ticker"]}']::jsonb[],
    transform => 'dashboard.tick_of(jsonb)', target => 'dashboard.tick', on_conflict => 'ignore', description => 'Ticks of five coins');

-- REST with a cursor: each run asks for what is newer than the last post stored.
SELECT errand.define_source('social', 'rest', :'social', every => '2 s', params => '{"limit": 40}',
    cursor => '{"path": "$[*].id", "param": "min_id", "start": "0"}', transform => 'dashboard.post_of(jsonb)',
    target => 'dashboard.post', on_conflict => 'ignore', timeout => '10 s', description => 'Posts, each once');

SELECT errand.schedule('dashboard trim', 'every 5 min', 'sql', '{"function": "dashboard.trim(jsonb)"}');
SELECT errand.start_source(name) FROM unnest(ARRAY['stocks', 'weather', 'news rss', 'news atom', 'crypto', 'social']) AS name;
