-- The agent's desk

-- name: read_my_state
SELECT s.status, s.since, s.reason, s.endpoint, s.phone_online, s.wrap_up_until, s.misses, s.call_id
FROM agent_state s
WHERE s.person_id = %(person_id)s

-- name: list_my_queues
SELECT q.id, q.name, count(c.id) AS waiting, min(c.place_at) AS longest_since
FROM queue_member m
JOIN queue q ON q.id = m.queue_id AND q.active
LEFT JOIN call c ON c.queue_id = q.id AND c.phase = 'waiting' AND c.ended_at IS NULL
WHERE m.person_id = %(person_id)s
GROUP BY q.id
ORDER BY lower(q.name)

-- name: list_waiting
SELECT q.id, q.name, count(c.id) AS waiting, min(c.place_at) AS longest_since
FROM queue q
LEFT JOIN call c ON c.queue_id = q.id AND c.phase = 'waiting' AND c.ended_at IS NULL
WHERE q.active
GROUP BY q.id

-- name: read_my_offer
SELECT c.id AS call_id, q.name AS queue, l.label AS line, c.reason, c.language,
       coalesce(c.place_at, c.arrived_at) AS waiting_since, c.source AS caller_kind, c.emergency, c.emergency_how,
       coalesce((SELECT max(v.level) FROM verification v WHERE v.call_id = c.id AND v.outcome = 'verified'), 0)
         AS verified_level,
       CASE WHEN c.offered_to = %(person_id)s OR %(person_id)s = ANY(c.ringing) THEN NULL ELSE p.name END AS from_agent,
       c.phase = 'callback' AS callback
FROM call c
JOIN line l ON l.id = c.line_id
LEFT JOIN queue q ON q.id = c.queue_id
LEFT JOIN person p ON p.id = c.agent_id
WHERE c.ended_at IS NULL
  AND (c.offered_to = %(person_id)s OR %(person_id)s = ANY(c.ringing)
       OR (c.transfer ->> 'target' = %(person_id)s::text AND c.transfer ->> 'state' = 'ringing'))
ORDER BY c.arrived_at
LIMIT 1

-- Only lately: an old miss is no news.
-- name: read_last_offer
SELECT stream_id AS call_id, body ->> 'reason' AS reason, at FROM event
WHERE stream = 'call' AND kind = 'offer_ended' AND at > %(now)s - interval '10 minutes'
  AND body ->> 'agent_id' = %(person_id)s::text
  AND NOT EXISTS (SELECT FROM call_handling h WHERE h.person_id = %(person_id)s AND h.connected_at >= event.at)
ORDER BY id DESC
LIMIT 1

-- The call in hand; while wrapping up, the one just left and not yet wrapped up.
-- name: read_my_contact
SELECT c.*, q.name AS queue, q.rules -> 'wrap_up' ->> 'mode' AS wrap_up_mode, b.name AS agent_name,
       h.left_at, h.connected_at AS my_connected_at,
       l.label AS line_label, l.number AS line_number, a.id AS account_id, a.name AS account,
       o.id AS location_id, o.name AS location, o.street, o.city, o.state AS us_state, o.postal_code, o.zone
FROM call c
JOIN line l ON l.id = c.line_id
JOIN account a ON a.id = l.account_id
JOIN location o ON o.id = l.location_id
LEFT JOIN queue q ON q.id = c.queue_id
LEFT JOIN person b ON b.id = c.agent_id
LEFT JOIN LATERAL (
  SELECT left_at, connected_at FROM call_handling
  WHERE call_id = c.id AND person_id = %(person_id)s
  ORDER BY connected_at DESC LIMIT 1
) h ON true
WHERE c.id = coalesce(
  (SELECT k.id FROM call k WHERE k.agent_id = %(person_id)s AND k.ended_at IS NULL ORDER BY k.arrived_at DESC LIMIT 1),
  (SELECT x.id FROM call x
   WHERE x.transfer ->> 'target' = %(person_id)s::text AND x.transfer ->> 'state' = 'talking' AND x.ended_at IS NULL
   LIMIT 1),
  %(call_id)s::uuid)

-- name: list_practice_info
SELECT topic, body, last_confirmed FROM practice_info
WHERE account_id = %(account_id)s AND (location_id IS NULL OR location_id = %(location_id)s)
  AND valid_from <= %(now)s AND (valid_until IS NULL OR valid_until > %(now)s)
ORDER BY lower(topic)

-- name: list_my_work
SELECT m.id, coalesce(d.name, p.name) AS "to", m.urgency, m.due_at
FROM message m
LEFT JOIN department d ON d.id = m.department_id
LEFT JOIN provider p ON p.id = m.provider_id
WHERE m.owner_id = %(person_id)s AND m.state <> 'done'
ORDER BY m.due_at NULLS LAST, m.id
LIMIT 8

