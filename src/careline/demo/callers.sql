-- What the synthetic callers need to know of the demo.

-- name: find_demo_tenant
SELECT id FROM tenant ORDER BY id LIMIT 1

-- name: list_numbers
SELECT number FROM line WHERE active ORDER BY number

-- name: sample_callers
-- A fixed sample: the same telephones call again and again, as in life.
SELECT p.language, t.number
FROM patient_phone t
JOIN patient p ON p.id = t.patient_id
WHERE t.use IN ('mobile', 'home')
ORDER BY md5(t.id::text)
LIMIT 2000
