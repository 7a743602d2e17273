-- Callbacks as people see them.

-- Place and expected moment are the router's, written by call control (calls/outlook.py): what the caller is told too.
-- name: list_callbacks
SELECT c.id, c.callback ->> 'number' AS number, c.callback ->> 'verified' AS verified, c.callback ->> 'mode' AS mode,
       c.callback ->> 'stage' AS stage, (c.callback ->> 'since')::timestamptz AS since,
       (c.callback ->> 'attempts')::int AS attempts, c.callback ->> 'missed' AS missed,
       (c.callback ->> 'missed_at')::timestamptz AS missed_at, (c.callback ->> 'next_at')::timestamptz AS next_at,
       (c.callback ->> 'expires_at')::timestamptz AS expires_at, c.queue_id, q.name AS queue, l.label AS line,
       c.language, c.reason, c.place_at, c.emergency, c.callback_place AS place,
       coalesce(o.name, p.name) AS agent, c.offered_to IS NOT NULL AS ringing, c.callback_expected_at AS expected_at
FROM call c
JOIN queue q ON q.id = c.queue_id
JOIN line l ON l.id = c.line_id
LEFT JOIN person p ON p.id = c.agent_id
LEFT JOIN person o ON o.id = c.offered_to
WHERE c.phase = 'callback' AND c.ended_at IS NULL
  AND (%(id)s::uuid IS NULL OR c.id = %(id)s)
  AND (%(person_id)s::uuid IS NULL
       OR EXISTS (SELECT FROM queue_member m WHERE m.queue_id = c.queue_id AND m.person_id = %(person_id)s))
ORDER BY lower(q.name), c.callback_place NULLS LAST, c.callback ->> 'next_at', c.id
LIMIT 500

-- name: know_callback_in_hand
SELECT 1 AS found FROM call
WHERE id = %(id)s AND agent_id = %(person_id)s AND callback IS NOT NULL AND ended_at IS NULL

-- name: write_outlook
UPDATE call c SET callback_place = r.place, callback_expected_at = r.expected_at
FROM jsonb_to_recordset(%(rows)s) AS r (id uuid, place int, expected_at timestamptz)
WHERE c.id = r.id AND c.ended_at IS NULL