-- name: list_wrap_up_codes
SELECT code, CASE WHEN %(language)s = 'es' THEN label_es ELSE label_en END AS label
FROM wrap_up_code WHERE active ORDER BY position, code

-- name: list_my_phones
SELECT username AS code, label FROM desk_phone
WHERE person_id = %(person_id)s AND revoked_at IS NULL ORDER BY lower(label)

-- name: list_transfer_agents
SELECT p.id, p.name, s.status, s.status = 'available' AND s.phone_online AS ready
FROM agent_state s
JOIN person p ON p.id = s.person_id AND p.deactivated_at IS NULL
WHERE s.status <> 'offline' AND s.person_id <> %(person_id)s
ORDER BY (s.status = 'available' AND s.phone_online) DESC, lower(p.name)

-- name: list_transfer_queues
SELECT q.id, q.name,
       (SELECT count(*) FROM call c WHERE c.queue_id = q.id AND c.phase = 'waiting' AND c.ended_at IS NULL) AS waiting,
       EXISTS (SELECT FROM queue_member m JOIN agent_state s ON s.person_id = m.person_id
               WHERE m.queue_id = q.id AND s.status NOT IN ('offline', 'not_responding')) AS staffed
FROM queue q
WHERE q.active
ORDER BY lower(q.name)

-- name: list_lines_for_emergency
SELECT l.id, l.label, l.number, a.name AS account, o.name AS location, o.street, o.city, o.state AS us_state,
       o.postal_code, o.zone
FROM line l
JOIN account a ON a.id = l.account_id
JOIN location o ON o.id = l.location_id
WHERE l.active
ORDER BY lower(o.name), lower(l.label)

-- Notes

-- name: read_latest_note
SELECT version, body FROM call_note
WHERE call_id = %(call_id)s AND person_id = %(person_id)s
ORDER BY version DESC
LIMIT 1

-- name: insert_note
INSERT INTO call_note (id, call_id, person_id, version, body, saved_at)
VALUES (%(id)s, %(call_id)s, %(person_id)s, %(version)s, %(body)s, %(now)s)

-- name: list_latest_notes
SELECT DISTINCT ON (n.person_id) n.person_id, p.name AS author, n.version, n.body, n.saved_at
FROM call_note n
JOIN person p ON p.id = n.person_id
WHERE n.call_id = %(call_id)s
ORDER BY n.person_id, n.version DESC

-- name: list_note_versions
SELECT n.person_id, p.name AS author, n.version, n.body, n.saved_at
FROM call_note n
JOIN person p ON p.id = n.person_id
WHERE n.call_id = %(call_id)s
ORDER BY n.saved_at, n.version

-- name: took_part
SELECT 1 FROM call c
WHERE c.id = %(call_id)s
  AND (c.agent_id = %(person_id)s
       OR EXISTS (SELECT FROM call_handling h WHERE h.call_id = c.id AND h.person_id = %(person_id)s))

-- The record

-- name: list_steps
SELECT at, kind, body FROM event
WHERE stream = 'call' AND stream_id = %(call_id)s
ORDER BY id

-- name: list_people_names
SELECT id, name FROM person WHERE id = ANY(%(ids)s)

-- name: list_queue_names
SELECT id, name FROM queue WHERE id = ANY(%(ids)s)

-- name: search_calls
SELECT c.id, c.arrived_at, c.ended_at, l.label AS line, c.caller, c.source, c.language, c.phase, c.outcome,
       q.name AS queue, c.emergency, c.reason, c.dialled, c.ended_by, o.name AS location,
       c.queued_at, c.place_at, c.connected_at,
       (SELECT min(e.at) FROM event e
        WHERE e.stream = 'call' AND e.stream_id = c.id AND e.kind = 'queued') AS first_queued_at,
       (SELECT min(e.at) FROM event e WHERE e.stream = 'call' AND e.stream_id = c.id
          AND e.kind IN ('connected', 'transferred', 'voicemail_started')) AS taken_at,
       -- Two agents who talk at the same time, in a consultation, count once.
       (SELECT sum(extract(epoch FROM upper(talk) - lower(talk)))::float8
        FROM (SELECT unnest(range_agg(tstzrange(h.connected_at,
                       greatest(h.connected_at, coalesce(h.left_at, c.ended_at, %(now)s))))) AS talk
              FROM call_handling h WHERE h.call_id = c.id AND NOT h.machine) talks) AS talked_seconds,
       coalesce((SELECT array_agg(p.name ORDER BY h.connected_at)
                 FROM call_handling h JOIN person p ON p.id = h.person_id WHERE h.call_id = c.id), '{}') AS agents,
       (SELECT count(*) FROM recording r WHERE r.call_id = c.id) AS recordings,
       (SELECT count(*) FROM message m WHERE m.call_id = c.id) AS messages
