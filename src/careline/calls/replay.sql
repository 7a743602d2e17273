-- What a replay reads: the rows of a day, and of the calls that were open when the floor was opened.

-- The last opening before the day; when there is none, the first on it.
-- name: find_opening
(SELECT id, at FROM event WHERE stream = 'floor' AND kind = 'opened' AND at < %(begin)s ORDER BY at DESC, id DESC LIMIT 1)
UNION ALL
(SELECT id, at FROM event
 WHERE stream = 'floor' AND kind = 'opened' AND at >= %(begin)s AND at < %(end)s ORDER BY at, id LIMIT 1)
ORDER BY at LIMIT 1;

-- name: list_calls_before
SELECT e.stream, e.stream_id, e.kind, e.at, e.body FROM event e
WHERE e.stream = 'call' AND e.id < %(from_id)s AND e.stream_id IN (
  SELECT id FROM call WHERE arrived_at <= %(opened_at)s AND (ended_at IS NULL OR ended_at >= %(opened_at)s))
ORDER BY e.id;

-- name: list_rows
SELECT stream, stream_id, kind, at, body FROM event
WHERE id >= %(from_id)s AND at < %(end)s AND stream IN ('call', 'agent', 'floor')
ORDER BY id;
