ALTER TABLE result ADD COLUMN salt BYTEA;

ALTER TABLE result ADD COLUMN commitment BYTEA;

CREATE INDEX result_entry ON result (entry, id);
