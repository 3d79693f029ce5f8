CREATE TABLE meta (name TEXT PRIMARY KEY, value BYTEA NOT NULL);

CREATE TABLE head (one BIGINT PRIMARY KEY CHECK (one = 1), size BIGINT NOT NULL, root BYTEA NOT NULL, at BIGINT NOT NULL);

CREATE TABLE entry (idx {{id}}, leaf BYTEA NOT NULL);

CREATE TABLE tile (level BIGINT NOT NULL, idx BIGINT NOT NULL, data BYTEA NOT NULL, PRIMARY KEY (level, idx));

CREATE TABLE checkpoint (size {{id}}, at BIGINT NOT NULL, note BYTEA NOT NULL);

CREATE TABLE action (entry {{id}}, at BIGINT NOT NULL, verb TEXT NOT NULL, actor TEXT NOT NULL, subject TEXT NOT NULL, detail BYTEA NOT NULL, salt BYTEA);

CREATE INDEX action_subject ON action (subject, entry);

CREATE TABLE kind (id {{id}}, name TEXT NOT NULL UNIQUE, indexed TEXT NOT NULL);

CREATE TABLE record (id {{id}}, kind BIGINT NOT NULL, key TEXT NOT NULL, source TEXT NOT NULL, UNIQUE (kind, key, source));

CREATE TABLE version (
  id {{id}}, record BIGINT NOT NULL, kind BIGINT NOT NULL, valid_from BIGINT NOT NULL, valid_to BIGINT NOT NULL,
  entry BIGINT NOT NULL, closed BIGINT, schema_version BIGINT NOT NULL, hash BYTEA NOT NULL, raw_hash BYTEA, salt BYTEA,
  body BYTEA, raw BYTEA, origin TEXT NOT NULL, label TEXT NOT NULL, scope TEXT NOT NULL, occurred BIGINT, zone TEXT NOT NULL,
  actor TEXT NOT NULL, reason TEXT NOT NULL, run BIGINT NOT NULL);

CREATE UNIQUE INDEX version_record ON version (record, valid_from);

CREATE INDEX version_kind ON version (kind, valid_to, record);

CREATE TABLE volatile (record {{id}}, body BYTEA NOT NULL, read_at BIGINT NOT NULL);

CREATE TABLE field (id {{id}}, kind BIGINT NOT NULL, name TEXT NOT NULL, UNIQUE (kind, name));

CREATE TABLE value (
  field BIGINT NOT NULL, value TEXT NOT NULL, ord TEXT NOT NULL, record BIGINT NOT NULL, valid_from BIGINT NOT NULL, valid_to BIGINT NOT NULL,
  PRIMARY KEY (field, value, ord, record, valid_from)) {{rowless}};

CREATE TABLE tally (field BIGINT NOT NULL, value TEXT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (field, value)) {{rowless}};

CREATE TABLE coverage (
  id {{id}}, connection TEXT NOT NULL, kind TEXT NOT NULL, part TEXT NOT NULL, scope TEXT NOT NULL, valid_from BIGINT NOT NULL,
  valid_to BIGINT NOT NULL, last_read BIGINT NOT NULL, reads BIGINT NOT NULL, first_run BIGINT NOT NULL, last_run BIGINT NOT NULL,
  ended TEXT NOT NULL);

CREATE INDEX coverage_kind ON coverage (kind, part, valid_to);

CREATE INDEX coverage_connection ON coverage (connection, kind, part, scope, valid_to);

CREATE TABLE exchange (
  run BIGINT NOT NULL, n BIGINT NOT NULL, kind TEXT NOT NULL, request TEXT NOT NULL, status TEXT NOT NULL, bytes BIGINT NOT NULL,
  sha256 BYTEA NOT NULL, at BIGINT NOT NULL, took BIGINT NOT NULL, PRIMARY KEY (run, n)) {{rowless}};

CREATE TABLE connection_state (connection TEXT PRIMARY KEY, state BYTEA NOT NULL);

CREATE TABLE series (
  id {{id}}, check_id TEXT NOT NULL, hash BYTEA NOT NULL, content BYTEA NOT NULL, settings TEXT NOT NULL, started BIGINT NOT NULL,
  ended BIGINT NOT NULL, reason TEXT NOT NULL, upto BIGINT NOT NULL, evaluated BIGINT NOT NULL);

CREATE INDEX series_check ON series (check_id, ended);

CREATE TABLE result (
  id {{id}}, series BIGINT NOT NULL, record BIGINT NOT NULL, status BIGINT NOT NULL, reason TEXT NOT NULL, valid_from BIGINT NOT NULL,
  valid_to BIGINT NOT NULL, known BIGINT NOT NULL, superseded BIGINT NOT NULL, version BIGINT NOT NULL, basis TEXT NOT NULL,
  entry BIGINT NOT NULL);

CREATE INDEX result_record ON result (record, series, valid_from);

CREATE INDEX result_status ON result (series, status, valid_to, record);

CREATE TABLE result_tally (series BIGINT NOT NULL, status BIGINT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (series, status)) {{rowless}};
