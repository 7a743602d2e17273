-- name: find_line
SELECT tenant_id, line_id FROM careline_find_line(%(number)s)

-- name: get_line
SELECT l.id, l.tenant_id, l.number, l.label, l.active, l.account_id, a.name AS account_name, l.location_id,
       o.name AS location_name, o.zone, c.version, c.body
FROM line l
JOIN account a ON a.id = l.account_id
JOIN location o ON o.id = l.location_id
LEFT JOIN LATERAL (
  SELECT version, body FROM line_config
  WHERE line_id = l.id AND valid_from <= %(at)s ORDER BY valid_from DESC, version DESC LIMIT 1) c ON true
WHERE l.id = %(line_id)s

-- name: list_lines
SELECT l.id, l.tenant_id, l.number, l.label, l.active, l.account_id, a.name AS account_name, l.location_id,
       o.name AS location_name, o.zone, c.version, c.body
FROM line l
JOIN account a ON a.id = l.account_id
JOIN location o ON o.id = l.location_id
LEFT JOIN LATERAL (
  SELECT version, body FROM line_config
  WHERE line_id = l.id AND valid_from <= %(at)s ORDER BY valid_from DESC, version DESC LIMIT 1) c ON true
WHERE l.active OR %(retired)s
ORDER BY l.active DESC, a.name, l.label

-- name: insert_line
INSERT INTO line (id, account_id, location_id, number, label)
VALUES (%(id)s, %(account_id)s, %(location_id)s, %(number)s, %(label)s)

-- name: update_line
UPDATE line SET label = %(label)s, active = %(active)s WHERE id = %(id)s

-- name: insert_line_config
INSERT INTO line_config (line_id, version, valid_from, body, made_by, note)
SELECT %(line_id)s, coalesce(max(version), 0) + 1, %(valid_from)s, %(body)s, %(made_by)s, %(note)s
FROM line_config WHERE line_id = %(line_id)s
RETURNING version

-- name: lock_line
SELECT id FROM line WHERE id = %(line_id)s FOR UPDATE

-- name: line_history
SELECT c.version, c.valid_from, c.made_at, c.note, c.body, p.name AS made_by
FROM line_config c LEFT JOIN person p ON p.id = c.made_by
WHERE c.line_id = %(line_id)s ORDER BY c.version DESC

-- name: get_hours
SELECT h.id, h.name, v.version, v.valid_from, v.body
FROM opening_hours h
JOIN LATERAL (
  SELECT version, valid_from, body FROM opening_hours_version
  WHERE hours_id = h.id AND valid_from <= %(at)s ORDER BY valid_from DESC, version DESC LIMIT 1) v ON true
WHERE h.id = %(hours_id)s

-- name: list_hours
SELECT h.id, h.name, v.version, v.valid_from, v.body
FROM opening_hours h
JOIN LATERAL (
  SELECT version, valid_from, body FROM opening_hours_version
  WHERE hours_id = h.id AND valid_from <= %(at)s ORDER BY valid_from DESC, version DESC LIMIT 1) v ON true
ORDER BY h.name

-- name: insert_hours
INSERT INTO opening_hours (id, name) VALUES (%(id)s, %(name)s)

-- name: lock_hours
SELECT id, name FROM opening_hours WHERE id = %(hours_id)s FOR UPDATE

-- name: insert_hours_version
INSERT INTO opening_hours_version (hours_id, version, valid_from, body, made_by, note)
SELECT %(hours_id)s, coalesce(max(version), 0) + 1, %(valid_from)s, %(body)s, %(made_by)s, %(note)s
FROM opening_hours_version WHERE hours_id = %(hours_id)s
RETURNING version

-- name: hours_history
SELECT v.version, v.valid_from, v.made_at, v.note, v.body, p.name AS made_by
FROM opening_hours_version v LEFT JOIN person p ON p.id = v.made_by
WHERE v.hours_id = %(hours_id)s ORDER BY v.version DESC

-- name: closures_on
SELECT c.id, c.location_id, c.line_id, c.reason, c.closed_at, c.until, p.name AS closed_by,
       coalesce(o.name, l.label, 'tenant') AS scope
FROM closure c
LEFT JOIN person p ON p.id = c.closed_by
LEFT JOIN location o ON o.id = c.location_id
LEFT JOIN line l ON l.id = c.line_id
WHERE c.lifted_at IS NULL AND c.closed_at <= %(at)s AND (c.until IS NULL OR c.until > %(at)s)
ORDER BY c.closed_at

-- name: insert_closure
INSERT INTO closure (id, location_id, line_id, reason, closed_at, closed_by, until)
VALUES (%(id)s, %(location_id)s, %(line_id)s, %(reason)s, %(closed_at)s, %(closed_by)s, %(until)s)

