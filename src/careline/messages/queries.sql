-- name: know_recipient
SELECT 'department' AS kind, id, name FROM department WHERE id = %(department_id)s::uuid AND active
UNION ALL
SELECT 'provider', id, name FROM provider WHERE id = %(provider_id)s::uuid AND active

-- name: know_call
SELECT c.id, coalesce(c.agent_id = %(person_id)s::uuid
         OR EXISTS (SELECT FROM call_handling h WHERE h.call_id = c.id AND h.person_id = %(person_id)s), false)
         AS took_part
FROM call c WHERE c.id = %(call_id)s

-- name: verified_level
SELECT coalesce(max(v.level), 0) AS level FROM verification v
WHERE v.call_id = %(call_id)s AND v.patient_id = %(patient_id)s AND v.outcome = 'verified'

-- name: know_patient
SELECT coalesce(merged_into, id) AS id FROM patient WHERE id = %(patient_id)s

-- name: insert_message
INSERT INTO message (id, call_id, department_id, provider_id, patient_id, verified_level, caller_name, caller_role,
                     callback, callback_confirmed, voicemail_ok, language, reason, body, urgency, due_at, taken_at,
                     taken_by, key)
VALUES (%(id)s, %(call_id)s, %(department_id)s, %(provider_id)s, %(patient_id)s, %(verified_level)s, %(caller_name)s,
        %(caller_role)s, %(callback)s, %(callback_confirmed)s, %(voicemail_ok)s, %(language)s, %(reason)s, %(body)s,
        %(urgency)s, %(due_at)s, %(taken_at)s, %(taken_by)s, %(key)s)
ON CONFLICT (tenant_id, key) DO NOTHING

-- name: find_by_key
SELECT id FROM message WHERE key = %(key)s

-- name: insert_step
INSERT INTO message_step (id, message_id, kind, at, by_person, by_name, note, detail)
VALUES (%(id)s, %(message_id)s, %(kind)s, %(at)s, %(by)s, %(by_name)s, %(note)s, %(detail)s)

-- name: lock_message
SELECT m.*, coalesce(d.name, v.name) AS "to",
       coalesce(m.owner_id = %(person_id)s::uuid
         OR EXISTS (SELECT FROM department_member x
                    WHERE x.department_id = m.department_id AND x.person_id = %(person_id)s)
         OR v.person_id = %(person_id)s, false) AS mine,
       coalesce(m.taken_by = %(person_id)s, false) AS sent
FROM message m
LEFT JOIN department d ON d.id = m.department_id
LEFT JOIN provider v ON v.id = m.provider_id
WHERE m.id = %(id)s
FOR UPDATE OF m

-- name: read_message
SELECT m.*, coalesce(d.name, v.name) AS "to", o.name AS owner, t.name AS taken_by_name,
       p.given, p.middle, p.family, p.suffix, p.mrn, p.birth_date
FROM message m
LEFT JOIN department d ON d.id = m.department_id
LEFT JOIN provider v ON v.id = m.provider_id
LEFT JOIN person o ON o.id = m.owner_id
LEFT JOIN person t ON t.id = m.taken_by
LEFT JOIN patient p ON p.id = m.patient_id
WHERE m.id = %(id)s

-- name: list_steps
SELECT kind, at, by_name AS by, note FROM message_step WHERE message_id = %(id)s ORDER BY at, id

-- name: list_voicemails
SELECT r.id, r.state, r.started_at, r.seconds, r.transcript_state, r.transcript FROM recording r
WHERE r.call_id = %(call_id)s AND r.kind = 'voicemail'
ORDER BY r.started_at

-- name: update_state
UPDATE message
SET state = %(state)s, owner_id = %(owner_id)s, due_at = %(due_at)s, department_id = %(department_id)s,
    provider_id = %(provider_id)s, done_at = %(done_at)s, outcome = %(outcome)s, overdue = %(overdue)s,
    version = version + 1
WHERE id = %(id)s

-- name: flag_message
UPDATE message SET red_flag = %(rule)s, urgency = %(urgency)s WHERE id = %(id)s

