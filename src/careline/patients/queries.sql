-- name: read_contact
SELECT c.id, c.caller, c.ended_at,
       coalesce(c.agent_id = %(person_id)s::uuid
         OR EXISTS (SELECT FROM call_handling h WHERE h.call_id = c.id AND h.person_id = %(person_id)s), false)
         AS took_part,
       EXISTS (SELECT FROM call_handling h
               WHERE h.call_id = c.id AND h.person_id = %(person_id)s AND h.wrapped_up_at IS NULL) AS unfinished
FROM call c WHERE c.id = %(call_id)s

-- name: read_records
SELECT id, mrn, given, middle, family, suffix, preferred, former_family, birth_date, household_id, street, postal_code,
       email, deceased_on
FROM patient WHERE id = ANY(%(ids)s)

-- name: list_phones
SELECT patient_id, number, use, changed_at FROM patient_phone WHERE patient_id = ANY(%(ids)s) ORDER BY position, number

-- name: list_members
SELECT patient_id, member_id FROM coverage WHERE patient_id = ANY(%(ids)s) ORDER BY position

-- name: list_grants
SELECT patient_id, id, holder_name, holder_phone, role, scope, basis, note, valid_from, valid_until, age_out, revoked_at
FROM proxy_grant WHERE patient_id = ANY(%(ids)s) ORDER BY valid_from

-- The living record of an id: where it was merged into another, that one.
-- name: living_id
SELECT coalesce(merged_into, id) AS id FROM patient WHERE id = %(id)s

-- name: lock_patient
SELECT id FROM patient WHERE id = %(id)s FOR UPDATE

-- name: find_by_phone
SELECT p.id, 'phone-' || CASE WHEN f.use = 'facility' THEN 'facility' ELSE 'own' END AS reason,
       f.use, f.position, f.changed_at
FROM patient_phone f JOIN patient p ON p.id = f.patient_id
WHERE f.number = %(number)s AND p.merged_into IS NULL
UNION ALL
SELECT p.id, 'phone-proxy', 'proxy', 0, NULL
FROM proxy_grant g JOIN patient p ON p.id = g.patient_id
WHERE g.holder_phone = %(number)s AND p.merged_into IS NULL AND g.revoked_at IS NULL AND g.valid_from <= %(today)s
  AND (g.valid_until IS NULL OR g.valid_until > %(today)s) AND (g.age_out IS NULL OR g.age_out > %(today)s)

-- Patients verified on earlier calls from a number.
-- name: called_before
SELECT v.patient_id, max(v.at) AS at
FROM call c JOIN verification v ON v.call_id = c.id
WHERE c.caller = %(number)s AND v.outcome = 'verified' AND c.id <> %(call_id)s
GROUP BY v.patient_id

-- name: levels_on_contact
SELECT patient_id, max(level) AS level FROM verification
WHERE call_id = %(call_id)s AND outcome = 'verified'
GROUP BY patient_id

-- Generous on purpose: what fits is scored afterwards. Each branch has its own index.
-- name: find_by_anything
SELECT coalesce(p.merged_into, p.id) AS id FROM patient p WHERE p.mrn_code = %(mrn)s AND %(mrn)s <> ''
UNION
SELECT coalesce(p.merged_into, p.id) FROM patient_phone f JOIN patient p ON p.id = f.patient_id
WHERE f.number = %(phone)s
UNION
SELECT coalesce(p.merged_into, p.id) FROM coverage c JOIN patient p ON p.id = c.patient_id
WHERE c.member_code = %(member_id)s AND %(member_id)s <> ''
UNION
SELECT coalesce(p.merged_into, p.id) FROM patient p
WHERE p.birth_date = ANY(%(birth_dates)s) AND p.name_keys && %(keys)s
LIMIT 500

-- Without a birth date two words of the name must fit; those written alike come first.
-- name: find_by_name
SELECT coalesce(p.merged_into, p.id) AS id
FROM patient p
WHERE p.id IN (
  SELECT k.patient_id FROM patient_name_key k WHERE k.key = ANY(%(first)s)
  INTERSECT
  SELECT k.patient_id FROM patient_name_key k WHERE k.key = ANY(%(rest)s))
ORDER BY (SELECT count(*) FROM unnest(p.name_keys) w WHERE w = ANY(%(exact)s)) DESC, p.id
LIMIT 300

-- name: list_near_people
SELECT p.id FROM patient p, patient me
WHERE me.id = %(id)s AND p.id <> me.id AND p.merged_into IS NULL
  AND (p.birth_date = me.birth_date OR p.household_id = me.household_id)
LIMIT 200

-- name: list_attempts
SELECT patient_id, outcome, level, caller_role, agreed, disagreed, scope, at FROM verification
WHERE call_id = %(call_id)s AND patient_id = %(patient_id)s
ORDER BY at, id

-- Failures that count: since the window began and since the last unlock.
-- name: count_failures
SELECT count(*) AS failures FROM verification v
WHERE v.patient_id = %(patient_id)s AND v.outcome = 'failed' AND v.at > %(since)s
  AND v.at > coalesce((SELECT max(u.at) FROM verification_unlock u WHERE u.patient_id = v.patient_id), '-infinity')

