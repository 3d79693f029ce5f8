-- Run as an owner of the server, in the database that the connection names. The role reads settings, roles and rules; it reads no
-- table of yours.
CREATE ROLE tickmark LOGIN PASSWORD 'choose one' CONNECTION LIMIT 2;
ALTER ROLE tickmark SET default_transaction_read_only = on;
GRANT pg_read_all_settings TO tickmark;
GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO tickmark;
GRANT SELECT ON pg_catalog.pg_hba_file_rules TO tickmark;
-- For the connector sql also what its queries read, table by table: GRANT SELECT ON … TO tickmark;