FROM call c
JOIN line l ON l.id = c.line_id
JOIN location o ON o.id = l.location_id
LEFT JOIN queue q ON q.id = c.queue_id
WHERE (%(id)s::uuid IS NULL OR c.id = %(id)s)
  AND (%(own)s::uuid IS NULL OR c.agent_id = %(own)s
       OR EXISTS (SELECT FROM call_handling h WHERE h.call_id = c.id AND h.person_id = %(own)s))
  AND (%(since)s::timestamptz IS NULL OR c.arrived_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR c.arrived_at < %(until)s)
  AND ((%(number)s::text IS NULL AND %(digits)s::text IS NULL)
       OR c.caller = %(number)s OR c.dialled = %(number)s OR c.caller LIKE %(digits)s OR c.dialled LIKE %(digits)s)
  AND (%(agent)s::uuid IS NULL OR c.agent_id = %(agent)s
       OR EXISTS (SELECT FROM call_handling h WHERE h.call_id = c.id AND h.person_id = %(agent)s))
  AND (%(queue)s::uuid IS NULL OR c.queue_id = %(queue)s
       OR EXISTS (SELECT FROM call_handling h WHERE h.call_id = c.id AND h.queue_id = %(queue)s))
  AND (%(line)s::uuid IS NULL OR c.line_id = %(line)s)
  AND (%(outcome)s::text IS NULL OR c.outcome = %(outcome)s
       OR (%(outcome)s = 'open' AND c.ended_at IS NULL) OR (%(outcome)s = 'emergency' AND c.emergency))
  AND (%(text)s::text IS NULL
       OR EXISTS (SELECT FROM call_note n WHERE n.call_id = c.id AND n.body ILIKE %(text)s)
       OR (%(transcripts)s AND EXISTS (SELECT FROM recording t WHERE t.call_id = c.id AND t.transcript ILIKE %(text)s)))
  AND (%(before_at)s::timestamptz IS NULL OR (c.arrived_at, c.id) < (%(before_at)s, %(before_id)s::uuid))
ORDER BY c.arrived_at DESC, c.id DESC
LIMIT %(limit)s

-- name: list_handlings
SELECT h.person_id, p.name AS agent, q.name AS queue, h.connected_at, h.left_at, h.wrapped_up_at, h.wrap_up_code,
       CASE WHEN %(language)s = 'es' THEN w.label_es ELSE w.label_en END AS wrap_up_label
FROM call_handling h
JOIN person p ON p.id = h.person_id
LEFT JOIN queue q ON q.id = h.queue_id
LEFT JOIN wrap_up_code w ON w.code = h.wrap_up_code
WHERE h.call_id = %(call_id)s
ORDER BY h.connected_at

-- name: list_messages_of
SELECT m.id, coalesce(d.name, p.name) AS "to", m.reason, m.urgency, m.state, m.taken_at, m.due_at
FROM message m
LEFT JOIN department d ON d.id = m.department_id
LEFT JOIN provider p ON p.id = m.provider_id
WHERE m.call_id = %(call_id)s
ORDER BY m.taken_at

-- The newest attempt for each patient on the call.
-- name: list_verified
SELECT DISTINCT ON (v.patient_id) v.patient_id, v.level, v.caller_role, v.outcome, v.at,
       concat_ws(' ', p.given, p.family) AS name
FROM verification v
JOIN patient p ON p.id = v.patient_id
WHERE v.call_id = %(call_id)s AND v.outcome IN ('verified', 'emergency')
ORDER BY v.patient_id, v.level DESC, v.at DESC

-- name: list_verified_ids
SELECT DISTINCT patient_id FROM verification WHERE call_id = %(call_id)s AND outcome IN ('verified', 'emergency')

-- name: list_readers
SELECT at, actor_name AS name, action, object_type AS what FROM audit_log
WHERE (object_type = 'call' AND object_id = %(call_id)s::text) OR contact_id = %(call_id)s::uuid
ORDER BY seq DESC
LIMIT 200

-- Choices for the search form

-- name: read_zone
SELECT zone FROM tenant WHERE id = current_setting('app.tenant')::int

-- name: list_agents_to_search
SELECT DISTINCT p.id, p.name FROM person p JOIN person_role r ON r.person_id = p.id
WHERE r.role IN ('agent', 'supervisor') ORDER BY p.name

-- name: list_queues_to_search
SELECT id, name FROM queue ORDER BY lower(name)

-- Saves of one person's notes on one call come one after another, so that versions have no gap and no twin.
-- name: lock_notes
SELECT pg_advisory_xact_lock(hashtextextended(%(call_id)s::text || %(person_id)s::text, 0))

-- name: list_recordings
SELECT r.id, r.kind, r.state, r.started_at, r.seconds, r.transcript, r.transcript_state,
       EXISTS (SELECT FROM call_handling h WHERE h.call_id = r.call_id AND h.person_id = %(person_id)s) AS mine
FROM recording r
WHERE r.call_id = %(call_id)s
ORDER BY r.started_at
