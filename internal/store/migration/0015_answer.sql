CREATE TABLE question (
  id {{id}}, source TEXT NOT NULL, place BYTEA NOT NULL, newest BIGINT NOT NULL, links BIGINT NOT NULL, holds BYTEA NOT NULL, UNIQUE (source, place));

CREATE TABLE answer (
  id {{id}}, question BIGINT NOT NULL, kind BIGINT NOT NULL, before BIGINT NOT NULL, link BIGINT NOT NULL, live BIGINT NOT NULL, whole BIGINT NOT NULL,
  gone BIGINT NOT NULL, why TEXT NOT NULL, edited TEXT NOT NULL, kept BYTEA, body BYTEA);

CREATE INDEX answer_open ON answer (question) WHERE whole = 0;

ALTER TABLE version ADD COLUMN answers BYTEA;
