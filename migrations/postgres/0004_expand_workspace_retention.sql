-- A workspace may ask to have its own history kept for less than the operator keeps it.

ALTER TABLE workspaces
    -- For how many days; null leaves it to the operator.
    ADD COLUMN raw_days     bigint CONSTRAINT workspaces_raw_days_check CHECK (raw_days > 0),
    ADD COLUMN packed_days  bigint CONSTRAINT workspaces_packed_days_check CHECK (packed_days > 0),
    ADD COLUMN rollup_days  bigint CONSTRAINT workspaces_rollup_days_check CHECK (rollup_days > 0),
    -- What is of before these instants is gone for good, whatever is asked for later.
    ADD COLUMN raw_from     timestamptz,
    ADD COLUMN packed_from  timestamptz,
    ADD COLUMN rollups_from timestamptz,
    -- The day for which all was let go of, and on the way there the last monitor of which it was.
    ADD COLUMN retired_at   timestamptz,
    ADD COLUMN retired_id   uuid;
CREATE INDEX workspaces_retired_at_idx ON workspaces (retired_at NULLS FIRST)
    WHERE raw_days IS NOT NULL OR packed_days IS NOT NULL OR rollup_days IS NOT NULL;

-- The same of everybody's history, by the operator's terms.
ALTER TABLE history_progress
    ADD COLUMN packed_from  timestamptz,
    ADD COLUMN rollups_from timestamptz;
