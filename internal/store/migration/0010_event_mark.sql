CREATE TABLE event_mark (connection TEXT NOT NULL, kind TEXT NOT NULL, scope TEXT NOT NULL, until BIGINT NOT NULL, PRIMARY KEY (connection, kind, scope));
