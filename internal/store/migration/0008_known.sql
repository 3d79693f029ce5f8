CREATE INDEX version_known ON version (kind, record, hash, raw_hash, scope) WHERE valid_to = 4611686018427387904;
