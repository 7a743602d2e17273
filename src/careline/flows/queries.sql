-- name: list_flows
SELECT f.id, f.name, f.archived_at, f.created_at, r.shares, r.valid_from AS released_at, d.number AS draft,
       d.state AS draft_state, last.changed_at, p.name AS changed_by,
       coalesce(jsonb_agg(DISTINCT jsonb_build_object('id', l.id, 'label', l.label))
                FILTER (WHERE l.id IS NOT NULL), '[]') AS lines
FROM flow f
LEFT JOIN LATERAL (
  SELECT shares, valid_from FROM flow_release WHERE flow_id = f.id AND valid_from <= %(at)s
  ORDER BY number DESC LIMIT 1) r ON true
LEFT JOIN flow_version d ON d.flow_id = f.id AND d.state IN ('draft', 'validated')
LEFT JOIN LATERAL (
  SELECT changed_at, author FROM flow_version WHERE flow_id = f.id ORDER BY changed_at DESC LIMIT 1) last ON true
LEFT JOIN person p ON p.id = last.author
LEFT JOIN LATERAL (
  SELECT l.id, l.label FROM line l
  JOIN LATERAL (
    SELECT body FROM line_config WHERE line_id = l.id AND valid_from <= %(at)s
    ORDER BY valid_from DESC, version DESC LIMIT 1) c ON true
  WHERE l.active AND c.body->'flows' @> jsonb_build_array(jsonb_build_object('flow_id', f.id::text))) l ON true
WHERE (%(id)s::uuid IS NULL OR f.id = %(id)s)
GROUP BY f.id, r.shares, r.valid_from, d.number, d.state, last.changed_at, p.name
ORDER BY f.archived_at NULLS FIRST, lower(f.name)

-- name: lock_flow
SELECT id, name, archived_at FROM flow WHERE id = %(id)s FOR UPDATE

-- name: insert_flow
INSERT INTO flow (id, name, created_by) VALUES (%(id)s, %(name)s, %(by)s)

-- name: rename_flow
UPDATE flow SET name = %(name)s WHERE id = %(id)s

-- name: archive_flow
UPDATE flow SET archived_at = CASE WHEN %(archived)s THEN coalesce(archived_at, clock_timestamp()) END WHERE id = %(id)s

-- name: get_draft
SELECT id, number, state, text, revision, author, note, changed_at FROM flow_version
WHERE flow_id = %(flow_id)s AND state IN ('draft', 'validated')

-- name: newest_version
SELECT id, number, state, text, revision, author, note, changed_at FROM flow_version
WHERE flow_id = %(flow_id)s ORDER BY number DESC LIMIT 1

-- name: get_version
SELECT v.id, v.number, v.state, v.text, v.body, v.revision, v.note, v.changed_at, v.published_at, a.name AS author,
       p.name AS published_by
FROM flow_version v LEFT JOIN person a ON a.id = v.author LEFT JOIN person p ON p.id = v.published_by
WHERE v.flow_id = %(flow_id)s AND v.number = %(number)s

-- name: list_versions
SELECT v.id, v.number, v.state, v.note, v.made_at, v.changed_at, v.published_at, v.revision, a.name AS author,
       p.name AS published_by
FROM flow_version v LEFT JOIN person a ON a.id = v.author LEFT JOIN person p ON p.id = v.published_by
WHERE v.flow_id = %(flow_id)s ORDER BY v.number DESC

-- name: insert_version
INSERT INTO flow_version (id, flow_id, number, state, text, author, note)
SELECT %(id)s, %(flow_id)s, coalesce(max(number), 0) + 1, 'draft', %(text)s, %(by)s, %(note)s
FROM flow_version WHERE flow_id = %(flow_id)s
RETURNING number

-- name: update_draft
UPDATE flow_version
SET text = %(text)s, state = 'draft', revision = revision + 1, author = %(by)s, changed_at = clock_timestamp()
WHERE id = %(id)s

-- name: mark_validated
UPDATE flow_version SET state = 'validated' WHERE id = %(id)s

-- name: delete_draft
DELETE FROM flow_version WHERE id = %(id)s AND state IN ('draft', 'validated') AND published_at IS NULL

-- name: publish_version
UPDATE flow_version
SET state = 'published', body = %(body)s, note = %(note)s, published_at = %(at)s, published_by = %(by)s
WHERE id = %(id)s

-- name: settle_states
UPDATE flow_version SET state = CASE WHEN id = ANY(%(live)s) THEN 'published' ELSE 'retired' END
WHERE flow_id = %(flow_id)s AND published_at IS NOT NULL

-- name: insert_release
INSERT INTO flow_release (flow_id, number, shares, valid_from, made_by, note)
SELECT %(flow_id)s, coalesce(max(number), 0) + 1, %(shares)s, %(at)s, %(by)s, %(note)s
FROM flow_release WHERE flow_id = %(flow_id)s
RETURNING number

