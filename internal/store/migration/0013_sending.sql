CREATE TABLE sending (
  connection TEXT NOT NULL, id TEXT NOT NULL, kinds TEXT NOT NULL, scopes TEXT NOT NULL, sender TEXT NOT NULL, state TEXT NOT NULL, begun BIGINT NOT NULL,
  heard BIGINT NOT NULL, items BIGINT NOT NULL, batches BIGINT NOT NULL, run BIGINT NOT NULL, PRIMARY KEY (connection, id));

CREATE TABLE sending_batch (
  connection TEXT NOT NULL, sending TEXT NOT NULL, id TEXT NOT NULL, n BIGINT NOT NULL, items BIGINT NOT NULL, bytes BIGINT NOT NULL, sha256 BYTEA NOT NULL,
  at BIGINT NOT NULL, body BYTEA NOT NULL, PRIMARY KEY (connection, sending, id));
