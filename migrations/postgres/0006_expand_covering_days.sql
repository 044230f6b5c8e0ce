-- The sums of a monitor's days lie side by side: they stand in the key's own index, where its years are one stretch, while
-- the rows lie in the order in which days are folded. The hours of a day, which are read for few days at a time, stay in
-- the row. Older nodes find the key under its name as before.
CREATE UNIQUE INDEX day_rollups_covering ON day_rollups (monitor_id, region, began_at)
    INCLUDE (up, degraded, down, latencies);
ALTER TABLE day_rollups
    DROP CONSTRAINT day_rollups_pkey,
    ADD CONSTRAINT day_rollups_pkey PRIMARY KEY USING INDEX day_rollups_covering;

-- What was folded is read from the index alone once a vacuum has seen it. A fifth of the table, the server's own default,
-- would be months of days.
ALTER TABLE day_rollups SET (autovacuum_vacuum_insert_scale_factor = 0.01);
