-- Callbacks as people see them.

-- The place counts callers on the line and callbacks alike. What is expected is place × handling time / staff, measured
-- today when ten calls have been; null when nobody is staffed or the moment is still ahead.
-- name: list_callbacks
WITH place AS (
  SELECT c.id, row_number() OVER (PARTITION BY c.queue_id ORDER BY c.priority DESC, c.place_at, c.id) AS place
  FROM call c
  WHERE c.ended_at IS NULL AND c.queue_id IS NOT NULL
    AND (c.phase = 'waiting' OR (c.phase = 'callback' AND c.callback ->> 'next_at' IS NULL))
), handled AS (
  SELECT queue_id, avg(extract(epoch FROM coalesce(wrapped_up_at, left_at) - connected_at))::float8 AS seconds
  FROM call_handling
  WHERE left_at IS NOT NULL AND connected_at > %(since)s AND queue_id IS NOT NULL
  GROUP BY queue_id HAVING count(*) >= 10
), staff AS (
  SELECT m.queue_id, count(*) AS people
  FROM queue_member m JOIN agent_state s ON s.person_id = m.person_id
  WHERE s.status IN ('available', 'offered', 'talking', 'wrap_up') AND s.phone_online
  GROUP BY m.queue_id
)
SELECT c.id, c.callback ->> 'number' AS number, c.callback ->> 'verified' AS verified, c.callback ->> 'mode' AS mode,
       c.callback ->> 'stage' AS stage, (c.callback ->> 'since')::timestamptz AS since,
       (c.callback ->> 'attempts')::int AS attempts, (c.callback ->> 'next_at')::timestamptz AS next_at,
       (c.callback ->> 'expires_at')::timestamptz AS expires_at, c.queue_id, q.name AS queue, l.label AS line,
       c.language, c.reason, c.place_at, c.emergency, place.place::int AS place,
       coalesce(o.name, p.name) AS agent, c.offered_to IS NOT NULL AS ringing,
       place.place * coalesce(handled.seconds, q.expected_handle_seconds) / staff.people AS expected_seconds
FROM call c
JOIN queue q ON q.id = c.queue_id
JOIN line l ON l.id = c.line_id
LEFT JOIN place ON place.id = c.id
LEFT JOIN handled ON handled.queue_id = c.queue_id
LEFT JOIN staff ON staff.queue_id = c.queue_id
LEFT JOIN person p ON p.id = c.agent_id
LEFT JOIN person o ON o.id = c.offered_to
WHERE c.phase = 'callback' AND c.ended_at IS NULL
  AND (%(id)s::uuid IS NULL OR c.id = %(id)s)
  AND (%(person_id)s::uuid IS NULL
       OR EXISTS (SELECT FROM queue_member m WHERE m.queue_id = c.queue_id AND m.person_id = %(person_id)s))
ORDER BY lower(q.name), place.place NULLS LAST, c.callback ->> 'next_at', c.id
LIMIT 500

-- name: know_callback_in_hand
SELECT 1 AS found FROM call
WHERE id = %(id)s AND agent_id = %(person_id)s AND callback IS NOT NULL AND ended_at IS NULL
