-- name: append_event
INSERT INTO event (tenant_id, stream, stream_id, kind, body, person_id)
VALUES (current_setting('app.tenant')::int, %(stream)s, %(stream_id)s, %(kind)s, %(body)s, %(person_id)s)

-- The alias `position` and the qualified ORDER BY matter: with a plain `xid::text` in the list, ORDER BY xid would mean
-- the output column and sort as text. Only transactions below the oldest running one are read: all of theirs is there.
-- name: read_events
SELECT e.id, e.xid::text AS position, e.at, e.tenant_id, e.stream, e.stream_id, e.kind, e.body, e.person_id
FROM event e
WHERE (e.xid, e.id) > (%(xid)s::text::xid8, %(id)s::bigint)
  AND e.xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.xid, e.id
LIMIT %(limit)s

-- name: last_event_position
SELECT e.xid::text AS position, e.id
FROM event e
WHERE e.xid < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY e.xid DESC, e.id DESC
LIMIT 1

-- name: get_cursor
SELECT c.xid::text AS position, c.id FROM outbox_cursor c WHERE c.name = %(name)s

-- name: save_cursor
INSERT INTO outbox_cursor (name, xid, id) VALUES (%(name)s, %(xid)s::text::xid8, %(id)s)
ON CONFLICT (name) DO UPDATE SET xid = excluded.xid, id = excluded.id, updated_at = clock_timestamp()

-- name: lock_follower
SELECT pg_try_advisory_lock(hashtextextended('follower ' || %(name)s, 0)) AS got

-- name: arm_timer
INSERT INTO timer (id, due, kind, ref, tenant_id, body)
VALUES (%(id)s, %(due)s, %(kind)s, %(ref)s, current_setting('app.tenant')::int, %(body)s)

-- A timer that a worker holds locked is firing at this moment: waiting for it here could deadlock with that worker, so it
-- is left alone, and its handler finds nothing to do.
-- name: cancel_timers
DELETE FROM timer WHERE id IN (
  SELECT t.id FROM timer t
  WHERE t.tenant_id = current_setting('app.tenant')::int
    AND (t.id = %(id)s::uuid OR (t.ref = %(ref)s::uuid AND (%(kind)s::text IS NULL OR t.kind = %(kind)s)))
  FOR UPDATE SKIP LOCKED)

-- The claim sets the tenant too: what the handler does next belongs to the timer's tenant, in this transaction.
-- name: claim_timer
WITH due AS (
  DELETE FROM timer WHERE id IN (
    SELECT t.id FROM timer t
    WHERE t.due <= %(now)s AND t.kind = ANY(%(kinds)s)
    ORDER BY t.due, t.id LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING id, due, kind, ref, tenant_id, body, attempts)
SELECT due.*, set_config('app.tenant', due.tenant_id::text, true) FROM due

-- name: next_timer_due
SELECT min(due) AS due FROM timer WHERE kind = ANY(%(kinds)s)

-- name: postpone_timer
UPDATE timer SET due = %(due)s, attempts = attempts + 1 WHERE id = %(id)s AND attempts = %(attempts)s

-- A lease is free when its time is up, or when the connection that kept it is gone (its holder was killed). Of another
-- role's connection only the pid can be seen; that it is there must do then.
-- name: acquire_lease
INSERT INTO lease AS l (name, holder, token, until, backend_pid, backend_start)
SELECT %(name)s, %(holder)s, 1, clock_timestamp() + %(ttl)s, a.pid, a.backend_start
FROM pg_stat_activity a WHERE a.pid = pg_backend_pid()
ON CONFLICT (name) DO UPDATE
SET holder = excluded.holder, token = l.token + 1, until = excluded.until,
    backend_pid = excluded.backend_pid, backend_start = excluded.backend_start
WHERE l.until < clock_timestamp() OR NOT EXISTS (
  SELECT FROM pg_stat_activity a
  WHERE a.pid = l.backend_pid AND coalesce(a.backend_start, l.backend_start) = l.backend_start)
RETURNING token

-- name: renew_lease
UPDATE lease SET until = clock_timestamp() + %(ttl)s
WHERE name = %(name)s AND token = %(token)s AND until > clock_timestamp()

-- name: release_lease
UPDATE lease SET until = clock_timestamp() - interval '1 second' WHERE name = %(name)s AND token = %(token)s

-- The row is locked until commit, so nobody can take the lease between this check and the work it protects.
-- name: fence_lease
SELECT token = %(token)s AS ours FROM lease WHERE name = %(name)s FOR SHARE

-- name: who_holds_lease
SELECT holder, token, until, until > clock_timestamp() AND EXISTS (
  SELECT FROM pg_stat_activity a
  WHERE a.pid = backend_pid AND coalesce(a.backend_start, lease.backend_start) = lease.backend_start) AS held
FROM lease WHERE name = %(name)s

-- After a restore: everything before the first event a follower had not read counts as read, in the new numbering.
-- name: reset_cursors
UPDATE outbox_cursor c SET xid = '3', id = coalesce(
  (SELECT min(e.id) - 1 FROM event e WHERE (e.xid, e.id) > (c.xid, c.id)), (SELECT max(e.id) FROM event e), 0)

-- name: reset_events
UPDATE event SET xid = '3'

-- name: reset_leases
DELETE FROM lease

-- name: report_component
INSERT INTO component_state (name, state, detail, since, seen_at)
VALUES (%(name)s, %(state)s, %(detail)s, %(now)s, %(now)s)
ON CONFLICT (name) DO UPDATE SET detail = excluded.detail, seen_at = excluded.seen_at, state = excluded.state,
  since = CASE WHEN component_state.state = excluded.state THEN component_state.since ELSE excluded.since END;
