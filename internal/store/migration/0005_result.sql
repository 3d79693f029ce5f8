CREATE INDEX result_series ON result (series, record, valid_from);

CREATE TABLE result_history (series BIGINT NOT NULL, status BIGINT NOT NULL, at BIGINT NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (series, status, at)) {{rowless}};
