-- Expected waits, as boards read them.

-- name: write_expected
INSERT INTO expected_wait (queue_id, seconds, calls)
SELECT r.queue_id, r.seconds, r.calls
FROM jsonb_to_recordset(%(rows)s) AS r (queue_id uuid, seconds double precision, calls jsonb)
ON CONFLICT (queue_id) DO UPDATE SET seconds = excluded.seconds, calls = excluded.calls