-- name: list_releases
SELECT r.number, r.shares, r.valid_from, r.note, p.name AS made_by
FROM flow_release r LEFT JOIN person p ON p.id = r.made_by
WHERE r.flow_id = %(flow_id)s ORDER BY r.number DESC

-- name: releases_at
SELECT DISTINCT ON (r.flow_id) r.flow_id, r.number, r.shares, f.name
FROM flow_release r JOIN flow f ON f.id = r.flow_id
WHERE r.valid_from <= %(at)s ORDER BY r.flow_id, r.number DESC

-- name: bodies
SELECT id, flow_id, number, body FROM flow_version WHERE id = ANY(%(ids)s) AND body IS NOT NULL

-- name: published_numbers
SELECT id, flow_id, number FROM flow_version WHERE published_at IS NOT NULL

-- name: names
SELECT 'queue' AS kind, id, name FROM queue WHERE active
UNION ALL SELECT 'person', p.id, p.name FROM person p
  WHERE p.deactivated_at IS NULL
    AND EXISTS (SELECT FROM person_role r WHERE r.person_id = p.id AND r.role IN ('agent', 'supervisor'))
UNION ALL SELECT 'department', id, name FROM department WHERE active
UNION ALL SELECT 'calendar', id, name FROM opening_hours
UNION ALL SELECT 'flow', id, name FROM flow WHERE archived_at IS NULL
ORDER BY 1, 3

-- name: lines_using
SELECT l.id, l.label, l.number, c.body FROM line l
JOIN LATERAL (
  SELECT body FROM line_config WHERE line_id = l.id AND valid_from <= %(at)s
  ORDER BY valid_from DESC, version DESC LIMIT 1) c ON true
WHERE c.body->'flows' @> jsonb_build_array(jsonb_build_object('flow_id', %(flow_id)s::text))
ORDER BY l.label

-- name: flows_using
SELECT DISTINCT f.id, f.name FROM flow_version v JOIN flow f ON f.id = v.flow_id
WHERE v.state = 'published' AND EXISTS (
  SELECT FROM json_each(v.body->'nodes') n
  WHERE n.value->>'kind' = 'subflow' AND n.value->>'flow' = %(flow_id)s::text)
ORDER BY f.name

-- name: list_tables
SELECT t.id, t.name, v.version, v.valid_from, v.columns, v.rows, v.made_at, v.note, p.name AS made_by
FROM flow_table t
JOIN LATERAL (
  SELECT * FROM flow_table_version WHERE table_id = t.id AND valid_from <= %(at)s
  ORDER BY valid_from DESC, version DESC LIMIT 1) v ON true
LEFT JOIN person p ON p.id = v.made_by
WHERE (%(id)s::uuid IS NULL OR t.id = %(id)s) AND (%(name)s::text IS NULL OR t.name = %(name)s)
ORDER BY t.name

-- name: know_table
SELECT id, name FROM flow_table WHERE id = %(id)s FOR UPDATE

-- name: tables_at
SELECT t.id, t.name, v.version
FROM flow_table t
JOIN LATERAL (
  SELECT version FROM flow_table_version WHERE table_id = t.id AND valid_from <= %(at)s
  ORDER BY valid_from DESC, version DESC LIMIT 1) v ON true
ORDER BY t.name

-- name: table_content
SELECT columns, rows FROM flow_table_version WHERE table_id = %(id)s AND version = %(version)s

-- name: table_name
SELECT name FROM flow_table WHERE id = %(id)s

-- name: newest_table
SELECT version, columns, rows, valid_from FROM flow_table_version WHERE table_id = %(id)s ORDER BY version DESC LIMIT 1

-- name: insert_table
INSERT INTO flow_table (id, name) VALUES (%(id)s, %(name)s)

-- name: insert_table_version
INSERT INTO flow_table_version (table_id, version, valid_from, columns, rows, made_by, note)
SELECT %(id)s, coalesce(max(version), 0) + 1, %(valid_from)s, %(columns)s, %(rows)s, %(by)s, %(note)s
FROM flow_table_version WHERE table_id = %(id)s
RETURNING version

-- name: table_history
SELECT v.version, v.valid_from, v.made_at, v.note, v.columns, v.rows, p.name AS made_by
FROM flow_table_version v LEFT JOIN person p ON p.id = v.made_by
WHERE v.table_id = %(id)s ORDER BY v.version DESC LIMIT 200

-- name: endpoints
SELECT name FROM lookup_endpoint WHERE retired_at IS NULL ORDER BY name

-- name: skills
SELECT DISTINCT skill FROM person_skill ORDER BY skill

-- name: recordings
SELECT DISTINCT name FROM prompt_recording WHERE retired_at IS NULL ORDER BY name