-- name: list_inboxes
WITH mine AS (
  SELECT d.id, 'department' AS kind, d.name FROM department d
  WHERE d.active AND (%(all)s OR EXISTS (SELECT FROM department_member x
                                         WHERE x.department_id = d.id AND x.person_id = %(person_id)s::uuid))
  UNION ALL
  SELECT v.id, 'provider', v.name FROM provider v
  WHERE v.active AND (v.person_id = %(person_id)s::uuid
                      OR %(all)s AND EXISTS (SELECT FROM message m WHERE m.provider_id = v.id AND m.state <> 'done')))
SELECT i.id, i.kind, i.name, count(m.id) AS open, count(m.id) FILTER (WHERE m.due_at < %(now)s) AS overdue,
       min(m.due_at) AS next_due
FROM mine i
LEFT JOIN message m ON m.state <> 'done' AND (m.department_id = i.id OR m.provider_id = i.id)
GROUP BY i.id, i.kind, i.name
ORDER BY i.kind, lower(i.name)

-- name: list_items
SELECT m.id, coalesce(d.name, v.name) AS "to", m.reason, m.urgency, m.state, m.caller_role, m.taken_at,
       t.name AS taken_by, m.due_at, m.overdue, o.name AS owner, m.patient_id IS NOT NULL AS has_patient, m.version,
       m.red_flag
FROM message m
LEFT JOIN department d ON d.id = m.department_id
LEFT JOIN provider v ON v.id = m.provider_id
LEFT JOIN person o ON o.id = m.owner_id
LEFT JOIN person t ON t.id = m.taken_by
WHERE (%(all)s OR m.owner_id = %(person_id)s::uuid OR v.person_id = %(person_id)s::uuid
       OR EXISTS (SELECT FROM department_member x
                  WHERE x.department_id = m.department_id AND x.person_id = %(person_id)s::uuid))
  AND (%(inbox)s::uuid IS NULL OR m.department_id = %(inbox)s OR m.provider_id = %(inbox)s)
  AND (%(call_id)s::uuid IS NULL OR m.call_id = %(call_id)s)
  AND CASE WHEN %(done)s THEN m.state = 'done' ELSE m.state <> 'done' END
ORDER BY m.red_flag IS NOT NULL AND m.urgency = 'critical' AND m.state <> 'done' DESC, m.due_at NULLS LAST,
         m.taken_at DESC, m.id
LIMIT %(limit)s

-- name: list_for_call
SELECT m.id, coalesce(d.name, v.name) AS "to", m.reason, m.urgency, m.state, m.caller_role, m.taken_at,
       t.name AS taken_by, m.due_at, m.overdue, o.name AS owner, m.patient_id IS NOT NULL AS has_patient, m.version,
       m.red_flag
FROM message m
LEFT JOIN department d ON d.id = m.department_id
LEFT JOIN provider v ON v.id = m.provider_id
LEFT JOIN person o ON o.id = m.owner_id
LEFT JOIN person t ON t.id = m.taken_by
WHERE m.call_id = %(call_id)s AND (%(all)s OR m.taken_by = %(person_id)s::uuid)
ORDER BY m.taken_at, m.id

-- Work items that break the invariant: open, but in no inbox and with no owner, or without a running timer.
-- name: list_unowned
SELECT m.id, m.department_id IS NULL AND m.provider_id IS NULL AND m.owner_id IS NULL AS nobody,
       m.due_at IS NULL OR NOT EXISTS (SELECT FROM timer t WHERE t.ref = m.id AND t.kind = 'message-due') AS no_timer
FROM message m
WHERE m.state <> 'done'
  AND (m.department_id IS NULL AND m.provider_id IS NULL AND m.owner_id IS NULL
       OR m.due_at IS NULL
       OR NOT EXISTS (SELECT FROM timer t WHERE t.ref = m.id AND t.kind = 'message-due'))
ORDER BY m.taken_at

-- Where a voicemail goes when its line names no department: one of the line's location, else any.
-- name: department_for_line
SELECT d.id FROM department d, call c JOIN line l ON l.id = c.line_id
WHERE c.id = %(call_id)s AND d.active
ORDER BY d.location_id = l.location_id DESC, d.name LIMIT 1
