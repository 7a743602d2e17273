-- What happened to every call that came into a queue since a moment, as far as rings are concerned.
-- name: list_ring_events
WITH entered AS (
  SELECT DISTINCT stream_id FROM event
  WHERE stream = 'call' AND kind = 'queued' AND at >= %(since)s AND (body ->> 'queue_id')::uuid = %(id)s
)
SELECT e.stream_id AS call_id, e.kind, e.at, (e.body ->> 'queue_id')::uuid AS queue_id,
       (e.body ->> 'ring')::int AS ring, e.body -> 'rings' AS rings
FROM entered n
JOIN event e ON e.stream = 'call' AND e.stream_id = n.stream_id
WHERE e.at >= %(since)s
  AND e.kind IN ('queued', 'offered', 'connected', 'voicemail_started', 'transferred', 'flow_moved', 'ending', 'ended')
ORDER BY e.id
