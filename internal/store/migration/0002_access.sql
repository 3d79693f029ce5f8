CREATE TABLE login (user_key TEXT PRIMARY KEY, handle BYTEA NOT NULL UNIQUE, email TEXT NOT NULL UNIQUE);

CREATE TABLE passkey (
  id TEXT PRIMARY KEY, credential_id BYTEA NOT NULL UNIQUE, user_key TEXT NOT NULL, label TEXT NOT NULL, credential BYTEA NOT NULL,
  created BIGINT NOT NULL, used BIGINT NOT NULL);

CREATE INDEX passkey_user ON passkey (user_key, created);

CREATE TABLE password (
  user_key TEXT PRIMARY KEY, hash TEXT NOT NULL, totp BYTEA NOT NULL, last_step BIGINT NOT NULL, created BIGINT NOT NULL);

CREATE TABLE recovery_code (user_key TEXT NOT NULL, hash BYTEA NOT NULL, PRIMARY KEY (user_key, hash));

CREATE TABLE sign_in_link (
  hash BYTEA PRIMARY KEY, user_key TEXT NOT NULL, created BIGINT NOT NULL, expires BIGINT NOT NULL, used BIGINT NOT NULL);

CREATE INDEX sign_in_link_user ON sign_in_link (user_key);

CREATE TABLE api_token (
  id TEXT PRIMARY KEY, hash BYTEA NOT NULL UNIQUE, user_key TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL,
  created BIGINT NOT NULL, expires BIGINT NOT NULL, used BIGINT NOT NULL, revoked BIGINT NOT NULL);

CREATE INDEX api_token_user ON api_token (user_key, created);

CREATE TABLE session (
  id TEXT PRIMARY KEY, user_key TEXT NOT NULL, method TEXT NOT NULL, data BYTEA NOT NULL, created BIGINT NOT NULL, seen BIGINT NOT NULL,
  expires BIGINT NOT NULL, ended BIGINT NOT NULL);

CREATE INDEX session_owner ON session (user_key, created);

CREATE INDEX session_expires ON session (expires);

CREATE TABLE sign_in_ceremony (
  id BYTEA PRIMARY KEY, purpose TEXT NOT NULL, user_key TEXT NOT NULL, data BYTEA NOT NULL, expires BIGINT NOT NULL);

CREATE INDEX sign_in_ceremony_expires ON sign_in_ceremony (expires);

CREATE TABLE sign_in_attempt (
  subject TEXT PRIMARY KEY, failures BIGINT NOT NULL, last BIGINT NOT NULL, until BIGINT NOT NULL);