-- name: lift_closure
UPDATE closure SET lifted_at = %(at)s, lifted_by = %(by)s WHERE id = %(id)s AND lifted_at IS NULL

-- name: find_closure
SELECT id FROM closure WHERE id = %(id)s

-- name: find_account
SELECT id FROM account WHERE id = %(id)s

-- name: find_department
SELECT id FROM department WHERE id = %(id)s

-- name: list_accounts
SELECT id, name FROM account WHERE active ORDER BY name

-- name: insert_account
INSERT INTO account (id, name) VALUES (%(id)s, %(name)s)

-- name: list_locations
SELECT o.id, o.account_id, a.name AS account_name, o.name, o.street, o.city, o.state, o.postal_code, o.zone, o.phone
FROM location o JOIN account a ON a.id = o.account_id
WHERE o.active ORDER BY a.name, o.name

-- name: insert_location
INSERT INTO location (id, account_id, name, street, city, state, postal_code, zone, phone)
VALUES (%(id)s, %(account_id)s, %(name)s, %(street)s, %(city)s, %(state)s, %(postal_code)s, %(zone)s, %(phone)s)

-- name: list_departments
SELECT d.id, d.name, d.specialty, d.location_id, o.name AS location_name
FROM department d JOIN location o ON o.id = d.location_id
WHERE d.active ORDER BY d.name

-- name: insert_department
INSERT INTO department (id, location_id, name, specialty)
VALUES (%(id)s, %(location_id)s, %(name)s, %(specialty)s)

-- name: list_members
SELECT m.department_id, p.id, p.name FROM department_member m JOIN person p ON p.id = m.person_id
WHERE m.department_id = %(department_id)s ORDER BY p.name

-- name: insert_member
INSERT INTO department_member (department_id, person_id) VALUES (%(department_id)s, %(person_id)s)
ON CONFLICT DO NOTHING

-- name: delete_member
DELETE FROM department_member WHERE department_id = %(department_id)s AND person_id = %(person_id)s

-- name: list_providers
SELECT v.id, v.name, v.credential, v.specialty, v.department_id, d.name AS department_name, v.person_id, v.languages,
       v.accepts_new
FROM provider v JOIN department d ON d.id = v.department_id
WHERE v.active ORDER BY v.name

-- name: insert_provider
INSERT INTO provider (id, department_id, person_id, name, credential, specialty, npi, languages, accepts_new)
VALUES (%(id)s, %(department_id)s, %(person_id)s, %(name)s, %(credential)s, %(specialty)s, %(npi)s, %(languages)s,
        %(accepts_new)s)

-- name: list_practice_info
SELECT i.id, i.topic, i.body, i.owner, i.last_confirmed, o.name AS location_name
FROM practice_info i LEFT JOIN location o ON o.id = i.location_id
WHERE i.account_id = %(account_id)s AND i.valid_from <= %(at)s AND (i.valid_until IS NULL OR i.valid_until > %(at)s)
ORDER BY i.topic, o.name NULLS FIRST

-- name: insert_practice_info
INSERT INTO practice_info (id, account_id, location_id, topic, body, owner, last_confirmed, valid_from)
VALUES (%(id)s, %(account_id)s, %(location_id)s, %(topic)s, %(body)s, %(owner)s, %(last_confirmed)s, %(valid_from)s)

-- name: get_tenant
SELECT id, slug, name, kind, zone FROM tenant WHERE id = current_setting('app.tenant')::int

-- name: know_hours
SELECT id FROM opening_hours WHERE id = %(id)s

-- name: know_department
SELECT id FROM department WHERE id = %(id)s

-- name: list_staff
SELECT id, name FROM person WHERE deactivated_at IS NULL ORDER BY lower(name)

-- name: count_queues
SELECT count(*) AS known FROM queue WHERE id = ANY(%(ids)s) AND active

-- name: know_flow
SELECT f.id FROM flow f WHERE f.id = %(id)s AND f.archived_at IS NULL
AND EXISTS (SELECT FROM flow_release r WHERE r.flow_id = f.id)

-- name: know_flow_version
SELECT id FROM flow_version WHERE flow_id = %(id)s AND number = %(version)s AND published_at IS NOT NULL

-- name: flow_offers_key
SELECT v.number FROM flow_version v, json_each(v.body -> 'nodes') AS node
WHERE v.flow_id = %(id)s AND (v.state = 'published' OR v.number = %(version)s::integer AND v.published_at IS NOT NULL)
  AND (node.value -> 'options' -> %(key)s::text) IS NOT NULL
LIMIT 1
