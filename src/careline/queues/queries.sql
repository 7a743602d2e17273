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

-- name: list_people
SELECT p.id, p.name,
       coalesce((SELECT array_agg(l.language ORDER BY l.language) FROM person_language l WHERE l.person_id = p.id),
                '{}') AS languages,
       coalesce((SELECT jsonb_object_agg(s.skill, s.proficiency) FROM person_skill s WHERE s.person_id = p.id),
                '{}') AS skills,
       coalesce((SELECT array_agg(m.queue_id) FROM queue_member m WHERE m.person_id = p.id), '{}') AS queues,
       coalesce(a.level, 0) AS level, a.wrap_up_seconds, coalesce(a.capacity, '{}') AS capacity,
       coalesce(a.interrupts, '{}') AS interrupts
FROM person p
LEFT JOIN agent_setting a ON a.person_id = p.id
WHERE p.deactivated_at IS NULL
  AND EXISTS (SELECT FROM person_role r WHERE r.person_id = p.id AND r.role IN ('agent', 'supervisor'))
  AND (%(id)s::uuid IS NULL OR p.id = %(id)s)
ORDER BY lower(p.name)

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

-- name: remove_memberships
DELETE FROM queue_member WHERE person_id = %(id)s AND queue_id <> ALL(%(queues)s)

-- name: add_memberships
INSERT INTO queue_member (queue_id, person_id)
SELECT q.id, %(id)s FROM queue q WHERE q.id = ANY(%(queues)s)
ON CONFLICT DO NOTHING

-- name: count_queues
SELECT count(*) AS n FROM queue WHERE id = ANY(%(queues)s)

-- name: save_setting
INSERT INTO agent_setting (person_id, level, wrap_up_seconds, capacity, interrupts)
VALUES (%(id)s, %(level)s, %(wrap_up_seconds)s, %(capacity)s, %(interrupts)s)
ON CONFLICT (person_id) DO UPDATE
SET level = EXCLUDED.level, wrap_up_seconds = EXCLUDED.wrap_up_seconds, capacity = EXCLUDED.capacity,
    interrupts = EXCLUDED.interrupts

-- name: clear_skills
DELETE FROM person_skill WHERE person_id = %(id)s

-- name: add_skill
INSERT INTO person_skill (person_id, skill, proficiency) VALUES (%(id)s, %(skill)s, %(proficiency)s)

-- name: clear_languages
DELETE FROM person_language WHERE person_id = %(id)s

-- name: add_language
INSERT INTO person_language (person_id, language) VALUES (%(id)s, %(language)s)

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
