-- name: list_people
SELECT p.id, p.name,
       coalesce((SELECT array_agg(l.language ORDER BY l.language) FROM person_language l WHERE l.person_id = p.id),
                '{}') AS languages,
       coalesce((SELECT jsonb_object_agg(s.skill, s.proficiency) FROM person_skill s WHERE s.person_id = p.id),
                '{}') AS skills,
       coalesce((SELECT jsonb_object_agg(m.queue_id, jsonb_build_object(
                   'position', m.position, 'rank', m.rank, 'weight', m.weight, 'reserve', m.reserve))
                 FROM queue_member m WHERE m.person_id = p.id), '{}') AS places,
       coalesce(a.level, 0) AS level, a.wrap_up_seconds, coalesce(a.capacity, '{}') AS capacity,
       coalesce(a.interrupts, '{}') AS interrupts
FROM person p
LEFT JOIN agent_setting a ON a.person_id = p.id
WHERE p.deactivated_at IS NULL
  AND EXISTS (SELECT FROM person_role r WHERE r.person_id = p.id AND r.role IN ('agent', 'supervisor'))
  AND (%(ids)s::uuid[] IS NULL OR p.id = ANY(%(ids)s))
ORDER BY lower(p.name), p.id

-- Changes of profiles come one after another: each is made from what the one before left.
-- name: lock_profiles
SELECT pg_advisory_xact_lock(hashtextextended('agent profiles', current_setting('app.tenant')::int))

-- name: count_queues
SELECT count(*) AS n FROM queue WHERE id = ANY(%(queues)s)

-- name: set_skills
WITH gone AS (
  DELETE FROM person_skill WHERE person_id = %(id)s AND NOT %(skills)s::jsonb ? skill
)
INSERT INTO person_skill (person_id, skill, proficiency)
SELECT %(id)s, key, value::real FROM jsonb_each_text(%(skills)s)
ON CONFLICT (person_id, skill) DO UPDATE SET proficiency = EXCLUDED.proficiency

-- name: set_languages
WITH gone AS (
  DELETE FROM person_language WHERE person_id = %(id)s AND language <> ALL(%(languages)s)
)
INSERT INTO person_language (person_id, language) SELECT %(id)s, unnest(%(languages)s::text[])
ON CONFLICT DO NOTHING

-- name: leave_queues
DELETE FROM queue_member WHERE person_id = %(id)s AND queue_id <> ALL(%(queues)s)

-- name: set_places
INSERT INTO queue_member (queue_id, person_id, position, rank, weight, reserve)
SELECT r.queue_id, %(id)s, r.position, r.rank, r.weight, r.reserve
FROM jsonb_to_recordset(%(rows)s) AS r (queue_id uuid, position int, rank int, weight real, reserve int)
ON CONFLICT (queue_id, person_id) DO UPDATE
SET position = EXCLUDED.position, rank = EXCLUDED.rank, weight = EXCLUDED.weight, reserve = EXCLUDED.reserve

-- name: save_setting
INSERT INTO agent_setting (person_id, level, wrap_up_seconds, capacity, interrupts)
VALUES (%(id)s, %(level)s, %(wrap_up_seconds)s, %(capacity)s, %(interrupts)s)
ON CONFLICT (person_id) DO UPDATE
SET level = EXCLUDED.level, wrap_up_seconds = EXCLUDED.wrap_up_seconds, capacity = EXCLUDED.capacity,
    interrupts = EXCLUDED.interrupts

-- name: list_batch
SELECT stream_id, body FROM event
WHERE stream = 'agent' AND kind = 'profile_changed' AND body ->> 'batch' = %(batch)s

-- name: list_changes
SELECT e.at, e.body, p.name AS by
FROM event e
LEFT JOIN person p ON p.id = e.person_id
WHERE e.stream = 'agent' AND e.stream_id = %(id)s AND e.kind = 'profile_changed' AND e.body ? 'now'
ORDER BY e.id DESC
LIMIT 50

-- name: list_queue_names
SELECT id, name FROM queue
