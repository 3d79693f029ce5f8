CREATE TABLE sealed (connection TEXT NOT NULL, setting TEXT NOT NULL, value BYTEA NOT NULL, PRIMARY KEY (connection, setting));

CREATE TABLE confirmation (connection TEXT NOT NULL, kind TEXT NOT NULL, scope TEXT NOT NULL, PRIMARY KEY (connection, kind, scope));
