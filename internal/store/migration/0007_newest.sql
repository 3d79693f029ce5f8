CREATE INDEX version_newest ON version (kind, id);
