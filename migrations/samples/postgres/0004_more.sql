-- What a small database holds beside the sample of version 3: Ada's packed checks are kept for less than the operator keeps
-- them, and were let go of on the day before.

UPDATE workspaces SET packed_days = 300, packed_from = '2025-03-10 00:00:00+00', retired_at = '2026-01-04 00:00:00+00';
UPDATE history_progress SET packed_from = '2024-11-30 00:00:00+00', rollups_from = '2020-12-31 00:00:00+00';
