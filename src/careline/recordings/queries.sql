-- A voicemail is for those who work the inbox of its message.
-- name: find_recording
SELECT r.id, r.call_id, r.kind, r.state, r.started_at, r.seconds,
       EXISTS (SELECT FROM call_handling h WHERE h.call_id = r.call_id AND h.person_id = %(person_id)s) AS mine,
       r.kind = 'voicemail' AND EXISTS (
         SELECT FROM message m LEFT JOIN provider v ON v.id = m.provider_id
         WHERE m.call_id = r.call_id AND m.reason = 'voicemail'
           AND (m.owner_id = %(person_id)s OR v.person_id = %(person_id)s
                OR EXISTS (SELECT FROM department_member x
                           WHERE x.department_id = m.department_id AND x.person_id = %(person_id)s))) AS for_me
FROM recording r
WHERE r.id = %(id)s

-- name: list_patients_of_call
SELECT DISTINCT patient_id FROM verification
WHERE call_id = %(call_id)s AND outcome IN ('verified', 'emergency')

-- name: begin_recording
INSERT INTO recording (id, call_id, kind, started_at)
VALUES (%(id)s, %(call_id)s, %(kind)s, %(at)s)
ON CONFLICT (id) DO NOTHING

-- name: finish_recording
UPDATE recording
SET state = %(state)s, seconds = %(seconds)s, bytes = %(bytes)s, sha256 = %(sha256)s, problem = %(problem)s,
    transcript_state = CASE WHEN kind = 'voicemail' AND %(state)s = 'ready' THEN 'waiting' END
WHERE id = %(id)s AND state = 'recording'
RETURNING call_id, kind

-- name: list_unfinished
SELECT id, started_at FROM recording WHERE state = 'recording'

-- name: read_state
SELECT state FROM recording WHERE id = %(id)s

-- name: list_tenants
SELECT id FROM tenant ORDER BY id
