-- pg_errand: the install script, made by concatenating sql/*.sql in reading order.
-- complain if script is sourced in psql, rather than via CREATE EXTENSION
\echo Use "CREATE EXTENSION pg_errand" to load this file. \quit

-- House rules: every name is schema-qualified or comes from pg_catalog; every
-- function sets search_path; internal functions begin with an underscore and
-- are granted to nobody; a function that reads time takes it as an argument.
