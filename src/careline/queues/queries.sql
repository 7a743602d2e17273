-- name: list_queues
SELECT q.*, coalesce((SELECT array_agg(m.person_id) FROM queue_member m WHERE m.queue_id = q.id), '{}') AS members,
       coalesce((SELECT jsonb_object_agg(m.person_id, jsonb_build_object(
                   'position', m.position, 'rank', m.rank, 'weight', m.weight, 'reserve', m.reserve))
                 FROM queue_member m
                 WHERE m.queue_id = q.id AND (m.position, m.rank, m.weight, m.reserve) <> (0, 0, 1, 0)),
                '{}') AS places
FROM queue q
WHERE %(id)s::uuid IS NULL OR q.id = %(id)s
ORDER BY NOT q.active, lower(q.name)

-- name: insert_queue
INSERT INTO queue (id, name, skills, match_language, priority, ring_seconds, wrap_up_seconds, announce_seconds,
                   service_level_seconds, service_level_target, expected_handle_seconds, active, rules)
VALUES (%(id)s, %(name)s, %(skills)s, %(match_language)s, %(priority)s, %(ring_seconds)s, %(wrap_up_seconds)s,
        %(announce_seconds)s, %(service_level_seconds)s, %(service_level_target)s, %(expected_handle_seconds)s,
        %(active)s, coalesce(%(rules)s::jsonb, '{}'))

-- name: update_queue
UPDATE queue
SET name = %(name)s, skills = %(skills)s, match_language = %(match_language)s, priority = %(priority)s,
    ring_seconds = %(ring_seconds)s, wrap_up_seconds = %(wrap_up_seconds)s, announce_seconds = %(announce_seconds)s,
    service_level_seconds = %(service_level_seconds)s, service_level_target = %(service_level_target)s,
    expected_handle_seconds = %(expected_handle_seconds)s, active = %(active)s,
    rules = coalesce(%(rules)s::jsonb, rules)
WHERE id = %(id)s

-- name: name_taken
SELECT 1 FROM queue WHERE lower(name) = lower(%(name)s) AND id <> %(id)s

-- name: count_waiting
SELECT count(*) AS n FROM call WHERE queue_id = %(id)s AND phase IN ('waiting', 'callback') AND ended_at IS NULL

-- Who can serve a queue.
-- name: list_servers
SELECT p.id FROM person p
WHERE p.deactivated_at IS NULL
  AND EXISTS (SELECT FROM person_role r WHERE r.person_id = p.id AND r.role IN ('agent', 'supervisor'))
  AND (%(id)s::uuid IS NULL OR p.id = %(id)s)

-- Who stays keeps the place.
-- name: remove_members
DELETE FROM queue_member WHERE queue_id = %(id)s AND person_id <> ALL(%(people)s)

-- name: add_members
INSERT INTO queue_member (queue_id, person_id)
SELECT %(id)s, p.id FROM person p WHERE p.id = ANY(%(people)s)
ON CONFLICT DO NOTHING

-- name: place_member
UPDATE queue_member
SET position = %(position)s, rank = %(rank)s, weight = %(weight)s, reserve = %(reserve)s
WHERE queue_id = %(id)s AND person_id = %(person_id)s

-- name: count_queues
SELECT count(*) AS n FROM queue WHERE id = ANY(%(queues)s)

-- name: list_codes
SELECT code, label_en, label_es, position, active FROM wrap_up_code ORDER BY NOT active, position, code

-- name: save_code
INSERT INTO wrap_up_code (code, label_en, label_es, position, active)
VALUES (%(code)s, %(label_en)s, %(label_es)s, %(position)s, %(active)s)
ON CONFLICT (tenant_id, code) DO UPDATE
SET label_en = EXCLUDED.label_en, label_es = EXCLUDED.label_es, position = EXCLUDED.position, active = EXCLUDED.active

-- name: list_phones
SELECT d.id, d.label, d.username, d.created_at, d.revoked_at, d.person_id, p.name AS person
FROM desk_phone d
JOIN person p ON p.id = d.person_id
ORDER BY d.revoked_at IS NOT NULL, lower(p.name), lower(d.label)

-- name: insert_phone
INSERT INTO desk_phone (id, person_id, label, username, password)
VALUES (%(id)s, %(person_id)s, %(label)s, %(username)s, %(password)s)

-- name: revoke_phone
UPDATE desk_phone SET revoked_at = %(now)s WHERE id = %(id)s AND revoked_at IS NULL