-- name: insert_verification
INSERT INTO verification (id, call_id, patient_id, outcome, level, caller_role, agreed, disagreed, scope, grant_id,
                          policy, at, by_person)
VALUES (%(id)s, %(call_id)s, %(patient_id)s, %(outcome)s, %(level)s, %(caller_role)s, %(agreed)s, %(disagreed)s,
        %(scope)s, %(grant_id)s, %(policy)s, %(at)s, %(by)s)

-- Patients whose verification is locked at this moment, and where it happened last.
-- name: list_locks
WITH failed AS (
  SELECT v.patient_id, v.at, v.call_id, v.by_person FROM verification v
  WHERE v.outcome = 'failed' AND v.at > %(since)s
    AND v.at > coalesce((SELECT max(u.at) FROM verification_unlock u WHERE u.patient_id = v.patient_id), '-infinity'))
SELECT DISTINCT ON (f.patient_id) f.patient_id, left(p.given, 1) AS given, left(p.family, 1) AS family,
       count(*) OVER (PARTITION BY f.patient_id) AS failures, f.at AS last_at, f.call_id, n.name AS agent
FROM failed f
JOIN patient p ON p.id = f.patient_id
LEFT JOIN person n ON n.id = f.by_person
WHERE (SELECT count(*) FROM failed x WHERE x.patient_id = f.patient_id) >= %(most)s
ORDER BY f.patient_id, f.at DESC

-- name: insert_unlock
INSERT INTO verification_unlock (id, patient_id, reason, at, by_person)
VALUES (%(id)s, %(patient_id)s, %(reason)s, %(at)s, %(by)s)

-- name: read_policy
SELECT body FROM verification_policy WHERE valid_from <= %(at)s ORDER BY valid_from DESC LIMIT 1

-- name: insert_policy
INSERT INTO verification_policy (id, valid_from, body, citation, made_by)
VALUES (%(id)s, %(valid_from)s, %(body)s, %(citation)s, %(by)s)

-- name: read_card
SELECT p.*, v.name AS provider
FROM patient p LEFT JOIN provider v ON v.id = p.primary_provider_id
WHERE p.id = %(id)s

-- name: list_alerts
SELECT kind, body FROM patient_alert
WHERE patient_id = %(id)s AND since <= %(today)s AND (until IS NULL OR until > %(today)s)
ORDER BY since DESC, kind

-- name: list_visits
SELECT a.starts_at, o.zone, a.minutes, a.visit_type, v.name AS provider, o.name AS location, a.status
FROM appointment a JOIN provider v ON v.id = a.provider_id JOIN location o ON o.id = a.location_id
WHERE a.patient_id = %(id)s AND a.starts_at >= %(now)s AND a.status IN ('booked', 'pending', 'proposed', 'waitlist')
ORDER BY a.starts_at LIMIT 10

-- name: list_coverage
SELECT payer, plan, member_id, status, checked_at, valid_until FROM coverage WHERE patient_id = %(id)s ORDER BY position

-- name: list_last_contacts
SELECT c.id AS call_id, c.arrived_at AS at, c.reason, c.outcome
FROM call c
WHERE c.id <> %(call_id)s AND c.id IN (SELECT v.call_id FROM verification v
                                        WHERE v.patient_id = %(id)s AND v.outcome = 'verified')
ORDER BY c.arrived_at DESC LIMIT 5

-- name: insert_patient
INSERT INTO patient (id, mrn, given, middle, family, suffix, preferred, former_family, pronouns, birth_date, sex,
                     language, interpreter, zone, street, city, state, postal_code, email, household_id,
                     primary_provider_id, deceased_on, vip, confidential, merged_into, name_keys)
VALUES (%(id)s, %(mrn)s, %(given)s, %(middle)s, %(family)s, %(suffix)s, %(preferred)s, %(former_family)s, %(pronouns)s,
        %(birth_date)s, %(sex)s, %(language)s, %(interpreter)s, %(zone)s, %(street)s, %(city)s, %(state)s,
        %(postal_code)s, %(email)s, %(household_id)s, %(primary_provider_id)s, %(deceased_on)s, %(vip)s,
        %(confidential)s, %(merged_into)s, %(name_keys)s)

-- name: insert_phone
INSERT INTO patient_phone (id, patient_id, number, use, position, voicemail_ok, changed_at)
VALUES (%(id)s, %(patient_id)s, %(number)s, %(use)s, %(position)s, %(voicemail_ok)s, %(changed_at)s)

-- name: insert_grant
INSERT INTO proxy_grant (id, patient_id, holder_name, holder_phone, role, scope, basis, note, valid_from, valid_until,
                         age_out)
VALUES (%(id)s, %(patient_id)s, %(holder_name)s, %(holder_phone)s, %(role)s, %(scope)s, %(basis)s, %(note)s,
        %(valid_from)s, %(valid_until)s, %(age_out)s)
