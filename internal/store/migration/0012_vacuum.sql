{{postgres}} ALTER TABLE version SET (autovacuum_vacuum_scale_factor = 0.02);

{{postgres}} ALTER TABLE value SET (autovacuum_vacuum_scale_factor = 0.02);

{{postgres}} ALTER TABLE result SET (autovacuum_vacuum_scale_factor = 0.02);
