-- What a small database holds beside the sample of version 3: Ada's packed checks are kept for less than the operator keeps
-- them, and were let go of on the day before.

UPDATE workspaces SET packed_days = 300, packed_from = 1741564800000000, retired_at = 1767484800000000;
UPDATE history_progress SET packed_from = 1732924800000000, rollups_from = 1609372800000000;
