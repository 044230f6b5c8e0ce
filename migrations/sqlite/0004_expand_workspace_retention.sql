-- A workspace may ask to have its own history kept for less than the operator keeps it.

-- For how many days; null leaves it to the operator.
ALTER TABLE workspaces ADD COLUMN raw_days INTEGER CHECK (raw_days > 0);
ALTER TABLE workspaces ADD COLUMN packed_days INTEGER CHECK (packed_days > 0);
ALTER TABLE workspaces ADD COLUMN rollup_days INTEGER CHECK (rollup_days > 0);
-- What is of before these instants is gone for good, whatever is asked for later.
ALTER TABLE workspaces ADD COLUMN raw_from INTEGER;
ALTER TABLE workspaces ADD COLUMN packed_from INTEGER;
ALTER TABLE workspaces ADD COLUMN rollups_from INTEGER;
-- The day for which all was let go of, and on the way there the last monitor of which it was.
ALTER TABLE workspaces ADD COLUMN retired_at INTEGER;
ALTER TABLE workspaces ADD COLUMN retired_id BLOB;

CREATE INDEX workspaces_to_retire ON workspaces (retired_at)
    WHERE raw_days IS NOT NULL OR packed_days IS NOT NULL OR rollup_days IS NOT NULL;

-- The same of everybody's history, by the operator's terms.
ALTER TABLE history_progress ADD COLUMN packed_from INTEGER;
ALTER TABLE history_progress ADD COLUMN rollups_from INTEGER;
